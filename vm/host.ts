/**
 * The label machine as a program uses it: loads the wasm and is the only reader of its memory. No Node
 * built-ins: it runs in a browser and in any other host of WebAssembly.
 *
 * @example
 * const machine = await startMachine(wasmBytes);
 * const loaded = machine.load(moduleBytes);
 * if (loaded.ok) loaded.program.run({ inputs: [{ segment: 0, index: 0, value: 5n }] });
 */
import { type RefusalName, refusals, type TrapName, traps } from './isa.ts';
import { everybody, flowsTo } from './label.ts';
import { hasItsHash, moduleHash, type Names, readNames, stripNames } from './module.ts';

export interface InputWord {
  readonly segment: number;
  readonly index: number;
  readonly value: bigint;
}

export interface RunOptions {
  /** Words that are not given are zero; each has the label that the module declares for its segment. */
  readonly inputs: readonly InputWord[];
  /** At most 2^60 are used; the dearest run of the program where nothing is said, with which it never wants for fuel. */
  readonly fuel?: bigint;
  /** Of whoever gets the answer: ports above it are left out. Where nothing is said, the public's. */
  readonly clearance?: number;
}

/** A use of a grant: which, and by which instruction. */
export interface AuditEntry {
  readonly instruction: number;
  readonly grant: number;
}

/** What a trap was, for a reader who is cleared for it. */
export interface TrapDetail {
  readonly trap: TrapName;
  /** Counted from 0 over all functions. */
  readonly instruction: number;
  readonly label: number;
}

export type RunResult =
  | {
      readonly ok: true;
      readonly fuelUsed: bigint;
      /** By port number; a port that the program did not write, or that the reader is not cleared for, is left out. */
      readonly ports: ReadonlyMap<number, bigint>;
      readonly audit: readonly AuditEntry[];
    }
  | {
      readonly ok: false;
      /** The same for every trap: outside nobody learns which. */
      readonly code: 'trapped';
      /** The detail, or `undefined` where `clearance` does not cover it. */
      readonly detail: (clearance: number) => TrapDetail | undefined;
    };

export interface Program {
  /** SHA-256 of the module, by which it is known. */
  readonly hash: Uint8Array;
  /** Of a module file that was not stripped of them. */
  readonly names: Names | undefined;
  /** The fuel of the dearest run; 2^61 stands for anything above it. */
  readonly fuelBound: bigint;
  /** Throws `RangeError` for an input that the module has no word for, or that no word can hold. */
  run(options: RunOptions): RunResult;
}

export type LoadResult =
  | { readonly ok: true; readonly program: Program }
  | {
      readonly ok: false;
      readonly code: 'module_refused';
      readonly reason: RefusalName;
      /** The byte of the module that the refusal is about. */
      readonly offset: number;
      readonly message: string;
    };

/** Takes a signed module, and gives the module file in it where it is signed by a trusted key: `trustKeys` makes one. */
export type Trust = (
  signed: Uint8Array,
) => { readonly ok: true; readonly file: Uint8Array } | { readonly ok: false; readonly message: string };

export interface MachineOptions {
  /** With it only signed modules are loaded. */
  readonly trust?: Trust;
}

export interface Machine {
  /** Checks a module; the program that comes back runs on this machine, one at a time. */
  load(file: Uint8Array): LoadResult;
}

/** `WebAssembly.Module` where the types of the host have one: those of Node 20 do not. */
export type CompiledModule = typeof globalThis extends {
  WebAssembly: { Module: { prototype: infer Compiled } };
}
  ? Compiled
  : object;

/** Apart from the other exports: whatever reads these is published with its types, and not every host has one of a memory. */
interface SegmentExports {
  segmentAddress(segment: number): number;
  /** 0 where there is no such segment. */
  segmentLength(segment: number): number;
}

/** What a run takes: of the machine with a module in it, and of a translated module. It is published, and so has no `WebAssembly.Memory`. */
export interface RunExports extends SegmentExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  fuelBound(): bigint;
  reset(): void;
  run(fuel: bigint): number;
  portCount(): number;
  portWritten(port: number): number;
  portValue(port: number): bigint;
  portLabel(port: number): number;
  fuelUsed(): bigint;
  auditCount(): number;
  auditEntry(index: number): bigint;
  trapCode(): number;
  trapAt(): number;
  trapLabel(): number;
}

/** What vm/assembly/index.ts exports. */
interface Exports extends RunExports {
  moduleAddress(): number;
  moduleCapacity(): number;
  loadModule(length: number): number;
  refusedAt(): number;
}

/** A run is given no more fuel than this. */
export const fuelMost = 2n ** 60n;

const segmentLimit = 64;

/** Instantiates the machine; the wasm has no imports, so nothing of the host is in its reach. */
export async function startMachine(
  wasm: Uint8Array | CompiledModule,
  options: MachineOptions = {},
): Promise<Machine> {
  const module =
    wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm as Uint8Array<ArrayBuffer>);
  const instance = await WebAssembly.instantiate(module, {});
  return machineOf(instance.exports as unknown as Exports, options);
}

/** The same at once, for a host that is not to be left in the middle; throws where the wasm cannot be compiled. */
export function startMachineAtOnce(module: CompiledModule, options: MachineOptions = {}): Machine {
  const instance = new WebAssembly.Instance(module as WebAssembly.Module, {});
  return machineOf(instance.exports as unknown as Exports, options);
}

function machineOf(machine: Exports, options: MachineOptions): Machine {
  // The memory does not grow, so its view stays good.
  const bytes = new Uint8Array(machine.memory.buffer);
  /** The module that the machine holds: another program's is loaded again before it runs. */
  let current: Uint8Array | undefined;

  function put(code: Uint8Array): number {
    bytes.set(code, machine.moduleAddress());
    return machine.loadModule(code.length);
  }

  return {
    load(given) {
      const opened = options.trust === undefined ? { ok: true as const, file: given } : options.trust(given);
      if (!opened.ok) return refuse('signature', 0, opened.message);
      // A copy, which `slice` of a Buffer of Node is not.
      const own = new Uint8Array(stripNames(opened.file));
      if (own.length > machine.moduleCapacity())
        return refuse(
          'header',
          0,
          `a module of ${own.length} bytes: at most ${machine.moduleCapacity()} are accepted`,
        );
      current = undefined;
      const refused = put(own);
      if (refused !== 0) return refuse(refusalName(refused), machine.refusedAt());
      if (!hasItsHash(own)) return refuse('hash', 32);
      current = own;
      const { fuelBound, run } = runsOf(machine);
      return {
        ok: true,
        program: {
          hash: moduleHash(own),
          names: readNames(opened.file),
          fuelBound,
          run(options) {
            if (current !== own) {
              put(own);
              current = own;
            }
            return run(options);
          },
        },
      };
    },
  };
}

/** Runs of what `machine` holds now: a module that was loaded, or was translated. */
export function runsOf(machine: RunExports): Pick<Program, 'fuelBound' | 'run'> {
  // The memory does not grow, so its view stays good.
  const words = new BigInt64Array(machine.memory.buffer);
  const fuelBound = machine.fuelBound();
  const places = readPlaces(machine);
  const portLabels = Array.from({ length: machine.portCount() }, (_, port) => machine.portLabel(port));
  const dearest = limitFuel(fuelBound);
  return {
    fuelBound,
    run({ inputs, fuel, clearance = everybody }) {
      let result: RunResult;
      try {
        // By number: an iterator takes 14 of the 145 ns of a call, and `finally` 10 (test/bench/embedded-call.ts).
        for (let at = 0; at < inputs.length; at++) setWord(words, places, inputs[at]);
        const limit = fuel === undefined ? dearest : limitFuel(fuel);
        result = machine.run(limit) === 0 ? finished(machine, portLabels, clearance) : trapped(machine);
      } catch (error) {
        // Inputs before the one that was refused.
        machine.reset();
        throw error;
      }
      // Nothing of this run stays behind.
      machine.reset();
      return result;
    },
  };
}

/** What a run that asks for `fuel` is given. Throws `RangeError` for what is no amount. */
export function limitFuel(fuel: bigint): bigint {
  if (fuel < 0n) throw new RangeError(`${fuel} is no amount of fuel: 0 or more is accepted`);
  return fuel < fuelMost ? fuel : fuelMost;
}

interface Place {
  /** Of its first word, in words from the beginning of the memory. */
  readonly first: number;
  readonly length: number;
}

/** Where the segments of the module are that is loaded. */
export function readPlaces(machine: SegmentExports): Place[] {
  const places: Place[] = [];
  for (let segment = 0; segment < segmentLimit; segment++) {
    const length = machine.segmentLength(segment);
    if (length === 0) break;
    places.push({ first: machine.segmentAddress(segment) / 8, length });
  }
  return places;
}

/** Throws `RangeError` for an input that the module has no word for, or that no word can hold. */
export function setWord(words: BigInt64Array, places: readonly Place[], input: InputWord | undefined): void {
  if (input === undefined) throw new RangeError('an input that is not there');
  const { segment, index, value } = input;
  const place = places[segment];
  if (place === undefined || !(index >= 0 && index < place.length && Number.isInteger(index)))
    throw new RangeError(`the module has no word ${index} in segment ${segment}`);
  // WebAssembly would wrap it: 2^64 + 5 would be 5.
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit a signed 64-bit word`);
  words[place.first + index] = value;
}

function finished(machine: RunExports, portLabels: readonly number[], clearance: number): RunResult {
  const ports = new Map<number, bigint>();
  for (let port = 0; port < portLabels.length; port++) {
    if (flowsTo(portLabels[port] ?? 0xffffffff, clearance) && machine.portWritten(port) !== 0)
      ports.set(port, machine.portValue(port));
  }
  const audit: AuditEntry[] = [];
  for (let index = 0, count = machine.auditCount(); index < count; index++) {
    const entry = machine.auditEntry(index);
    audit.push({ instruction: Number(entry >> 32n), grant: Number(entry & 0xffffffffn) });
  }
  return { ok: true, fuelUsed: machine.fuelUsed(), ports, audit };
}

function trapped(machine: RunExports): RunResult {
  const detail = {
    trap: trapName(machine.trapCode()),
    instruction: machine.trapAt(),
    label: machine.trapLabel() >>> 0,
  };
  return {
    ok: false,
    code: 'trapped',
    detail: (clearance) => (flowsTo(detail.label, clearance) ? detail : undefined),
  };
}

/** The name of a trap's code. */
export function trapName(code: number): TrapName {
  const found = Object.entries(traps).find(([, trap]) => trap.code === code);
  if (found === undefined) throw new Error(`invariant broken: trap ${code} is not in the table`);
  return found[0] as TrapName;
}

/** The name of a refusal's code. */
export function refusalName(code: number): RefusalName {
  const found = Object.entries(refusals).find(([, entry]) => entry.code === code);
  if (found === undefined) throw new Error(`invariant broken: refusal ${code} is not in the table`);
  return found[0] as RefusalName;
}

function refuse(reason: RefusalName, offset: number, why: string = refusals[reason].meaning): LoadResult {
  const message = `module refused at byte ${offset}: ${why}`;
  return { ok: false, code: 'module_refused', reason, offset, message };
}
