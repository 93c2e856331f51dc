/*
 * Runs the loaded module: one dispatch, labels checked on every load and every operation, propagated by
 * every operation. The checks stay on although verify.ts has looked at everything: verifiers have had holes.
 *
 * Two constants are set when this is compiled. TAGGED = 0 leaves labels out, for the benchmark of what they
 * cost. STEPPING = 1 stops after each instruction, for the debugger; the machine that is shipped does not.
 */
import { mulDivide, productOverflows, quotient, remainderOf } from './arithmetic';
import {
  MAX_AUDIT,
  MAX_DEPTH,
  OP_ADD,
  OP_AND,
  OP_CALL,
  OP_CONST,
  OP_DECLASSIFY,
  OP_DIV,
  OP_ELSE,
  OP_END,
  OP_ENDORSE,
  OP_ENTRY,
  OP_EQ,
  OP_FIND,
  OP_HALT,
  OP_IF,
  OP_LE,
  OP_LOAD,
  OP_LOOP,
  OP_LT,
  OP_MAX,
  OP_MIN,
  OP_MOV,
  OP_MUL,
  OP_MULDIV,
  OP_NE,
  OP_NOT,
  OP_OR,
  OP_OUTPUT,
  OP_REM,
  OP_RETURN,
  OP_ROTL,
  OP_SAR,
  OP_SELECT,
  OP_SHL,
  OP_SHR,
  OP_STORE,
  OP_SUB,
  OP_WHILE,
  OP_XOR,
  TRAP_BOUND,
  TRAP_BOUNDS,
  TRAP_CEILING,
  TRAP_CLEARANCE,
  TRAP_DIVISION,
  TRAP_FUEL,
  TRAP_GRANT,
  TRAP_LABEL,
  TRAP_OVERFLOW,
  TRAP_PORT,
  TRAP_RANGE,
  TRAP_SHIFT,
  TRAP_UPGRADE,
} from './isa';
import { AUTHORITY, flowsTo, isAllowed, isHandled, isPublic } from './label';
import {
  AUDIT,
  CODE,
  DEAREST,
  DECODED_BYTES,
  FRAMES,
  FUNCTION_BYTES,
  FUNCTIONS,
  REGISTER_BYTES,
  STACK,
  STACK_BYTES,
} from './layout';
import { functionCount } from './load';
import { OP_END_LOOP } from './verify';

/** What `execute` gives back when it stopped after an instruction. */
export const PAUSED: u32 = 255;

/** The state between two instructions. While the machine runs, but for fuel it is kept in locals. */
export let ip: usize = 0;
export let pc: u32 = 0;
export let frame: usize = 0;
export let depth: u32 = 0;
export let fuelLeft: i64 = 0;
/** All ones, or zero where what runs was charged before. */
export let paying: i64 = -1;
/** The depth at which it was. */
export let silentAt: u32 = 0;

export let auditCount: u32 = 0;
export let trapCode: u32 = 0;
export let trapAt: u32 = 0;
export let trapLabel: u32 = 0;

function stop(code: u32, at: usize, label: u32): u32 {
  trapCode = code;
  trapAt = <u32>((at - CODE) / DECODED_BYTES);
  trapLabel = label;
  return code;
}

// @ts-ignore: decorator
@inline
function valueOf(frame: usize, register: u32): i64 {
  return load<i64>(frame + register);
}

// @ts-ignore: decorator
@inline
function labelOf(frame: usize, register: u32): u32 {
  return TAGGED ? load<u32>(frame + register, 8) : 0;
}

function stopUnallowed(at: usize, label: u32): u32 {
  return stop(isHandled(label) ? TRAP_CLEARANCE : TRAP_LABEL, at, label);
}

/** Charges a block; false where the fuel is used up. */
// @ts-ignore: decorator
@inline
function charge(fuel: u32): bool {
  fuelLeft -= <i64>fuel & paying;
  return fuelLeft >= 0;
}

/** Charges at once what may run until pc is public again, and nothing until `depth` is left; false where the fuel is used up. */
function chargeDearest(fuel: u64, depth: u32): bool {
  fuelLeft -= <i64>min(fuel, <u64>i64.MAX_VALUE) & paying;
  paying = 0;
  silentAt = depth;
  return fuelLeft >= 0;
}

/** Raises every register of `writes` to `pc`: 0, or the first label that breaks C ≤ A. */
function raise(frame: usize, writes: u32, pc: u32): u32 {
  while (writes != 0) {
    const register = frame + ctz(writes) * REGISTER_BYTES;
    const label = load<u32>(register, 8) | pc;
    if (!isHandled(label)) return label;
    store<u32>(register, label, 8);
    writes &= writes - 1;
  }
  return 0;
}

function dearestAt(at: usize): u64 {
  return load<u64>(DEAREST + (at - CODE) / DECODED_BYTES * 8);
}

/** Where `value` is in `count` ascending words, or -1. */
function search(values: usize, count: u32, value: i64): i64 {
  let from: u32 = 0;
  let to = count;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (load<i64>(values + (<usize>middle << 3)) < value) from = middle + 1;
    else to = middle;
  }
  return from < count && load<i64>(values + (<usize>from << 3)) == value ? <i64>from : -1;
}

/** Goes to the beginning of the main function, with `fuel` to use: 0, or the code of a trap. */
export function begin(fuel: i64): u32 {
  const main = FUNCTIONS + (functionCount - 1) * FUNCTION_BYTES;
  ip = load<u32>(main);
  pc = load<u32>(main, 4);
  frame = FRAMES;
  depth = 0;
  fuelLeft = fuel;
  paying = -1;
  auditCount = 0;
  trapCode = 0;
  return charge(load<u32>(main, 44)) ? 0 : stop(TRAP_FUEL, ip, pc);
}

/** 0, the code of the trap, or PAUSED. Ports of a run that trapped are not to be read. */
export function execute(): u32 {
  let at = ip;
  let context = pc;
  let base = frame;
  let top = depth;
  let pause = false;

  for (;;) {
    if (STEPPING) {
      ip = at;
      pc = context;
      frame = base;
      depth = top;
      if (pause) return PAUSED;
      pause = true;
    }
    const forbidden = load<u32>(at, 12);
    // e is the label of the context: pc ⊔ I, where I's categories are a clearance.
    let label = context | load<u32>(at, 8);
    const a = <u32>load<u16>(at, 4);
    const b = <u32>load<u16>(at, 6);
    let value: i64 = 0;

    switch (<u32>load<u16>(at)) {
      case OP_CONST: {
        const constant = load<u32>(at, 20);
        value = load<i64>(constant);
        label |= load<u32>(constant, 8);
        break;
      }
      case OP_MOV: {
        value = valueOf(base, a);
        label |= labelOf(base, a);
        break;
      }
      case OP_ADD: {
        const x = valueOf(base, a);
        const y = valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        value = x + y;
        if (((x ^ value) & (y ^ value)) < 0) return stop(TRAP_OVERFLOW, at, label);
        break;
      }
      case OP_SUB: {
        const x = valueOf(base, a);
        const y = valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        value = x - y;
        if (((x ^ y) & (x ^ value)) < 0) return stop(TRAP_OVERFLOW, at, label);
        break;
      }
      case OP_MUL: {
        const x = valueOf(base, a);
        const y = valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        value = x * y;
        if (productOverflows(x, y)) return stop(TRAP_OVERFLOW, at, label);
        break;
      }
      case OP_MULDIV: {
        const c = <u32>load<u16>(at, 16);
        label |= labelOf(base, a) | labelOf(base, b) | labelOf(base, c);
        const trap = mulDivide(valueOf(base, a), valueOf(base, b), valueOf(base, c), load<u16>(at, 18));
        if (trap != 0) return stop(trap, at, label);
        value = quotient;
        break;
      }
      case OP_DIV: {
        label |= labelOf(base, a) | labelOf(base, b);
        const trap = mulDivide(valueOf(base, a), 1, valueOf(base, b), load<u16>(at, 18));
        if (trap != 0) return stop(trap, at, label);
        value = quotient;
        break;
      }
      case OP_REM: {
        const y = valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        if (y == 0) return stop(TRAP_DIVISION, at, label);
        value = remainderOf(valueOf(base, a), y);
        break;
      }
      case OP_AND: {
        value = valueOf(base, a) & valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_OR: {
        value = valueOf(base, a) | valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_XOR: {
        value = valueOf(base, a) ^ valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_NOT: {
        value = ~valueOf(base, a);
        label |= labelOf(base, a);
        break;
      }
      case OP_SHL: {
        const by = valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);
        value = valueOf(base, a) << by;
        break;
      }
      case OP_SHR: {
        const by = valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);
        value = <i64>(<u64>valueOf(base, a) >> <u64>by);
        break;
      }
      case OP_SAR: {
        const by = valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);
        value = valueOf(base, a) >> by;
        break;
      }
      case OP_ROTL: {
        const by = valueOf(base, b);
        label |= labelOf(base, a) | labelOf(base, b);
        if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);
        value = rotl<i64>(valueOf(base, a), by);
        break;
      }
      case OP_EQ: {
        value = <i64>(valueOf(base, a) == valueOf(base, b));
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_NE: {
        value = <i64>(valueOf(base, a) != valueOf(base, b));
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_LT: {
        value = <i64>(valueOf(base, a) < valueOf(base, b));
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_LE: {
        value = <i64>(valueOf(base, a) <= valueOf(base, b));
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_MIN: {
        value = min(valueOf(base, a), valueOf(base, b));
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_MAX: {
        value = max(valueOf(base, a), valueOf(base, b));
        label |= labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_SELECT: {
        const c = <u32>load<u16>(at, 16);
        value = valueOf(base, a) != 0 ? valueOf(base, b) : valueOf(base, c);
        label |= labelOf(base, a) | labelOf(base, b) | labelOf(base, c);
        break;
      }
      case OP_FIND: {
        const table = load<u32>(at, 20);
        value = search(load<u32>(table), load<u32>(table, 4), valueOf(base, a));
        label |= labelOf(base, a) | load<u32>(table, 8);
        break;
      }
      case OP_ENTRY: {
        const table = load<u32>(at, 20);
        const address = valueOf(base, a);
        label |= labelOf(base, a) | load<u32>(table, 8);
        if (<u64>address >= <u64>load<u32>(table, 4)) return stop(TRAP_BOUNDS, at, label);
        value = load<i64>(<usize>load<u32>(table) + (<usize>address << 3));
        break;
      }
      case OP_LOAD: {
        const address = valueOf(base, a);
        label |= labelOf(base, a);
        if (<u64>address >= <u64>load<u32>(at, 24)) return stop(TRAP_BOUNDS, at, label);
        value = load<i64>(<usize>load<u32>(at, 20) + (<usize>address << 3));
        // C(m) ≤ min(A(address), A(instruction)) is this label's C ≤ A, checked below.
        if (TAGGED) label |= load<u32>(<usize>load<u32>(at, 28) + (<usize>address << 2));
        break;
      }
      case OP_STORE: {
        const address = valueOf(base, a);
        const before = label | labelOf(base, a);
        if (<u64>address >= <u64>load<u32>(at, 24)) return stop(TRAP_BOUNDS, at, before);
        if (TAGGED) {
          const place = <usize>load<u32>(at, 28) + (<usize>address << 2);
          const old = load<u32>(place);
          if (!flowsTo(before, old)) return stop(TRAP_UPGRADE, at, before | old);
          label = before | labelOf(base, b);
          if (!isAllowed(label, forbidden)) return stopUnallowed(at, label);
          if (!flowsTo(label, load<u32>(at, 16))) return stop(TRAP_CEILING, at, label);
          store<u32>(place, label);
        }
        store<i64>(<usize>load<u32>(at, 20) + (<usize>address << 3), valueOf(base, b));
        at += DECODED_BYTES;
        continue;
      }
      case OP_IF: {
        if (top == MAX_DEPTH) unreachable();
        if (TAGGED) {
          label |= labelOf(base, a);
          if (!isAllowed(label, forbidden)) return stopUnallowed(at, label);
          store<u32>(STACK + top * STACK_BYTES, context);
        }
        top++;
        if (TAGGED && label != context) {
          // Where pc stays as it is, all that is written here is at least as high already: it was raised to it
          // at what raised pc, or began so with its function.
          const broken = raise(base, load<u32>(at, 24), label);
          if (broken != 0) return stop(TRAP_LABEL, at, broken);
          // Which arm runs is a secret: both are charged as the dearer one.
          if (isPublic(context) && !isPublic(label) && !chargeDearest(dearestAt(at), top)) return stop(TRAP_FUEL, at, label);
          context = label;
        }
        if (valueOf(base, a) == 0) {
          at = load<u32>(at, 20);
          // To `end` where there is no second arm: it gives pc back.
          if (load<u16>(at) != OP_ELSE) continue;
        }
        if (!charge(load<u32>(at, 28))) return stop(TRAP_FUEL, at + DECODED_BYTES, context);
        at += DECODED_BYTES;
        continue;
      }
      case OP_ELSE: {
        // Reached from the first arm only.
        at = load<u32>(at, 20);
        continue;
      }
      case OP_LOOP: {
        if (top == MAX_DEPTH) unreachable();
        const entry = STACK + top * STACK_BYTES;
        store<u32>(entry, context);
        store<u32>(entry, 0, 4);
        store<u32>(entry, <u32>at, 8);
        top++;
        if (!charge(load<u32>(at, 28))) return stop(TRAP_FUEL, at + DECODED_BYTES, context);
        at += DECODED_BYTES;
        continue;
      }
      case OP_WHILE: {
        if (TAGGED) {
          label |= labelOf(base, a);
          if (!isAllowed(label, forbidden)) return stopUnallowed(at, label);
          if (label != context) {
            const broken = raise(base, load<u32>(at, 24), label);
            if (broken != 0) return stop(TRAP_LABEL, at, broken);
            if (isPublic(context) && !isPublic(label)) {
              // How many rounds there are is a secret: the rest of this one and all that may come are charged.
              const entry = STACK + (top - 1) * STACK_BYTES;
              const start = <usize>load<u32>(entry, 8);
              const left = <u64>(load<u32>(load<u32>(start, 20)) - load<u32>(entry, 4));
              const round = dearestAt(start);
              const rounds = round != 0 && left > <u64>i64.MAX_VALUE / round ? <u64>i64.MAX_VALUE : round * left;
              if (!chargeDearest(dearestAt(at) + rounds, top)) return stop(TRAP_FUEL, at, label);
            }
            context = label;
          }
        }
        if (valueOf(base, a) == 0) {
          top--;
          context = load<u32>(STACK + top * STACK_BYTES);
          if (TAGGED && top < silentAt) paying = -1;
          at = load<u32>(at, 20);
        }
        if (!charge(load<u32>(at, 28))) return stop(TRAP_FUEL, at + DECODED_BYTES, context);
        at += DECODED_BYTES;
        continue;
      }
      case OP_END: {
        top--;
        if (TAGGED) {
          context = load<u32>(STACK + top * STACK_BYTES);
          if (top < silentAt) paying = -1;
        }
        if (!charge(load<u32>(at, 28))) return stop(TRAP_FUEL, at + DECODED_BYTES, context);
        at += DECODED_BYTES;
        continue;
      }
      case OP_END_LOOP: {
        const entry = STACK + (top - 1) * STACK_BYTES;
        const rounds = load<u32>(entry, 4);
        const start = <usize>load<u32>(at, 20);
        if (rounds == load<u32>(load<u32>(start, 20))) return stop(TRAP_BOUND, at, context);
        store<u32>(entry, rounds + 1, 4);
        if (!charge(load<u32>(start, 28))) return stop(TRAP_FUEL, start + DECODED_BYTES, context);
        at = start + DECODED_BYTES;
        continue;
      }
      case OP_CALL: {
        if (top == MAX_DEPTH) unreachable();
        const callee = <usize>load<u32>(at, 20);
        const caller = FUNCTIONS + <usize>load<u16>(at, 16) * FUNCTION_BYTES;
        const next = base + load<u32>(caller, 8) * REGISTER_BYTES;
        const inside = label | load<u32>(callee, 4);
        const count = <u32>load<u8>(callee, 32);
        let register: u32 = 0;
        for (; register < count; register++) {
          const from = base + a + register * REGISTER_BYTES;
          const to = next + register * REGISTER_BYTES;
          store<i64>(to, load<i64>(from));
          if (TAGGED) {
            const argument = load<u32>(from, 8) | inside;
            if (!isAllowed(argument, forbidden)) return stopUnallowed(at, argument);
            store<u32>(to, argument, 8);
          }
        }
        if (TAGGED && !isHandled(inside)) return stop(TRAP_LABEL, at, inside);
        for (const all = load<u32>(callee, 8); register < all; register++) {
          store<i64>(next + register * REGISTER_BYTES, 0);
          store<u32>(next + register * REGISTER_BYTES, inside, 8);
        }
        const entry = STACK + top * STACK_BYTES;
        store<u32>(entry, context);
        store<u32>(entry, <u32>at, 4);
        store<u32>(entry, <u32>base, 8);
        top++;
        if (TAGGED && isPublic(context) && !isPublic(inside) && !chargeDearest(load<u64>(callee, 24), top)) {
          return stop(TRAP_FUEL, at, inside);
        }
        context = inside;
        base = next;
        at = load<u32>(callee);
        if (!charge(load<u32>(callee, 44))) return stop(TRAP_FUEL, at, context);
        continue;
      }
      case OP_RETURN: {
        const entry = STACK + (top - 1) * STACK_BYTES;
        const call = <usize>load<u32>(entry, 4);
        const caller = <usize>load<u32>(entry, 8);
        const count = <u32>load<u8>(load<u32>(call, 20), 33);
        const cleared = forbidden | load<u32>(call, 12);
        for (let register: u32 = 0; register < count; register++) {
          const from = base + a + register * REGISTER_BYTES;
          const to = caller + load<u16>(call, 2) + register * REGISTER_BYTES;
          store<i64>(to, load<i64>(from));
          if (TAGGED) {
            const result = load<u32>(from, 8) | label;
            if (!isAllowed(result, cleared)) return stopUnallowed(at, result);
            store<u32>(to, result, 8);
          }
        }
        top--;
        if (TAGGED && top < silentAt) paying = -1;
        context = load<u32>(entry);
        base = caller;
        if (!charge(load<u32>(call, 28))) return stop(TRAP_FUEL, call + DECODED_BYTES, context);
        at = call + DECODED_BYTES;
        continue;
      }
      case OP_DECLASSIFY:
      case OP_ENDORSE: {
        const declassifies = load<u16>(at) == OP_DECLASSIFY;
        const grant = load<u32>(at, 20);
        const from = load<u32>(grant, 4);
        const to = load<u32>(grant, 8);
        const operand = labelOf(base, a);
        if (TAGGED) {
          // Public control flow; value, pc and instruction with at least the authority that the grant asks for.
          const least = (declassifies ? from : to) & AUTHORITY;
          if (!isPublic(label) || !flowsTo(label & AUTHORITY, least) || !flowsTo(operand, from)) return stop(TRAP_GRANT, at, label | operand);
        }
        label |= operand;
        const used = load<u32>(grant, 32);
        if (used == load<u32>(grant, 12) || auditCount == MAX_AUDIT) return stop(TRAP_GRANT, at, label);
        if (TAGGED && (operand & forbidden) != 0) return stop(TRAP_CLEARANCE, at, label);
        value = valueOf(base, a);
        if (value < load<i64>(grant, 16) || value > load<i64>(grant, 24)) return stop(TRAP_RANGE, at, label);
        store<u32>(grant, used + 1, 32);
        store<u32>(AUDIT + (auditCount << 3), <u32>((at - CODE) / DECODED_BYTES));
        store<u32>(AUDIT + (auditCount << 3), load<u16>(at, 18), 4);
        auditCount++;
        label = declassifies ? (to & ~AUTHORITY) | (label & AUTHORITY) : (label & ~AUTHORITY) | (to & AUTHORITY);
        break;
      }
      case OP_OUTPUT: {
        const port = load<u32>(at, 20);
        if (TAGGED) {
          label |= labelOf(base, a);
          if (!isAllowed(label, forbidden)) return stopUnallowed(at, label);
          if (!flowsTo(label, load<u32>(port, 8))) return stop(TRAP_PORT, at, label);
        }
        store<i64>(port, valueOf(base, a));
        store<u32>(port, 1, 12);
        at += DECODED_BYTES;
        continue;
      }
      case OP_HALT: {
        return 0;
      }
      default: {
        unreachable();
      }
    }

    // Every instruction that gets here writes `value` with `label` to d.
    if (TAGGED && !isAllowed(label, forbidden)) return stopUnallowed(at, label);
    const d = base + load<u16>(at, 2);
    store<i64>(d, value);
    if (TAGGED) store<u32>(d, label, 8);
    at += DECODED_BYTES;
  }
  // The compiler does not see that nothing gets here.
  return 0;
}
