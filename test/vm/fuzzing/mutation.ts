/** Changes of a module, from single bits to whole sections: all that they do goes by the dice, so that a seed tells what was done. */
import { instructions, limits, type Operand, operandByte, roundings } from '../../../vm/isa.ts';
import { makeLabel } from '../../../vm/label.ts';
import type { Dice } from '../random-program.ts';
import {
  functionOf,
  lengthen,
  putTogether,
  type SectionName,
  type Sections,
  sectionNames,
  takeApart,
  viewOf,
} from './sections.ts';

export interface Mutant {
  readonly bytes: Uint8Array;
  /** What was done, in order. */
  readonly steps: readonly string[];
}

type Change = (dice: Dice, sections: Sections, other: Sections) => string;

/** Numbers next to a limit, to a sign, to nothing. */
const telling: readonly bigint[] = [
  0n,
  1n,
  2n,
  -1n,
  31n,
  32n,
  33n,
  63n,
  64n,
  65n,
  127n,
  128n,
  255n,
  256n,
  1024n,
  BigInt(limits.words),
  BigInt(limits.words) + 1n,
  2n ** 29n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 61n,
  2n ** 63n - 1n,
  2n ** 63n,
];

function setBytes(entry: Uint8Array, at: number, size: number, value: bigint): void {
  for (let byte = 0; byte < size && at + byte < entry.length; byte++)
    entry[at + byte] = Number((BigInt.asUintN(64, value) >> BigInt(8 * byte)) & 255n);
}

function pickSection(dice: Dice, sections: Sections): SectionName {
  const filled = sectionNames.filter((name) => sections[name].length > 0);
  // Half of all changes are of code.
  return dice.below(2) === 0 && sections.code.length > 0 ? 'code' : dice.pick(filled);
}

function pickEntry(
  dice: Dice,
  sections: Sections,
): readonly [name: SectionName, index: number, entry: Uint8Array] {
  const name = pickSection(dice, sections);
  const index = dice.below(sections[name].length);
  return [name, index, sections[name][index] ?? new Uint8Array()];
}

/** Where the numbers of an entry are: byte and size. */
const numbers: Readonly<Record<SectionName, readonly (readonly [at: number, size: number])[]>> = {
  levels: [
    [0, 4],
    [4, 4],
  ],
  constants: [
    [0, 8],
    [8, 4],
    [12, 4],
  ],
  segments: [
    [0, 4],
    [4, 4],
    [8, 4],
    [12, 4],
  ],
  tables: [
    [0, 4],
    [4, 4],
    [8, 4],
    [12, 4],
  ],
  ports: [
    [0, 4],
    [4, 4],
  ],
  grants: [
    [0, 4],
    [4, 4],
    [8, 4],
    [12, 4],
    [16, 8],
    [24, 8],
  ],
  functions: [
    [0, 4],
    [4, 4],
    [8, 1],
    [9, 1],
    [10, 1],
    [11, 1],
    [12, 4],
  ],
  entries: [[0, 8]],
  code: [
    [0, 1],
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 1],
    [5, 1],
    [6, 2],
  ],
};

/** A number in an entry, wholly or by a little. */
const number: Change = (dice, sections) => {
  const [name, index, entry] = pickEntry(dice, sections);
  const anySize = dice.pick([1, 2, 4, 8]);
  const anywhere = [dice.below(Math.ceil(entry.length / anySize)) * anySize, anySize] as const;
  const [at, size] = dice.below(4) === 0 ? anywhere : dice.pick(numbers[name]);
  let value = dice.pick(telling);
  if (dice.below(3) === 0) {
    let old = 0n;
    for (let byte = size - 1; byte >= 0; byte--) old = (old << 8n) | BigInt(entry[at + byte] ?? 0);
    value = old + dice.pick([1n, -1n, 2n, -2n]);
  }
  setBytes(entry, at, size, value);
  return `${name} ${index}: ${size} bytes at ${at} ← ${value}`;
};

const anyLabel = (dice: Dice): number => {
  const authority = dice.below(9);
  const secrecy = dice.below(authority + 1);
  const categories = dice.below(3) === 0 ? [dice.below(16)] : [];
  return makeLabel({ secrecy, authority, categories });
};

const labelBytes: Readonly<Partial<Record<SectionName, readonly number[]>>> = {
  levels: [0],
  constants: [8],
  segments: [4, 8],
  tables: [0],
  ports: [0],
  grants: [4, 8],
  functions: [4],
};

/** A label that is one, where it may not fit. */
const label: Change = (dice, sections) => {
  const name = dice.pick(
    sectionNames.filter((own) => sections[own].length > 0 && labelBytes[own] !== undefined),
  );
  const index = dice.below(sections[name].length);
  const at = dice.pick(labelBytes[name] ?? [0]);
  const value = anyLabel(dice);
  setBytes(sections[name][index] ?? new Uint8Array(), at, 4, BigInt(value));
  return `${name} ${index}: label at ${at} ← ${value.toString(16)}`;
};

/** How many entries an index may be of. */
function entriesFor(sections: Sections, operand: Operand | undefined): number {
  if (operand === 'rounding') return roundings.length;
  const list = operand === undefined ? undefined : sections[`${operand}s` as SectionName];
  return list === undefined ? 1 : list.length;
}

/** One field of an instruction, mostly one that it uses, and to what it may be. */
const field: Change = (dice, sections) => {
  const index = dice.below(sections.code.length);
  const word = sections.code[index] ?? new Uint8Array(8);
  const operands = instructions.find(({ opcode }) => opcode === word[0])?.operands ?? [];
  const used = operands.map((operand) => operandByte[operand]);
  const byte = dice.below(12) === 0 ? dice.below(8) : dice.pick([0, 1, ...used, ...used, ...used]);
  const entries = entriesFor(
    sections,
    operands.find((operand) => operandByte[operand] === byte),
  );
  const most =
    byte === 0 ? instructions.length : byte === 1 ? sections.levels.length : byte < 6 ? 9 : entries;
  const value = (byte === 0 ? 1 : 0) + dice.below(dice.below(12) === 0 ? 256 : Math.max(most, 1));
  word[byte] = value;
  return `code ${index}: byte ${byte} ← ${value}`;
};

/** Another instruction in the place of one, with none of the operands that it has no use for. */
const instruction: Change = (dice, sections) => {
  const index = dice.below(sections.code.length);
  const { opcode, operands, mnemonic } = dice.pick(instructions);
  const word = sections.code[index] ?? new Uint8Array(8);
  const kept = new Set(operands.map((operand) => operandByte[operand]));
  word[0] = opcode;
  for (const byte of [2, 3, 4, 5, 6, 7]) if (!kept.has(byte) && !(byte === 7 && kept.has(6))) word[byte] = 0;
  return `code ${index}: ${mnemonic}`;
};

function insertCode(
  sections: Sections,
  at: number,
  words: readonly Uint8Array[],
  keepsLength: boolean,
): void {
  if (!keepsLength) lengthen(functionOf(sections, Math.min(at, sections.code.length - 1)), 0, words.length);
  sections.code.splice(at, 0, ...words.map((word) => word.slice()));
}

/** A run of instructions, of this module or another, once more. */
const insert: Change = (dice, sections, other) => {
  const from = dice.below(2) === 0 ? sections : other;
  const first = dice.below(from.code.length);
  const count = 1 + dice.below(dice.pick([1, 1, 4, 16]));
  const at = dice.below(sections.code.length);
  const words = from.code.slice(first, first + count);
  insertCode(sections, at, words, dice.below(16) === 0);
  return `code ${at}: ${words.length} instructions from ${first} of ${from === other ? 'another' : 'its own'}`;
};

const remove: Change = (dice, sections) => {
  const at = dice.below(sections.code.length);
  const count = Math.min(1 + dice.below(dice.pick([1, 1, 4])), sections.code.length - at);
  for (let index = 0; index < count; index++) lengthen(functionOf(sections, at), 0, -1);
  sections.code.splice(at, count);
  return `code ${at}: ${count} instructions less`;
};

/** A branch or a loop around some instructions. */
const wrap: Change = (dice, sections) => {
  const first = dice.below(sections.code.length);
  const last = Math.min(first + dice.below(4), sections.code.length - 1);
  const level = sections.code[first]?.[1] ?? 0;
  const register = dice.below(4);
  const isLoop = dice.below(3) === 0;
  const word = (mnemonic: string, a: number, index = 0): Uint8Array => {
    const opcode = instructions.find((own) => own.mnemonic === mnemonic)?.opcode ?? 0;
    return Uint8Array.of(opcode, level, 0, a, 0, 0, index, 0);
  };
  const head = isLoop
    ? [word('loop', 0, dice.below(Math.max(sections.constants.length, 1))), word('while', register)]
    : [word('if', register)];
  insertCode(sections, last, [word('end', 0)], false);
  insertCode(sections, first, head, false);
  return `code ${first} to ${last}: in ${isLoop ? 'a loop' : 'a branch'} by r${register}`;
};

const exchange: Change = (dice, sections) => {
  const { code } = sections;
  const one = dice.below(code.length);
  const two = dice.below(code.length);
  [code[one], code[two]] = [code[two] ?? new Uint8Array(8), code[one] ?? new Uint8Array(8)];
  return `code ${one} ↔ code ${two}`;
};

/** An entry once more, or left out, or of another module. */
const entry: Change = (dice, sections, other) => {
  const name = dice.pick(
    sectionNames.filter((section) => section !== 'code' && sections[section].length > 0),
  );
  const index = dice.below(sections[name].length);
  const own = sections[name][index] ?? new Uint8Array();
  const theirs = other[name];
  const choice = dice.below(theirs.length > 0 ? 3 : 2);
  if (choice === 0) sections[name].splice(index, 1);
  else sections[name].splice(index, 0, (choice === 1 ? own : dice.pick(theirs)).slice());
  return `${name} ${index}: ${['left out', 'twice', 'of another before it'][choice]}`;
};

/** A whole section of another module; of code with its functions, mostly. */
const splice: Change = (dice, sections, other) => {
  const name = dice.pick(sectionNames);
  const isCode = (name === 'code' || name === 'functions') && dice.below(4) !== 0;
  const names: readonly SectionName[] = isCode ? ['functions', 'code'] : [name];
  for (const one of names) sections[one] = other[one].map((bytes) => bytes.slice());
  return `${names.join(' and ')} of another`;
};

/** The bytes of one section where those of another should be. */
const swap: Change = (dice, sections) => {
  const one = dice.pick(sectionNames);
  const two = dice.pick(sectionNames);
  [sections[one], sections[two]] = [sections[two], sections[one]];
  return `${one} ↔ ${two}`;
};

/** Two functions in each other's place, with their code where it was. */
const order: Change = (dice, sections) => {
  const { functions } = sections;
  const one = dice.below(functions.length);
  const two = dice.below(functions.length);
  const [first, second] = [functions[one], functions[two]];
  if (first !== undefined && second !== undefined) [functions[one], functions[two]] = [second, first];
  return `function ${one} ↔ function ${two}`;
};

/** Of sections put together: each is there as often as it is to be chosen. */
const changes: readonly Change[] = [
  ...[number, number, number, label, label],
  ...[field, field, field, field, field, field, field, field],
  ...[instruction, instruction, insert, insert, insert, insert, remove, remove, exchange, wrap, wrap],
  ...[entry, splice, swap, order],
];

/** Of bytes alone, whatever they mean. */
function changeBytes(dice: Dice, bytes: Uint8Array): readonly [Uint8Array, string] {
  const at = dice.below(Math.max(bytes.length, 1));
  const choice = dice.below(6);
  const copy = bytes.slice();
  if (choice === 0) return [bytes.slice(0, at), `cut off at ${at}`];
  if (choice === 1) {
    const more = 1 + dice.below(24);
    return [new Uint8Array([...bytes, ...new Uint8Array(more).fill(dice.below(256))]), `${more} bytes more`];
  }
  if (choice === 2) {
    copy[at] = (copy[at] ?? 0) ^ (1 << dice.below(8));
    return [copy, `a bit of byte ${at}`];
  }
  // A number of the header: counts and lengths.
  if (choice === 3 || choice === 4) {
    const byte = 2 * dice.below(16);
    const value = dice.below(2) === 0 ? dice.pick(telling) : BigInt((copy[byte] ?? 0) + dice.pick([1, -1]));
    const size = dice.pick([2, 4]);
    setBytes(copy, byte, size, value);
    return [copy, `header: ${size} bytes at ${byte} ← ${value}`];
  }
  const from = dice.below(Math.max(bytes.length, 1));
  const size = Math.min(1 + dice.below(32), bytes.length - Math.max(at, from));
  copy.copyWithin(at, from, from + size);
  return [copy, `${size} bytes at ${from} to ${at}`];
}

/** One to four changes of `base`, or of what it shares with `other`. */
export function mutate(dice: Dice, base: Uint8Array, other: Uint8Array): Mutant {
  let bytes = base;
  const steps: string[] = [];
  for (let count = dice.pick([1, 1, 1, 2, 2, 3, 4]); count > 0; count--) {
    const sections = takeApart(bytes);
    const theirs = takeApart(other);
    const isWhole = sections !== undefined && theirs !== undefined;
    if (!isWhole || sections.code.length === 0 || sections.functions.length === 0 || dice.below(12) === 0) {
      const [changed, step] = changeBytes(dice, bytes);
      bytes = changed;
      steps.push(step);
    } else {
      steps.push(dice.pick(changes)(dice, sections, theirs));
      bytes = putTogether(sections);
    }
  }
  return { bytes, steps };
}

/** The instruction at a byte of a module, or the section that the byte is in. */
export function nameOf(bytes: Uint8Array, offset: number): string {
  const sections = takeApart(bytes);
  if (sections === undefined || offset < 64) return 'header';
  let at = 64;
  for (const name of sectionNames) {
    const size = sections[name].reduce((sum, { length }) => sum + length, 0);
    if (offset < at + size) {
      if (name !== 'code') return name;
      const opcode = viewOf(bytes).getUint8(offset);
      return instructions.find((own) => own.opcode === opcode)?.mnemonic ?? 'nothing';
    }
    at += size;
  }
  return 'end';
}
