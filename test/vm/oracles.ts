/** Two oracles that watch one generated program on a machine: the specification, and pairs of runs that differ in secrets only. */
import { flowsTo, makeLabel } from '../../vm/label.ts';
import { encodeModule, type Module } from '../../vm/module.ts';
import { specify } from '../../vm/specification.ts';
import { type BareMachine, loadBare, trapNamed } from './machine.ts';
import { type Input, randomInputs, randomProgram } from './random-program.ts';

const fuel = 10_000n;

interface Observation {
  readonly trapped: boolean;
  readonly fuelUsed: bigint;
  readonly ports: ReadonlyMap<number, bigint>;
  readonly audit: string;
  readonly registers: readonly { readonly value: bigint; readonly label: number }[];
}

function observe(machine: BareMachine, module: Module, inputs: readonly Input[], limit = fuel): Observation {
  const refused = loadBare(machine, encodeModule(module));
  if (refused !== 0) throw new Error(`a generated module was refused: ${refused} at ${machine.refusedAt()}`);
  machine.reset();
  for (const { segment, index, value } of inputs) machine.setWord(segment, index, value);
  const trapped = machine.run(limit) !== 0;
  const ports = new Map<number, bigint>();
  for (let port = 0; port < module.ports.length; port++)
    if (machine.portWritten(port) !== 0) ports.set(port, machine.portValue(port));
  const audit = Array.from({ length: machine.auditCount() }, (_, index) => machine.auditEntry(index)).join();
  const registers = Array.from({ length: 32 }, (_, index) => ({
    value: machine.registerValue(index),
    label: machine.registerLabel(index) >>> 0,
  }));
  return { trapped, fuelUsed: machine.fuelUsed(), ports, audit, registers };
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

/** The first thing in which the machine and the specification differ on program `seed`, or `undefined`. */
export function differsFromSpecification(
  machine: BareMachine,
  seed: number,
  tally: Tally,
): string | undefined {
  const module = randomProgram({ seed, releases: true });
  const inputs = randomInputs(seed ^ 0x5bd1e995, module);
  // One in sixteen runs short of fuel.
  const limit = seed % 16 === 0 ? BigInt(seed % 23) : fuel;
  const expected = specify(module, inputs, limit);
  const actual = observe(machine, module, inputs, limit);
  count(tally, expected.ok ? 'finished' : 'trapped');
  if (expected.ok === actual.trapped)
    return `specification ${show(expected)}, machine trapped: ${actual.trapped}`;
  if (!expected.ok) {
    const trap = trapNamed(machine.trapCode());
    count(tally, `trap ${trap}`);
    if (!expected.traps.includes(trap)) return `trap ${trap} where ${expected.traps.join()} is broken`;
    if (machine.trapAt() !== expected.instruction)
      return `trap at ${machine.trapAt()} and not at ${expected.instruction}`;
    if (!flowsTo(expected.pc, machine.trapLabel() >>> 0))
      return `the trap's label ${machine.trapLabel()} is below pc ${expected.pc}`;
    return undefined;
  }
  for (const entry of expected.audit) count(tally, module.grants[entry.grant]?.kind ?? 'unknown grant');
  if (actual.fuelUsed !== expected.fuelUsed)
    return `fuel ${actual.fuelUsed}, specification ${expected.fuelUsed}`;
  if (show(actual.ports) !== show(new Map([...expected.ports].sort(([a], [b]) => a - b))))
    return `ports ${show(actual.ports)}, specification ${show(expected.ports)}`;
  const audit = expected.audit
    .map(({ instruction, grant }) => (BigInt(instruction) << 32n) | BigInt(grant))
    .join();
  if (actual.audit !== audit) return `audit ${actual.audit}, specification ${audit}`;
  for (const [index, register] of expected.registers.entries()) {
    if (show(actual.registers[index]) !== show(register))
      return `r${index} ${show(actual.registers[index])}, specification ${show(register)}`;
  }
  return undefined;
}

const observers = [
  makeLabel({ secrecy: 0, authority: 0, categories: [] }),
  makeLabel({ secrecy: 0, authority: 0, categories: [2] }),
  makeLabel({ secrecy: 2, authority: 0, categories: [2] }),
];

/** Of secrecy and categories: authority is about trust, and a reader needs none. */
function readableBy(observer: number, label: number): boolean {
  return flowsTo(label & 0xffff00ff, observer & 0xffff00ff);
}

/** What an observer can tell apart between two runs of program `seed` that differ only in words above the observer. */
export function tellsSecretsApart(machine: BareMachine, seed: number, tally: Tally): string | undefined {
  const module = randomProgram({ seed, releases: false });
  const observer = observers[seed % observers.length] ?? 0;
  const first = randomInputs(seed ^ 0x2545f491, module);
  const other = randomInputs(seed ^ 0x6a09e667, module);
  const second = first.map((input, index) =>
    readableBy(observer, module.segments[input.segment]?.label ?? 0) ? input : (other[index] ?? input),
  );
  const one = observe(machine, module, first);
  const two = observe(machine, module, second);
  if (one.trapped || two.trapped) {
    count(tally, 'a run trapped');
    return undefined;
  }
  count(tally, 'both finished');
  if (one.fuelUsed !== two.fuelUsed) return `fuel ${one.fuelUsed} and ${two.fuelUsed}`;
  if (one.audit !== two.audit) return `audit ${one.audit} and ${two.audit}`;
  for (const [port, label] of module.ports.entries()) {
    if (readableBy(observer, label) && one.ports.get(port) !== two.ports.get(port))
      return `port ${port}: ${one.ports.get(port)} and ${two.ports.get(port)}`;
  }
  for (const [index, register] of one.registers.entries()) {
    const twin = two.registers[index];
    if (twin === undefined) continue;
    const low = readableBy(observer, register.label);
    if (low !== readableBy(observer, twin.label)) return `r${index} is readable in one run only`;
    if (low && register.value !== twin.value)
      return `r${index}: ${register.value} and ${twin.value}, readable`;
  }
  if (one.registers.some((register, index) => register.value !== two.registers[index]?.value))
    count(tally, 'secrets moved');
  return undefined;
}
