/** What translates the rules' programs: the runtime that ships. */
import { sha256, toHex } from '../kit/bytes.ts';
import type { Translate } from '../rules/engine.ts';
import { translateWith } from '../rules/translation.ts';
import { readRuntimeWasm } from './machine-wasm.ts';

export interface RuleTranslator {
  readonly translate: Translate;
  /** SHA-256 of what all translations have in common, hex. */
  readonly runtime: string;
}

export async function readRuleTranslator(): Promise<RuleTranslator> {
  const runtime = await readRuntimeWasm();
  return { translate: translateWith(runtime), runtime: toHex(sha256(runtime)) };
}
