/*
 * The instructions that are long, or rare: division, calls, grants, and branches that raise pc. They are run apart
 * from the others so that those keep their state in registers: each begins and ends with the state of state.ts.
 */
import { mulDivide, productOverflows, quotient, remainderOf } from './arithmetic';
import {
  MAX_AUDIT,
  MAX_DEPTH,
  OP_CALL,
  OP_DECLASSIFY,
  OP_DIV,
  OP_ELSE,
  OP_ENDORSE,
  OP_FIND,
  OP_IF,
  OP_MUL,
  OP_MULDIV,
  OP_REM,
  OP_RETURN,
  OP_WHILE,
  TRAP_CLEARANCE,
  TRAP_DIVISION,
  TRAP_FUEL,
  TRAP_GRANT,
  TRAP_LABEL,
  TRAP_OVERFLOW,
  TRAP_RANGE,
} from './isa';
import { AUTHORITY, flowsTo, isCleared, isHandled, isPublic } from './label';
import {
  CODE,
  DEAREST,
  DECODED_BYTES,
  FUNCTION_BYTES,
  FUNCTIONS,
  REGISTER_BYTES,
  STACK,
  STACK_BYTES,
} from './layout';
import { labelOf, setRegister, valueOf } from './register';
import { search } from './search';
import {
  auditCount,
  charge,
  chargeAgain,
  chargeDearest,
  depth,
  frame,
  goTo,
  ip,
  note,
  pc,
  stop,
  stopUnallowed,
} from './state';

/** Runs the instruction at `ip`: 0, or the code of a trap. */
export function runRare(): u32 {
  const operation = <u32>load<u16>(ip);
  // pc ⊔ I, and above it the categories that I is not cleared for.
  const label: u64 = TAGGED ? <u64>pc | load<u64>(ip, 8) : 0;
  if (operation == OP_IF) return runIf(label | labelOf(frame, load<u16>(ip, 4)));
  if (operation == OP_WHILE) return runWhile(label | labelOf(frame, load<u16>(ip, 4)));
  if (operation == OP_CALL) return runCall(label);
  if (operation == OP_RETURN) return runReturn(label);
  if (operation == OP_DECLASSIFY || operation == OP_ENDORSE) return runGrant(label, operation == OP_DECLASSIFY);
  return runDivision(operation, label);
}

/** Writes d, and goes on: 0, or the code of a trap. */
function finish(value: i64, label: u64): u32 {
  if (TAGGED && !isCleared(label)) return stopUnallowed(ip, label);
  setRegister(frame + load<u16>(ip, 2), value, label);
  goTo(ip + DECODED_BYTES, pc, frame, depth);
  return 0;
}

function runDivision(operation: u32, context: u64): u32 {
  const a = <u32>load<u16>(ip, 4);
  const b = <u32>load<u16>(ip, 6);
  const c = <u32>load<u16>(ip, 16);
  const x = valueOf(frame, a);
  const y = valueOf(frame, b);
  let label = context | labelOf(frame, a);
  if (operation != OP_FIND) label |= labelOf(frame, b);
  if (operation == OP_MUL) {
    if (productOverflows(x, y)) return stop(TRAP_OVERFLOW, ip, label);
    return finish(x * y, label);
  }
  if (operation == OP_REM) {
    return y == 0 ? stop(TRAP_DIVISION, ip, label) : finish(remainderOf(x, y), label);
  }
  if (operation == OP_FIND) {
    const table = load<u32>(ip, 20);
    if (TAGGED) label |= load<u32>(table, 8);
    return finish(search(load<u32>(table), load<u32>(table, 4), x), label);
  }
  if (operation != OP_MULDIV && operation != OP_DIV) unreachable();
  const isTernary = operation == OP_MULDIV;
  if (isTernary) label |= labelOf(frame, c);
  const trap = mulDivide(x, isTernary ? y : 1, isTernary ? valueOf(frame, c) : y, load<u16>(ip, 18));
  return trap != 0 ? stop(trap, ip, label) : finish(quotient, label);
}

// Branches that raise pc

/** Raises every register of `writes` to `pc`: 0, or the first label that breaks C ≤ A. */
function raise(frame: usize, writes: u32, pc: u32): u32 {
  while (writes != 0) {
    const register = frame + ctz(writes) * REGISTER_BYTES;
    const label = load<u32>(register, 8) | pc;
    if (!isHandled(label)) return label;
    store<u64>(register, label, 8);
    writes &= writes - 1;
  }
  return 0;
}

function dearestAt(at: usize): u64 {
  return load<u64>(DEAREST + (at - CODE) / DECODED_BYTES * 8);
}

/** Where the arm of the `if` at `at` begins, charged; 0 where the fuel is used up. */
// @ts-ignore: decorator
@inline
export function enterArm(at: usize, value: i64, context: u32): usize {
  if (value == 0) {
    at = load<u32>(at, 20);
    // To `end` where there is no second arm: it gives pc back.
    if (load<u16>(at) != OP_ELSE) return at;
  }
  return nextBlock(at, context);
}

/** The instruction after the one at `at`, which ends a block, charged; 0 where the fuel is used up. */
// @ts-ignore: decorator
@inline
export function nextBlock(at: usize, context: u32): usize {
  if (charge(load<u32>(at, 28))) return at + DECODED_BYTES;
  stop(TRAP_FUEL, at + DECODED_BYTES, context);
  return 0;
}

function runIf(label: u64): u32 {
  if (depth == MAX_DEPTH) unreachable();
  const at = ip;
  if (!isCleared(label)) return stopUnallowed(at, label);
  store<u32>(STACK + depth * STACK_BYTES, pc);
  const broken = raise(frame, load<u32>(at, 24), <u32>label);
  if (broken != 0) return stop(TRAP_LABEL, at, broken);
  // Which arm runs is a secret: both are charged as the dearer one.
  if (isPublic(pc) && !isPublic(<u32>label) && !chargeDearest(dearestAt(at), depth + 1)) return stop(TRAP_FUEL, at, label);
  return goOn(enterArm(at, valueOf(frame, load<u16>(at, 4)), <u32>label), <u32>label, frame, depth + 1);
}

function runWhile(label: u64): u32 {
  const at = ip;
  if (!isCleared(label)) return stopUnallowed(at, label);
  const broken = raise(frame, load<u32>(at, 24), <u32>label);
  if (broken != 0) return stop(TRAP_LABEL, at, broken);
  const entry = STACK + (depth - 1) * STACK_BYTES;
  if (isPublic(pc) && !isPublic(<u32>label)) {
    // How many rounds there are is a secret: the rest of this one and all that may come are charged.
    const start = <usize>load<u32>(entry, 8);
    const left = <u64>(load<u32>(load<u32>(start, 20)) - load<u32>(entry, 4));
    const round = dearestAt(start);
    const rounds = round != 0 && left > <u64>i64.MAX_VALUE / round ? <u64>i64.MAX_VALUE : round * left;
    if (!chargeDearest(dearestAt(at) + rounds, depth)) return stop(TRAP_FUEL, at, label);
  }
  if (valueOf(frame, load<u16>(at, 4)) != 0) return goOn(nextBlock(at, <u32>label), <u32>label, frame, depth);
  const context = load<u32>(entry);
  chargeAgain(depth - 1);
  return goOn(nextBlock(load<u32>(at, 20), context), context, frame, depth - 1);
}

/** 0, or the code of the trap where `at` is 0. */
function goOn(at: usize, context: u32, base: usize, top: u32): u32 {
  if (at == 0) return TRAP_FUEL;
  goTo(at, context, base, top);
  return 0;
}

// Calls

function runCall(label: u64): u32 {
  if (depth == MAX_DEPTH) unreachable();
  const at = ip;
  const callee = <usize>load<u32>(at, 20);
  const caller = FUNCTIONS + <usize>load<u16>(at, 16) * FUNCTION_BYTES;
  const next = frame + load<u32>(caller, 8) * REGISTER_BYTES;
  // The authority of a function is folded into pc; that of its arguments is not.
  const inside = label | load<u32>(callee, 4);
  const count = <u32>load<u8>(callee, 32);
  const first = frame + load<u16>(at, 4);
  let register: u32 = 0;
  for (; register < count; register++) {
    const from = register * REGISTER_BYTES;
    const argument = inside | labelOf(first, from);
    if (TAGGED && !isCleared(argument)) return stopUnallowed(at, argument);
    setRegister(next + from, valueOf(first, from), argument);
  }
  if (TAGGED && !isHandled(<u32>inside)) return stop(TRAP_LABEL, at, inside);
  for (const all = load<u32>(callee, 8); register < all; register++) {
    setRegister(next + register * REGISTER_BYTES, 0, inside);
  }
  const entry = STACK + depth * STACK_BYTES;
  store<u32>(entry, pc);
  store<u32>(entry, <u32>at, 4);
  store<u32>(entry, <u32>frame, 8);
  if (TAGGED && isPublic(pc) && !isPublic(<u32>inside) && !chargeDearest(load<u64>(callee, 24), depth + 1)) {
    return stop(TRAP_FUEL, at, inside);
  }
  const begin = <usize>load<u32>(callee);
  if (!charge(load<u32>(callee, 44))) return stop(TRAP_FUEL, begin, inside);
  goTo(begin, <u32>inside, next, depth + 1);
  return 0;
}

function runReturn(label: u64): u32 {
  const entry = STACK + (depth - 1) * STACK_BYTES;
  const call = <usize>load<u32>(entry, 4);
  const caller = <usize>load<u32>(entry, 8);
  const count = <u32>load<u8>(load<u32>(call, 20), 33);
  // The results are the caller's: its clearance counts as well.
  if (TAGGED) label |= <u64>load<u32>(call, 12) << 32;
  const from = frame + load<u16>(ip, 4);
  const to = caller + load<u16>(call, 2);
  for (let i: u32 = 0; i < count; i++) {
    const register = i * REGISTER_BYTES;
    const result = label | labelOf(from, register);
    if (TAGGED && !isCleared(result)) return stopUnallowed(ip, result);
    setRegister(to + register, valueOf(from, register), result);
  }
  chargeAgain(depth - 1);
  const context = load<u32>(entry);
  return goOn(nextBlock(call, context), context, caller, depth - 1);
}

// Grants

function runGrant(context: u64, declassifies: bool): u32 {
  const at = ip;
  const a = <u32>load<u16>(at, 4);
  const grant = <usize>load<u32>(at, 20);
  const from = load<u32>(grant, 4);
  const to = load<u32>(grant, 8);
  const operand = labelOf(frame, a);
  const label = context | operand;
  if (TAGGED) {
    // Public control flow; value, pc and instruction with at least the authority that the grant asks for.
    const least = (declassifies ? from : to) & AUTHORITY;
    if (!isPublic(<u32>context) || !flowsTo(<u32>context & AUTHORITY, least) || !flowsTo(<u32>operand, from)) return stop(TRAP_GRANT, at, label);
  }
  const used = load<u32>(grant, 32);
  if (used == load<u32>(grant, 12) || auditCount == MAX_AUDIT) return stop(TRAP_GRANT, at, label);
  if (TAGGED && (operand & (context >> 32)) != 0) return stop(TRAP_CLEARANCE, at, label);
  const value = valueOf(frame, a);
  if (value < load<i64>(grant, 16) || value > load<i64>(grant, 24)) return stop(TRAP_RANGE, at, label);
  store<u32>(grant, used + 1, 32);
  note(at, load<u16>(at, 18));
  const given: u32 = declassifies ? (to & ~AUTHORITY) | (<u32>label & AUTHORITY) : (<u32>label & ~AUTHORITY) | (to & AUTHORITY);
  return finish(value, (context & 0xffffffff_00000000) | given);
}
