/*
 * What a host calls. All numbers are i32 or i64; the host writes a module to `moduleAddress` and nothing else.
 *
 *   moduleAddress() → load(length) → reset() → setWord(segment, index, value)… → run(fuel) → port(i)…
 */
import { MAX_MODULE_BYTES } from './isa';
import {
  AUDIT,
  MODULE,
  PORT_VALUES,
  PORT_WRITTEN,
  REGISTER_LABELS,
  REGISTERS,
  SEGMENTS,
  WORD_LABELS,
  WORD_VALUES,
} from './layout';
import * as loader from './load';
import * as machine from './execute';

export function moduleAddress(): usize {
  return MODULE;
}

export function moduleCapacity(): u32 {
  return MAX_MODULE_BYTES;
}

/** 0, or why the module at `moduleAddress` is refused. */
export function loadModule(length: u32): u32 {
  return loader.loadModule(length);
}

export function refusedAt(): u32 {
  return loader.refusedAt;
}

/** Words, registers and ports as they are before a run: zero, words with the label of their segment. */
export function reset(): void {
  for (let i: u32 = 0; i < loader.segmentCount; i++) {
    const segment = SEGMENTS + i * 16;
    const base = load<u32>(segment);
    const size = load<u32>(segment, 4);
    memory.fill(WORD_VALUES + base * 8, 0, size * 8);
    const label = load<u32>(segment, 8);
    for (let j: u32 = 0; j < size; j++) store<u32>(WORD_LABELS + (base + j) * 4, label);
  }
  memory.fill(REGISTERS, 0, 32 * 8);
  memory.fill(REGISTER_LABELS, 0, 32 * 4);
  memory.fill(PORT_VALUES, 0, 32 * 8);
  memory.fill(PORT_WRITTEN, 0, 32);
}

/** Sets an input word, which keeps the label of its segment; 1 where there is no such word. */
export function setWord(segment: u32, index: u32, value: i64): u32 {
  if (segment >= loader.segmentCount) return 1;
  const entry = SEGMENTS + segment * 16;
  if (index >= load<u32>(entry, 4)) return 1;
  store<i64>(WORD_VALUES + (load<u32>(entry) + index) * 8, value);
  return 0;
}

/** 0, or 1 for a trap: which one is told by `trapCode`, to whom the host lets it be told. */
export function run(fuel: u64): u32 {
  return machine.runModule(fuel) == 0 ? 0 : 1;
}

export function portWritten(port: u32): u32 {
  return port < loader.portCount ? load<u8>(PORT_WRITTEN + port) : 0;
}

export function portValue(port: u32): i64 {
  return port < loader.portCount ? load<i64>(PORT_VALUES + port * 8) : 0;
}

export function fuelUsed(): u64 {
  return machine.fuelUsed;
}

export function auditCount(): u32 {
  return machine.auditCount;
}

/** Instruction in the high, grant in the low half. */
export function auditEntry(index: u32): u64 {
  if (index >= machine.auditCount) return 0;
  return (<u64>load<u32>(AUDIT + index * 8) << 32) | <u64>load<u32>(AUDIT + index * 8, 4);
}

export function trapCode(): u32 {
  return machine.trapCode;
}

export function trapAt(): u32 {
  return machine.trapAt;
}

export function trapLabel(): u32 {
  return machine.trapLabel;
}

/** For the tests of the machine itself: a register's value and label after a run. */
export function registerValue(register: u32): i64 {
  return load<i64>(REGISTERS + (register & 31) * 8);
}

export function registerLabel(register: u32): u32 {
  return load<u32>(REGISTER_LABELS + (register & 31) * 4);
}
