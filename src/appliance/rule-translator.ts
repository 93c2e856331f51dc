/** What translates the rules' programs: the runtime that ships. */
import { readFile } from 'node:fs/promises';
import { sha256, toHex } from '../kit/bytes.ts';
import type { Translate } from '../rules/engine.ts';
import { translateWith } from '../rules/translation.ts';

export interface RuleTranslator {
  readonly translate: Translate;
  /** SHA-256 of what all translations have in common, hex. */
  readonly runtime: string;
}

/** The wasm lies beside vm/host: in the sources as in dist/. */
export async function readRuleTranslator(): Promise<RuleTranslator> {
  const runtime = new Uint8Array(
    await readFile(new URL('../../vm/translator-runtime.wasm', import.meta.url)),
  );
  return { translate: translateWith(runtime), runtime: toHex(sha256(runtime)) };
}
