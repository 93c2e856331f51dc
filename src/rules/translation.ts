/** A corridor's program as its translation: made, checked against the program it is of, and opened (docs/TRANSLATOR.md). */
import { moduleHash } from '../../vm/module.ts';
import { openTranslated } from '../../vm/translated-host.ts';
import { checkTranslation } from '../../vm/translator/checker.ts';
import { translate } from '../../vm/translator/translate.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import type { Translate } from './engine.ts';

export type TranslationCode =
  /** The translator stopped: a defect of it. */
  | 'translation_refused'
  /** The checker does not find that it means the same: a defect of the translator. */
  | 'translation_unproven'
  /** The host does not take it: it forbids it, or has no room. */
  | 'translation_unopened';

/** A module's translation, which the checker has found to mean what the module means. The module is one that the machine has loaded. */
export function translateChecked(
  module: Uint8Array,
  runtime: Uint8Array,
): Result<Uint8Array, TranslationCode> {
  let wasm: Uint8Array;
  try {
    ({ wasm } = translate({ source: module, runtime }));
  } catch (error) {
    // Nobody is without decisions for what the translator stumbles over.
    return refuse('translation_refused', `the translator stopped: ${(error as Error).message}`);
  }
  const checked = checkTranslation({ source: module, translated: wasm, runtime });
  return checked.ok ? succeed(wasm) : refuse('translation_unproven', checked.message);
}

/** What an engine translates with; `runtime` is vm/translator-runtime.wasm. */
export function translateWith(runtime: Uint8Array): Translate {
  return async (module) => {
    const translated = translateChecked(module, runtime);
    if (!translated.ok) return translated;
    const opened = await openTranslated(translated.value, { module: moduleHash(module) });
    return opened.ok ? succeed(opened.program) : refuse('translation_unopened', opened.message);
  };
}
