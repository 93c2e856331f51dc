/*
 * What a host calls; vm/ringmint_vm.h describes the same for C. All numbers are i32 or i64.
 *
 *   moduleAddress() → loadModule(length) → setWord(segment, index, value)… → run(fuel) → portValue(port)… → reset()
 *
 * The host writes a module to `moduleAddress`, and may write input values from `segmentAddress` on; it writes
 * nothing else. `run` runs once: before another run `reset` wipes words, registers, ports and uses of grants.
 */
import { MAX_MODULE_BYTES, TYPE_SYMBOL } from './isa';
import {
  AUDIT,
  FRAMES,
  FUNCTION_BYTES,
  FUNCTIONS,
  GRANT_BYTES,
  GRANTS,
  MODULE,
  PORT_BYTES,
  PORTS,
  REGISTER_BYTES,
  SEGMENT_BYTES,
  SEGMENTS,
} from './layout';
import * as loader from './load';
import * as state from './state';
import { execute, PAUSED } from './execute';

/** No run uses more; the dearest run of any loop is counted up to twice as far. */
const FUEL_MOST: u64 = <u64>1 << 60;

const FINISHED: u32 = 0;
const TRAPPED: u32 = 1;
const NOT_READY: u32 = 2;

let isReady: bool = false;
let fuelLimit: u64 = 0;
let outcome: u32 = NOT_READY;

export function moduleAddress(): usize {
  return MODULE;
}

export function moduleCapacity(): u32 {
  return MAX_MODULE_BYTES;
}

/** 0, or why the module at `moduleAddress` is refused; then no module is loaded. */
export function loadModule(length: u32): u32 {
  isReady = false;
  outcome = NOT_READY;
  state.forgetTrap();
  const refused = loader.loadModule(length);
  if (refused == 0) reset();
  return refused;
}

/** The byte of the module that the refusal is about. */
export function refusedAt(): u32 {
  return loader.refusedAt;
}

/** The fuel of the dearest run of the module; 2^61 stands for anything above it. */
export function fuelBound(): u64 {
  return loader.codeCount == 0 ? 0 : load<u64>(FUNCTIONS + (loader.functionCount - 1) * FUNCTION_BYTES, 24);
}

/** Words, registers, ports and grants as they are before a run: zero, words with the label of their segment. */
export function reset(): void {
  state.forgetTrap();
  if (loader.codeCount == 0) return;
  for (let i: u32 = 0; i < loader.segmentCount; i++) {
    const segment = SEGMENTS + i * SEGMENT_BYTES;
    const size = load<u32>(segment, 4);
    const values = <usize>load<u32>(segment);
    const labels = <usize>load<u32>(segment, 8);
    const label = load<u32>(segment, 16);
    for (let j: u32 = 0; j < size; j++) {
      store<i64>(values + (<usize>j << 3), 0);
      store<u32>(labels + (<usize>j << 2), label);
    }
  }
  const main = FUNCTIONS + (loader.functionCount - 1) * FUNCTION_BYTES;
  const authority = load<u32>(main, 4);
  for (let i: u32 = 0, cells = load<u32>(main, 12); i < cells; i++) {
    store<i64>(FRAMES + i * REGISTER_BYTES, 0);
    store<u64>(FRAMES + i * REGISTER_BYTES, authority, 8);
  }
  hidePorts();
  for (let i: u32 = 0; i < loader.grantCount; i++) store<u32>(GRANTS + i * GRANT_BYTES, 0, 32);
  outcome = NOT_READY;
  isReady = true;
}

function hidePorts(): void {
  for (let i: u32 = 0; i < loader.portCount; i++) {
    store<i64>(PORTS + i * PORT_BYTES, 0);
    store<u32>(PORTS + i * PORT_BYTES, 0, 12);
  }
}

/** Sets an input word, which keeps the label of its segment; 1 where there is no such word. */
export function setWord(segment: u32, index: u32, value: i64): u32 {
  if (segment >= loader.segmentCount) return 1;
  const entry = SEGMENTS + segment * SEGMENT_BYTES;
  if (index >= load<u32>(entry, 4)) return 1;
  store<i64>(<usize>load<u32>(entry) + (<usize>index << 3), value);
  return 0;
}

/** Where the values of a segment are, i64 each and little-endian; 0 where there is no such segment. */
export function segmentAddress(segment: u32): u32 {
  return segment < loader.segmentCount ? load<u32>(SEGMENTS + segment * SEGMENT_BYTES) : 0;
}

/** Words; 0 where there is no such segment. */
export function segmentLength(segment: u32): u32 {
  return segment < loader.segmentCount ? load<u32>(SEGMENTS + segment * SEGMENT_BYTES, 4) : 0;
}

/** 0 finished; 1 trapped: why is told by `trapCode`, to whom the host lets it be told; 2 not ready: no module, or no `reset` since the last run. */
export function run(fuel: u64): u32 {
  if (!isReady) return NOT_READY;
  isReady = false;
  fuelLimit = min(fuel, FUEL_MOST);
  let code = state.begin(<i64>fuelLimit);
  if (code == 0) {
    code = execute();
    if (STEPPING) while (code == PAUSED) code = execute();
  }
  outcome = code == 0 ? FINISHED : TRAPPED;
  // A run that trapped tells nothing but that.
  if (outcome == TRAPPED) hidePorts();
  return outcome;
}

export function portCount(): u32 {
  return loader.portCount;
}

/** 1 where the run finished and wrote the port. */
export function portWritten(port: u32): u32 {
  return port < loader.portCount ? load<u32>(PORTS + port * PORT_BYTES, 12) : 0;
}

export function portValue(port: u32): i64 {
  return port < loader.portCount ? load<i64>(PORTS + port * PORT_BYTES) : 0;
}

/** What the module declares: who is not cleared for it is not to be given the value. */
export function portLabel(port: u32): u32 {
  return port < loader.portCount ? load<u32>(PORTS + port * PORT_BYTES, 8) : u32.MAX_VALUE;
}

/** 1 where the port's value is a symbol: letters, packed. */
export function portIsSymbol(port: u32): u32 {
  return port < loader.portCount && load<u32>(PORTS + port * PORT_BYTES, 16) == TYPE_SYMBOL ? 1 : 0;
}

/** Of a run that finished; else 0. */
export function fuelUsed(): u64 {
  return outcome == FINISHED ? fuelLimit - <u64>state.fuelLeft : 0;
}

/** Of a run that finished; else 0. */
export function auditCount(): u32 {
  return outcome == FINISHED ? state.auditCount : 0;
}

/** Instruction in the high, grant in the low half. */
export function auditEntry(index: u32): u64 {
  if (index >= auditCount()) return 0;
  return (<u64>load<u32>(AUDIT + index * 8) << 32) | <u64>load<u32>(AUDIT + index * 8, 4);
}

/** Of a run that trapped; who is not cleared for `trapLabel` is not to be given any of the three. */
export function trapCode(): u32 {
  return state.trapCode;
}

/** The instruction, counted from 0 over all functions. */
export function trapAt(): u32 {
  return state.trapAt;
}

export function trapLabel(): u32 {
  return state.trapLabel;
}

/** For tests of the machine: a register of the main function after a run. */
export function registerValue(register: u32): i64 {
  return load<i64>(FRAMES + (register & 31) * REGISTER_BYTES);
}

export function registerLabel(register: u32): u32 {
  return load<u32>(FRAMES + (register & 31) * REGISTER_BYTES, 8);
}
