/** What is checked: a rule set in a folder or a bundle, or a module with what its exceptions lead to; and the machine that decides on what is found. */
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { startMachine } from '../../../vm/host.ts';
import { utf8 } from '../../kit/bytes.ts';
import { quote, refuse, succeed } from '../../kit/result.ts';
import type { Decide } from '../../rules/analysis/finding.ts';
import { checkModule } from '../../rules/checker/check-module.ts';
import type { CheckedModule } from '../../rules/checker/checked.ts';
import { wholeReader } from '../../rules/clearance.ts';
import { openRules, type Rules } from '../../rules/rules.ts';
import { readRuleSet, type Suppression } from '../../rules/set/read-rule-set.ts';
import type { RuleSet } from '../../rules/set/rule-set.ts';
import { setOfTests } from '../../rules/set/test-set.ts';
import { readWasm } from '../vm/program-file.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import { type FaultyModule, moduleEnding, readModuleFile } from './module-file.ts';
import { type FaultySet, readFolder, readRuleSource } from './rule-source.ts';

export interface AnalysisSource {
  readonly set: RuleSet;
  /** Those that were asked for: all of a set, or one. */
  readonly modules: readonly CheckedModule[];
  readonly suppressions: readonly Suppression[];
  /** Which file each module is from, by its name, as far as it is known. */
  readonly files: ReadonlyMap<string, string>;
}

/** Also: a module with faults of its own. */
export type SourceRefusal = FaultySet & { readonly module?: FaultyModule };

/** A folder with a rule set, a bundle, or a module: with the set of its folder where that has it, else alone. */
export async function readAnalysisSource(
  path: string,
  stdin: StandardInput,
): Promise<{ readonly ok: true; readonly value: AnalysisSource } | SourceRefusal> {
  if (!path.endsWith(moduleEnding)) {
    const read = await readRuleSource({ path });
    if (!read.ok) return read;
    const { set, suppressions, files } = read.value;
    return succeed({ set, modules: set.modules, suppressions, files });
  }
  const file = await readModuleFile(path, stdin);
  if (!file.ok) return file;
  const { module, faults } = checkModule(file.value.text);
  if (module === undefined || faults.length > 0)
    return {
      ...refuse('rules_malformed', `${quote(path)} has faults`),
      module: { ...file.value, faults },
    };
  const folder = dirname(path);
  const entries = await readdir(folder).catch(() => []);
  const read = entries.some((name) => name.endsWith('.ruleset'))
    ? await readFolder(folder)
    : readAlone(path, module, file.value.text);
  if (!read.ok) return read;
  const { set, suppressions, files } = read.value;
  const found = set.modules.find(({ name }) => name === module.name);
  if (found === undefined)
    return refuse(
      'usage',
      `${quote(path)} is in no rule set: a line \`module ${module.name} ${module.version}\` in the \`*.ruleset\` of its folder is accepted`,
    );
  return succeed({ set: setOfTests(set, found), modules: [found], suppressions, files });
}

function readAlone(
  path: string,
  { name, version }: CheckedModule,
  text: string,
): ReturnType<typeof readFolder> extends Promise<infer Read> ? Read : never {
  const files = new Map([
    ['check.ruleset', utf8(`ruleset check 1\nmodule ${name} ${version}\n`)],
    [path, utf8(text)],
  ]);
  const { source, faults } = readRuleSet(files);
  if (source !== undefined) return succeed(source);
  return {
    ...refuse('rules_malformed', `${quote(path)} alone is no rule set: one in its folder is accepted`),
    faults,
  };
}

/** The label machine, for a reader who is cleared for everything; each set is opened once. */
export async function openMachine(): Promise<{
  readonly decide: Decide;
  readonly rulesOf: (set: RuleSet) => Promise<Rules>;
}> {
  const wasm = await readWasm('machine.wasm');
  const opened = new WeakMap<RuleSet, Promise<Rules>>();
  const rulesOf = (set: RuleSet): Promise<Rules> => {
    const rules = opened.get(set) ?? openRules(set, () => startMachine(wasm));
    opened.set(set, rules);
    return rules;
  };
  return { rulesOf, decide: async (set, facts) => (await rulesOf(set)).decide(facts, wholeReader(set)) };
}
