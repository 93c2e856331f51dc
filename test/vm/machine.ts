/** The built machine for the tests of vm/: through its host, and by its bare exports. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type Assembled, assemble } from '../../vm/assembler.ts';
import { type Machine, type Program, type RunResult, startMachine } from '../../vm/host.ts';
import type { TrapName } from '../../vm/isa.ts';
import { encodeModule, type Module } from '../../vm/module.ts';

function readBuilt(name: string): Uint8Array<ArrayBuffer> {
  const file = new URL(`../../vm/${name}`, import.meta.url);
  if (!existsSync(file)) throw new Error(`vm/${name} is not built: run \`npm run build\``);
  return new Uint8Array(readFileSync(file));
}

export const wasm = readBuilt('machine.wasm');
/** What translated modules have in common. */
export const translatorRuntime = readBuilt('translator-runtime.wasm');

/** Covers every label: for tests that look at the detail of a trap. */
export const fullClearance = 0xffffffff;

export async function freshMachine(): Promise<Machine> {
  return startMachine(wasm);
}

/** Assembles a text that the test wrote, so a fault in it is the test's own. */
export function assembled(text: string): Assembled & { ok: true } {
  const result = assemble(text);
  if (!result.ok) throw new Error(result.message);
  return result;
}

export function loaded(machine: Machine, module: Uint8Array): Program {
  const result = machine.load(module);
  if (!result.ok) throw new Error(result.message);
  return result.program;
}

/** The name of the trap of a run that must have trapped. */
export function trapOf(result: RunResult): TrapName | 'no trap' {
  return result.ok ? 'no trap' : (result.detail(fullClearance)?.trap ?? 'no trap');
}

/** The exports of vm/assembly/index.ts, as vm/ringmint_vm.h has them, without a host in between. */
export interface BareMachine {
  readonly memory: WebAssembly.Memory;
  moduleAddress(): number;
  moduleCapacity(): number;
  loadModule(length: number): number;
  refusedAt(): number;
  fuelBound(): bigint;
  reset(): void;
  setWord(segment: number, index: number, value: bigint): number;
  segmentAddress(segment: number): number;
  segmentLength(segment: number): number;
  run(fuel: bigint): number;
  portCount(): number;
  portLabel(port: number): number;
  portIsSymbol(port: number): number;
  portWritten(port: number): number;
  portValue(port: number): bigint;
  fuelUsed(): bigint;
  auditCount(): number;
  auditEntry(index: number): bigint;
  trapCode(): number;
  trapAt(): number;
  trapLabel(): number;
  registerValue(register: number): bigint;
  registerLabel(register: number): number;
}

export async function bareMachine(bytes: Uint8Array<ArrayBuffer> = wasm): Promise<BareMachine> {
  const instance = await WebAssembly.instantiate(await WebAssembly.compile(bytes), {});
  return instance.exports as unknown as BareMachine;
}

/** With the hash of Node's own, which takes a fifth of the time that ours in JavaScript takes. */
export function encoded(module: Module): Uint8Array {
  return encodeModule(module, (bytes) => createHash('sha256').update(bytes).digest());
}

export function loadBare(machine: BareMachine, module: Uint8Array): number {
  new Uint8Array(machine.memory.buffer, machine.moduleAddress(), module.length).set(module);
  return machine.loadModule(module.length);
}

/** The exports of vm/assembly/stepping.ts: one instruction at a time, the whole state in sight. */
export interface BareSteppingMachine extends BareMachine {
  begin(fuel: bigint): number;
  step(): number;
  position(): number;
  contextLabel(): number;
  openDepth(): number;
  fuelLeft(): bigint;
  isPaying(): number;
  frameStart(): number;
  frameAddress(): number;
  stackAddress(): number;
  segmentLabelAddress(segment: number): number;
  grantUses(grant: number): number;
}

const steppingFile = new URL('../../vm/machine-stepping.wasm', import.meta.url);

export async function bareSteppingMachine(
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(readFileSync(steppingFile)),
): Promise<BareSteppingMachine> {
  return (await bareMachine(bytes)) as BareSteppingMachine;
}
