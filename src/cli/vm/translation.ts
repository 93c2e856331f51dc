/** `ringmint vm translate` and `check-translation`: modules to WebAssembly of their own, which the checker took. */
import type { Program } from '../../../vm/host.ts';
import { stripNames } from '../../../vm/module.ts';
import type { Claims } from '../../../vm/translator/claims.ts';
import { translate } from '../../../vm/translator/translate.ts';
import { refuse } from '../../kit/result.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { countElided, explainElided } from './elision-report.ts';
import {
  type OpenedProgram,
  openProgram,
  type ProgramArguments,
  type ProgramRefusal,
  readGivenFile,
  refuseProgram,
  showPath,
} from './program-file.ts';
import { writeResult } from './result-file.ts';
import { openChecked, openSource, readRuntime } from './translation-file.ts';

/** Writes a translation that the checker took, or nothing. */
export async function runTranslate(
  terminal: Terminal,
  given: ProgramArguments & { readonly out: string; readonly explain: boolean },
): Promise<ExitCode> {
  const opened = await openProgram(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const source = stripNames(opened.value.file);
  const { wasm, claims } = translate({ source, runtime: await readRuntime() });
  const made = { kind: 'translation', wasm, module: undefined, signedBy: undefined } as const;
  const checked = await openChecked(given.out, made, opened.value);
  // A bug of the translator, or of the checker: never written, and never the fault of the module.
  if (!checked.ok) return refuseProgram(terminal, checked);
  const written = await writeResult(given.out, given.file, wasm);
  if (!written.ok) return terminal.refuse(written);
  return tellTranslation(terminal, opened.value, { ...given, source, wasm, claims });
}

function tellTranslation(
  terminal: Terminal,
  { listing, hash, program }: OpenedProgram<Program>,
  {
    file,
    out,
    explain,
    source,
    wasm,
    claims,
  }: {
    readonly file: string;
    readonly out: string;
    readonly explain: boolean;
    readonly source: Uint8Array;
    readonly wasm: Uint8Array;
    readonly claims: Claims;
  },
): ExitCode {
  const counts = countElided(claims);
  const proven = claims.functions.filter((claim) => claim !== null).length;
  const uniform = listing.names.segments.filter((_, segment) => claims.uniform[segment] === true);
  const left = [...counts].map(([check, count]) => `${check} ${count}`).join(', ');
  const explained = explain ? explainElided(listing, claims) : undefined;
  return terminal.result(
    {
      file: out,
      hash,
      bytes: wasm.length,
      moduleBytes: source.length,
      functions: listing.functions.length,
      provenFunctions: proven,
      uniformSegments: uniform,
      elided: Object.fromEntries(counts),
      fuelBound: program.fuelBound,
      ...(explained === undefined ? {} : { explained: explained.json }),
    },
    [
      `${out}: ${wasm.length} bytes, from ${source.length} of ${showPath(file)}; the checker took it`,
      `  hash     ${hash}, of the module`,
      `  fuel     at most ${program.fuelBound}`,
      `  proven   ${proven} of ${listing.functions.length} ${listing.functions.length === 1 ? 'function' : 'functions'}`,
      `  uniform  ${uniform.length === 0 ? 'no segment' : uniform.join(', ')}`,
      `  checks left out  ${left === '' ? 'none' : left}`,
      ...(explained?.lines ?? []),
    ],
  );
}

/** Tells whether a translation is one of the module: the checker's answer. */
export async function runCheckTranslation(
  terminal: Terminal,
  given: ProgramArguments & { readonly translation: string },
): Promise<ExitCode> {
  if (given.file === '-' && given.translation === '-')
    return terminal.refuse(refuse('usage', 'standard input is one file: the path of the other is accepted'));
  const source = await openSource(given.file, given);
  if (!source.ok) return refuseProgram(terminal, source);
  const read = await readGivenFile({ ...given, file: given.translation }, { isVouched: true });
  if (!read.ok) return refuseProgram(terminal, read);
  const { value } = read;
  if (!('wasm' in value)) return refuseProgram(terminal, noTranslation(given.translation));
  const checked = await openChecked(given.translation, value, source.value);
  if (!checked.ok) return refuseProgram(terminal, checked);
  const { hash } = source.value;
  return terminal.result(
    { hash, bytes: value.wasm.length, ...(value.signedBy === undefined ? {} : { keyId: value.signedBy }) },
    [
      `${showPath(given.translation)}: a translation of ${showPath(given.file)}, ${value.wasm.length} bytes`,
      `  hash  ${hash}, of the module`,
      ...(value.signedBy === undefined ? [] : [`  key   ${value.signedBy}`]),
    ],
  );
}

function noTranslation(path: string): ProgramRefusal {
  return refuse(
    'translation_malformed',
    `${showPath(path)}: not a translated module: WebAssembly, or a signed translation, is accepted`,
  );
}
