/** What the checker knows of the source while it looks at code: its functions, their fuel, and where the runtime has what. */
import { instructions } from '../isa.ts';
import { categoryBits } from '../label.ts';
import type { FunctionBody, Module } from '../module.ts';
import { FuelTable } from '../specification/fuel-table.ts';
import { parseBodies, type Step } from '../specification/syntax-tree.ts';
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

export interface Addresses {
  readonly values: number;
  readonly labels: number;
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
  readonly segments: readonly Addresses[];
  /** Of the entries of each table. */
  readonly tables: readonly number[];
  /** Behind the last table. */
  readonly end: number;

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

  /** By `while` of a loop: of the dearest way from behind it to the end of the round. */
  rests(body: readonly Step[]): ReadonlyMap<Step, bigint> {
    const rests = new Map<Step, bigint>();
    let rest = 0n;
    for (const step of body.toReversed()) {
      if (step.instruction.mnemonic === 'while') rests.set(step, atMost(rest));
      rest += this.fuel.dearest([step]);
    }
    return rests;
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

  /** Registers that are written in these steps, a bit each. */
  writes(steps: readonly Step[]): number {
    return steps.reduce((all, step) => all | this.writesOf(step), 0);
  }

  private writesOf({ arms, word, instruction }: Step): number {
    const [d] = word.registers;
    if (instruction.mnemonic === 'call') {
      const results = this.module.functions[word.index]?.results.length ?? 0;
      return ((1 << results) - 1) << d;
    }
    return arms.reduce((all, arm) => all | this.writes(arm), instruction.operands.includes('d') ? 1 << d : 0);
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

const operandsOf = new Map(instructions.map(({ opcode, operands }) => [opcode, operands]));
const callOpcode = instructions.find(({ mnemonic }) => mnemonic === 'call')?.opcode;
const returnOpcode = instructions.find(({ mnemonic }) => mnemonic === 'return')?.opcode;

/** As many as the loader finds in use. */
function registersOf(body: FunctionBody, functions: readonly FunctionBody[]): number {
  let most = body.parameters.length;
  for (const { opcode, registers, index } of body.code) {
    const [d, a] = registers;
    const callee = opcode === callOpcode ? functions[index] : undefined;
    if (callee !== undefined) most = Math.max(most, a + callee.parameters.length, d + callee.results.length);
    if (opcode === returnOpcode) most = Math.max(most, a + body.results.length);
    for (const [place, register] of registers.entries()) {
      const name = (['d', 'a', 'b', 'c'] as const)[place];
      if (name !== undefined && operandsOf.get(opcode)?.includes(name)) most = Math.max(most, register + 1);
    }
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
