/** What the checker knows of the source while it looks at code: its functions, their fuel, and where the runtime has what. */
import { categoryBits } from '../label.ts';
import type { FunctionBody, Module } from '../module.ts';
import { FuelTable } from '../specification/fuel-table.ts';
import { findInstruction, parseBodies, type Step } from '../specification/syntax-tree.ts';
import { isExact } from './check-state.ts';
import type { Runtime } from './check-wasm.ts';
import type { Claims, Interval } from './claims.ts';

/** Above it the machine does not count the fuel of a dearest run. */
const dearestMost = 1n << 61n;
const atMost = (fuel: bigint): bigint => (fuel < dearestMost ? fuel : dearestMost);

export interface CheckedFunction {
  readonly body: FunctionBody;
  readonly steps: readonly Step[];
  /** Of its first instruction. */
  readonly first: number;
  readonly registers: number;
  /** Open branches and loops at once. */
  readonly depth: number;
  readonly loops: readonly Step[];
}

/** What a `while` needs to know of its loop. */
export interface CheckedLoop {
  /** Registers that are written in it, a bit each. */
  readonly writes: number;
  /** Fuel of its dearest round, and of the dearest way from behind each `while` to the end of the round. */
  readonly round: bigint;
  readonly rest: ReadonlyMap<Step, bigint>;
}

/** The functions of a verified module, in their order. */
export function readFunctions(module: Module): CheckedFunction[] {
  let first = 0;
  return parseBodies(module).map((steps, index) => {
    const body = module.functions[index];
    if (body === undefined) throw new Error('invariant broken: a body without a function');
    const loops = openings(steps).filter(({ kind }) => kind === 'loop');
    first += body.code.length;
    return {
      body,
      steps,
      first: first - body.code.length,
      registers: registersOf(body, module.functions),
      depth: depthOf(steps),
      loops,
    };
  });
}

export class CheckedProgram {
  readonly module: Module;
  readonly functions: readonly CheckedFunction[];
  readonly runtime: Runtime;
  readonly claims: Claims;
  readonly fuel: FuelTable;
  /** Where the values and the labels of each segment are. */
  readonly segments: readonly { readonly values: number; readonly labels: number }[];
  /** Of the entries of each table. */
  readonly tables: readonly number[];
  /** Behind the last table. */
  readonly end: number;
  private readonly written = new Map<Step, number>();
  private readonly known = new Map<Step, CheckedLoop>();

  constructor(module: Module, functions: readonly CheckedFunction[], runtime: Runtime, claims: Claims) {
    this.module = module;
    this.functions = functions;
    this.runtime = runtime;
    this.claims = claims;
    this.fuel = new FuelTable(
      module,
      functions.map(({ steps }) => steps),
    );
    let words = 0;
    const values = runtime.constant('VALUES');
    const labels = runtime.constant('LABELS');
    this.segments = module.segments.map(({ length }) => {
      words += length;
      return { values: values + 8 * (words - length), labels: labels + 4 * (words - length) };
    });
    let entries = 0;
    const tables = runtime.constant('TABLES');
    this.tables = module.tables.map(({ entries: { length } }) => {
      entries += length;
      return tables + 8 * (entries - length);
    });
    this.end = tables + 8 * entries;
  }

  /** Index of the tagged version; the proven one is the next. */
  tagged(index: number): number {
    return 1 + this.runtime.functions.count + 2 * index;
  }

  dearest(steps: readonly Step[]): bigint {
    return atMost(this.fuel.dearest(steps));
  }

  loop(step: Step): CheckedLoop {
    const known = this.known.get(step);
    if (known !== undefined) return known;
    const [body = []] = step.arms;
    const rest = new Map<Step, bigint>();
    let fuel = 0n;
    for (const inner of body.toReversed()) {
      if (inner.instruction.mnemonic === 'while') rest.set(inner, atMost(fuel));
      fuel += this.fuel.dearest([inner]);
    }
    const loop = { writes: this.writes(step), round: atMost(fuel), rest };
    this.known.set(step, loop);
    return loop;
  }

  /** Of a branch its dearer arm, of a call the function. */
  dearestInside(step: Step): bigint {
    return atMost(this.fuel.dearestInside(step));
  }

  /** The instruction's level without categories, and the categories that it is not cleared for. */
  levelOf({ word }: Step): { readonly level: number; readonly uncleared: number } {
    const level = this.module.levels[word.level] ?? 0;
    return { level: (level & ~categoryBits) >>> 0, uncleared: ~level & categoryBits };
  }

  /** Registers that are written in a step and all that is in it, a bit each. */
  writes(step: Step): number {
    const { arms, word, instruction } = step;
    const [d] = word.registers;
    const known = this.written.get(step);
    if (known !== undefined) return known;
    const callee = instruction.mnemonic === 'call' ? this.module.functions[word.index] : undefined;
    const count = callee?.results.length ?? Number(instruction.operands.includes('d'));
    const own = ((1 << count) - 1) << d;
    const all = arms.flat().reduce((bits, inner) => bits | this.writes(inner), own);
    this.written.set(step, all);
    return all;
  }
}

/** Branches and loops, each before what is in it. */
function openings(steps: readonly Step[]): Step[] {
  return steps.flatMap((step) => (step.kind === 'step' ? [] : [step, ...openings(step.arms.flat())]));
}

function depthOf(steps: readonly Step[]): number {
  return steps.reduce(
    (most, { kind, arms }) => (kind === 'step' ? most : Math.max(most, 1 + depthOf(arms.flat()))),
    0,
  );
}

/** As many as the loader finds in use. */
function registersOf(body: FunctionBody, functions: readonly FunctionBody[]): number {
  let most = body.parameters.length;
  for (const { opcode, registers, index } of body.code) {
    const { operands, mnemonic } = findInstruction(opcode);
    const [d, a, b, c] = registers;
    const callee = mnemonic === 'call' ? functions[index] : undefined;
    const given = mnemonic === 'return' ? body.results.length : callee?.parameters.length;
    for (const [name, register, count] of [
      ['d', d, callee?.results.length ?? 1],
      ['a', a, given ?? 1],
      ['b', b, 1],
      ['c', c, 1],
    ] as const)
      if (operands.includes(name)) most = Math.max(most, register + Math.max(count, 1));
  }
  return most;
}

/** How the proven or tagged version of a function is called: where each parameter is, and how many there are. */
export interface Signature {
  readonly pc: number | undefined;
  readonly uncleared: number | undefined;
  /** Of the first value; the others follow. */
  readonly values: number;
  /** By parameter. */
  readonly labels: readonly (number | undefined)[];
  readonly count: number;
}

/** What a version may be called with: exact labels are not passed. */
export interface Entry {
  readonly pc: Interval;
  readonly uncleared: Interval;
  readonly parameters: readonly Interval[];
}

export function signatureOf(entry: Entry): Signature {
  let count = 0;
  const pc = isExact(entry.pc) ? undefined : count++;
  const uncleared = isExact(entry.uncleared) ? undefined : count++;
  const values = count;
  count += entry.parameters.length;
  const labels = entry.parameters.map((label) => (isExact(label) ? undefined : count++));
  return { pc, uncleared, values, labels, count };
}
