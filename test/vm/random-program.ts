/** Generated programs for the machine's tests: structured, verified, and aimed at every rule from both sides. */
import { instructions } from '../../vm/isa.ts';
import { makeLabel } from '../../vm/label.ts';
import type { CodeWord, Module } from '../../vm/module.ts';

/** Small and repeatable (mulberry32): a program is named by its seed. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  below(count: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

const label = (secrecy: number, authority: number, ...categories: number[]): number =>
  makeLabel({ secrecy, authority, categories });

/** The first level handles everything; the others each lack something. */
const levels = [label(0, 8, 1, 2), label(0, 8), label(0, 6, 1, 2), label(0, 2, 1), label(2, 8, 1, 2)];

const constants = [
  { value: 0n, label: label(0, 8) },
  { value: 1n, label: label(0, 8) },
  { value: 2n, label: label(0, 8) },
  { value: 3n, label: label(0, 6) },
  { value: -1n, label: label(0, 8) },
  { value: 1n, label: label(3, 8) },
  { value: 2n, label: label(0, 2) },
  { value: 2n ** 63n - 1n, label: label(0, 8) },
  { value: -(2n ** 63n), label: label(0, 8) },
];

const segments = [
  { length: 4, label: label(0, 8), ceiling: label(0, 8) },
  { length: 4, label: label(4, 8, 1), ceiling: label(4, 6, 1) },
  { length: 3, label: label(0, 8), ceiling: label(8, 8, 1, 2) },
  { length: 2, label: label(0, 2), ceiling: label(0, 2) },
  { length: 2, label: label(2, 8, 2), ceiling: label(4, 6, 1, 2) },
  { length: 2, label: label(0, 8, 2), ceiling: label(0, 8, 2) },
];

const ports = [label(0, 8), label(0, 6), label(4, 6, 1), label(8, 8, 1, 2), label(0, 8, 2), label(0, 0)];

const grants = [
  { kind: 'declassify', from: label(4, 6, 1), to: label(0, 6), least: 0n, most: 1n },
  { kind: 'endorse', from: label(0, 2), to: label(0, 6), least: 0n, most: 9n },
] as const;

/** Outputs, and the registers that their values most often come from. */
const registerCount = 8;

export interface GenerationOptions {
  readonly seed: number;
  /** Without them noninterference holds outright. */
  readonly releases: boolean;
}

export function randomProgram(options: GenerationOptions): Module {
  const dice = new Dice(options.seed);
  const code: CodeWord[] = [];

  function emit(mnemonic: string, registers: [number, number, number, number], index = 0): void {
    const instruction = instructions.find((candidate) => candidate.mnemonic === mnemonic);
    if (instruction === undefined) throw new Error(`no instruction ${mnemonic}`);
    // Mostly the level that handles everything, so that programs get somewhere.
    const level = dice.below(30) === 0 ? dice.below(levels.length) : 0;
    code.push({ opcode: instruction.opcode, level, registers, index });
  }

  const any = (): number => dice.below(registerCount);

  function loadAny(segment = dice.below(segments.length)): void {
    const address = dice.below(5) === 0 ? any() : 31;
    if (address === 31) emit('const', [31, 0, 0, 0], dice.below(2));
    emit('load', [any(), address, 0, 0], segment);
  }

  function statement(depth: number): void {
    const choice = dice.below(24);
    if (choice < 3) emit('const', [any(), 0, 0, 0], dice.below(constants.length));
    else if (choice < 6) loadAny();
    else if (choice < 11)
      emit(dice.pick(['add', 'sub', 'mul', 'and', 'or', 'xor', 'eq', 'ne', 'lt', 'le', 'min']), [
        any(),
        any(),
        any(),
        0,
      ]);
    else if (choice < 12) emit('mov', [any(), any(), 0, 0]);
    else if (choice < 13) emit('select', [any(), any(), any(), any()]);
    else if (choice < 15) {
      const address = dice.below(5) === 0 ? any() : 30;
      if (address === 30) emit('const', [30, 0, 0, 0], dice.below(2));
      emit('store', [0, address, any(), 0], dice.pick([0, 1, 1, 2, 2, 4, 5]));
    } else if (choice < 19 && depth < 3) {
      emit('if', [0, any(), 0, 0]);
      for (let count = dice.below(4); count > 0; count--) statement(depth + 1);
      if (dice.below(3) !== 0) {
        emit('else', [0, 0, 0, 0]);
        for (let count = dice.below(4); count > 0; count--) statement(depth + 1);
      }
      emit('end', [0, 0, 0, 0]);
    } else if (choice < 21) emit('output', [0, any(), 0, 0], dice.pick([0, 1, 2, 3, 3, 3, 4, 5]));
    else if (options.releases && choice < 23) {
      const declassifies = dice.below(2) === 0;
      const register = any();
      if (dice.below(2) === 0) {
        // Something that the grant covers, more often than chance would have it.
        loadAny(declassifies ? 1 : 3);
        const last = code.at(-1)?.registers[0] ?? 0;
        if (declassifies) emit('eq', [last, last, 29, 0]);
        emit(declassifies ? 'declassify' : 'endorse', [any(), last, 0, 0], declassifies ? 0 : 1);
      } else emit(declassifies ? 'declassify' : 'endorse', [any(), register, 0, 0], declassifies ? 0 : 1);
    } else loadAny(1);
  }

  for (let count = 4 + dice.below(14); count > 0; count--) statement(0);
  emit('halt', [0, 0, 0, 0]);
  return { levels, constants, segments, ports: [...ports], grants: [...grants], code };
}

export interface Input {
  readonly segment: number;
  readonly index: number;
  readonly value: bigint;
}

/** A value for every word: small ones, so that they are often equal, often addresses, and now and then an extreme. */
export function randomInputs(seed: number, module: Module): Input[] {
  const dice = new Dice(seed);
  return module.segments.flatMap(({ length }, segment) =>
    Array.from({ length }, (_, index) => ({
      segment,
      index,
      value: dice.below(12) === 0 ? dice.pick([2n ** 63n - 1n, -(2n ** 63n), -1n]) : BigInt(dice.below(5)),
    })),
  );
}
