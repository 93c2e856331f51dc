/** Files of small rule sets, as texts. */
import { utf8 } from '../../../src/kit/bytes.ts';
import { type readRuleSet as Read, readRuleSet } from '../../../src/rules/set/read-rule-set.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';

export interface ModuleText {
  readonly name: string;
  readonly jurisdiction?: string;
  readonly layer?: string;
  readonly on?: string;
  readonly version?: number;
  /** Declarations. */
  readonly body?: string;
}

export function moduleText({ name, jurisdiction, layer, on, version = 1, body = '' }: ModuleText): string {
  const head = `module ${name} ${version}\n  jurisdiction ${jurisdiction ?? 'US'}\n  layer ${layer ?? 'national'}\n  on ${on ?? 'transfer'}\n`;
  return `${head}${body}\n`;
}

export function filesOf(
  texts: Readonly<Record<string, string | Uint8Array>>,
): ReadonlyMap<string, Uint8Array> {
  return new Map(
    Object.entries(texts).map(([name, text]) => [name, typeof text === 'string' ? utf8(text) : text]),
  );
}

/** Of modules that are all in the set, each in a file of its name; `more` is the rest of the set's text, or of its files. */
export function setFiles(
  modules: readonly ModuleText[],
  more = '',
  files: Readonly<Record<string, string | Uint8Array>> = {},
): ReadonlyMap<string, Uint8Array> {
  const lines = modules.map(({ name, version = 1 }) => `module ${name} ${version}\n`).join('');
  return filesOf({
    'demo.ruleset': `ruleset demo 1\n${lines}${more}`,
    ...Object.fromEntries(modules.map((module) => [`${module.name}.rules`, moduleText(module)])),
    ...files,
  });
}

export function readSource(
  files: Parameters<typeof Read>[0],
): NonNullable<ReturnType<typeof Read>['source']> {
  const { source, faults } = readRuleSet(files);
  if (source === undefined) throw new Error(`the set of this test has faults: ${JSON.stringify(faults)}`);
  return source;
}

export function readSet(files: Parameters<typeof Read>[0]): RuleSet {
  return readSource(files).set;
}
