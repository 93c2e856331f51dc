/*
 * Takes a module apart and checks all of it before anything runs: here sizes and tables, in verify.ts the code.
 *
 * ╒═ header, 64 bytes ════════════════════════════════════════════════════════════════════╕
 *   "RMVM" │ version u32 = 2 │ levels constants segments tables ports grants functions, u16 each, zero u16 │
 *   entries of all tables u32 │ instructions u32 │ SHA-256 of all the rest, which the host checks
 * ╞═ sections, in this order ═════════════════════════════════════════════════════════════╡
 *   level 8: label u32, zero u32            constant 16: value i64, label u32, type u32
 *   segment 16: length u32, label u32, ceiling u32, type u32
 *   table 16: label u32, type u32, count u32, ascending u32      port 8: label u32, type u32
 *   grant 32: kind u32, from u32, to u32, uses u32, least i64, most i64
 *   function 16: instructions u32, authority u32, parameters results symbols-of-either u8 each, zero u32
 *   entry of a table 8: i64                 instruction 8
 * ╘═══════════════════════════════════════════════════════════════════════════════════════╛
 */
import {
  MAX_CODE,
  MAX_CONSTANTS,
  MAX_FUNCTIONS,
  MAX_GRANTS,
  MAX_LEVELS,
  MAX_MODULE_BYTES,
  MAX_PARAMETERS,
  MAX_PORTS,
  MAX_SEGMENTS,
  MAX_TABLES,
  MAX_WORDS,
  REFUSED_COUNT,
  REFUSED_FUNCTION,
  REFUSED_GRANT,
  REFUSED_HEADER,
  REFUSED_LABEL,
  REFUSED_SEGMENT,
  REFUSED_TABLE,
  TYPE_SYMBOL,
} from './isa';
import { AUTHORITY, flowsTo, isLabel, isPublic } from './label';
import {
  CODE,
  CONSTANT_BYTES,
  CONSTANTS,
  DECODED_BYTES,
  FUNCTION_BYTES,
  FUNCTIONS,
  GRANT_BYTES,
  GRANTS,
  LEVELS,
  MODULE,
  PORT_BYTES,
  PORTS,
  SEGMENT_BYTES,
  SEGMENTS,
  TABLE_BYTES,
  TABLES,
  WORD_LABELS,
  WORD_VALUES,
} from './layout';
import { verifyCode } from './verify';

export const GRANT_DECLASSIFY: u32 = 1;
export const GRANT_ENDORSE: u32 = 2;

const HEADER_BYTES: u32 = 64;
const MAGIC: u32 = 0x4d564d52;
const VERSION: u32 = 2;

export let levelCount: u32 = 0;
export let constantCount: u32 = 0;
export let segmentCount: u32 = 0;
export let tableCount: u32 = 0;
export let portCount: u32 = 0;
export let grantCount: u32 = 0;
export let functionCount: u32 = 0;
export let codeCount: u32 = 0;
let entryCount: u32 = 0;

/** The byte that a refusal is about. */
export let refusedAt: u32 = 0;

export function setRefusedAt(offset: u32): void {
  refusedAt = offset;
}

/** Checks and takes the module of `length` bytes at MODULE: 0, or the code of its refusal, and then no module is loaded. */
export function loadModule(length: u32): u32 {
  const refused = checkModule(length);
  if (refused != 0) {
    // What the header claims was not checked, and what a host may ask for goes by it.
    codeCount = 0;
    segmentCount = 0;
    portCount = 0;
    grantCount = 0;
  }
  return refused;
}

function checkModule(length: u32): u32 {
  refusedAt = 0;
  if (length < HEADER_BYTES || length > MAX_MODULE_BYTES) return REFUSED_HEADER;
  if (load<u32>(MODULE) != MAGIC || load<u32>(MODULE, 4) != VERSION || load<u16>(MODULE, 22) != 0) return REFUSED_HEADER;
  levelCount = load<u16>(MODULE, 8);
  constantCount = load<u16>(MODULE, 10);
  segmentCount = load<u16>(MODULE, 12);
  tableCount = load<u16>(MODULE, 14);
  portCount = load<u16>(MODULE, 16);
  grantCount = load<u16>(MODULE, 18);
  functionCount = load<u16>(MODULE, 20);
  entryCount = load<u32>(MODULE, 24);
  codeCount = load<u32>(MODULE, 28);
  if (levelCount > MAX_LEVELS || constantCount > MAX_CONSTANTS || segmentCount > MAX_SEGMENTS) return REFUSED_COUNT;
  if (tableCount > MAX_TABLES || portCount > MAX_PORTS || grantCount > MAX_GRANTS) return REFUSED_COUNT;
  if (functionCount > MAX_FUNCTIONS || functionCount == 0 || codeCount > MAX_CODE || codeCount == 0) return REFUSED_COUNT;
  if (entryCount > MAX_MODULE_BYTES / 8) return REFUSED_COUNT;
  const tables = levelCount * 8 + constantCount * 16 + segmentCount * 16 + tableCount * 16 + portCount * 8 + grantCount * 32 + functionCount * 16;
  if (HEADER_BYTES + tables + entryCount * 8 + codeCount * 8 != length) return REFUSED_HEADER;
  refusedAt = HEADER_BYTES;
  let refused = takeLevels();
  if (refused == 0) refused = takeConstants();
  if (refused == 0) refused = takeSegments();
  if (refused == 0) refused = takeTables(HEADER_BYTES + tables);
  if (refused == 0) refused = takePorts();
  if (refused == 0) refused = takeGrants();
  if (refused == 0) refused = takeFunctions();
  if (refused == 0) refused = checkEntries();
  if (refused == 0) refused = verifyCode(refusedAt);
  return refused;
}

function takeLevels(): u32 {
  for (let i: u32 = 0; i < levelCount; i++, refusedAt += 8) {
    const label = load<u32>(MODULE + refusedAt);
    if (!isLabel(label) || load<u32>(MODULE + refusedAt, 4) != 0) return REFUSED_LABEL;
    store<u32>(LEVELS + i * 4, label);
  }
  return 0;
}

function takeConstants(): u32 {
  for (let i: u32 = 0; i < constantCount; i++, refusedAt += 16) {
    if (!isLabel(load<u32>(MODULE + refusedAt, 8)) || load<u32>(MODULE + refusedAt, 12) > TYPE_SYMBOL) return REFUSED_LABEL;
    memory.copy(CONSTANTS + i * CONSTANT_BYTES, MODULE + refusedAt, 16);
  }
  return 0;
}

function takeSegments(): u32 {
  let base: u32 = 0;
  for (let i: u32 = 0; i < segmentCount; i++, refusedAt += 16) {
    const size = load<u32>(MODULE + refusedAt);
    const label = load<u32>(MODULE + refusedAt, 4);
    const ceiling = load<u32>(MODULE + refusedAt, 8);
    const type = load<u32>(MODULE + refusedAt, 12);
    if (!isLabel(label) || !isLabel(ceiling) || type > TYPE_SYMBOL) return REFUSED_LABEL;
    if (size == 0 || size > MAX_WORDS - base || !flowsTo(label, ceiling)) return REFUSED_SEGMENT;
    const segment = SEGMENTS + i * SEGMENT_BYTES;
    store<u32>(segment, <u32>WORD_VALUES + base * 8);
    store<u32>(segment, size, 4);
    store<u32>(segment, <u32>WORD_LABELS + base * 4, 8);
    store<u32>(segment, ceiling, 12);
    store<u32>(segment, label, 16);
    store<u32>(segment, type, 20);
    base += size;
  }
  return 0;
}

function takeTables(entries: u32): u32 {
  let taken: u32 = 0;
  for (let i: u32 = 0; i < tableCount; i++, refusedAt += 16) {
    const label = load<u32>(MODULE + refusedAt);
    const type = load<u32>(MODULE + refusedAt, 4);
    const count = load<u32>(MODULE + refusedAt, 8);
    const ascending = load<u32>(MODULE + refusedAt, 12);
    if (!isLabel(label) || type > TYPE_SYMBOL) return REFUSED_LABEL;
    if (count == 0 || count > entryCount - taken || ascending > 1) return REFUSED_TABLE;
    const table = TABLES + i * TABLE_BYTES;
    store<u32>(table, <u32>MODULE + entries + taken * 8);
    store<u32>(table, count, 4);
    store<u32>(table, label, 8);
    store<u32>(table, type, 12);
    store<u32>(table, ascending, 16);
    taken += count;
  }
  return taken == entryCount ? 0 : REFUSED_TABLE;
}

function takePorts(): u32 {
  for (let i: u32 = 0; i < portCount; i++, refusedAt += 8) {
    const label = load<u32>(MODULE + refusedAt);
    const type = load<u32>(MODULE + refusedAt, 4);
    if (!isLabel(label) || type > TYPE_SYMBOL) return REFUSED_LABEL;
    store<u32>(PORTS + i * PORT_BYTES, label, 8);
    store<u32>(PORTS + i * PORT_BYTES, type, 16);
  }
  return 0;
}

function takeGrants(): u32 {
  for (let i: u32 = 0; i < grantCount; i++, refusedAt += 32) {
    const kind = load<u32>(MODULE + refusedAt);
    const from = load<u32>(MODULE + refusedAt, 4);
    const to = load<u32>(MODULE + refusedAt, 8);
    if (!isLabel(from) || !isLabel(to)) return REFUSED_LABEL;
    if (load<u32>(MODULE + refusedAt, 12) == 0) return REFUSED_GRANT;
    if (load<i64>(MODULE + refusedAt, 16) > load<i64>(MODULE + refusedAt, 24)) return REFUSED_GRANT;
    if (kind == GRANT_DECLASSIFY) {
      // Lowers secrecy and categories, and leaves authority.
      if (!flowsTo(to, from) || ((from ^ to) & AUTHORITY) != 0) return REFUSED_GRANT;
    } else if (kind == GRANT_ENDORSE) {
      // Raises authority, which clears bits of its complement, and leaves the rest.
      if (!flowsTo(to, from) || ((from ^ to) & ~AUTHORITY) != 0) return REFUSED_GRANT;
    } else {
      return REFUSED_GRANT;
    }
    memory.copy(GRANTS + i * GRANT_BYTES, MODULE + refusedAt, 32);
  }
  return 0;
}

function takeFunctions(): u32 {
  let first: u32 = 0;
  for (let i: u32 = 0; i < functionCount; i++, refusedAt += 16) {
    const count = load<u32>(MODULE + refusedAt);
    const authority = load<u32>(MODULE + refusedAt, 4);
    const parameters = <u32>load<u8>(MODULE + refusedAt, 8);
    const results = <u32>load<u8>(MODULE + refusedAt, 9);
    if (!isLabel(authority)) return REFUSED_LABEL;
    if (!isPublic(authority) || count == 0 || count > codeCount - first) return REFUSED_FUNCTION;
    if (parameters > MAX_PARAMETERS || results > MAX_PARAMETERS) return REFUSED_FUNCTION;
    if (<u32>load<u8>(MODULE + refusedAt, 10) >> parameters != 0 || <u32>load<u8>(MODULE + refusedAt, 11) >> results != 0) return REFUSED_FUNCTION;
    if (load<u32>(MODULE + refusedAt, 12) != 0) return REFUSED_FUNCTION;
    if (i == functionCount - 1 && (parameters != 0 || results != 0)) return REFUSED_FUNCTION;
    const entry = FUNCTIONS + i * FUNCTION_BYTES;
    store<u32>(entry, <u32>CODE + first * DECODED_BYTES);
    store<u32>(entry, authority, 4);
    store<u32>(entry, 0, 20); // not called yet
    store<u32>(entry, count, 40);
    store<u32>(entry, load<u32>(MODULE + refusedAt, 8), 32); // parameters, results and their types
    first += count;
  }
  return first == codeCount ? 0 : REFUSED_FUNCTION;
}

function checkEntries(): u32 {
  for (let i: u32 = 0; i < tableCount; i++) {
    const count = load<u32>(TABLES + i * TABLE_BYTES, 4);
    const ascending = load<u32>(TABLES + i * TABLE_BYTES, 16) != 0;
    for (let j: u32 = 0; j < count; j++, refusedAt += 8) {
      if (ascending && j > 0 && load<i64>(MODULE + refusedAt - 8) >= load<i64>(MODULE + refusedAt)) return REFUSED_TABLE;
    }
  }
  return 0;
}
