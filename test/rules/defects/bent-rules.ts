/** src/rules/ with one place changed: a copy outside of the project, so that nothing of it can be committed, with the project's other folders. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import type { openRules } from '../../../src/rules/rules.ts';
import type { RuleDefect } from './rule-defects.ts';

export interface BentRules {
  readonly evaluate: typeof evaluate;
  readonly openRules: typeof openRules;
  remove(): void;
}

/** Throws where the place is not there exactly once. */
export async function loadBent({ name, file, from, to }: RuleDefect): Promise<BentRules> {
  const project = join(import.meta.dirname, '../../..');
  const text = readFileSync(join(project, 'src/rules', file), 'utf8');
  if (text.split(from).length !== 2)
    throw new Error(`${name}: src/rules/${file} has not exactly one \`${from}\``);
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bent-'));
  mkdirSync(join(folder, 'src'));
  cpSync(join(project, 'src/rules'), join(folder, 'src/rules'), { recursive: true });
  for (const beside of ['node_modules', 'vm', 'src/kit', 'src/records'])
    symlinkSync(join(project, beside), join(folder, beside));
  writeFileSync(
    join(folder, 'src/rules', file),
    text.replace(from, () => to),
  );
  const load = (path: string): Promise<Record<string, unknown>> => import(join(folder, 'src/rules', path));
  const isEvaluator = file.startsWith('evaluator/');
  const parts = isEvaluator ? await load('evaluator/evaluate.ts') : await load('rules.ts');
  return Object.assign(
    { remove: () => rmSync(folder, { recursive: true, force: true }) },
    parts,
  ) as unknown as BentRules;
}
