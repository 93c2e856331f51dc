/*
 * Takes a module apart and checks all of it before anything runs: sizes, labels, opcodes, operands, levels,
 * structure. What it finds out on the way (targets, write sets, dearest arms) is what the run goes by.
 *
 * ╒═ header, 32 bytes ════════════════════════════════════════════════════════════════════╕
 *   "RMVM" │ version u32 = 1 │ levels constants segments ports grants code, u16 each │
 *   length u32 │ zero u64
 * ╞═ sections, in this order ═════════════════════════════════════════════════════════════╡
 *   level 8: label u32, zero u32            constant 16: value i64, label u32, zero u32
 *   segment 16: length u32, label u32, ceiling u32, zero u32       port 8: label u32, zero u32
 *   grant 32: kind u32, from u32, to u32, zero u32, least i64, most i64      code 8
 * ╘═══════════════════════════════════════════════════════════════════════════════════════╛
 */
import {
  FUEL,
  MAX_CODE,
  MAX_CONSTANTS,
  MAX_DEPTH,
  MAX_GRANTS,
  MAX_LEVELS,
  MAX_MODULE_BYTES,
  MAX_PORTS,
  MAX_REGISTERS,
  MAX_SEGMENTS,
  MAX_WORDS,
  OP_DECLASSIFY,
  OP_ELSE,
  OP_END,
  OP_ENDORSE,
  OP_HALT,
  OP_IF,
  REFUSED_COUNT,
  REFUSED_GRANT,
  REFUSED_GRANT_KIND,
  REFUSED_HALT,
  REFUSED_HEADER,
  REFUSED_LABEL,
  REFUSED_LEVEL,
  REFUSED_OPCODE,
  REFUSED_OPERAND,
  REFUSED_SEGMENT,
  REFUSED_STRUCTURE,
  SHAPE,
} from './isa';
import { flowsTo, isLabel } from './label';
import {
  CODE,
  CONSTANT_LABELS,
  CONSTANT_VALUES,
  DEAREST,
  GRANTS,
  LEVELS,
  MODULE,
  OPEN,
  PORT_LABELS,
  SEGMENTS,
  TARGETS,
  WRITES,
} from './layout';

export const GRANT_DECLASSIFY: u32 = 1;
export const GRANT_ENDORSE: u32 = 2;

const HEADER_BYTES: u32 = 32;
const MAGIC: u32 = 0x4d564d52;

export let levelCount: u32 = 0;
export let constantCount: u32 = 0;
export let segmentCount: u32 = 0;
export let portCount: u32 = 0;
export let grantCount: u32 = 0;
export let codeCount: u32 = 0;

/** The byte that a refusal is about. */
export let refusedAt: u32 = 0;

/** Checks and takes the module of `length` bytes at MODULE: 0, or the code of its refusal, and then no module is loaded. */
export function loadModule(length: u32): u32 {
  const refused = checkModule(length);
  if (refused != 0) {
    // What the header claims was not checked, and `reset`, `setWord` and `portValue` go by it.
    codeCount = 0;
    segmentCount = 0;
    portCount = 0;
  }
  return refused;
}

function checkModule(length: u32): u32 {
  refusedAt = 0;
  if (length < HEADER_BYTES || length > MAX_MODULE_BYTES) return REFUSED_HEADER;
  if (load<u32>(MODULE) != MAGIC || load<u32>(MODULE, 4) != 1) return REFUSED_HEADER;
  levelCount = load<u16>(MODULE, 8);
  constantCount = load<u16>(MODULE, 10);
  segmentCount = load<u16>(MODULE, 12);
  portCount = load<u16>(MODULE, 14);
  grantCount = load<u16>(MODULE, 16);
  codeCount = load<u16>(MODULE, 18);
  if (load<u32>(MODULE, 20) != length || load<u64>(MODULE, 24) != 0) return REFUSED_HEADER;
  if (levelCount > MAX_LEVELS || constantCount > MAX_CONSTANTS || segmentCount > MAX_SEGMENTS) return REFUSED_COUNT;
  if (portCount > MAX_PORTS || grantCount > MAX_GRANTS || codeCount > MAX_CODE || codeCount == 0) return REFUSED_COUNT;
  const expected = HEADER_BYTES + levelCount * 8 + constantCount * 16 + segmentCount * 16 + portCount * 8 + grantCount * 32 + codeCount * 8;
  if (expected != length) return REFUSED_HEADER;
  refusedAt = HEADER_BYTES;
  let refused = takeLevels();
  if (refused == 0) refused = takeConstants();
  if (refused == 0) refused = takeSegments();
  if (refused == 0) refused = takePorts();
  if (refused == 0) refused = takeGrants();
  if (refused == 0) refused = takeCode();
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
    const label = load<u32>(MODULE + refusedAt, 8);
    if (!isLabel(label) || load<u32>(MODULE + refusedAt, 12) != 0) return REFUSED_LABEL;
    store<i64>(CONSTANT_VALUES + i * 8, load<i64>(MODULE + refusedAt));
    store<u32>(CONSTANT_LABELS + i * 4, label);
  }
  return 0;
}

function takeSegments(): u32 {
  let base: u32 = 0;
  for (let i: u32 = 0; i < segmentCount; i++, refusedAt += 16) {
    const size = load<u32>(MODULE + refusedAt);
    const label = load<u32>(MODULE + refusedAt, 4);
    const ceiling = load<u32>(MODULE + refusedAt, 8);
    if (!isLabel(label) || !isLabel(ceiling) || load<u32>(MODULE + refusedAt, 12) != 0) return REFUSED_LABEL;
    if (size == 0 || size > MAX_WORDS - base || !flowsTo(label, ceiling)) return REFUSED_SEGMENT;
    const segment = SEGMENTS + i * 16;
    store<u32>(segment, base);
    store<u32>(segment, size, 4);
    store<u32>(segment, label, 8);
    store<u32>(segment, ceiling, 12);
    base += size;
  }
  return 0;
}

function takePorts(): u32 {
  for (let i: u32 = 0; i < portCount; i++, refusedAt += 8) {
    const label = load<u32>(MODULE + refusedAt);
    if (!isLabel(label) || load<u32>(MODULE + refusedAt, 4) != 0) return REFUSED_LABEL;
    store<u32>(PORT_LABELS + i * 4, label);
  }
  return 0;
}

function takeGrants(): u32 {
  for (let i: u32 = 0; i < grantCount; i++, refusedAt += 32) {
    const kind = load<u32>(MODULE + refusedAt);
    const from = load<u32>(MODULE + refusedAt, 4);
    const to = load<u32>(MODULE + refusedAt, 8);
    if (!isLabel(from) || !isLabel(to) || load<u32>(MODULE + refusedAt, 12) != 0) return REFUSED_LABEL;
    if (load<i64>(MODULE + refusedAt, 16) > load<i64>(MODULE + refusedAt, 24)) return REFUSED_GRANT;
    if (kind == GRANT_DECLASSIFY) {
      // Lowers secrecy and categories, and leaves authority.
      if (!flowsTo(to, from) || ((from ^ to) & 0xff00) != 0) return REFUSED_GRANT;
    } else if (kind == GRANT_ENDORSE) {
      // Raises authority, which clears bits of its complement, and leaves the rest.
      if (!flowsTo(to, from) || ((from ^ to) & 0xffff00ff) != 0) return REFUSED_GRANT;
    } else {
      return REFUSED_GRANT;
    }
    memory.copy(GRANTS + i * 32, MODULE + refusedAt, 32);
  }
  return 0;
}

/** One pass over the code: each instruction for itself, and the nesting of the branches. */
function takeCode(): u32 {
  let depth: u32 = 0;
  let cost: u32 = 0;
  let writes: u32 = 0;
  for (let i: u32 = 0; i < codeCount; i++, refusedAt += 8) {
    const word = load<u64>(MODULE + refusedAt);
    const opcode = <u32>(word & 0xff);
    const refused = checkInstruction(word, opcode);
    if (refused != 0) return refused;
    store<u64>(CODE + i * 8, word);
    cost += load<u8>(FUEL + opcode);
    if ((load<u8>(SHAPE + opcode) & 1) != 0) writes |= <u32>1 << <u32>((word >> 16) & 31);

    if (opcode == OP_IF) {
      if (depth == MAX_DEPTH) return REFUSED_STRUCTURE;
      const open = OPEN + depth * 32;
      store<u32>(open, i);
      store<u32>(open, 0, 4); // else, none yet
      store<u32>(open, 0, 8); // fuel of the first arm
      store<u32>(open, cost, 12); // fuel before the `if`, and its own
      store<u32>(open, writes, 16); // writes before it
      depth++;
      cost = 0;
      writes = 0;
    } else if (opcode == OP_ELSE) {
      if (depth == 0) return REFUSED_STRUCTURE;
      const open = OPEN + (depth - 1) * 32;
      if (load<u32>(open, 4) != 0) return REFUSED_STRUCTURE;
      store<u32>(open, i, 4);
      store<u32>(open, cost, 8);
      cost = 0;
    } else if (opcode == OP_END) {
      if (depth == 0) return REFUSED_STRUCTURE;
      depth--;
      const open = OPEN + depth * 32;
      const start = load<u32>(open);
      const other = load<u32>(open, 4);
      const first = load<u32>(open, 8);
      const dearest = cost > first ? cost : first;
      store<u32>(TARGETS + start * 4, other != 0 ? other : i);
      if (other != 0) store<u32>(TARGETS + other * 4, i);
      store<u32>(WRITES + start * 4, writes);
      store<u32>(DEAREST + start * 4, dearest);
      cost = load<u32>(open, 12) + dearest;
      writes |= load<u32>(open, 16);
    } else if (opcode == OP_HALT) {
      if (i != codeCount - 1 || depth != 0) return REFUSED_HALT;
    } else if (i == codeCount - 1) {
      return REFUSED_HALT;
    }
  }
  // The last instruction was `end` or `else`.
  if (<u32>(load<u64>(CODE + (codeCount - 1) * 8) & 0xff) != OP_HALT) return REFUSED_HALT;
  return 0;
}

function checkInstruction(word: u64, opcode: u32): u32 {
  if (opcode == 0 || opcode > OP_HALT) return REFUSED_OPCODE;
  if (<u32>((word >> 8) & 0xff) >= levelCount) return REFUSED_LEVEL;
  const shape = <u32>load<u8>(SHAPE + opcode);
  for (let position: u32 = 0; position < 4; position++) {
    const register = <u32>((word >> <u64>(16 + position * 8)) & 0xff);
    if (register >= ((shape & (<u32>1 << position)) != 0 ? MAX_REGISTERS : 1)) return REFUSED_OPERAND;
  }
  const index = <u32>(word >> 48);
  let count: u32 = 1;
  if ((shape & 0x10) != 0) count = constantCount;
  else if ((shape & 0x20) != 0) count = segmentCount;
  else if ((shape & 0x40) != 0) count = grantCount;
  else if ((shape & 0x80) != 0) count = portCount;
  if (index >= count) return REFUSED_OPERAND;
  if (opcode == OP_DECLASSIFY || opcode == OP_ENDORSE) {
    const kind = load<u32>(GRANTS + index * 32);
    if (kind != (opcode == OP_DECLASSIFY ? GRANT_DECLASSIFY : GRANT_ENDORSE)) return REFUSED_GRANT_KIND;
  }
  return 0;
}
