/** What `ringmint rules test` is given: a rule set, a folder of modules that no set names, or one module of either. */
import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import type { CheckedModule } from '../../rules/checker/checked.ts';
import { readModule } from '../../rules/language/parse.ts';
import type { RuleSet } from '../../rules/set/rule-set.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import { moduleEnding, readModuleFile } from './module-file.ts';
import { type FaultySet, readFolder, readRuleSource } from './rule-source.ts';

export interface TestSource {
  readonly set: RuleSet;
  /** Those whose tests are asked for. */
  readonly modules: readonly CheckedModule[];
  /** Which file each module is from, by its name, as far as it is known. */
  readonly files: ReadonlyMap<string, string>;
}

/** The set that tests are decided in. Modules in a folder without a rule set are one for their tests. */
export async function readTestSource(
  path: string,
  stdin: StandardInput,
): Promise<{ readonly ok: true; readonly value: TestSource } | FaultySet> {
  const isModule = path.endsWith(moduleEnding);
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (!isModule && !isFolder) {
    const bundle = await readRuleSource({ path });
    if (!bundle.ok) return bundle;
    const { set } = bundle.value;
    return succeed({ set, modules: set.modules, files: new Map() });
  }
  const named = isModule ? await nameOf(path, stdin) : succeed(undefined);
  if (!named.ok) return named;
  const folder = isModule ? dirname(path) : path;
  const entries = await readdir(folder).catch(() => []);
  const hasSet = entries.some((entry) => entry.endsWith('.ruleset'));
  const read = await readFolder(folder, hasSet ? undefined : await setOfFolder(folder, entries, stdin));
  if (!read.ok) return read;
  const { set, files } = read.value;
  const modules = set.modules.filter(({ name }) => named.value === undefined || name === named.value);
  if (modules.length === 0)
    return refuse(
      'usage',
      `${quote(path)} is in no rule set: a line \`module ${named.value} VERSION\` in the \`*.ruleset\` of its folder is accepted`,
    );
  return succeed({ set, modules, files });
}

/** The name of the module in a file; of a file with faults, what can be read of it. */
async function nameOf(path: string, stdin: StandardInput): Promise<Result<string | undefined>> {
  const read = await readModuleFile(path, stdin);
  if (!read.ok) return read;
  return succeed(readModule(read.value.text).module?.name.value);
}

/** The text of a set of all modules in a folder. */
async function setOfFolder(
  folder: string,
  entries: readonly string[],
  stdin: StandardInput,
): Promise<string> {
  const lines: string[] = [];
  for (const entry of entries.filter((name) => name.endsWith(moduleEnding)).toSorted()) {
    const read = await readModuleFile(`${folder}/${entry}`, stdin);
    const module = read.ok ? readModule(read.value.text).module : undefined;
    if (module !== undefined) lines.push(`module ${module.name.value} ${module.version.value}`);
  }
  return ['ruleset tests 1', ...lines, ''].join('\n');
}
