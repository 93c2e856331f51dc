/** Programs as commands are given them: source text, a module or a translated one, signed or not; from a file or standard input. */
import { readFile } from 'node:fs/promises';
import { assemble } from '../../../vm/assembler.ts';
import { type LoadResult, type Machine, type Program, startMachine } from '../../../vm/host.ts';
import { type Listing, listModule } from '../../../vm/listing.ts';
import { moduleHash, moduleLength, readNames, stripNames, withNames } from '../../../vm/module.ts';
import { readModule } from '../../../vm/module-reader.ts';
import { sign1Type } from '../../../vm/sign1.ts';
import { verifySignedModule } from '../../../vm/signed-module.ts';
import {
  isWasm,
  mostTranslationBytes,
  signedTranslationType,
  verifySignedTranslation,
} from '../../../vm/signed-translation.ts';
import { type SteppingProgram, startSteppingMachine } from '../../../vm/stepping-machine.ts';
import { toHex } from '../../kit/bytes.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../../kit/result.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readStandardInput, type StandardInput } from './standard-input.ts';
import { readTrustedKeys, type TrustArguments } from './trusted-key.ts';

export interface ProgramRefusal extends Refusal {
  /** Lines for a person that come before the message. */
  readonly details?: readonly string[];
  /** For a program that reads JSON. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Where it is not the one of the code. */
  readonly exit?: ExitCode;
}

export type ProgramResult<T> = { readonly ok: true; readonly value: T } | ProgramRefusal;

export interface ProgramArguments extends TrustArguments {
  /** `-` for standard input. */
  readonly file: string;
  readonly stdin: StandardInput;
}

export interface ProgramFile {
  readonly kind: 'source' | 'module' | 'signed module';
  /** The module, and its names where it has them. */
  readonly file: Uint8Array;
  /** SHA-256 of the module, in hex. */
  readonly hash: string;
  /** The id of the key, in hex, of a signed module. */
  readonly signedBy: string | undefined;
}

/** A translated module, which nobody has looked into yet. */
export interface TranslationFile {
  readonly kind: 'translation' | 'signed translation';
  readonly wasm: Uint8Array;
  /** SHA-256 of the source module, where it was signed with it. */
  readonly module: Uint8Array | undefined;
  /** The id of the key, in hex, of a signed one. */
  readonly signedBy: string | undefined;
}

export type GivenFile = ProgramFile | TranslationFile;

/** A program that the loader accepted. */
export interface OpenedProgram<P> extends ProgramFile {
  readonly program: P;
  readonly listing: Listing;
}

/** What a source, a module with its names, or a signed module may have at most. */
const mostBytes = 8 * 1024 * 1024;

/** Reads `-` or a file. */
export function readBytes(
  file: string,
  stdin: StandardInput,
  limit = mostBytes,
): Promise<Result<Uint8Array>> {
  return file === '-' ? readStandardInput(stdin, limit) : readInput(file, limit);
}

/** How a file is named in messages. */
export function showPath(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** Reads a program, and assembles it where it is source text; the loader has not seen it yet. */
export async function readProgramFile(given: ProgramArguments): Promise<ProgramResult<ProgramFile>> {
  const read = await readGivenFile(given, { limit: mostBytes });
  if (!read.ok) return read;
  const { value } = read;
  if (!('wasm' in value)) return succeed(value);
  return refuse(
    'program_unknown',
    `${quote(given.file)} is a translated module: source text, a module or a signed module is accepted`,
  );
}

/**
 * Reads a program or a translated module. Where keys are trusted, it has to be signed by one of them, unless something else vouches
 * for it (`isVouched`).
 */
export async function readGivenFile(
  given: ProgramArguments,
  { limit = mostTranslationBytes, isVouched = false } = {},
): Promise<ProgramResult<GivenFile>> {
  const keys = await readTrustedKeys(given);
  if (!keys.ok) return keys;
  const bytes = await readBytes(given.file, given.stdin, limit);
  if (!bytes.ok) return bytes;
  if (bytes.value[0] === 0xd2) return openSigned(given.file, bytes.value, keys.value);
  if (keys.value !== undefined && !isVouched)
    return notAuthentic(
      'signed_module_malformed',
      `${quote(given.file)} is not signed, and with \`--key\` or \`--trust\` a signed module is accepted`,
    );
  if (isWasm(bytes.value))
    return succeed({ kind: 'translation', wasm: bytes.value, module: undefined, signedBy: undefined });
  if (bytes.value.length > mostBytes)
    return refuse(
      'too_large',
      `${quote(given.file)} has ${bytes.value.length} bytes: at most ${mostBytes} are accepted`,
    );
  if (moduleLength(bytes.value) !== undefined) return succeed(programFile('module', bytes.value));
  const assembled = assembleText(given.file, bytes.value);
  return assembled.ok ? succeed(programFile('source', assembled.value)) : assembled;
}

/** What is in a signed module, or in a signed translation. */
function openSigned(
  file: string,
  bytes: Uint8Array,
  keys: readonly Uint8Array[] | undefined,
): ProgramResult<GivenFile> {
  const isTranslation = sign1Type(bytes) === signedTranslationType;
  if (keys === undefined)
    return refuse(
      'trust_missing',
      `${quote(file)} is a signed ${isTranslation ? 'translation' : 'module'}: say with \`--key\` or \`--trust\` who may have signed it`,
    );
  if (!isTranslation) {
    const verified = verifySignedModule(bytes, keys);
    if (verified.ok) return succeed(programFile('signed module', verified.file, toHex(verified.keyId)));
    return notAuthentic(verified.code, `${quote(file)}: ${verified.message}`);
  }
  const verified = verifySignedTranslation(bytes, keys);
  if (!verified.ok) return notAuthentic(verified.code, `${quote(file)}: ${verified.message}`);
  const { wasm, module, keyId } = verified;
  return succeed({ kind: 'signed translation', wasm, module, signedBy: toHex(keyId) });
}

function programFile(kind: ProgramFile['kind'], file: Uint8Array, signedBy?: string): ProgramFile {
  return { kind, file, hash: toHex(moduleHash(stripNames(file))), signedBy };
}

/** Assembles source text into a module with its names; faults have file, line and column. */
function assembleText(path: string, bytes: Uint8Array): ProgramResult<Uint8Array> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // The decoder tells of bad bytes by throwing a TypeError and nothing else.
    return refuse(
      'program_unknown',
      `${quote(path)} is no program: source text in UTF-8, a module or a signed module is accepted`,
    );
  }
  const assembled = assemble(text);
  if (assembled.ok) return succeed(withNames(assembled.bytes, assembled.names));
  const { code, faults } = assembled;
  return {
    ...refuse(
      code,
      `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} in ${quote(showPath(path))}`,
    ),
    // What is quoted of the source may be anything.
    details: faults.map(({ line, column, message }) =>
      `${showPath(path)}:${line}:${column}: ${message}`.replaceAll(/\p{Cc}/gu, '?').slice(0, 400),
    ),
    more: { faults },
  };
}

/** Of what is not signed by a trusted key, or is not what it says it is. */
export function notAuthentic(code: string, message: string): ProgramRefusal {
  return { ...refuse(code, message), exit: exitCode.notAuthentic, more: { authentic: false } };
}

/** Tells why a program was not read, assembled, trusted or loaded. */
export function refuseProgram(terminal: Terminal, refusal: ProgramRefusal): ExitCode {
  for (const line of refusal.details ?? []) terminal.progress(line);
  return terminal.refuse(refusal, refusal.more, refusal.exit);
}

/** The machine that the appliance runs, empty. */
export async function openMachine(): Promise<Machine> {
  return startMachine(await readWasm('machine.wasm'));
}

/** Reads a program and loads it into the machine that the appliance runs. */
export async function openProgram(given: ProgramArguments): Promise<ProgramResult<OpenedProgram<Program>>> {
  const read = await readProgramFile(given);
  return read.ok ? loadProgram(given.file, read.value) : read;
}

/** Loads what was read from `path` into the machine that the appliance runs. */
export async function loadProgram(
  path: string,
  read: ProgramFile,
): Promise<ProgramResult<OpenedProgram<Program>>> {
  const machine = await openMachine();
  return load(path, read, (file) => machine.load(file));
}

/** Reads a program and loads it into the machine that stops after each instruction. */
export async function openStepping(
  given: ProgramArguments,
): Promise<ProgramResult<OpenedProgram<SteppingProgram>>> {
  const machine = await startSteppingMachine(await readWasm('machine-stepping.wasm'));
  const read = await readProgramFile(given);
  return read.ok ? load(given.file, read.value, (file) => machine.load(file)) : read;
}

type Loaded<P> = { readonly ok: true; readonly program: P } | Extract<LoadResult, { readonly ok: false }>;

function load<P>(
  path: string,
  read: ProgramFile,
  loader: (file: Uint8Array) => Loaded<P>,
): ProgramResult<OpenedProgram<P>> {
  const loaded = loader(read.file);
  if (!loaded.ok) return refusedModule(path, read.file, loaded);
  return succeed({ ...read, program: loaded.program, listing: listingOf(read.file) });
}

function listingOf(file: Uint8Array): Listing {
  const read = readModule(file);
  if (!read.ok) throw new Error(`invariant broken: a module that the loader took: ${read.message}`);
  return listModule(read.module, readNames(file));
}

/** The refusal with the line of the source where it is about an instruction. */
function refusedModule(
  path: string,
  file: Uint8Array,
  { code, reason, offset, message }: Extract<LoadResult, { readonly ok: false }>,
): ProgramRefusal {
  const line = lineAt(file, offset);
  const place = line === undefined ? showPath(path) : `${showPath(path)}:${line}`;
  return {
    ...refuse(code, `${place}: ${message}`),
    more: { reason, offset, ...(line === undefined ? {} : { line }) },
  };
}

/** The line of the instruction at byte `offset`, where the module has names and this is one. */
function lineAt(file: Uint8Array, offset: number): number | undefined {
  const lines = readNames(file)?.lines ?? [];
  const first = stripNames(file).length - 8 * lines.length;
  return offset < first ? undefined : lines[Math.floor((offset - first) / 8)];
}

/** The wasm lies in vm/: in the sources as in dist/. */
export async function readWasm(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL(`../../../vm/${name}`, import.meta.url)));
}
