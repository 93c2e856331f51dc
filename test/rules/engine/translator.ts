/** The translator as rules use it, and translations that were altered: code that is WebAssembly still, and comes to something else. */
import { succeed } from '../../../src/kit/result.ts';
import { Engine, type EngineEvent, type EngineOptions, type Translate } from '../../../src/rules/engine.ts';
import { translateChecked, translateWith } from '../../../src/rules/translation.ts';
import type { Program } from '../../../vm/host.ts';
import { moduleHash } from '../../../vm/module.ts';
import { openTranslated } from '../../../vm/translated-host.ts';
import { translatorRuntime } from '../../vm/machine.ts';

export const translate = translateWith(translatorRuntime);

/** An engine that is told of nothing, and whose events are kept. */
export function makeEngine(
  options: Partial<EngineOptions> = {},
): Engine & { readonly events: EngineEvent[] } {
  const events: EngineEvent[] = [];
  const engine = new Engine({
    choice: 'translated',
    compareEvery: 100,
    translate,
    difference: null,
    leisure: () => Promise.resolve(),
    report: (event) => events.push(event),
    ...options,
  });
  return Object.assign(engine, { events });
}

/** i64.const */
const constant = 0x42;
/** The greatest number of one byte (SLEB128). */
const greatest = 0x3f;

/** Each way to make one small number in the code of a module's translation greater, behind the code of the runtime, the last one first. */
function* alterationsOf(module: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
  const translated = translateChecked(module, translatorRuntime);
  if (!translated.ok) throw new Error(translated.message);
  const { value } = translated;
  const { from, end } = codeSection(value);
  for (let at = end - 1; at > from; at--) {
    if (value[at - 1] !== constant || (value[at] ?? greatest) >= greatest) continue;
    const altered = new Uint8Array(value);
    altered[at] = greatest;
    yield altered;
  }
}

/** Translates into the first alteration that `differs` says of: it is given what runs it. Its program is that of the module, by its hash, too. */
export function translateAltered(
  differs: (program: Program) => boolean,
): Translate & { readonly altered: Uint8Array[] } {
  const altered: Uint8Array[] = [];
  const made: Translate = async (module) => {
    for (const wasm of alterationsOf(module)) {
      const opened = await openTranslated(wasm, { module: moduleHash(module) });
      if (!opened.ok || !differs(opened.program)) continue;
      altered.push(wasm);
      return succeed(opened.program);
    }
    throw new Error('no alteration does what the test wants');
  };
  return Object.assign(made, { altered });
}

/** Section 10 of a WebAssembly module. */
function codeSection(wasm: Uint8Array): { readonly from: number; readonly end: number } {
  let at = 8;
  const unsigned = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < wasm.length) {
    const id = wasm[at++];
    const length = unsigned();
    if (id === 10) return { from: at, end: at + length };
    at += length;
  }
  throw new Error('a module has code');
}
