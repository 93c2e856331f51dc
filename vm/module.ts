/**
 * Modules of the label machine as bytes; the layout is drawn in vm/assembly/load.ts, which checks every one of them.
 * What is written here is what was asked for: a module that breaks a rule is encoded all the same, and refused by the loader.
 *
 * A module file is the module, and after it, if it has not been stripped, its names as JSON in UTF-8: they are no part
 * of what is hashed, signed or run.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type WordType, wordTypes } from './isa.ts';

export interface Constant {
  readonly type: WordType;
  readonly value: bigint;
  readonly label: number;
}

export interface Segment {
  readonly type: WordType;
  /** Words. */
  readonly length: number;
  /** Of its words before a run. */
  readonly label: number;
  /** The most that may be written to it. */
  readonly ceiling: number;
}

/** Words that do not change, all with one label. */
export interface Table {
  readonly type: WordType;
  readonly label: number;
  /** Whether each entry is above the one before it: only then it can be searched. */
  readonly sorted: boolean;
  readonly entries: readonly bigint[];
}

export interface Port {
  readonly type: WordType;
  readonly label: number;
}

export interface Grant {
  readonly kind: 'declassify' | 'endorse';
  /** The most secret, least trusted value that the grant covers. */
  readonly from: number;
  readonly to: number;
  /** How often a run may use it, from 1. */
  readonly uses: number;
  /** Values outside this range trap: what a grant lets through is no wider than it says. */
  readonly least: bigint;
  readonly most: bigint;
}

export interface CodeWord {
  readonly opcode: number;
  readonly level: number;
  readonly registers: readonly [d: number, a: number, b: number, c: number];
  /** Into constants, segments, tables, functions, grants or ports; or a rounding. */
  readonly index: number;
}

export interface FunctionBody {
  /** Folded into pc while it runs: C0 and no category. */
  readonly authority: number;
  readonly parameters: readonly WordType[];
  readonly results: readonly WordType[];
  readonly code: readonly CodeWord[];
}

export interface Module {
  readonly levels: readonly number[];
  readonly constants: readonly Constant[];
  readonly segments: readonly Segment[];
  readonly tables: readonly Table[];
  readonly ports: readonly Port[];
  readonly grants: readonly Grant[];
  /** Each calls earlier ones only; the last is the main function. */
  readonly functions: readonly FunctionBody[];
}

/** Names by table, in the order of their numbers, and the line that each instruction came from. */
export interface Names {
  readonly levels: readonly string[];
  readonly constants: readonly string[];
  readonly segments: readonly string[];
  readonly tables: readonly string[];
  readonly ports: readonly string[];
  readonly grants: readonly string[];
  readonly functions: readonly string[];
  /** By instruction, counted from 0 over all functions. */
  readonly lines: readonly number[];
}

const magic = 0x4d564d52;
const version = 2;
const headerBytes = 64;
/** Where the SHA-256 of a module is in it. */
const hashOffset = 32;
const grantKinds = ['declassify', 'endorse'] as const;

class Writer {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.view = new DataView(this.bytes.buffer);
  }

  u8(...values: number[]): this {
    for (const value of values) this.view.setUint8(this.at++, value);
    return this;
  }

  u16(...values: number[]): this {
    for (const value of values) {
      this.view.setUint16(this.at, value, true);
      this.at += 2;
    }
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) {
      this.view.setUint32(this.at, value, true);
      this.at += 4;
    }
    return this;
  }

  i64(...values: bigint[]): this {
    for (const value of values) {
      this.view.setBigInt64(this.at, value, true);
      this.at += 8;
    }
    return this;
  }

  skip(bytes: number): this {
    this.at += bytes;
    return this;
  }
}

const typeNumber = (type: WordType): number => wordTypes.indexOf(type);

/** A bit for each symbol. */
function symbolBits(types: readonly WordType[]): number {
  return types.reduce((bits, type, index) => bits | (typeNumber(type) << index), 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The module as the machine takes it, with its hash; `hash` is SHA-256, of a host that has a faster one. */
export function encodeModule(module: Module, hash: (bytes: Uint8Array) => Uint8Array = sha256): Uint8Array {
  const { levels, constants, segments, tables, ports, grants, functions } = module;
  const entryCount = sum(tables.map(({ entries }) => entries.length));
  const codeCount = sum(functions.map(({ code }) => code.length));
  const writer = new Writer(
    headerBytes +
      (levels.length + ports.length + entryCount + codeCount) * 8 +
      (constants.length + segments.length + tables.length + functions.length) * 16 +
      grants.length * 32,
  );
  const counts = [levels, constants, segments, tables, ports, grants, functions].map(({ length }) => length);
  writer
    .u32(magic, version)
    .u16(...counts, 0)
    .u32(entryCount, codeCount)
    .skip(32);
  for (const label of levels) writer.u32(label, 0);
  for (const { value, label, type } of constants) writer.i64(value).u32(label, typeNumber(type));
  for (const { length, label, ceiling, type } of segments)
    writer.u32(length, label, ceiling, typeNumber(type));
  for (const { label, type, entries, sorted } of tables) {
    writer.u32(label, typeNumber(type), entries.length, sorted ? 1 : 0);
  }
  for (const { label, type } of ports) writer.u32(label, typeNumber(type));
  for (const { kind, from, to, uses, least, most } of grants) {
    writer.u32(1 + grantKinds.indexOf(kind), from, to, uses).i64(least, most);
  }
  for (const { authority, parameters, results, code } of functions) {
    writer
      .u32(code.length, authority)
      .u8(parameters.length, results.length, symbolBits(parameters), symbolBits(results));
    writer.u32(0);
  }
  // One by one: a table may have more entries than a call takes arguments.
  for (const { entries } of tables) for (const entry of entries) writer.i64(entry);
  for (const { code } of functions) {
    for (const { opcode, level, registers, index } of code) writer.u8(opcode, level, ...registers).u16(index);
  }
  writer.bytes.set(hash(writer.bytes), hashOffset);
  return writer.bytes;
}

/** The SHA-256 of a module, by which it is known: of all its bytes, those of the hash itself as zeros. */
export function moduleHash(bytes: Uint8Array): Uint8Array {
  // `slice` of a Buffer of Node would be no copy.
  const copy = new Uint8Array(bytes);
  copy.fill(0, hashOffset, hashOffset + 32);
  return sha256(copy);
}

/** Whether a module carries its own hash: else it was damaged on its way. */
export function hasItsHash(bytes: Uint8Array): boolean {
  const hash = moduleHash(bytes);
  return hash.every((byte, index) => byte === bytes[hashOffset + index]);
}

/** How long the module that a module file begins with is to be, by its header; `undefined` where that is none. */
export function moduleLength(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < headerBytes || view.getUint32(0, true) !== magic) return undefined;
  const [levels = 0, constants = 0, segments = 0, tables = 0, ports = 0, grants = 0, functions = 0] =
    Array.from({ length: 7 }, (_, index) => view.getUint16(8 + 2 * index, true));
  return (
    headerBytes +
    (levels + ports + view.getUint32(24, true) + view.getUint32(28, true)) * 8 +
    (constants + segments + tables + functions) * 16 +
    grants * 32
  );
}

/** The bytes of the module that a module file begins with; all of them where its header is none. */
export function stripNames(file: Uint8Array): Uint8Array {
  return file.subarray(0, moduleLength(file));
}

/** A module file: the module and its names. */
export function withNames(module: Uint8Array, names: Names): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(names));
  const file = new Uint8Array(module.length + text.length);
  file.set(module);
  file.set(text, module.length);
  return file;
}

/** The names of a module file; `undefined` where it was stripped, or what follows the module are no names. */
export function readNames(file: Uint8Array): Names | undefined {
  const text = new TextDecoder().decode(file.subarray(stripNames(file).length));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const fields: Record<string, unknown> = { ...value };
  const list = <T>(name: string, fits: (item: unknown) => item is T): T[] | undefined => {
    const items: unknown = fields[name];
    return Array.isArray(items) && items.every(fits) ? items : undefined;
  };
  const isName = (item: unknown): item is string => typeof item === 'string' && namePattern.test(item);
  const isLine = (item: unknown): item is number => Number.isSafeInteger(item);
  const levels = list('levels', isName);
  const constants = list('constants', isName);
  const segments = list('segments', isName);
  const tables = list('tables', isName);
  const ports = list('ports', isName);
  const grants = list('grants', isName);
  const functions = list('functions', isName);
  const lines = list('lines', isLine);
  if (levels === undefined || constants === undefined || segments === undefined || tables === undefined)
    return undefined;
  if (ports === undefined || grants === undefined || functions === undefined || lines === undefined)
    return undefined;
  return { levels, constants, segments, tables, ports, grants, functions, lines };
}

/** What a name may be. */
export const namePattern: RegExp = /^[A-Za-z_][A-Za-z0-9_.]{0,63}$/;
