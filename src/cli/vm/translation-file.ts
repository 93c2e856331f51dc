/** Translated modules as commands are given them, with the module that they are of or without. */

import type { Program } from '../../../vm/host.ts';
import { type Listing, showPlace } from '../../../vm/listing.ts';
import { openTranslated, type TranslatedProgram } from '../../../vm/translated-host.ts';
import { type CheckResult, checkTranslation } from '../../../vm/translator/checker.ts';
import { assert, quote, refuse, succeed } from '../../kit/result.ts';
import {
  loadProgram,
  notAuthentic,
  type OpenedProgram,
  type ProgramArguments,
  type ProgramRefusal,
  type ProgramResult,
  readGivenFile,
  readWasm,
  showPath,
  type TranslationFile,
} from './program-file.ts';

/** The part that is the same in every translated module. */
export function readRuntime(): Promise<Uint8Array<ArrayBuffer>> {
  return readWasm('translator-runtime.wasm');
}

/** Reads the module that a translation is of, and loads it; a signed one needs keys, and one that is not signed is taken. */
export async function openSource(
  file: string,
  given: ProgramArguments,
): Promise<ProgramResult<OpenedProgram<Program>>> {
  const read = await readGivenFile({ ...given, file }, { isVouched: true });
  if (!read.ok) return read;
  if ('wasm' in read.value)
    return refuse('program_unknown', `${quote(file)} is a translation, where its source module is accepted`);
  return loadProgram(file, read.value);
}

/** Opens a translation that nobody has checked, or a signed one. */
export async function openTranslation(
  path: string,
  { wasm, module }: TranslationFile,
): Promise<ProgramResult<TranslatedProgram>> {
  const opened = await openTranslated(wasm, module === undefined ? {} : { module });
  return opened.ok ? succeed(opened.program) : refuse(opened.code, `${showPath(path)}: ${opened.message}`);
}

/** Has the checker compare a translation with its source module, and opens what it took. */
export async function openChecked(
  path: string,
  { wasm, module }: TranslationFile,
  source: OpenedProgram<Program>,
): Promise<ProgramResult<TranslatedProgram>> {
  const { file, program, listing } = source;
  const checked = checkTranslation({ source: file, translated: wasm, runtime: await readRuntime() });
  if (!checked.ok) return refusedTranslation(path, listing, checked);
  const opened = await openTranslated(wasm, { module: module ?? program.hash, names: program.names });
  if (opened.ok) return succeed(opened.program);
  // A signed one may say of another module than it is of; anything else the checker has seen.
  assert(opened.code === 'translation_foreign', `the checker took what cannot be opened: ${opened.message}`);
  return notAuthentic(opened.code, `${showPath(path)}: ${opened.message}`);
}

/** The refusal with the place in the source that it is about. */
function refusedTranslation(
  path: string,
  listing: Listing,
  refusal: Extract<CheckResult, { readonly ok: false }>,
): ProgramRefusal {
  const { code, message, function: owner, instruction, offset } = refusal;
  const name = owner === undefined ? undefined : listing.functions[owner]?.name;
  const place = instruction === undefined ? name : showPlace(listing, instruction);
  const refused = notAuthentic(
    code,
    `${showPath(path)}: ${place === undefined ? '' : `${place}: `}${message}`,
  );
  return {
    ...refused,
    more: {
      ...refused.more,
      ...(name === undefined ? {} : { function: name }),
      ...(instruction === undefined ? {} : { instruction, place }),
      ...(offset === undefined ? {} : { offset }),
    },
  };
}
