/**
 * Label inference: which labels are possible at each place of the proven versions, from the main function with its authority on, over all
 * calls. Whatever it finds is proven again by the checker: a fault here costs a refused translation, never a wrong one.
 */

import { authorityBits } from '../label.ts';
import type { Module } from '../module.ts';
import type { Interval } from './claims.ts';
import { anything, exactly, isSame, join, mask, meet, State } from './label-state.ts';
import type { Body, Loop, Node, Step } from './program-tree.ts';

/** What a proven version may be called with, and gives. */
export interface Entry {
  pc: Interval;
  uncleared: Interval;
  readonly parameters: Interval[];
}

export interface Inferred {
  readonly uniform: readonly boolean[];
  /** By function; undefined where no proven version calls it. */
  readonly entries: readonly (Entry | undefined)[];
  readonly results: readonly (readonly Interval[])[];
  /** By instruction, `end` of a loop included: what is known before it. */
  readonly before: ReadonlyMap<number, State>;
  /** By `loop`: what is known at its head, in every round. */
  readonly heads: ReadonlyMap<number, State>;
}

/** The innermost loop that is being walked. */
interface OpenLoop {
  readonly writes: number;
  /** What its `while`s leave with. */
  exit: State | undefined;
}

export function inferLabels(module: Module, bodies: readonly Body[]): Inferred {
  let uniform = module.segments.map(() => true);
  for (;;) {
    const pass = new Inference(module, bodies, uniform);
    const broken = pass.run();
    if (broken.size === 0) {
      const { entries, results, before, heads } = pass;
      return { uniform, entries, results, before, heads };
    }
    uniform = uniform.map((was, segment) => was && !broken.has(segment));
  }
}

/** The label that words of a segment have where it is declared uniform, and where not. */
export function wordLabel(module: Module, segment: number, uniform: boolean): Interval {
  const declared = module.segments[segment];
  if (declared === undefined) return anything;
  return uniform ? exactly(declared.label) : [0, declared.ceiling >>> 0];
}

/** What a grant gives from the label that it is used on. */
export function givenLabel(module: Module, { word, mnemonic }: Step, label: Interval): Interval {
  const to = module.grants[word.index]?.to ?? 0;
  return mnemonic === 'declassify'
    ? join(mask(label, authorityBits), exactly(to & ~authorityBits))
    : join(mask(label, ~authorityBits), exactly(to & authorityBits));
}

class Inference {
  readonly entries: (Entry | undefined)[];
  readonly results: Interval[][];
  readonly before = new Map<number, State>();
  private readonly module: Module;
  private readonly bodies: readonly Body[];
  private readonly uniform: readonly boolean[];
  /** They only widen, so that nested loops settle together. */
  readonly heads = new Map<number, State>();
  /** Functions that were walked in this pass. */
  private readonly walked = new Set<number>();
  private readonly broken = new Set<number>();
  private changed = true;

  constructor(module: Module, bodies: readonly Body[], uniform: readonly boolean[]) {
    this.module = module;
    this.bodies = bodies;
    this.uniform = uniform;
    this.entries = bodies.map(() => undefined);
    this.results = bodies.map(() => []);
  }

  /** Segments that turned out not to be uniform although they were taken for it. */
  run(): ReadonlySet<number> {
    const main = this.bodies.length - 1;
    this.entries[main] = {
      pc: exactly(this.module.functions[main]?.authority ?? 0),
      uncleared: exactly(0),
      parameters: [],
    };
    // Later calls may widen what earlier ones were told.
    while (this.changed) {
      this.changed = false;
      this.walked.clear();
      this.walkFunction(main);
    }
    return this.broken;
  }

  private walkFunction(index: number): void {
    const body = this.bodies[index];
    const entry = this.entries[index];
    if (body === undefined || entry === undefined) return;
    this.walked.add(index);
    const registers: Interval[] = [];
    for (let r = 0; r < body.registers; r++) registers.push(entry.parameters[r] ?? entry.pc);
    this.walk(body.nodes, new State(entry.pc, registers), index, undefined);
  }

  private walk(nodes: readonly Node[], state: State, index: number, loop: OpenLoop | undefined): void {
    for (const node of nodes) {
      this.before.set(node.at, state.copy());
      if (node.kind === 'loop') this.walkLoop(node, state, index);
      else if (node.kind === 'step') this.walkStep(node, state, index);
      else {
        const label = join(state.pc, exactly(node.level), state.label(node.word.registers[1]));
        const { pc } = state;
        state.raise(node.kind === 'while' ? (loop?.writes ?? 0) : node.writes, label);
        state.pc = label;
        if (node.kind === 'while') {
          if (loop?.exit !== undefined) loop.exit.widen(state);
          else if (loop !== undefined) loop.exit = state.copy();
          continue;
        }
        const other = state.copy();
        this.walk(node.arm, state, index, undefined);
        if (node.otherArm !== undefined) this.walk(node.otherArm, other, index, undefined);
        state.widen(other);
        state.pc = pc;
      }
    }
  }

  private walkLoop(node: Loop, state: State, index: number): void {
    const { pc } = state;
    const head = this.heads.get(node.at) ?? state.copy();
    this.heads.set(node.at, head);
    head.widen(state);
    for (;;) {
      const round = head.copy();
      const loop: OpenLoop = { writes: node.writes, exit: undefined };
      this.walk(node.body, round, index, loop);
      this.before.set(node.endAt, round.copy());
      if (head.widen(round)) continue;
      const { registers } = loop.exit ?? round;
      state.registers.splice(0, state.registers.length, ...registers);
      state.pc = pc;
      return;
    }
  }

  private walkStep(step: Step, state: State, index: number): void {
    const { module } = this;
    const { word, mnemonic } = step;
    const [d, a, b, c] = word.registers;
    const context = join(state.pc, exactly(step.level));
    const address = join(context, state.label(a));
    switch (mnemonic) {
      case 'const':
        state.registers[d] = join(context, exactly(module.constants[word.index]?.label ?? 0));
        return;
      case 'find':
      case 'entry':
        state.registers[d] = join(address, exactly(module.tables[word.index]?.label ?? 0));
        return;
      case 'load':
        state.registers[d] = join(address, wordLabel(module, word.index, this.uniform[word.index] === true));
        return;
      case 'store': {
        const stored = join(address, state.label(b));
        const declared = exactly(module.segments[word.index]?.label ?? 0);
        if (this.uniform[word.index] === true && !isSame(stored, declared)) this.broken.add(word.index);
        return;
      }
      case 'declassify':
      case 'endorse':
        state.registers[d] = givenLabel(module, step, address);
        return;
      case 'call':
        this.call(step, state);
        return;
      case 'return':
        this.giveResults(step, state, index);
        return;
      case 'output':
      case 'halt':
        return;
      case 'mov':
      case 'not':
        state.registers[d] = address;
        return;
      case 'select':
      case 'muldiv':
        state.registers[d] = join(address, state.label(b), state.label(c));
        return;
      default:
        state.registers[d] = join(address, state.label(b));
    }
  }

  private call(step: Step, state: State): void {
    const [d, a] = step.word.registers;
    const callee = this.bodies[step.word.index];
    if (callee === undefined) return;
    const { authority, parameters, results } = callee.function;
    const inside = join(state.pc, exactly(step.level), exactly(authority));
    const given = parameters.map((_, index) => join(inside, state.label(a + index)));
    const isMore = this.admit(step.word.index, inside, exactly(step.uncleared), given);
    if (isMore) this.changed = true;
    if (isMore || !this.walked.has(step.word.index)) this.walkFunction(step.word.index);
    const known = this.results[step.word.index] ?? [];
    for (let index = 0; index < results.length; index++)
      state.registers[d + index] = known[index] ?? anything;
  }

  /** Whether the function may now be called with more than before. */
  private admit(index: number, pc: Interval, uncleared: Interval, parameters: Interval[]): boolean {
    const entry = this.entries[index];
    if (entry === undefined) {
      this.entries[index] = { pc, uncleared, parameters };
      return true;
    }
    const met = { pc: meet(entry.pc, pc), uncleared: meet(entry.uncleared, uncleared) };
    let widened = !isSame(met.pc, entry.pc) || !isSame(met.uncleared, entry.uncleared);
    entry.pc = met.pc;
    entry.uncleared = met.uncleared;
    for (const [at, label] of parameters.entries()) {
      const before = entry.parameters[at] ?? label;
      const after = meet(before, label);
      if (!isSame(before, after)) widened = true;
      entry.parameters[at] = after;
    }
    return widened;
  }

  private giveResults(step: Step, state: State, index: number): void {
    const [, a] = step.word.registers;
    const given = this.bodies[index]?.function.results ?? [];
    const results = given.map((_, at) => join(state.pc, exactly(step.level), state.label(a + at)));
    const known = this.results[index] ?? [];
    if (results.length !== known.length || results.some((label, at) => !isSame(label, known[at] ?? anything)))
      this.changed = true;
    this.results[index] = results;
  }
}
