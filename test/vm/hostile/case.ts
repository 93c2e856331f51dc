/** Modules that must not be loaded, each with the one answer that it must get. */
import type { RefusalName } from '../../../vm/isa.ts';
import { makeLabel } from '../../../vm/label.ts';
import { encodeModule, type Module } from '../../../vm/module.ts';
import { packSymbol } from '../../../vm/symbol.ts';
import { assembled } from '../machine.ts';
import { declarations } from '../text-program.ts';

export interface HostileCase {
  readonly name: string;
  readonly refused: RefusalName;
  /** The byte that the refusal is about. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** What the loader is told; the number of bytes where nothing is said. */
  readonly length?: number;
}

/** Where the sections of a module begin. */
export interface Places {
  readonly levels: number;
  readonly constants: number;
  readonly segments: number;
  readonly tables: number;
  readonly ports: number;
  readonly grants: number;
  readonly functions: number;
  readonly entries: number;
  readonly code: number;
  readonly end: number;
}

/** By what its header says. */
export function placesOf(bytes: Uint8Array): Places {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizes = [8, 16, 16, 16, 8, 32, 16];
  const starts = [64];
  for (const [index, size] of sizes.entries())
    starts.push((starts.at(-1) ?? 64) + view.getUint16(8 + 2 * index, true) * size);
  const [
    levels = 0,
    constants = 0,
    segments = 0,
    tables = 0,
    ports = 0,
    grants = 0,
    functions = 0,
    entries = 0,
  ] = starts;
  const code = entries + view.getUint32(24, true) * 8;
  const end = code + view.getUint32(28, true) * 8;
  return { levels, constants, segments, tables, ports, grants, functions, entries, code, end };
}

export const label = (secrecy: number, authority: number, ...categories: number[]): number =>
  makeLabel({ secrecy, authority, categories });

export const symbol = (text: string): bigint => {
  const word = packSymbol(text);
  if (word === undefined) throw new Error(`${text} is no symbol`);
  return word;
};

const word = (
  opcode: number,
  registers: readonly [number, number, number, number] = [0, 0, 0, 0],
  index = 0,
): Module['functions'][number]['code'][number] => ({ opcode, level: 0, registers, index });

/** Something of everything, and good. */
export const good: Module = {
  levels: [label(0, 8, 1), label(0, 8)],
  constants: [
    { type: 'number', value: 1n, label: 0 },
    { type: 'symbol', value: symbol('USD'), label: 0 },
  ],
  segments: [
    { type: 'number', length: 2, label: 0, ceiling: label(4, 4, 1) },
    { type: 'symbol', length: 3, label: label(4, 8), ceiling: label(4, 8) },
  ],
  tables: [
    { type: 'number', label: 0, sorted: true, entries: [-1n, 1n, 2n] },
    { type: 'symbol', label: 0, sorted: false, entries: [symbol('USD'), symbol('EUR')] },
  ],
  ports: [
    { type: 'number', label: 0 },
    { type: 'symbol', label: label(4, 4) },
  ],
  grants: [
    { kind: 'declassify', from: label(4, 4, 1), to: label(0, 4), uses: 1, least: -1n, most: 1n },
    { kind: 'endorse', from: label(1, 2), to: label(1, 6), uses: 2, least: 0n, most: 0n },
  ],
  functions: [
    // The greater of its arguments.
    {
      authority: label(0, 6),
      parameters: ['number', 'number'],
      results: ['number'],
      code: [word(22, [0, 0, 1, 0]), word(34, [0, 0, 0, 0])],
    },
    {
      authority: 0,
      parameters: [],
      results: [],
      // 1 and 1 + 1: 2, to port 0 … of A6, which is below it, so only where it may: to r3.
      code: [
        word(1, [1, 0, 0, 0], 0),
        word(3, [2, 1, 1, 0]),
        word(33, [3, 1, 0, 0], 0),
        word(37, [0, 2, 0, 0], 0),
        word(38),
      ],
    },
  ],
};

export const goodBytes: Uint8Array = encodeModule(good);
export const goodPlaces: Places = placesOf(goodBytes);

export type Field = readonly [kind: 'u8' | 'u16' | 'u32' | 'i64', at: number, value: number | bigint];

/** A copy with these fields written over it. */
export function poked(bytes: Uint8Array, ...fields: readonly Field[]): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (const [kind, at, value] of fields) {
    if (kind === 'u8') view.setUint8(at, Number(value));
    else if (kind === 'u16') view.setUint16(at, Number(value), true);
    else if (kind === 'u32') view.setUint32(at, Number(value), true);
    else view.setBigInt64(at, BigInt(value), true);
  }
  return copy;
}

/** The good module with these fields in it, refused at `offset`. */
export function spoilt(
  name: string,
  refused: RefusalName,
  offset: number,
  ...fields: readonly Field[]
): HostileCase {
  return { name, refused, offset, bytes: poked(goodBytes, ...fields) };
}

/** A whole program after the declarations of test/vm/text-program.ts, its instructions parted by commas or lines. */
export function program(text: string): Uint8Array {
  return assembled(`${declarations}${text.replaceAll(/, */g, '\n')}`).bytes;
}

/** The byte of an instruction, counted from 0 over all functions. */
export function codeByte(bytes: Uint8Array, instruction: number): number {
  return placesOf(bytes).code + instruction * 8;
}

/** A program in text, to its end, refused at the instruction counted from 0 over all functions. */
export function written(text: string, refused: RefusalName, instruction: number): HostileCase {
  const bytes = program(text);
  return { name: text, refused, offset: codeByte(bytes, instruction), bytes };
}

/** A module of other parts. */
export function changed(
  name: string,
  refused: RefusalName,
  parts: Partial<Module>,
  offset: (places: Places) => number,
): HostileCase {
  const bytes = encodeModule({ ...good, ...parts });
  return { name, refused, offset: offset(placesOf(bytes)), bytes };
}
