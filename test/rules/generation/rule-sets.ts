/** Rule sets from generated text, through the real parser and checker. */
import { fromHex, sha256 } from '../../../src/kit/bytes.ts';
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import type { CheckedModule, Value } from '../../../src/rules/checker/checked.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import type { Choice } from './choice.ts';
import { moduleText, rulesWithSecrets, type WrittenModule, writeModules } from './module-text.ts';

export interface GeneratedSet {
  readonly set: RuleSet;
  readonly written: readonly WrittenModule[];
  /** What is said of rules with secrets, by their ids. */
  readonly revealing: ReadonlyMap<string, 'verdict' | 'code'>;
}

/** A set that was checked; up to so many modules, with expressions that are so deep. */
export function generateSet(choice: Choice, modules = 4, depth = 3): GeneratedSet {
  const written = writeModules(choice, modules, depth);
  const secret = rulesWithSecrets(written);
  const revealing = new Map([...secret].map((id) => [id, choice.pick(['verdict', 'code'] as const)]));
  return { set: assemble(choice, checkAll(written, revealing), written), written, revealing };
}

/** The same set with everything written in another order: modules, declarations and rules. */
export function generateOrder(choice: Choice, { set, written, revealing }: GeneratedSet): RuleSet {
  const shuffled = shuffle(choice, written).map((module) => ({
    ...module,
    top: shuffle(choice, module.top),
    rules: shuffle(choice, module.rules),
  }));
  return { ...set, modules: checkAll(shuffled, revealing) };
}

function checkAll(
  written: readonly WrittenModule[],
  revealing: GeneratedSet['revealing'],
): readonly CheckedModule[] {
  return written.map((module) => checkText(moduleText(module, revealing)));
}

function shuffle<T>(choice: Choice, items: readonly T[]): readonly T[] {
  const left = [...items];
  return items.map(() => left.splice(choice.below(left.length), 1)[0] as T);
}

export function checkText(text: string): CheckedModule {
  const { module, faults } = checkModule(text);
  if (module === undefined || faults.length > 0)
    throw new Error(
      `generated text has faults:\n${faults.map(({ code, span, message }) => `${code} \`${text.slice(span.start, span.end)}\`: ${message}`).join('\n')}\n${text}`,
    );
  return module;
}

function assemble(
  choice: Choice,
  modules: readonly CheckedModule[],
  written: readonly WrittenModule[],
): RuleSet {
  const parameters = new Map<string, Value>();
  for (const module of modules)
    for (const { name, range } of module.parameters)
      if (range !== undefined && choice.once(2))
        parameters.set(
          `${module.name}/${name}`,
          choice.pick([range.least, range.most, (range.least + range.most) / 2n]),
        );
  const lists = new Map<string, readonly string[] | readonly Uint8Array[]>();
  for (const module of written)
    for (const { name, of, items } of module.lists)
      lists.set(
        `${module.name}/${name}`,
        of === 'key' ? items.map(keyOf).sort((a, b) => Buffer.compare(a, b)) : [...items].sort(),
      );
  return {
    name: 'generated',
    version: 1n,
    hash: sha256(new TextEncoder().encode(modules.map(({ text }) => text).join('\n'))),
    modules,
    unions: new Map([
      ['EU', ['DE', 'FR']],
      ['FATF', ['JP', 'SG', 'US']],
    ]),
    issuers: new Map(choice.once(3) ? [['JPY', 'US']] : []),
    parameters,
    lists,
  };
}

/** The hash of a person, or a key in hex. */
export function keyOf(item: string): Uint8Array {
  if (item.length !== 64) return sha256(new TextEncoder().encode(item));
  const key = fromHex(item);
  if (key === undefined) throw new Error(`${item} is no key`);
  return key;
}
