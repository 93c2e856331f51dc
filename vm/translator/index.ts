/**
 * `ringmint/vm/translator`: modules of the label machine as WebAssembly of their own (docs/EMBEDDING.md, docs/TRANSLATOR.md). Nothing of Node, and of
 * packages only SHA-256; signed translations are in `ringmint/vm/signed-translation`, the runtime is `ringmint/vm/translator-runtime.wasm`.
 *
 * @example
 * const { wasm } = translate({ source, runtime });
 * const checked = checkTranslation({ source, translated: wasm, runtime });
 * const opened = checked.ok ? await openTranslated(wasm, { names: readNames(source) }) : checked;
 * if (opened.ok) opened.program.run({ inputs: [{ segment: 0, index: 0, value: 5n }] });
 */
export {
  type OpenResult,
  openTranslated,
  openTranslatedAtOnce,
  type TranslatedProgram,
  type TranslationCode,
  type TranslationOptions,
  type TranslationTrust,
} from '../translated-host.ts';
export { type CheckInput, type CheckResult, checkTranslation } from './checker.ts';
export {
  type Claims,
  type ElidedCheck,
  type Elision,
  elidedChecks,
  type Interval,
  type LoopClaim,
  type ProvenFunction,
} from './claims.ts';
export { type TranslateOptions, type Translation, translate } from './translate.ts';
