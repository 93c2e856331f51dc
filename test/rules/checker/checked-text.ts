/** Short modules for tests of the checker. */
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import type { CheckedModule } from '../../../src/rules/checker/checked.ts';
import { prelude } from './fault-example.ts';

/** Codes of what is wrong behind the prelude; none where it is accepted. */
export function codesOf(text: string): readonly string[] {
  return checkModule(prelude + text).faults.map(({ code }) => code);
}

/** Codes of what is wrong with a condition. */
export function codesOfCondition(condition: string): readonly string[] {
  return codesOf(`rule example control party\n  DENY when ${condition}\n`);
}

export function checkedWith(text: string, before = prelude): CheckedModule {
  const { module, faults } = checkModule(before + text);
  if (module === undefined)
    throw new Error(faults.map(({ code, message }) => `${code}: ${message}`).join('\n'));
  return module;
}
