/*
 * Checks the code of a module, function by function, in one pass forward: operands, structure, types, reach,
 * depth. What it finds out on the way (targets, write sets, fuel) is decoded into CODE and DEAREST, and is what
 * the run goes by. A second pass, backward, sums the fuel of blocks.
 */
import {
  FUEL,
  MAX_DEPTH,
  MAX_FRAMES,
  MAX_LOOP_BOUND,
  MAX_REGISTERS,
  OP_CALL,
  OP_CONST,
  OP_DECLASSIFY,
  OP_ELSE,
  OP_END,
  OP_ENDORSE,
  OP_ENTRY,
  OP_FIND,
  OP_HALT,
  OP_IF,
  OP_LOAD,
  OP_LOOP,
  OP_OUTPUT,
  OP_RETURN,
  OP_STORE,
  OP_WHILE,
  REFUSED_BOUND,
  REFUSED_CALL,
  REFUSED_DEPTH,
  REFUSED_GRANT_KIND,
  REFUSED_LAST,
  REFUSED_LEVEL,
  REFUSED_OPCODE,
  REFUSED_OPERAND,
  REFUSED_STRUCTURE,
  REFUSED_TABLE,
  REFUSED_TYPE,
  REFUSED_UNREACHABLE,
  ROUNDINGS,
  SHAPE,
  SHAPE_CONSTANT,
  SHAPE_D,
  SHAPE_FUNCTION,
  SHAPE_GRANT,
  SHAPE_PORT,
  SHAPE_ROUNDING,
  SHAPE_SEGMENT,
  SHAPE_TABLE,
  TYPE_SYMBOL,
} from './isa';
import { CATEGORIES, isPublic } from './label';
import {
  CODE,
  CONSTANT_BYTES,
  CONSTANTS,
  DEAREST,
  DECODED_BYTES,
  FUNCTION_BYTES,
  FUNCTIONS,
  GRANT_BYTES,
  GRANTS,
  LEVELS,
  MODULE,
  OPEN,
  OPEN_BYTES,
  PORT_BYTES,
  PORTS,
  REGISTER_BYTES,
  SEGMENT_BYTES,
  SEGMENTS,
  TABLE_BYTES,
  TABLES,
} from './layout';
import {
  constantCount,
  functionCount,
  GRANT_DECLASSIFY,
  grantCount,
  GRANT_ENDORSE,
  levelCount,
  portCount,
  segmentCount,
  setRefusedAt,
  tableCount,
} from './load';
import { beginTypes, checkTypes, numbers, registers, setTypes, symbols, useRegister } from './word-types';

/** What `end` is decoded to where it ends a loop. */
export const OP_END_LOOP: u32 = OP_HALT + 1;

/** No sum of fuel is taken for more: far above what any run may use, and two of them still fit a word. */
const DEAREST_MOST: u64 = <u64>1 << 61;

/** Of the open arm, round or function: what it writes, and the fuel of its dearest run up to here. */
let writes: u32 = 0;
let dearest: u64 = 0;

let open: u32 = 0;
let deepest: u32 = 0;
let calledCells: u32 = 0;

function sum(x: u64, y: u64): u64 {
  return min(x + y, DEAREST_MOST);
}

/** The fuel of `rounds` rounds, and of the one that leaves. */
function roundsOf(round: u64, rounds: u64): u64 {
  return round != 0 && rounds + 1 > DEAREST_MOST / round ? DEAREST_MOST : round * (rounds + 1);
}

/** Checks all functions, whose code begins at byte `offset` of the module: 0, or the code of a refusal. */
export function verifyCode(offset: u32): u32 {
  for (let f: u32 = 0; f < functionCount; f++) {
    const entry = FUNCTIONS + f * FUNCTION_BYTES;
    const count = load<u32>(entry, 40);
    const refused = verifyFunction(f, offset, load<u32>(entry), count);
    if (refused != 0) return refused;
    sumBlocks(entry, count);
    offset += count * 8;
  }
  // The main function is called by the host; every other one by a later one, or its code is out of reach.
  for (let f: u32 = 0; f + 1 < functionCount; f++) {
    if (load<u32>(FUNCTIONS + f * FUNCTION_BYTES, 20) == 0) {
      setRefusedAt(<u32>offset - bytesFrom(f));
      return REFUSED_UNREACHABLE;
    }
  }
  return 0;
}

/** Of the code from function `f` on. */
function bytesFrom(f: u32): u32 {
  let bytes: u32 = 0;
  for (; f < functionCount; f++) bytes += load<u32>(FUNCTIONS + f * FUNCTION_BYTES, 40) * 8;
  return bytes;
}

function verifyFunction(f: u32, offset: u32, ip: u32, count: u32): u32 {
  const entry = FUNCTIONS + f * FUNCTION_BYTES;
  beginTypes(load<u8>(entry, 32), load<u8>(entry, 34));
  writes = 0;
  dearest = 0;
  open = 0;
  deepest = 0;
  calledCells = 0;
  const final = f == functionCount - 1 ? OP_HALT : OP_RETURN;
  for (let i: u32 = 0; i < count; i++, offset += 8, ip += DECODED_BYTES) {
    setRefusedAt(offset);
    const word = load<u64>(MODULE + offset);
    const opcode = <u32>(word & 0xff);
    let refused = checkOperands(word, opcode);
    if (refused == 0) refused = decode(f, word, opcode, ip);
    if (refused == 0) refused = checkTypes(f, word, opcode);
    if (refused != 0) return refused;
    dearest = sum(dearest, fuelOf(ip, opcode));
    // A loop, branch, arm or call is dearer than its instruction, and has types and writes of its own.
    if (opcode == OP_IF) refused = openBlock(ip, opcode, 0);
    else if (opcode == OP_ELSE) refused = beginElse(ip);
    else if (opcode == OP_LOOP) refused = openBlock(ip, opcode, load<u32>(load<u32>(ip, 20)));
    else if (opcode == OP_WHILE) refused = takeWhile(ip);
    else if (opcode == OP_END) refused = closeBlock(ip);
    else if (opcode == OP_CALL) takeCall(word);
    else if ((load<u16>(SHAPE + opcode * 2) & SHAPE_D) != 0) writes |= <u32>1 << <u32>((word >> 16) & 31);
    if (refused != 0) return refused;
    const isLast = i == count - 1;
    if ((opcode == OP_HALT || opcode == OP_RETURN) != isLast || (isLast && (opcode != final || open != 0))) return REFUSED_LAST;
  }
  store<u32>(entry, registers, 8);
  store<u32>(entry, registers + calledCells, 12);
  store<u32>(entry, deepest, 16);
  store<u64>(entry, dearest, 24);
  if (registers + calledCells > MAX_FRAMES || deepest > MAX_DEPTH) return REFUSED_DEPTH;
  return 0;
}

function checkOperands(word: u64, opcode: u32): u32 {
  if (opcode == 0 || opcode > OP_HALT) return REFUSED_OPCODE;
  if (<u32>((word >> 8) & 0xff) >= levelCount) return REFUSED_LEVEL;
  const shape = <u32>load<u16>(SHAPE + opcode * 2);
  for (let position: u32 = 0; position < 4; position++) {
    const register = <u32>((word >> <u64>(16 + position * 8)) & 0xff);
    if ((shape & (<u32>1 << position)) == 0) {
      if (register != 0) return REFUSED_OPERAND;
    } else {
      if (register >= MAX_REGISTERS) return REFUSED_OPERAND;
      useRegister(register);
    }
  }
  let most: u32 = 1;
  if ((shape & SHAPE_CONSTANT) != 0) most = constantCount;
  else if ((shape & SHAPE_SEGMENT) != 0) most = segmentCount;
  else if ((shape & SHAPE_TABLE) != 0) most = tableCount;
  else if ((shape & SHAPE_FUNCTION) != 0) most = functionCount;
  else if ((shape & SHAPE_GRANT) != 0) most = grantCount;
  else if ((shape & SHAPE_PORT) != 0) most = portCount;
  else if ((shape & SHAPE_ROUNDING) != 0) most = ROUNDINGS;
  return <u32>(word >> 48) < most ? 0 : REFUSED_OPERAND;
}

/** Writes the instruction as the run reads it, with the entry of its table; and checks that entry. */
function decode(f: u32, word: u64, opcode: u32, ip: u32): u32 {
  const level = load<u32>(LEVELS + <u32>((word >> 8) & 0xff) * 4);
  const index = <u32>(word >> 48);
  store<u16>(ip, <u16>opcode);
  store<u16>(ip, <u16>(((word >> 16) & 31) * REGISTER_BYTES), 2);
  store<u16>(ip, <u16>(((word >> 24) & 31) * REGISTER_BYTES), 4);
  store<u16>(ip, <u16>(((word >> 32) & 31) * REGISTER_BYTES), 6);
  store<u32>(ip, level & ~CATEGORIES, 8);
  store<u32>(ip, ~level & CATEGORIES, 12);
  store<u16>(ip, <u16>(((word >> 40) & 31) * REGISTER_BYTES), 16);
  store<u16>(ip, <u16>index, 18);
  store<u32>(ip, 0, 24);
  let target: u32 = 0;
  if (opcode == OP_CONST || opcode == OP_LOOP) {
    target = <u32>CONSTANTS + index * CONSTANT_BYTES;
    if (opcode == OP_LOOP) {
      const bound = load<i64>(target);
      // Fuel is counted by it, and fuel is public.
      if (bound < 1 || bound > <i64>MAX_LOOP_BOUND || !isPublic(load<u32>(target, 8)) || load<u32>(target, 12) == TYPE_SYMBOL) return REFUSED_BOUND;
    }
  } else if (opcode == OP_LOAD || opcode == OP_STORE) {
    const segment = SEGMENTS + index * SEGMENT_BYTES;
    target = load<u32>(segment);
    store<u32>(ip, load<u32>(segment, 12), 16);
    store<u32>(ip, load<u32>(segment, 4), 24);
    store<u32>(ip, load<u32>(segment, 8), 28);
  } else if (opcode == OP_FIND || opcode == OP_ENTRY) {
    target = <u32>TABLES + index * TABLE_BYTES;
    if (opcode == OP_FIND && load<u32>(target, 16) == 0) return REFUSED_TABLE;
  } else if (opcode == OP_DECLASSIFY || opcode == OP_ENDORSE) {
    target = <u32>GRANTS + index * GRANT_BYTES;
    if (load<u32>(target) != (opcode == OP_DECLASSIFY ? GRANT_DECLASSIFY : GRANT_ENDORSE)) return REFUSED_GRANT_KIND;
  } else if (opcode == OP_OUTPUT) {
    target = <u32>PORTS + index * PORT_BYTES;
  } else if (opcode == OP_CALL) {
    target = <u32>FUNCTIONS + index * FUNCTION_BYTES;
    if (index >= f) return REFUSED_CALL;
    store<u16>(ip, <u16>f, 16); // whose frame it is called from
  }
  store<u32>(ip, target, 20);
  return 0;
}

/** A search takes one more for each bit of its table's length. */
function fuelOf(ip: u32, opcode: u32): u64 {
  const fuel = <u64>load<u8>(FUEL + opcode);
  return opcode == OP_FIND ? fuel + 32 - clz<u32>(load<u32>(load<u32>(ip, 20), 4)) : fuel;
}

// Structure. Of an open block: 0 its instruction, 4 its operation, 8 its `else`, 12 writes before it, 16 fuel
// before it u64, 24 fuel of the first arm u64, 32 and 36 types before it, 40 and 44 types at its end so far,
// 48 its last `while`, 52 its bound.

function openBlock(ip: u32, opcode: u32, bound: u32): u32 {
  if (open == MAX_DEPTH) return REFUSED_DEPTH;
  const block = OPEN + open * OPEN_BYTES;
  store<u32>(block, ip);
  store<u32>(block, opcode, 4);
  store<u32>(block, 0, 8);
  store<u32>(block, writes, 12);
  store<u64>(block, dearest, 16);
  store<u64>(block, 0, 24);
  store<u32>(block, numbers, 32);
  store<u32>(block, symbols, 36);
  store<u32>(block, u32.MAX_VALUE, 40);
  store<u32>(block, u32.MAX_VALUE, 44);
  store<u32>(block, 0, 48);
  store<u32>(block, bound, 52);
  open++;
  deepest = max(deepest, open);
  writes = 0;
  dearest = 0;
  return 0;
}

function beginElse(ip: u32): u32 {
  if (open == 0) return REFUSED_STRUCTURE;
  const block = OPEN + (open - 1) * OPEN_BYTES;
  if (load<u32>(block, 4) != OP_IF || load<u32>(block, 8) != 0) return REFUSED_STRUCTURE;
  store<u32>(block, ip, 8);
  store<u64>(block, dearest, 24);
  store<u32>(block, numbers, 40);
  store<u32>(block, symbols, 44);
  setTypes(load<u32>(block, 32), load<u32>(block, 36));
  dearest = 0;
  return 0;
}

/** Only in a loop itself, not in a branch of it. */
function takeWhile(ip: u32): u32 {
  if (open == 0) return REFUSED_STRUCTURE;
  const block = OPEN + (open - 1) * OPEN_BYTES;
  if (load<u32>(block, 4) != OP_LOOP) return REFUSED_STRUCTURE;
  store<u32>(block, load<u32>(block, 40) & numbers, 40);
  store<u32>(block, load<u32>(block, 44) & symbols, 44);
  // Until `end` knows more: the fuel since the `while` before this one, and which that was.
  store<u64>(dearestOf(ip), dearest);
  dearest = 0;
  store<u32>(ip, load<u32>(block, 48), 20);
  store<u32>(block, ip, 48);
  return 0;
}

function dearestOf(ip: u32): usize {
  return DEAREST + (ip - <u32>CODE) / DECODED_BYTES * 8;
}

function closeBlock(ip: u32): u32 {
  if (open == 0) return REFUSED_STRUCTURE;
  const block = OPEN + (open - 1) * OPEN_BYTES;
  const refused = load<u32>(block, 4) == OP_IF ? closeIf(block, ip) : closeLoop(block, ip);
  if (refused != 0) return refused;
  open--;
  writes |= load<u32>(block, 12);
  return 0;
}

function closeIf(block: usize, ip: u32): u32 {
  const start = load<u32>(block);
  const other = load<u32>(block, 8);
  const dearer = max(dearest, load<u64>(block, 24));
  // Types after it: what both arms agree on; without `else` the second arm is what was before.
  const then = block + (other != 0 ? 40 : 32);
  setTypes(numbers & load<u32>(then), symbols & load<u32>(then, 4));
  store<u32>(start, other != 0 ? other : ip, 20);
  if (other != 0) store<u32>(other, ip, 20);
  store<u32>(start, writes, 24);
  store<u64>(dearestOf(start), dearer);
  dearest = sum(load<u64>(block, 16), dearer);
  return 0;
}

function closeLoop(block: usize, ip: u32): u32 {
  const start = load<u32>(block);
  let way = load<u32>(block, 48);
  if (way == 0) return REFUSED_UNREACHABLE;
  // The next round begins with the types that the first one began with.
  if ((load<u32>(block, 32) & ~numbers) != 0 || (load<u32>(block, 36) & ~symbols) != 0) return REFUSED_TYPE;
  setTypes(load<u32>(block, 40), load<u32>(block, 44));
  while (way != 0) {
    const before = load<u32>(way, 20);
    store<u32>(way, ip, 20);
    store<u32>(way, writes, 24);
    const since = load<u64>(dearestOf(way));
    store<u64>(dearestOf(way), dearest);
    dearest = sum(dearest, since);
    way = before;
  }
  store<u16>(ip, <u16>OP_END_LOOP);
  store<u32>(ip, start, 20);
  store<u64>(dearestOf(start), dearest);
  dearest = sum(load<u64>(block, 16), roundsOf(dearest, load<u32>(block, 52)));
  return 0;
}

function takeCall(word: u64): void {
  const callee = FUNCTIONS + <u32>(word >> 48) * FUNCTION_BYTES;
  store<u32>(callee, 1, 20);
  writes |= (((<u32>1 << load<u8>(callee, 33)) - 1) << <u32>((word >> 16) & 31));
  dearest = sum(dearest, load<u64>(callee, 24));
  calledCells = max(calledCells, load<u32>(callee, 12));
  deepest = max(deepest, open + 1 + load<u32>(callee, 16));
}

/** From the last instruction to the first: what the block after each one costs. */
function sumBlocks(entry: usize, count: u32): void {
  const first = load<u32>(entry);
  let fuel: u32 = 0;
  for (let i: i32 = <i32>count - 1; i >= 0; i--) {
    const ip = first + <u32>i * DECODED_BYTES;
    const opcode = <u32>load<u16>(ip);
    // A load or store has its labels' place there, and never ends a block.
    if (opcode != OP_LOAD && opcode != OP_STORE) store<u32>(ip, fuel, 28);
    if (opcode >= OP_IF && (opcode <= OP_RETURN || opcode >= OP_HALT)) fuel = 0;
    if (opcode <= OP_HALT) fuel += <u32>fuelOf(ip, opcode);
  }
  store<u32>(entry, fuel, 44);
}
