/**
 * Noninterference step by step, after Hriţcu et al., "Testing Noninterference, Quickly" (J. Funct. Program. 26, 2016):
 *
 *   EENI  end to end: two runs from inputs that look alike end in what looks alike (oracles.ts)
 *   LLNI  low lockstep: they also look alike whenever pc is in sight, so that a run that traps later counts
 *   SSNI  single step: from any two states that look alike, one step; where pc is out of sight, a step changes nothing in sight
 *   MSNI  multi step: from any two states that look alike, in low lockstep to the end
 *
 * A pair of states for SSNI and MSNI is a state that was reached, and the same with other values and higher labels
 * wherever the observer does not see. And well-formedness: what must hold of every state, whoever observes.
 */
import { instructions } from '../../vm/isa.ts';
import { makeLabel } from '../../vm/label.ts';
import type { Module } from '../../vm/module.ts';
import { type BareSteppingMachine, encoded, loadBare } from './machine.ts';
import {
  count,
  fuel,
  inputsOf,
  observers,
  otherConstants,
  otherSecrets,
  programOf,
  registersOf,
  seenBy,
  type Tally,
} from './oracles.ts';
import { Dice, type Input } from './random-program.ts';

function put(machine: BareSteppingMachine, bytes: Uint8Array): void {
  const refused = loadBare(machine, bytes);
  if (refused !== 0) throw new Error(`a generated module was refused: ${refused} at ${machine.refusedAt()}`);
}

const branching: ReadonlySet<number> = new Set(
  instructions.flatMap(({ mnemonic, opcode }) =>
    ['if', 'while', 'call'].includes(mnemonic) ? [opcode] : [],
  ),
);

/** Two machines with the same program; what is common to both is known of the module. */
export class Twins {
  readonly one: BareSteppingMachine;
  readonly two: BareSteppingMachine;
  private readonly module: Module;
  private readonly branches: readonly boolean[];
  /** By instruction, how many registers its function has. */
  private readonly live: readonly number[];
  private readonly memories: readonly [Memory, Memory];

  constructor(one: BareSteppingMachine, two: BareSteppingMachine, module: Module) {
    this.one = one;
    this.two = two;
    this.module = module;
    const bytes = encoded(module);
    for (const machine of [one, two]) put(machine, bytes);
    this.branches = module.functions.flatMap(({ code }) => code.map(({ opcode }) => branching.has(opcode)));
    this.live = module.functions.flatMap((body) => {
      const registers = registersOf(body, module.functions);
      return body.code.map(() => registers);
    });
    this.memories = [new Memory(one, module), new Memory(two, module)];
  }

  /** To the beginning of a run; machine two of another module with the same code, where one is given. */
  begin(first: readonly Input[], second: readonly Input[], other?: Module): void {
    if (other !== undefined) put(this.two, encoded(other));
    for (const [machine, inputs] of [
      [this.one, first],
      [this.two, second],
    ] as const) {
      machine.reset();
      for (const { segment, index, value } of inputs) machine.setWord(segment, index, value);
      machine.begin(fuel);
    }
  }

  /** Registers of the main function and of all calls that are open. */
  private cells(machine: BareSteppingMachine): number {
    return machine.frameStart() + (this.live[machine.position()] ?? 0);
  }

  /** Whether machine one is at an instruction that may raise pc. */
  isAtBranch(): boolean {
    return this.branches[this.one.position()] ?? false;
  }

  /** What an observer sees to differ; where things stand is compared only `where` both are in sight. */
  differ(observer: number, where: boolean): string | undefined {
    const { one, two } = this;
    if (where) {
      if (one.position() !== two.position()) return `position ${one.position()} and ${two.position()}`;
      if (one.contextLabel() !== two.contextLabel()) return 'pc has two labels, both seen';
      if (one.openDepth() !== two.openDepth() || one.frameStart() !== two.frameStart()) return 'other depth';
      // Fuel is for everybody: it may tell of no secret. Of what is trusted and what is not it may.
      if ((observer & 0xff) === 0xff && one.fuelLeft() !== two.fuelLeft())
        return `fuel ${one.fuelLeft()} and ${two.fuelLeft()}`;
    }
    const cells = Math.min(this.cells(one), this.cells(two));
    const [first, second] = this.memories;
    for (let cell = 0; cell < cells; cell++) {
      const told = tell(observer, first.register(cell), second.register(cell));
      if (told !== undefined) return `register ${cell} ${told}`;
    }
    for (let word = 0; word < first.words; word++) {
      const told = tell(observer, first.word(word), second.word(word));
      if (told !== undefined) return `word ${word} ${told}`;
    }
    return undefined;
  }

  /**
   * Other labels for registers and words, the same in both machines: states that are well-formed, and that few runs would
   * come to. None is below pc, to which the registers that a branch or loop may write were raised.
   */
  scatter(dice: Dice): void {
    const pc = this.one.contextLabel() >>> 0;
    const other = (label: number, ceiling: number): number => {
      const drawn = (dice.pick(scattered) | pc) >>> 0;
      return dice.below(2) === 0 && isHandled(drawn) && (drawn & ~ceiling) === 0 ? drawn : label;
    };
    const [first, second] = this.memories;
    for (let cell = 0, cells = this.cells(this.one); cell < cells; cell++) {
      const { value, label } = first.register(cell);
      const drawn = other(label, -1);
      first.setRegister(cell, value, drawn);
      second.setRegister(cell, value, drawn);
    }
    for (let word = 0; word < first.words; word++) {
      const { value, label } = first.word(word);
      const drawn = other(label, first.ceiling(word));
      first.setWord(word, value, drawn);
      second.setWord(word, value, drawn);
    }
  }

  /** Other values, and now and then higher labels, for all in the second machine that the observer does not see. */
  vary(observer: number, dice: Dice): void {
    const memory = this.memories[1];
    const value = (): bigint =>
      dice.below(12) === 0 ? dice.pick([2n ** 63n - 1n, -(2n ** 63n), -1n]) : BigInt(dice.below(5));
    const higher = (label: number, ceiling: number): number => {
      if (dice.below(4) !== 0) return label;
      const raised = (label | dice.pick([0x200, 0x400, 0x01000000, 0x03000000])) >>> 0;
      return isHandled(raised) && isLabel(raised) && (raised & ~ceiling) === 0 ? raised : label;
    };
    for (let cell = 0, cells = this.cells(this.two); cell < cells; cell++) {
      const { label } = memory.register(cell);
      if (!seenBy(observer, label)) memory.setRegister(cell, value(), higher(label, -1));
    }
    for (let word = 0; word < memory.words; word++) {
      const { label } = memory.word(word);
      if (!seenBy(observer, label)) memory.setWord(word, value(), higher(label, memory.ceiling(word)));
    }
  }

  /** The first thing in machine one's state that must never be. */
  malformed(): string | undefined {
    const machine = this.one;
    const memory = this.memories[0];
    const pc = machine.contextLabel() >>> 0;
    if (!isLabel(pc) || !isHandled(pc)) return `pc ${pc.toString(16)}`;
    let below = this.module.functions.at(-1)?.authority ?? 0;
    for (let depth = 0; depth < machine.openDepth(); depth++) {
      const before = memory.stackLabel(depth);
      if ((below & ~before) !== 0) return `the pc stack falls at ${depth}`;
      below = before;
    }
    if ((below & ~pc) !== 0) return 'pc is below the one on the stack';
    for (let cell = 0, cells = this.cells(machine); cell < cells; cell++) {
      const { label } = memory.register(cell);
      if (!isLabel(label) || !isHandled(label)) return `register ${cell} has label ${label.toString(16)}`;
    }
    for (let word = 0; word < memory.words; word++) {
      const { label } = memory.word(word);
      if (!isLabel(label) || !isHandled(label)) return `word ${word} has label ${label.toString(16)}`;
      if ((label & ~memory.ceiling(word)) !== 0) return `word ${word} is above its ceiling`;
    }
    if (machine.isPaying() !== (isPublic(pc) ? 1 : 0))
      return 'what runs is charged though it is secret, or not though it is public';
    return undefined;
  }
}

/** Public, secret in three ways, less trusted, and both. */
const scattered: readonly number[] = [
  makeLabel({ secrecy: 0, authority: 8, categories: [] }),
  makeLabel({ secrecy: 0, authority: 8, categories: [2] }),
  makeLabel({ secrecy: 2, authority: 8, categories: [] }),
  makeLabel({ secrecy: 4, authority: 6, categories: [1] }),
  makeLabel({ secrecy: 0, authority: 2, categories: [] }),
  makeLabel({ secrecy: 2, authority: 2, categories: [2] }),
];

const isHandled = (label: number): boolean => (label & (label << 24)) === 0;
const isPublic = (label: number): boolean => (label & 0xffffff00) === 0;

function isLabel(label: number): boolean {
  const secrecy = label >>> 24;
  const authority = ~label & 0xff;
  return (secrecy & (secrecy + 1)) === 0 && (authority & (authority + 1)) === 0;
}

interface Cell {
  readonly value: bigint;
  readonly label: number;
}

function tell(observer: number, one: Cell, two: Cell): string | undefined {
  const seen = seenBy(observer, one.label);
  if (seen !== seenBy(observer, two.label)) return 'is seen in one run only';
  if (!seen) return undefined;
  if (one.label !== two.label) return 'has two labels, both seen';
  return one.value === two.value ? undefined : `is ${one.value} and ${two.value}, seen`;
}

/** A machine's memory, which does not grow, as words and labels. */
class Memory {
  readonly words: number;
  private readonly values: BigInt64Array;
  private readonly labels: Uint32Array;
  private readonly frames: number;
  private readonly stack: number;
  /** By word: where its value is in `values`, its label in `labels`, and its segment's ceiling. */
  private readonly places: readonly {
    readonly value: number;
    readonly label: number;
    readonly ceiling: number;
  }[];

  constructor(machine: BareSteppingMachine, module: Module) {
    this.values = new BigInt64Array(machine.memory.buffer);
    this.labels = new Uint32Array(machine.memory.buffer);
    this.frames = machine.frameAddress();
    this.stack = machine.stackAddress();
    this.places = module.segments.flatMap(({ length, ceiling }, segment) =>
      Array.from({ length }, (_, index) => ({
        value: machine.segmentAddress(segment) / 8 + index,
        label: machine.segmentLabelAddress(segment) / 4 + index,
        ceiling,
      })),
    );
    this.words = this.places.length;
  }

  register(cell: number): Cell {
    return {
      value: this.values[this.frames / 8 + cell * 2] ?? 0n,
      label: this.labels[this.frames / 4 + cell * 4 + 2] ?? 0,
    };
  }

  setRegister(cell: number, value: bigint, label: number): void {
    this.values[this.frames / 8 + cell * 2] = value;
    this.labels[this.frames / 4 + cell * 4 + 2] = label;
  }

  private place(word: number): { readonly value: number; readonly label: number; readonly ceiling: number } {
    const place = this.places[word];
    if (place === undefined) throw new Error(`no word ${word}`);
    return place;
  }

  word(word: number): Cell {
    const { value, label } = this.place(word);
    return { value: this.values[value] ?? 0n, label: this.labels[label] ?? 0 };
  }

  setWord(word: number, value: bigint, label: number): void {
    const place = this.place(word);
    this.values[place.value] = value;
    this.labels[place.label] = label;
  }

  ceiling(word: number): number {
    return this.place(word).ceiling;
  }

  stackLabel(depth: number): number {
    return this.labels[this.stack / 4 + depth * 4] ?? 0;
  }
}

type Progress = 'in sight' | 'finished' | 'trapped';

/** Goes on until pc is in sight. */
function advance(machine: BareSteppingMachine, observer: number): Progress {
  for (;;) {
    const code = machine.step();
    if (code === 0) return 'finished';
    if (code !== 255) return 'trapped';
    if (seenBy(observer, machine.contextLabel())) return 'in sight';
  }
}

/** Both machines in low lockstep from where they stand. */
function lockstep(twins: Twins, observer: number, tally: Tally, name: string): string | undefined {
  for (;;) {
    const one = advance(twins.one, observer);
    const two = advance(twins.two, observer);
    if (one === 'trapped' || two === 'trapped') {
      count(tally, `${name} trapped`);
      return undefined;
    }
    if (one !== two) return `one run is ${one}, the other ${two}`;
    const told = twins.differ(observer, true);
    if (told !== undefined) return told;
    if (one === 'finished') {
      count(tally, `${name} finished`);
      return undefined;
    }
  }
}

function pickObserver(dice: Dice): number {
  return dice.pick(observers);
}

export type TwinOracle = (
  machines: readonly [BareSteppingMachine, BareSteppingMachine],
  seed: number,
  tally: Tally,
) => string | undefined;

function makeTwins(
  machines: readonly [BareSteppingMachine, BareSteppingMachine],
  seed: number,
): { twins: Twins; module: Module } {
  const module = programOf(machines[0], seed, false);
  return { twins: new Twins(machines[0], machines[1], module), module };
}

export const lowLockstep: TwinOracle = (machines, seed, tally) => {
  const { twins, module } = makeTwins(machines, seed);
  const observer = pickObserver(new Dice(seed ^ 0x1b56c4e9));
  const inputs = inputsOf(seed, module);
  const other = seed % 3 === 0 ? otherConstants(seed, module, observer) : undefined;
  twins.begin(inputs, otherSecrets(seed, module, inputs, observer), other);
  return lockstep(twins, observer, tally, 'LLNI');
};

/** How many states of one program are varied. */
const tries = 8;

/** Both to the same state, some way into the run, every other time to where it may branch; false where it ended before. */
function reach(twins: Twins, module: Module, seed: number, dice: Dice): boolean {
  const inputs = inputsOf(seed, module);
  twins.begin(inputs, inputs);
  const toBranch = dice.below(2) === 0;
  for (let steps = dice.below(120); steps > 0 || (toBranch && !twins.isAtBranch()); steps--) {
    if (twins.one.step() !== 255) return false;
    twins.two.step();
  }
  return true;
}

export const singleStep: TwinOracle = (machines, seed, tally) => {
  const { twins, module } = makeTwins(machines, seed);
  const dice = new Dice(seed ^ 0x3c6ef372);
  for (let left = tries; left > 0; left--) {
    const observer = pickObserver(dice);
    if (!reach(twins, module, seed, dice) || !seenBy(observer, twins.one.contextLabel())) continue;
    twins.scatter(dice);
    twins.vary(observer, dice);
    const [one, two] = [twins.one.step(), twins.two.step()];
    if (one !== two || one !== 255) continue;
    const seen = seenBy(observer, twins.one.contextLabel());
    // One may have left a loop on a secret and the other not: when they meet again is for MSNI.
    if (seen !== seenBy(observer, twins.two.contextLabel())) continue;
    count(tally, seen ? 'SSNI in sight' : 'SSNI going out of sight');
    const told = twins.differ(observer, seen);
    if (told !== undefined) return told;
  }
  return outOfSight(twins, module, seed, pickObserver(dice), tally);
};

/** A step while pc is out of sight changes nothing in sight: the second machine is always one step behind. */
function outOfSight(
  twins: Twins,
  module: Module,
  seed: number,
  observer: number,
  tally: Tally,
): string | undefined {
  const inputs = inputsOf(seed, module);
  twins.begin(inputs, inputs);
  for (;;) {
    const before = seenBy(observer, twins.one.contextLabel());
    if (twins.one.step() !== 255) return undefined;
    if (!before && !seenBy(observer, twins.one.contextLabel())) {
      count(tally, 'SSNI out of sight');
      const told = twins.differ(observer, false);
      if (told !== undefined) return told;
    }
    twins.two.step();
  }
}

export const multiStep: TwinOracle = (machines, seed, tally) => {
  const { twins, module } = makeTwins(machines, seed);
  const dice = new Dice(seed ^ 0x4f1bbcdc);
  for (let left = tries; left > 0; left--) {
    const observer = pickObserver(dice);
    if (!reach(twins, module, seed, dice) || !seenBy(observer, twins.one.contextLabel())) continue;
    if (left % 2 === 0) twins.scatter(dice);
    twins.vary(observer, dice);
    const told = lockstep(twins, observer, tally, 'MSNI');
    if (told !== undefined) return told;
  }
  return undefined;
};

/** Every state of one run. */
export const wellFormed: TwinOracle = (machines, seed, tally) => {
  const module = programOf(machines[0], seed, true);
  const twins = new Twins(machines[0], machines[1], module);
  const inputs = inputsOf(seed, module);
  twins.begin(inputs, inputs);
  for (;;) {
    const broken = twins.malformed();
    if (broken !== undefined) return broken;
    count(tally, 'states');
    if (twins.one.step() !== 255) return undefined;
  }
};
