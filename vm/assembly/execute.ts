/*
 * Runs the loaded module: one dispatch, labels checked on every load and every operation, propagated by
 * every operation. The checks stay on although verify.ts has looked at everything: verifiers have had holes.
 *
 * Two constants are set when this is compiled. TAGGED = 0 leaves labels out, for the benchmark of what they
 * cost. STEPPING = 1 stops after each instruction, for the debugger; the machine that is shipped does not.
 */
import {
  MAX_DEPTH,
  OP_ADD,
  OP_AND,
  OP_CONST,
  OP_ELSE,
  OP_END,
  OP_ENTRY,
  OP_EQ,
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
  OP_NE,
  OP_NOT,
  OP_OR,
  OP_OUTPUT,
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
  TRAP_FUEL,
  TRAP_OVERFLOW,
  TRAP_PORT,
  TRAP_SHIFT,
  TRAP_UPGRADE,
} from './isa';
import { flowsTo, isCleared } from './label';
import { DECODED_BYTES, STACK, STACK_BYTES } from './layout';
import { enterArm, nextBlock, runRare } from './rare';
import { labelOf, setRegister, valueOf } from './register';
import { chargeAgain, depth, frame, goTo, ip, pc, stop, stopUnallowed } from './state';
import { OP_END_LOOP } from './verify';

/** What `execute` gives back when it stopped after an instruction. */
export const PAUSED: u32 = 255;

/** The label that was found cleared last: most words have the label of the one before. */
let cleared: u64 = 0;

/** 0, the code of the trap, or PAUSED. Ports of a run that trapped are not to be read. */
export function execute(): u32 {
  let at = ip;
  let context = pc;
  let base = frame;
  let top = depth;
  let pause = false;
  for (;;) {
    if (STEPPING) {
      goTo(at, context, base, top);
      if (pause) return PAUSED;
      pause = true;
    }
    // The label of the context, pc ⊔ I, where I's categories are a clearance; above it the categories that I is not cleared for.
    let label: u64 = TAGGED ? <u64>context | load<u64>(at, 8) : 0;
    const a = <u32>load<u16>(at, 4);
    const b = <u32>load<u16>(at, 6);
    let value: i64 = 0;

    switch (<u32>load<u16>(at)) {
      case OP_CONST: {
        const constant = load<u32>(at, 20);
        value = load<i64>(constant);
        if (TAGGED) label |= load<u32>(constant, 8);
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
        label = label | labelOf(base, a) | labelOf(base, b);
        value = x + y;
        if (((x ^ value) & (y ^ value)) < 0) return stop(TRAP_OVERFLOW, at, label);
        break;
      }
      case OP_SUB: {
        const x = valueOf(base, a);
        const y = valueOf(base, b);
        label = label | labelOf(base, a) | labelOf(base, b);
        value = x - y;
        if (((x ^ y) & (x ^ value)) < 0) return stop(TRAP_OVERFLOW, at, label);
        break;
      }
      case OP_MUL: {
        const x = valueOf(base, a);
        const y = valueOf(base, b);
        // A product of two halves fits a word.
        if (x == <i64>(<i32>x) && y == <i64>(<i32>y)) {
          label = label | labelOf(base, a) | labelOf(base, b);
          value = x * y;
          break;
        }
        goTo(at, context, base, top);
        const trap = runRare();
        if (trap != 0) return trap;
        at = ip;
        context = pc;
        base = frame;
        top = depth;
        continue;
      }
      case OP_AND: {
        value = valueOf(base, a) & valueOf(base, b);
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_OR: {
        value = valueOf(base, a) | valueOf(base, b);
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_XOR: {
        value = valueOf(base, a) ^ valueOf(base, b);
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_NOT: {
        value = ~valueOf(base, a);
        label |= labelOf(base, a);
        break;
      }
      case OP_SHL: {
        const by = valueOf(base, b);
        label = label | labelOf(base, a) | labelOf(base, b);
        if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);
        value = valueOf(base, a) << by;
        break;
      }
      case OP_SHR: {
        const by = valueOf(base, b);
        label = label | labelOf(base, a) | labelOf(base, b);
        if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);
        value = <i64>(<u64>valueOf(base, a) >> <u64>by);
        break;
      }
      case OP_SAR: {
        const by = valueOf(base, b);
        label = label | labelOf(base, a) | labelOf(base, b);
        if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);
        value = valueOf(base, a) >> by;
        break;
      }
      case OP_ROTL: {
        const by = valueOf(base, b);
        label = label | labelOf(base, a) | labelOf(base, b);
        if (<u64>by > 63) return stop(TRAP_SHIFT, at, label);
        value = rotl<i64>(valueOf(base, a), by);
        break;
      }
      case OP_EQ: {
        value = <i64>(valueOf(base, a) == valueOf(base, b));
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_NE: {
        value = <i64>(valueOf(base, a) != valueOf(base, b));
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_LT: {
        value = <i64>(valueOf(base, a) < valueOf(base, b));
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_LE: {
        value = <i64>(valueOf(base, a) <= valueOf(base, b));
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_MIN: {
        value = min(valueOf(base, a), valueOf(base, b));
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_MAX: {
        value = max(valueOf(base, a), valueOf(base, b));
        label = label | labelOf(base, a) | labelOf(base, b);
        break;
      }
      case OP_SELECT: {
        const c = <u32>load<u16>(at, 16);
        value = valueOf(base, a) != 0 ? valueOf(base, b) : valueOf(base, c);
        label = label | labelOf(base, a) | labelOf(base, b) | labelOf(base, c);
        break;
      }
      case OP_ENTRY: {
        const table = load<u32>(at, 20);
        const address = valueOf(base, a);
        if (TAGGED) label = label | labelOf(base, a) | load<u32>(table, 8);
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
          if (!flowsTo(<u32>before, old)) return stop(TRAP_UPGRADE, at, before | old);
          label = before | labelOf(base, b);
          if (!isCleared(label)) return stopUnallowed(at, label);
          if (!flowsTo(<u32>label, load<u32>(at, 16))) return stop(TRAP_CEILING, at, label);
          store<u32>(place, <u32>label);
        }
        store<i64>(<usize>load<u32>(at, 20) + (<usize>address << 3), valueOf(base, b));
        at += DECODED_BYTES;
        continue;
      }
      case OP_IF: {
        if (TAGGED) {
          label |= labelOf(base, a);
          if (<u32>label != context || !isCleared(label)) {
            // pc rises.
            goTo(at, context, base, top);
            const trap = runRare();
            if (trap != 0) return trap;
            at = ip;
            context = pc;
            base = frame;
            top = depth;
            continue;
          }
        }
        // pc stays as it is: all that is written here is at least as high already, for it was raised to it at what
        // raised pc, or began so with its function.
        if (top == MAX_DEPTH) unreachable();
        if (TAGGED) store<u32>(STACK + top * STACK_BYTES, context);
        top++;
        at = enterArm(at, valueOf(base, a), context);
        if (at == 0) return TRAP_FUEL;
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
        at = nextBlock(at, context);
        if (at == 0) return TRAP_FUEL;
        continue;
      }
      case OP_WHILE: {
        if (TAGGED) {
          label |= labelOf(base, a);
          if (<u32>label != context || !isCleared(label)) {
            goTo(at, context, base, top);
            const trap = runRare();
            if (trap != 0) return trap;
            at = ip;
            context = pc;
            base = frame;
            top = depth;
            continue;
          }
        }
        if (valueOf(base, a) == 0) {
          top--;
          if (TAGGED) context = load<u32>(STACK + top * STACK_BYTES);
          chargeAgain(top);
          at = load<u32>(at, 20);
        }
        at = nextBlock(at, context);
        if (at == 0) return TRAP_FUEL;
        continue;
      }
      case OP_END: {
        top--;
        if (TAGGED) context = load<u32>(STACK + top * STACK_BYTES);
        chargeAgain(top);
        at = nextBlock(at, context);
        if (at == 0) return TRAP_FUEL;
        continue;
      }
      case OP_END_LOOP: {
        const entry = STACK + (top - 1) * STACK_BYTES;
        const rounds = load<u32>(entry, 4);
        const start = <usize>load<u32>(at, 20);
        if (rounds == load<u32>(load<u32>(start, 20))) return stop(TRAP_BOUND, at, context);
        store<u32>(entry, rounds + 1, 4);
        at = nextBlock(start, context);
        if (at == 0) return TRAP_FUEL;
        continue;
      }
      case OP_OUTPUT: {
        const port = load<u32>(at, 20);
        if (TAGGED) {
          label |= labelOf(base, a);
          if (!isCleared(label)) return stopUnallowed(at, label);
          if (!flowsTo(<u32>label, load<u32>(port, 8))) return stop(TRAP_PORT, at, label);
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
        goTo(at, context, base, top);
        const trap = runRare();
        if (trap != 0) return trap;
        at = ip;
        context = pc;
        base = frame;
        top = depth;
        continue;
      }
    }

    // Every instruction that gets here writes `value` with `label` to d.
    if (TAGGED && label != cleared) {
      if (!isCleared(label)) return stopUnallowed(at, label);
      cleared = label;
    }
    setRegister(base + load<u16>(at, 2), value, label);
    at += DECODED_BYTES;
  }
  // The compiler does not see that nothing gets here.
  return 0;
}
