/** The rules compiled from src/rules/ with one place changed. */
import type { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import type { openRules } from '../../../src/rules/rules.ts';
import { loadChanged } from '../../changed-code.ts';
import type { RuleDefect } from './rule-defects.ts';

interface Rules {
  readonly evaluate: typeof evaluate;
  readonly openRules: typeof openRules;
}

export interface BentRules extends Rules {
  readonly remove: () => void;
}

/** With both of them: they share what the place is in, or one of them does not use it. */
export function loadBent({ file, from, to }: RuleDefect): Promise<BentRules> {
  return loadChanged<Rules>(
    { evaluate: 'src/rules/evaluator/evaluate.ts', openRules: 'src/rules/rules.ts' },
    [{ file: `src/rules/${file}`, from, to }],
  );
}
