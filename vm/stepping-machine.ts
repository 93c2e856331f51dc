/**
 * The label machine one instruction at a time, with its whole state in sight: for the tools, over
 * machine-stepping.wasm, which no appliance ships. No Node built-ins.
 *
 * @example
 * const machine = await startSteppingMachine(wasmBytes);
 * const loaded = machine.load(moduleBytes);
 * if (loaded.ok) for (let ended = loaded.program.begin({ inputs: [] }); ended === undefined; ) ended = loaded.program.step();
 */
import {
  type InputWord,
  type LoadResult,
  limitFuel,
  type Machine,
  readPlaces,
  setWord,
  startMachine,
  trapName,
} from './host.ts';
import type { TrapName } from './isa.ts';
import { stripNames } from './module.ts';

export interface LabelledWord {
  readonly value: bigint;
  readonly label: number;
}

/** How a run ended; a trap with all that there is to know of it. */
export type Ending =
  | { readonly kind: 'halted' }
  | { readonly kind: 'trapped'; readonly trap: TrapName; readonly at: number; readonly label: number };

/** A run that stands between two instructions. */
export interface SteppingProgram {
  /** The fuel of the dearest run. */
  readonly fuelBound: bigint;
  /**
   * Wipes the machine and goes to the first instruction; a trap where the fuel is too little even for that.
   * Throws `RangeError` for an input that the module has no word for, or that no word can hold.
   */
  begin(options: { readonly inputs: readonly InputWord[]; readonly fuel?: bigint }): Ending | undefined;
  /** Runs one instruction; `undefined` where the run goes on. After an ending there is no step before another `begin`. */
  step(): Ending | undefined;
  /** The instruction that comes next. */
  readonly position: number;
  /** pc, the label of the control flow. */
  readonly context: number;
  readonly fuelLeft: bigint;
  /** False where what runs was charged before, at what took pc above public. */
  readonly isPaying: boolean;
  /** Open `if`, `loop` and `call`. */
  readonly depth: number;
  /** A register of the open function. */
  register(index: number): LabelledWord;
  word(segment: number, index: number): LabelledWord;
  /** `undefined` where it was not written. */
  port(index: number): bigint | undefined;
  grantUses(grant: number): number;
  /** pc as it was before open block `index` from outside. */
  contextBefore(index: number): number;
}

export type SteppingLoad =
  | { readonly ok: true; readonly program: SteppingProgram }
  | Extract<LoadResult, { readonly ok: false }>;

export interface SteppingMachine {
  /** Checks a module file as `Machine.load` does. The machine holds one module: the one loaded last. */
  load(file: Uint8Array): SteppingLoad;
}

/** What vm/assembly/stepping.ts exports, as far as it is used here. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  moduleAddress(): number;
  loadModule(length: number): number;
  fuelBound(): bigint;
  reset(): void;
  segmentAddress(segment: number): number;
  segmentLength(segment: number): number;
  segmentLabelAddress(segment: number): number;
  portWritten(port: number): number;
  portValue(port: number): bigint;
  trapCode(): number;
  trapAt(): number;
  trapLabel(): number;
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
  grantUses(grant: number): number;
}

const paused = 255;
const cellBytes = 16;

/** Instantiates the stepping build of the machine. */
export async function startSteppingMachine(
  wasm: Uint8Array<ArrayBuffer> | WebAssembly.Module,
): Promise<SteppingMachine> {
  const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm);
  // It exports all that the shipped one does: what a host asks of a module, it asks here too.
  const host: Machine = await startMachine(module);
  const exports = (await WebAssembly.instantiate(module, {})).exports as unknown as Exports;
  return {
    load(file) {
      const checked = host.load(file);
      if (!checked.ok) return checked;
      const bytes = stripNames(file);
      new Uint8Array(exports.memory.buffer).set(bytes, exports.moduleAddress());
      if (exports.loadModule(bytes.length) !== 0)
        throw new Error('invariant broken: two machines of one build disagree about a module');
      return { ok: true, program: new LoadedProgram(exports) };
    },
  };
}

class LoadedProgram implements SteppingProgram {
  readonly fuelBound: bigint;
  private readonly machine: Exports;
  private readonly view: DataView;
  private isOpen = false;

  constructor(machine: Exports) {
    this.machine = machine;
    this.view = new DataView(machine.memory.buffer);
    this.fuelBound = machine.fuelBound();
  }

  begin({
    inputs,
    fuel = this.fuelBound,
  }: {
    inputs: readonly InputWord[];
    fuel?: bigint;
  }): Ending | undefined {
    const limit = limitFuel(fuel);
    this.machine.reset();
    const words = new BigInt64Array(this.machine.memory.buffer);
    const places = readPlaces(this.machine);
    for (const input of inputs) setWord(words, places, input);
    this.isOpen = true;
    return this.endingOf(this.machine.begin(limit), 0);
  }

  step(): Ending | undefined {
    if (!this.isOpen) throw new Error('invariant broken: a step of a run that has not begun, or has ended');
    return this.endingOf(this.machine.step(), paused);
  }

  private endingOf(code: number, goesOn: number): Ending | undefined {
    if (code === goesOn) return undefined;
    this.isOpen = false;
    if (code === 0) return { kind: 'halted' };
    const { machine } = this;
    return {
      kind: 'trapped',
      trap: trapName(code),
      at: machine.trapAt(),
      label: machine.trapLabel() >>> 0,
    };
  }

  get position(): number {
    return this.machine.position();
  }

  get context(): number {
    return this.machine.contextLabel() >>> 0;
  }

  get fuelLeft(): bigint {
    return this.machine.fuelLeft();
  }

  get isPaying(): boolean {
    return this.machine.isPaying() !== 0;
  }

  get depth(): number {
    return this.machine.openDepth();
  }

  register(index: number): LabelledWord {
    const cell = this.machine.frameAddress() + (this.machine.frameStart() + index) * cellBytes;
    return { value: this.view.getBigInt64(cell, true), label: this.view.getUint32(cell + 8, true) };
  }

  word(segment: number, index: number): LabelledWord {
    return {
      value: this.view.getBigInt64(this.machine.segmentAddress(segment) + index * 8, true),
      label: this.view.getUint32(this.machine.segmentLabelAddress(segment) + index * 4, true),
    };
  }

  port(index: number): bigint | undefined {
    return this.machine.portWritten(index) === 0 ? undefined : this.machine.portValue(index);
  }

  grantUses(grant: number): number {
    return this.machine.grantUses(grant);
  }

  contextBefore(index: number): number {
    return this.view.getUint32(this.machine.stackAddress() + index * cellBytes, true);
  }
}
