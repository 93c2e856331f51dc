/**
 * The label machine as a program uses it: loads the wasm and is the only reader of its memory. No Node
 * built-ins: it runs in a browser and in any other host of WebAssembly.
 *
 * @example
 * const machine = await startMachine(wasmBytes);
 * const loaded = machine.load(moduleBytes);
 * if (loaded.ok) loaded.program.run({ inputs: [{ segment: 0, index: 0, value: 5n }], fuel: 1000n });
 */
import { type RefusalName, refusals, type TrapName, traps } from './isa.ts';
import { flowsTo } from './label.ts';

export interface InputWord {
  readonly segment: number;
  readonly index: number;
  readonly value: bigint;
}

export interface RunOptions {
  /** Words that are not given are zero; each has the label that the module declares for its segment. */
  readonly inputs: readonly InputWord[];
  readonly fuel: bigint;
}

/** A use of a grant: which, and by which instruction. */
export interface AuditEntry {
  readonly instruction: number;
  readonly grant: number;
}

/** What a trap was, for a reader who is cleared for it. */
export interface TrapDetail {
  readonly trap: TrapName;
  readonly instruction: number;
  readonly label: number;
}

export type RunResult =
  | {
      readonly ok: true;
      readonly fuelUsed: bigint;
      /** By port number; a port that the program did not write is left out. */
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
  run(options: RunOptions): RunResult;
}

export type LoadResult =
  | { readonly ok: true; readonly program: Program }
  | {
      readonly ok: false;
      readonly code: 'module_refused';
      readonly reason: RefusalName;
      readonly offset: number;
      readonly message: string;
    };

export interface Machine {
  /** Checks a module; the program that comes back runs on this machine, one at a time. */
  load(module: Uint8Array): LoadResult;
}

/** What vm/assembly/index.ts exports. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  moduleAddress(): number;
  moduleCapacity(): number;
  loadModule(length: number): number;
  refusedAt(): number;
  reset(): void;
  setWord(segment: number, index: number, value: bigint): number;
  run(fuel: bigint): number;
  portWritten(port: number): number;
  portValue(port: number): bigint;
  fuelUsed(): bigint;
  auditCount(): number;
  auditEntry(index: number): bigint;
  trapCode(): number;
  trapAt(): number;
  trapLabel(): number;
}

const portLimit = 32;

/** Instantiates the machine; the wasm has no imports, so nothing of the host is in its reach. */
export async function startMachine(wasm: Uint8Array<ArrayBuffer> | WebAssembly.Module): Promise<Machine> {
  const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm);
  const instance = await WebAssembly.instantiate(module, {});
  const machine = instance.exports as unknown as Exports;
  /** The module that the machine holds: another program's is loaded again before it runs. */
  let current: Uint8Array | undefined;

  function put(bytes: Uint8Array): number {
    new Uint8Array(machine.memory.buffer, machine.moduleAddress(), bytes.length).set(bytes);
    return machine.loadModule(bytes.length);
  }

  return {
    load(bytes) {
      if (bytes.length > machine.moduleCapacity()) {
        return {
          ok: false,
          code: 'module_refused',
          reason: 'header',
          offset: 0,
          message: `a module of ${bytes.length} bytes: at most ${machine.moduleCapacity()} are accepted`,
        };
      }
      const own = bytes.slice();
      current = undefined;
      const refused = put(own);
      if (refused !== 0) return refusal(refused, machine.refusedAt());
      current = own;
      return {
        ok: true,
        program: {
          run(options) {
            if (current !== own) {
              put(own);
              current = own;
            }
            return runLoaded(machine, options);
          },
        },
      };
    },
  };
}

function runLoaded(machine: Exports, options: RunOptions): RunResult {
  machine.reset();
  for (const { segment, index, value } of options.inputs) {
    // WebAssembly would wrap it: 2^64 + 5 would be 5.
    if (BigInt.asIntN(64, value) !== value)
      throw new RangeError(`${value} does not fit a signed 64-bit word`);
    if (machine.setWord(segment, index, value) !== 0)
      throw new RangeError(`the module has no word ${index} in segment ${segment}`);
  }
  if (machine.run(options.fuel) !== 0) {
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
  const ports = new Map<number, bigint>();
  for (let port = 0; port < portLimit; port++) {
    if (machine.portWritten(port) !== 0) ports.set(port, machine.portValue(port));
  }
  const audit: AuditEntry[] = [];
  for (let index = 0; index < machine.auditCount(); index++) {
    const entry = machine.auditEntry(index);
    audit.push({ instruction: Number(entry >> 32n), grant: Number(entry & 0xffffffffn) });
  }
  return { ok: true, fuelUsed: machine.fuelUsed(), ports, audit };
}

function trapName(code: number): TrapName {
  const found = Object.entries(traps).find(([, trap]) => trap.code === code);
  if (found === undefined) throw new Error(`invariant broken: trap ${code} is not in the table`);
  return found[0] as TrapName;
}

function refusal(code: number, offset: number): LoadResult {
  const found = Object.entries(refusals).find(([, entry]) => entry.code === code);
  if (found === undefined) throw new Error(`invariant broken: refusal ${code} is not in the table`);
  const [reason, { meaning }] = found;
  return {
    ok: false,
    code: 'module_refused',
    reason: reason as RefusalName,
    offset,
    message: `module refused at byte ${offset}: ${meaning}`,
  };
}
