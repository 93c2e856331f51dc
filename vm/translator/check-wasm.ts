/** Reads WebAssembly for the checker (Core Specification 2.0, chapter 5): sections, and the runtime taken apart. Nothing is taken on trust: what does not fit is refused. */

export type CheckCode =
  | 'translation_malformed'
  | 'translation_foreign'
  | 'claim_invalid'
  | 'claim_unproven'
  | 'translation_differs';

/** Why a translation is not accepted; thrown inside the checker, which gives it back as a value. */
export class Refusal {
  readonly code: CheckCode;
  readonly message: string;
  /** The function, the instruction of the source, and the byte of the translation that it is about. */
  readonly place: { readonly function?: number; readonly instruction?: number; readonly offset?: number };

  constructor(code: CheckCode, message: string, place: Refusal['place'] = {}) {
    this.code = code;
    this.message = message;
    this.place = place;
  }
}

export interface Section {
  readonly id: number;
  /** Of its content. */
  readonly from: number;
  readonly to: number;
}

/** Goes through bytes from `at` to `to`, never further. */
export class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly to: number;

  constructor(bytes: Uint8Array, at = 0, to = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.to = to;
  }

  byte(): number {
    const byte = this.at < this.to ? this.bytes[this.at] : undefined;
    if (byte === undefined) throw this.malformed('it ends too early');
    this.at++;
    return byte;
  }

  /** LEB128 of 32 bits, without a sign, in as few bytes as it needs. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if ((byte === 0 && shift > 0) || value > 0xffff_ffff) break;
        return value;
      }
    }
    throw this.malformed('a number is too long');
  }

  take(length: number): Uint8Array {
    if (length > this.to - this.at) throw this.malformed('it ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  rest(): Uint8Array {
    return this.take(this.to - this.at);
  }

  malformed(why: string): Refusal {
    return new Refusal('translation_malformed', `${why}, at byte ${this.at}`, { offset: this.at });
  }
}

/** The sections of a module, each with its bytes; the order is not looked at. */
export function readSections(bytes: Uint8Array): Section[] {
  const cursor = new Cursor(bytes);
  for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    if (cursor.byte() !== byte) throw cursor.malformed('it is no WebAssembly of version 1');
  const sections: Section[] = [];
  while (cursor.at < cursor.to) {
    const id = cursor.byte();
    const length = cursor.unsigned();
    const from = cursor.at;
    cursor.take(length);
    sections.push({ id, from, to: cursor.at });
  }
  return sections;
}

/** Of a section with many entries: how many, and their bytes. */
export interface Entries {
  readonly count: number;
  readonly bytes: Uint8Array;
}

interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** The runtime before a program is put into it (docs/TRANSLATOR.md). */
export interface Runtime {
  readonly types: Entries;
  /** Of the function that it imports. */
  readonly importedType: number;
  readonly functions: Entries;
  readonly pages: number;
  readonly code: Entries;
  readonly exports: readonly Export[];
  /** Content of the sections that stay as they are, by their number. */
  readonly kept: ReadonlyMap<number, Uint8Array>;
  /** Index of a global or function that it exports. */
  index(name: string): number;
  /** Value of a constant that it exports. */
  constant(name: string): number;
}

const functionKind = 0;
const globalKind = 3;
/** Tables, globals and elements. */
const keptSections = [4, 6, 9];

/** Takes the runtime apart; what it is to be is not checked but found. */
export function readRuntime(bytes: Uint8Array): Runtime {
  const sections = new Map<number, Section>();
  for (const section of readSections(bytes)) if (section.id !== 0) sections.set(section.id, section);
  const open = (id: number): Cursor => {
    const section = sections.get(id);
    if (section === undefined) throw new Refusal('translation_foreign', `the runtime has no section ${id}`);
    return new Cursor(bytes, section.from, section.to);
  };
  const entries = (id: number): Entries => {
    const cursor = open(id);
    return { count: cursor.unsigned(), bytes: cursor.rest() };
  };
  const memory = open(5);
  memory.take(2);
  const exports = readExports(open(7));
  const constants = readConstants(open(6));
  const byName = new Map(exports.map((entry) => [entry.name, entry]));
  const find = (name: string): Export => {
    const found = byName.get(name);
    if (found === undefined || (found.kind !== functionKind && found.kind !== globalKind))
      throw new Refusal('translation_foreign', `the runtime exports no \`${name}\``);
    return found;
  };
  return {
    types: entries(1),
    importedType: readImport(open(2)),
    functions: entries(3),
    pages: memory.unsigned(),
    code: entries(10),
    exports,
    kept: new Map(keptSections.filter((id) => sections.has(id)).map((id) => [id, open(id).rest()])),
    index: (name) => find(name).index,
    constant: (name) => {
      const value = constants[find(name).index];
      if (value === undefined) throw new Refusal('translation_foreign', `\`${name}\` is no constant`);
      return value;
    },
  };
}

/** The type of the one function that is imported. */
function readImport(cursor: Cursor): number {
  const count = cursor.unsigned();
  cursor.take(cursor.unsigned());
  cursor.take(cursor.unsigned());
  if (count !== 1 || cursor.byte() !== functionKind)
    throw new Refusal('translation_foreign', 'the runtime has another import than one function');
  return cursor.unsigned();
}

const decoder = new TextDecoder();

function readExports(cursor: Cursor): Export[] {
  const exports: Export[] = [];
  for (let count = cursor.unsigned(); count > 0; count--) {
    const from = cursor.at;
    const name = decoder.decode(cursor.take(cursor.unsigned()));
    const kind = cursor.byte();
    const index = cursor.unsigned();
    exports.push({ name, kind, index, bytes: cursor.bytes.subarray(from, cursor.at) });
  }
  return exports;
}

/** By global, the value that it begins with where that is an `i32.const` and never changes. */
function readConstants(cursor: Cursor): (number | undefined)[] {
  const values: (number | undefined)[] = [];
  for (let count = cursor.unsigned(); count > 0; count--) {
    const type = cursor.byte();
    const isMutable = cursor.byte() !== 0;
    const opcode = cursor.byte();
    let value = 0;
    let shift = 0;
    for (let byte = 0x80; byte >= 0x80; shift += 7) {
      byte = cursor.byte();
      value += (byte & 0x7f) * 2 ** shift;
    }
    cursor.byte();
    values.push(type === 0x7f && opcode === 0x41 && !isMutable ? value : undefined);
  }
  return values;
}
