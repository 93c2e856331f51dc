/** Two oracles that watch one generated program on a machine: the specification, and pairs of runs that differ in secrets only. */
import { trapName } from '../../vm/host.ts';
import { instructions } from '../../vm/isa.ts';
import { flowsTo, makeLabel } from '../../vm/label.ts';
import type { FunctionBody, Module } from '../../vm/module.ts';
import { specify } from '../../vm/specification.ts';
import { type BareMachine, encoded, loadBare } from './machine.ts';
import { Dice, type Input, randomInputs, randomProgram } from './random-program.ts';

export const fuel = 10_000n;

interface Observation {
  readonly trapped: boolean;
  readonly fuelUsed: bigint;
  readonly ports: ReadonlyMap<number, bigint>;
  readonly audit: string;
  /** Of the main function, as many as it has. */
  readonly registers: readonly { readonly value: bigint; readonly label: number }[];
  readonly words: readonly (readonly bigint[])[];
}

const mnemonics = new Map(instructions.map(({ opcode, mnemonic }) => [opcode, mnemonic]));

/** By opcode, where in a code word the registers are that the instruction names. */
const named = new Map(
  instructions.map(({ opcode, operands }) => [
    opcode,
    operands.flatMap((operand) => {
      const position = ['d', 'a', 'b', 'c'].indexOf(operand);
      return position < 0 ? [] : [position];
    }),
  ]),
);

/** How many registers a function has: the machine keeps no more for it. */
export function registersOf(body: FunctionBody, functions: readonly FunctionBody[]): number {
  let most = body.parameters.length;
  for (const { opcode, registers, index } of body.code) {
    const [d, a] = registers;
    const mnemonic = mnemonics.get(opcode);
    const callee = mnemonic === 'call' ? functions[index] : undefined;
    if (callee !== undefined)
      most = Math.max(most, d + callee.results.length, a + callee.parameters.length, 1);
    else if (mnemonic === 'return') most = Math.max(most, a + body.results.length, 1);
    else
      for (const position of named.get(opcode) ?? []) most = Math.max(most, 1 + (registers[position] ?? 0));
  }
  return most;
}

export function mainOf(module: Module): FunctionBody {
  const main = module.functions.at(-1);
  if (main === undefined) throw new Error('a module without functions');
  return main;
}

export function put(machine: BareMachine, module: Module): void {
  const refused = loadBare(machine, encoded(module));
  if (refused !== 0) throw new Error(`a generated module was refused: ${refused} at ${machine.refusedAt()}`);
}

/** Runs the loaded module: 0 where it finishes. */
export function begin(machine: BareMachine, inputs: readonly Input[], limit: bigint): number {
  machine.reset();
  for (const { segment, index, value } of inputs) machine.setWord(segment, index, value);
  return machine.run(limit);
}

/** What a run left that ended with `outcome`. */
function observe(machine: BareMachine, module: Module, live: number, outcome: number): Observation {
  const trapped = outcome !== 0;
  const ports = new Map<number, bigint>();
  for (let port = 0; port < module.ports.length; port++)
    if (machine.portWritten(port) !== 0) ports.set(port, machine.portValue(port));
  const audit = Array.from({ length: machine.auditCount() }, (_, index) => machine.auditEntry(index)).join();
  const registers = Array.from({ length: live }, (_, index) => ({
    value: machine.registerValue(index),
    label: machine.registerLabel(index) >>> 0,
  }));
  const words = module.segments.map(({ length }, segment) => [
    ...new BigInt64Array(machine.memory.buffer, machine.segmentAddress(segment), length),
  ]);
  return { trapped, fuelUsed: machine.fuelUsed(), ports, audit, registers, words };
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'bigint' ? `${item}n` : item instanceof Map ? [...item] : item,
  );
}

/** What happened in the programs that were tried: a test with nothing in it proves nothing. */
export type Tally = Map<string, number>;

export function count(tally: Tally, name: string): void {
  tally.set(name, (tally.get(name) ?? 0) + 1);
}

/** Made once: a text that is put together anew is hashed anew, for each instruction of each program. */
const generated = new Map(instructions.map(({ opcode, mnemonic }) => [opcode, `generated ${mnemonic}`]));

export function countInstructions(tally: Tally, module: Module): void {
  for (const { code } of module.functions)
    for (const { opcode } of code) count(tally, generated.get(opcode) ?? 'generated nothing known');
}

/** Inputs of program `seed`. */
export function inputsOf(seed: number, module: Module): Input[] {
  return randomInputs(seed ^ 0x5bd1e995, module);
}

/** Program `seed`: half of them by execution, on inputs that its tests use too. */
export function programOf(machine: BareMachine, seed: number, releases: boolean): Module {
  if (seed % 2 === 0) return randomProgram({ seed, releases });
  let inputs: readonly Input[] | undefined;
  return randomProgram({
    seed,
    releases,
    runs: (module) => {
      put(machine, module);
      // All that a program is on its way to be has the same segments.
      inputs ??= inputsOf(seed, module);
      return begin(machine, inputs, fuel) === 0;
    },
  });
}

/** The first thing in which the machine and the specification differ on program `seed`, or `undefined`. */
export function differsFromSpecification(
  machine: BareMachine,
  seed: number,
  tally: Tally,
): string | undefined {
  const module = programOf(machine, seed, true);
  countInstructions(tally, module);
  // One in sixteen runs short of fuel.
  const limit = seed % 16 === 0 ? BigInt(new Dice(seed).below(80)) : fuel;
  // One in four has words that are not given: those are zero, whatever the program before left there.
  const dice = new Dice(seed);
  const inputs = inputsOf(seed, module).filter(() => seed % 4 !== 0 || dice.below(4) !== 0);
  return differs(machine, module, inputs, limit, tally);
}

/** The first thing in which the machine and the specification differ on a module and its inputs, or `undefined`. */
export function differs(
  machine: BareMachine,
  module: Module,
  inputs: readonly Input[],
  limit: bigint,
  tally: Tally,
): string | undefined {
  put(machine, module);
  return differsInRun(machine, module, registersOf(mainOf(module), module.functions), inputs, limit, tally);
}

/** The same of the module that is loaded already, whose main function has `live` registers. */
export function differsInRun(
  machine: BareMachine,
  module: Module,
  live: number,
  inputs: readonly Input[],
  limit: bigint,
  tally: Tally,
): string | undefined {
  return differsAfterRun(
    machine,
    module,
    live,
    { inputs, limit, outcome: begin(machine, inputs, limit) },
    tally,
  );
}

/** The same of the run that the machine has just made of it. */
export function differsAfterRun(
  machine: BareMachine,
  module: Module,
  live: number,
  {
    inputs,
    limit,
    outcome,
  }: { readonly inputs: readonly Input[]; readonly limit: bigint; readonly outcome: number },
  tally: Tally,
): string | undefined {
  const expected = specify(module, inputs, limit);
  const actual = observe(machine, module, live, outcome);
  count(tally, expected.ok ? 'finished' : 'trapped');
  if (expected.ok === actual.trapped)
    return `specification ${show(expected)}, machine trapped: ${actual.trapped}`;
  if (!expected.ok) {
    const trap = trapName(machine.trapCode());
    count(tally, `trap ${trap}`);
    if (!expected.traps.includes(trap)) return `trap ${trap} where ${expected.traps.join()} is broken`;
    if (machine.trapAt() !== expected.instruction)
      return `trap ${trap} at ${machine.trapAt()} and not at ${expected.instruction}`;
    if (!flowsTo(expected.label, machine.trapLabel() >>> 0))
      return `the trap's label ${machine.trapLabel()} is below what it went by, ${expected.label}`;
    if (actual.ports.size > 0) return 'ports are told of a run that trapped';
    return undefined;
  }
  for (const entry of expected.audit) count(tally, module.grants[entry.grant]?.kind ?? 'unknown grant');
  if (actual.fuelUsed !== expected.fuelUsed)
    return `fuel ${actual.fuelUsed}, specification ${expected.fuelUsed}`;
  if (!isSameList([...actual.ports].flat(), [...expected.ports].sort(([a], [b]) => a - b).flat()))
    return `ports ${show(actual.ports)}, specification ${show(expected.ports)}`;
  const audit = expected.audit
    .map(({ instruction, grant }) => (BigInt(instruction) << 32n) | BigInt(grant))
    .join();
  if (actual.audit !== audit) return `audit ${actual.audit}, specification ${audit}`;
  for (const [index, register] of actual.registers.entries()) {
    const meant = expected.registers[index];
    if (register.value !== meant?.value || register.label !== meant.label)
      return `r${index} ${show(register)}, specification ${show(meant)}`;
  }
  const words = expected.words.map((segment) => segment.map(({ value }) => value));
  if (!isSameList(actual.words, words, isSameList))
    return `words ${show(actual.words)}, specification ${show(words)}`;
  return undefined;
}

function isSameList<T>(
  one: readonly T[],
  other: readonly T[],
  isSame = (a: T, b: T): boolean => a === b,
): boolean {
  return one.length === other.length && one.every((item, index) => isSame(item, other[index] as T));
}

/** Public, one category, some secrecy with it; and one who looks for trust: sees all that is trusted at A6 and above. */
export const observers: readonly number[] = [
  makeLabel({ secrecy: 0, authority: 0, categories: [] }),
  makeLabel({ secrecy: 0, authority: 0, categories: [2] }),
  makeLabel({ secrecy: 2, authority: 0, categories: [2] }),
  (makeLabel({ secrecy: 8, authority: 8, categories: [1, 2] }) & 0xffffff00) | 0x000000c0,
];

/** Whether an observer sees what has this label: of secrecy and categories, or of authority (what is trusted must not depend on what is not). */
export function seenBy(observer: number, label: number): boolean {
  return flowsTo(label, observer);
}

/** The inputs with other values where the observer sees none. */
export function otherSecrets(
  seed: number,
  module: Module,
  inputs: readonly Input[],
  observer: number,
): Input[] {
  const other = randomInputs(seed ^ 0x6a09e667, module);
  return inputs.map((input, index) =>
    seenBy(observer, module.segments[input.segment]?.label ?? 0) ? input : (other[index] ?? input),
  );
}

/** The module with other values in the constants and tables that the observer does not see: secrets too, though no inputs. */
export function otherConstants(seed: number, module: Module, observer: number): Module {
  const dice = new Dice(seed ^ 0x2545f491);
  const constants = module.constants.map((constant) =>
    seenBy(observer, constant.label)
      ? constant
      : { ...constant, value: constant.value + BigInt(dice.below(3)) },
  );
  const tables = module.tables.map((table) => {
    const by = BigInt(dice.below(3));
    // All by the same, so that a sorted table stays sorted.
    return seenBy(observer, table.label)
      ? table
      : { ...table, entries: table.entries.map((entry) => entry + by) };
  });
  return { ...module, constants, tables };
}

/** EENI, end to end: what an observer can tell apart between `pairs` pairs of runs of program `seed` that differ only in words, constants and tables above the observer. */
export function tellsSecretsApart(
  machine: BareMachine,
  seed: number,
  tally: Tally,
  pairs = 4,
  /** Runs the programs that are generated by execution. */
  generator = machine,
): string | undefined {
  const module = programOf(generator, seed, false);
  const live = registersOf(mainOf(module), module.functions);
  put(machine, module);
  const first = inputsOf(seed, module);
  const one = observe(machine, module, live, begin(machine, first, fuel));
  if (one.trapped) {
    for (let pair = 0; pair < pairs; pair++) count(tally, 'a run trapped');
    return undefined;
  }
  for (let pair = 0; pair < pairs; pair++) {
    const observer = observers[(seed + pair) % observers.length] ?? 0;
    const other = seed + pair * 0x9e3779b;
    // To load a module takes as long as a run, so only the last pair has one of its own.
    if (pair === pairs - 1) put(machine, otherConstants(other, module, observer));
    const inputs = otherSecrets(other, module, first, observer);
    const two = observe(machine, module, live, begin(machine, inputs, fuel));
    const told = comparePair(module, observer, one, two, tally);
    if (told !== undefined) return `observer ${observer.toString(16)}: ${told}`;
  }
  return undefined;
}

function comparePair(
  module: Module,
  observer: number,
  one: Observation,
  two: Observation,
  tally: Tally,
): string | undefined {
  if (two.trapped) {
    count(tally, 'a run trapped');
    return undefined;
  }
  count(tally, 'both finished');
  // Fuel and audit are for everybody: they may tell of no secret, but of what is trusted and what is not they may.
  const isOfSecrecy = (observer & 0xff) === 0xff;
  if (isOfSecrecy && one.fuelUsed !== two.fuelUsed) return `fuel ${one.fuelUsed} and ${two.fuelUsed}`;
  if (isOfSecrecy && one.audit !== two.audit) return `audit ${one.audit} and ${two.audit}`;
  for (const [port, { label }] of module.ports.entries()) {
    if (seenBy(observer, label) && one.ports.get(port) !== two.ports.get(port))
      return `port ${port}: ${one.ports.get(port)} and ${two.ports.get(port)}`;
  }
  let moved = false;
  for (const [index, register] of one.registers.entries()) {
    const twin = two.registers[index];
    if (twin === undefined) continue;
    const seen = seenBy(observer, register.label);
    if (seen !== seenBy(observer, twin.label)) return `r${index} is seen in one run only`;
    if (seen && register.label !== twin.label) return `r${index} has two labels, both seen`;
    if (register.value === twin.value) continue;
    if (seen) return `r${index}: ${register.value} and ${twin.value}, seen`;
    moved = true;
  }
  if (moved) count(tally, 'secrets moved');
  return undefined;
}
