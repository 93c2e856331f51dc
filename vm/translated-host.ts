/**
 * A translated module as a program uses it: the same `Program` as host.ts gives for the source module, without the machine. No Node built-ins.
 *
 * What is opened is looked at as far as its exports and its claims go. That it does what the source module does is for the checker to say
 * (vm/translator/checker.ts), or for who signed it (vm/signed-translation.ts): code that neither vouches for may answer, or run, as it likes.
 *
 * @example
 * const opened = await openTranslated(wasmBytes, { module: moduleHash(source), names: readNames(source) });
 * if (opened.ok) opened.program.run({ inputs: [{ segment: 0, index: 0, value: 5n }] });
 */
import { isEqual, toHex } from './bytes.ts';
import { type CompiledModule, type Program, type RunExports, readPlaces, runsOf } from './host.ts';
import { limits } from './isa.ts';
import type { Names, Port } from './module.ts';
import { abiFunctions } from './translator/abi.ts';
import { claimsSection } from './translator/claims.ts';

export interface TranslationOptions {
  /** SHA-256 of the module that it has to be a translation of; where nothing is said, of any. */
  readonly module?: Uint8Array;
  /** Of the source module's file, by `readNames`: a translation has none. */
  readonly names?: Names | undefined;
  /** With it only signed translations are opened. */
  readonly trust?: TranslationTrust;
}

/** Takes a signed translation, and gives what is in it where it is signed by a trusted key: `trustTranslations` makes one. */
export type TranslationTrust = (
  signed: Uint8Array,
) =>
  | { readonly ok: true; readonly wasm: Uint8Array; readonly module: Uint8Array }
  | { readonly ok: false; readonly message: string };

export type TranslationCode =
  /** No WebAssembly, or none that the translator wrote. */
  | 'translation_malformed'
  /** Of another module than it has to be of. */
  | 'translation_foreign'
  /** Not signed by a trusted key. */
  | 'translation_untrusted';

/** A program, and what its exports tell of it: a translation has no names, and no types of its segments. */
export interface TranslatedProgram extends Program {
  /** Words, by segment. */
  readonly segmentLengths: readonly number[];
  readonly ports: readonly Port[];
}

export type OpenResult =
  | { readonly ok: true; readonly program: TranslatedProgram }
  | { readonly ok: false; readonly code: TranslationCode; readonly message: string };

type Refused = Extract<OpenResult, { readonly ok: false }>;

/** Instantiates a translated module, which imports nothing: the program that comes back has a memory of its own, and runs one at a time. */
export async function openTranslated(
  wasm: Uint8Array | CompiledModule,
  options: TranslationOptions = {},
): Promise<OpenResult> {
  const trusted = trustedOf(wasm, options);
  if (!trusted.ok) return trusted;
  try {
    const module =
      trusted.wasm instanceof WebAssembly.Module
        ? trusted.wasm
        : await WebAssembly.compile(trusted.wasm as Uint8Array<ArrayBuffer>);
    const claimed = inspect(module, trusted.module);
    if (!claimed.ok) return claimed;
    return programOf(await WebAssembly.instantiate(module, {}), claimed.hash, options.names);
  } catch (error) {
    return refusalOf(error);
  }
}

/** The same at once, for a host that is not to be left in the middle, of a module that is compiled. */
export function openTranslatedAtOnce(
  module: CompiledModule,
  options: Omit<TranslationOptions, 'trust'> = {},
): OpenResult {
  try {
    const compiled = module as WebAssembly.Module;
    const claimed = inspect(compiled, options.module);
    if (!claimed.ok) return claimed;
    return programOf(new WebAssembly.Instance(compiled, {}), claimed.hash, options.names);
  } catch (error) {
    return refusalOf(error);
  }
}

type Trusted =
  | { readonly ok: true; readonly wasm: Uint8Array | CompiledModule; readonly module: Uint8Array | undefined }
  | Refused;

/** The wasm, and the hash that its claims have to have: where it is signed, the one that was signed with it. */
function trustedOf(
  wasm: Uint8Array | CompiledModule,
  { trust, module }: Pick<TranslationOptions, 'trust' | 'module'>,
): Trusted {
  if (trust === undefined) return { ok: true, wasm, module };
  if (wasm instanceof WebAssembly.Module)
    return refuse(
      'translation_untrusted',
      'a compiled module has no signature: a signed translation is accepted',
    );
  const opened = trust(wasm as Uint8Array);
  if (!opened.ok) return refuse('translation_untrusted', opened.message);
  if (module !== undefined && !isEqual(module, opened.module)) return foreign(opened.module, module);
  return opened;
}

/** The source module's hash, of what has the shape of a translation; nothing of it has run then. */
function inspect(
  module: WebAssembly.Module,
  expected: Uint8Array | undefined,
): { readonly ok: true; readonly hash: Uint8Array } | Refused {
  const [imported] = WebAssembly.Module.imports(module);
  if (imported !== undefined)
    return malformed(
      `it imports \`${show(imported.module)}.${show(imported.name)}\`, and a translation imports nothing`,
    );
  const exported = WebAssembly.Module.exports(module);
  const has = (name: string, kind: string): boolean =>
    exported.some((one) => one.name === name && one.kind === kind);
  const missing = has('memory', 'memory') ? abiFunctions.find((name) => !has(name, 'function')) : 'memory';
  if (missing !== undefined) return malformed(`it does not export \`${missing}\``);
  const sections = WebAssembly.Module.customSections(module, claimsSection);
  const [section] = sections;
  if (section === undefined || sections.length !== 1)
    return malformed(`${sections.length} sections \`${claimsSection}\`, where one is accepted`);
  const hash = readClaimedModule(section);
  if (hash === undefined) return malformed(`\`${claimsSection}\` is no claims of version 1`);
  return expected === undefined || isEqual(hash, expected) ? { ok: true, hash } : foreign(hash, expected);
}

/** What the claims say of which module it is; the rest of them is for the checker. */
function readClaimedModule(section: ArrayBuffer): Uint8Array | undefined {
  let claims: unknown;
  try {
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(section));
  } catch {
    // Either of the two tells of bad bytes by throwing, and does nothing else that could fail.
    return undefined;
  }
  if (typeof claims !== 'object' || claims === null || !('version' in claims) || !('module' in claims))
    return undefined;
  const { version, module } = claims;
  if (version !== 1 || typeof module !== 'string' || !/^[0-9a-f]{64}$/.test(module)) return undefined;
  return Uint8Array.from(module.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

interface Exports extends RunExports {
  portIsSymbol(port: number): number;
}

function programOf(instance: WebAssembly.Instance, hash: Uint8Array, names: Names | undefined): OpenResult {
  const translated = instance.exports as unknown as Exports;
  const count: unknown = translated.portCount();
  // A number that no module has would be a list of so many ports.
  const isCount = typeof count === 'number' && count >= 0 && count <= limits.ports;
  if (!isCount || typeof translated.fuelBound() !== 'bigint')
    return malformed('its exports have other types than those of a translation');
  const ports = Array.from(
    { length: count },
    (_, port): Port => ({
      type: translated.portIsSymbol(port) === 1 ? 'symbol' : 'number',
      label: translated.portLabel(port) >>> 0,
    }),
  );
  const segmentLengths = readPlaces(translated).map(({ length }) => length);
  return { ok: true, program: { hash, names, segmentLengths, ports, ...runsOf(translated) } };
}

/** What the engine tells of wasm by throwing; anything else is a bug, or a host that is out of memory. */
function refusalOf(error: unknown): Refused {
  const { CompileError, LinkError, RuntimeError } = WebAssembly;
  if (error instanceof CompileError || error instanceof LinkError || error instanceof RuntimeError)
    return malformed(show(error.message));
  throw error;
}

function malformed(what: string): Refused {
  return refuse('translation_malformed', `not a translated module: ${what}`);
}

function foreign(actual: Uint8Array, expected: Uint8Array): Refused {
  return refuse(
    'translation_foreign',
    `a translation of module \`${toHex(actual).slice(0, 16)}…\`, where \`${toHex(expected).slice(0, 16)}…\` is expected`,
  );
}

function refuse(code: TranslationCode, message: string): Refused {
  return { ok: false, code, message };
}

/** What others wrote, as a terminal may have it. */
function show(text: string): string {
  return text.replaceAll(/[\p{Cc}`]/gu, '?').slice(0, 160);
}
