/*
 * What all translated modules have in common (docs/TRANSLATOR.md): the host's interface, which is that of index.ts, and
 * what code of translated functions calls. The functions themselves are put behind this by vm/translator/.
 *
 *   setWord(segment, index, value)… → run(fuel) → portValue(port)… → reset()
 *
 * `fuelLeft`, `dirty`, the results and `quotient` are set by translated functions, which find everything here by its name.
 */
import {
  MAX_AUDIT,
  TRAP_CLEARANCE,
  TRAP_GRANT,
  TRAP_LABEL,
  TRAP_RANGE,
  TYPE_SYMBOL,
} from './isa';
import { AUTHORITY, flowsTo, isHandled, isPublic } from './label';
import {
  AUDIT,
  GRANT_BYTES,
  GRANTS,
  HEADER,
  LABELS,
  PORT_BYTES,
  PORTS,
  REGISTER_BYTES,
  REGISTERS,
  SEGMENT_BYTES,
  SEGMENTS,
  TABLES,
  VALUES,
} from './translated-layout';

export { mulDivide as divide, productOverflows, quotient, remainderOf as remainder } from './arithmetic';
export { search as find } from './search';
export { GRANTS, HEADER, LABELS, PORTS, REGISTERS, SEGMENTS, TABLES, VALUES };

/** The main function: 0, or 1 after a trap. */
@external("env", "main")
declare function main(): i32;

/** No run uses more; the dearest run of any loop is counted up to twice as far. */
const FUEL_MOST: u64 = <u64>1 << 60;

const FINISHED: u32 = 0;
const TRAPPED: u32 = 1;
const NOT_READY: u32 = 2;

/** Up to so many bytes are zeroed by a loop: for `memory.fill` engines call out of the code. */
const FILLED_ONE_BY_ONE: usize = 512;

export let fuelLeft: i64 = 0;
/** 1 where a word of a uniform segment has another label than its segment's. */
export let dirty: i32 = 0;

export let result0: i64 = 0;
export let result1: i64 = 0;
export let result2: i64 = 0;
export let result3: i64 = 0;
export let result4: i64 = 0;
export let result5: i64 = 0;
export let result6: i64 = 0;
export let result7: i64 = 0;
export let resultLabel0: i32 = 0;
export let resultLabel1: i32 = 0;
export let resultLabel2: i32 = 0;
export let resultLabel3: i32 = 0;
export let resultLabel4: i32 = 0;
export let resultLabel5: i32 = 0;
export let resultLabel6: i32 = 0;
export let resultLabel7: i32 = 0;

let isReady: bool = false;
let fuelLimit: u64 = 0;
let outcome: u32 = 0;
let uses: u32 = 0;
let whyTrapped: u32 = 0;
let whereTrapped: u32 = 0;
let labelTrapped: u32 = 0;

// What translated functions call

/** Notes why the run ends: 1. */
export function stop(code: u32, at: u32, label: u32): u32 {
  whyTrapped = code;
  whereTrapped = at;
  labelTrapped = label;
  return 1;
}

export function stopUnallowed(at: u32, label: u32): u32 {
  return stop(isHandled(label) ? TRAP_CLEARANCE : TRAP_LABEL, at, label);
}

/** Uses a grant for `value` of label `operand`, if it covers that, and puts it on the audit list: 0, or 1 after a trap. */
export function grant(at: u32, grant: u32, context: u32, uncleared: u32, operand: u32, value: i64): u32 {
  const entry = GRANTS + grant * GRANT_BYTES;
  const from = load<u32>(entry, 4);
  const to = load<u32>(entry, 8);
  const label = context | operand;
  // Public control flow; pc and instruction with at least the authority that the grant asks for: to declassify, that of
  // `from`, which is also that of `to`; to endorse, that of `to`.
  if (!isPublic(context) || !flowsTo(context & AUTHORITY, to & AUTHORITY) || !flowsTo(operand, from)) return stop(TRAP_GRANT, at, label);
  const used = load<u32>(entry, 32);
  if (used == load<u32>(entry, 12) || uses == MAX_AUDIT) return stop(TRAP_GRANT, at, label);
  if ((operand & uncleared) != 0) return stop(TRAP_CLEARANCE, at, label);
  if (value < load<i64>(entry, 16) || value > load<i64>(entry, 24)) return stop(TRAP_RANGE, at, label);
  store<u32>(entry, used + 1, 32);
  const place = AUDIT + (<usize>uses << 3);
  store<u32>(place, at);
  store<u32>(place, grant, 4);
  uses++;
  return 0;
}

/** The rest of a round of a loop, and all that may come: 2^63 - 1 stands for anything above it. */
export function roundsCost(dearest: u64, round: u64, left: u64): u64 {
  const most = <u64>i64.MAX_VALUE;
  const rounds = round != 0 && left > most / round ? most : round * left;
  return dearest > most - rounds ? most : dearest + rounds;
}

// Before a run

/** What a module does when it is there: from then on it is ready to run. */
export function initialise(): void {
  dirty = 1;
  reset();
}

/** Words, registers, ports and grants as they are before a run: zero, words with the label of their segment. */
export function reset(): void {
  forgetTrap();
  const segments = load<u32>(HEADER);
  let words: u32 = 0;
  for (let i: u32 = 0; i < segments; i++) {
    const entry = SEGMENTS + i * SEGMENT_BYTES;
    const size = load<u32>(entry, 4);
    if (dirty != 0 || load<u32>(entry, 16) == 0) relabel(load<u32>(entry, 8), size, load<u32>(entry, 12));
    words += size;
  }
  dirty = 0;
  clear(VALUES, <usize>words << 3);
  clear(REGISTERS, load<u32>(HEADER, 24) * REGISTER_BYTES);
  hidePorts();
  for (let i: u32 = 0, count = load<u32>(HEADER, 8); i < count; i++) store<u32>(GRANTS + i * GRANT_BYTES, 0, 32);
  outcome = NOT_READY;
  isReady = true;
}

function relabel(labels: usize, count: u32, label: u32): void {
  for (let place = labels, end = labels + (<usize>count << 2); place < end; place += 4) store<u32>(place, label);
}

/** `bytes` is a multiple of 8. */
function clear(from: usize, bytes: usize): void {
  if (bytes > FILLED_ONE_BY_ONE) memory.fill(from, 0, bytes);
  else for (let place = from, end = from + bytes; place < end; place += 8) store<i64>(place, 0);
}

function hidePorts(): void {
  for (let i: u32 = 0, count = portCount(); i < count; i++) {
    store<i64>(PORTS + i * PORT_BYTES, 0);
    store<u32>(PORTS + i * PORT_BYTES, 0, 12);
  }
}

function forgetTrap(): void {
  whyTrapped = 0;
  whereTrapped = 0;
  labelTrapped = 0;
}

// What a host calls, as in index.ts

/** The fuel of the dearest run of the module; 2^61 stands for anything above it. */
export function fuelBound(): u64 {
  return load<u64>(HEADER, 16);
}

/** Sets an input word, which keeps the label of its segment; 1 where there is no such word. */
export function setWord(segment: u32, index: u32, value: i64): u32 {
  if (index >= segmentLength(segment)) return 1;
  store<i64>(<usize>segmentAddress(segment) + (<usize>index << 3), value);
  return 0;
}

/** Where the values of a segment are, i64 each and little-endian; 0 where there is no such segment. */
export function segmentAddress(segment: u32): u32 {
  return segment < load<u32>(HEADER) ? load<u32>(SEGMENTS + segment * SEGMENT_BYTES) : 0;
}

/** Words; 0 where there is no such segment. */
export function segmentLength(segment: u32): u32 {
  return segment < load<u32>(HEADER) ? load<u32>(SEGMENTS + segment * SEGMENT_BYTES, 4) : 0;
}

/** 0 finished; 1 trapped: why is told by `trapCode`, to whom the host lets it be told; 2 not ready: no `reset` since the last run. */
export function run(fuel: u64): u32 {
  if (!isReady) return NOT_READY;
  isReady = false;
  fuelLimit = min(fuel, FUEL_MOST);
  fuelLeft = <i64>fuelLimit;
  uses = 0;
  forgetTrap();
  outcome = main() == 0 ? FINISHED : TRAPPED;
  // A run that trapped tells nothing but that.
  if (outcome == TRAPPED) hidePorts();
  return outcome;
}

export function portCount(): u32 {
  return load<u32>(HEADER, 4);
}

/** 1 where the run finished and wrote the port. */
export function portWritten(port: u32): u32 {
  return port < portCount() ? load<u32>(PORTS + port * PORT_BYTES, 12) : 0;
}

export function portValue(port: u32): i64 {
  return port < portCount() ? load<i64>(PORTS + port * PORT_BYTES) : 0;
}

/** What the module declares: who is not cleared for it is not to be given the value. */
export function portLabel(port: u32): u32 {
  return port < portCount() ? load<u32>(PORTS + port * PORT_BYTES, 8) : u32.MAX_VALUE;
}

/** 1 where the port's value is a symbol: letters, packed. */
export function portIsSymbol(port: u32): u32 {
  return port < portCount() && load<u32>(PORTS + port * PORT_BYTES, 16) == TYPE_SYMBOL ? 1 : 0;
}

/** Of a run that finished; else 0. */
export function fuelUsed(): u64 {
  return outcome == FINISHED ? fuelLimit - <u64>fuelLeft : 0;
}

/** Of a run that finished; else 0. */
export function auditCount(): u32 {
  return outcome == FINISHED ? uses : 0;
}

/** Instruction in the high, grant in the low half. */
export function auditEntry(index: u32): u64 {
  if (index >= auditCount()) return 0;
  return (<u64>load<u32>(AUDIT + index * 8) << 32) | <u64>load<u32>(AUDIT + index * 8, 4);
}

/** Of a run that trapped; who is not cleared for `trapLabel` is not to be given any of the three. */
export function trapCode(): u32 {
  return whyTrapped;
}

/** The instruction, counted from 0 over all functions. */
export function trapAt(): u32 {
  return whereTrapped;
}

export function trapLabel(): u32 {
  return labelTrapped;
}

/** For tests: a register of the main function after a run, if the module's claims say that it tells them. */
export function registerValue(register: u32): i64 {
  return load<i64>(REGISTERS + (register & 31) * REGISTER_BYTES);
}

/** At least the authority of the main function, which a register that was not written has. */
export function registerLabel(register: u32): u32 {
  return load<u32>(HEADER, 12) | load<u32>(REGISTERS + (register & 31) * REGISTER_BYTES, 8);
}
