/*
 * Runs the loaded module: one dispatch, labels checked on every load and every operation, propagated by
 * every operation. The checks stay on although the loader has looked at everything: loaders have had holes.
 */
import {
  FUEL,
  MAX_AUDIT,
  MAX_DEPTH,
  OP_ADD,
  OP_AND,
  OP_CONST,
  OP_DECLASSIFY,
  OP_ELSE,
  OP_END,
  OP_ENDORSE,
  OP_EQ,
  OP_HALT,
  OP_IF,
  OP_LE,
  OP_LOAD,
  OP_LT,
  OP_MIN,
  OP_MOV,
  OP_MUL,
  OP_NE,
  OP_OR,
  OP_OUTPUT,
  OP_SELECT,
  OP_STORE,
  OP_SUB,
  OP_XOR,
  TRAP_BOUNDS,
  TRAP_CEILING,
  TRAP_CLEARANCE,
  TRAP_FUEL,
  TRAP_GRANT,
  TRAP_LABEL,
  TRAP_OVERFLOW,
  TRAP_PORT,
  TRAP_RANGE,
  TRAP_UPGRADE,
} from './isa';
import { flowsTo, isHandled, isPublic } from './label';
import {
  AUDIT,
  CODE,
  CONSTANT_LABELS,
  CONSTANT_VALUES,
  DEAREST,
  GRANTS,
  LEVELS,
  PC_STACK,
  PORT_LABELS,
  PORT_VALUES,
  PORT_WRITTEN,
  REGISTER_LABELS,
  REGISTERS,
  SEGMENTS,
  TARGETS,
  WORD_LABELS,
  WORD_VALUES,
  WRITES,
} from './layout';
import { codeCount } from './load';

const CATEGORIES: u32 = 0xffff0000;
const AUTHORITY: u32 = 0x0000ff00;

export let fuelUsed: u64 = 0;
export let auditCount: u32 = 0;
export let trapCode: u32 = 0;
export let trapAt: u32 = 0;
export let trapLabel: u32 = 0;

function stop(code: u32, at: u32, label: u32): u32 {
  trapCode = code;
  trapAt = at;
  trapLabel = label;
  return code;
}

// @ts-ignore: decorator
@inline
function valueOf(register: u32): i64 {
  return load<i64>(REGISTERS + (register << 3));
}

// @ts-ignore: decorator
@inline
function labelOf(register: u32): u32 {
  return load<u32>(REGISTER_LABELS + (register << 2));
}

/** 0, or the code of the trap. Ports of a run that trapped are not to be read. */
export function runModule(fuelLimit: u64): u32 {
  let pc: u32 = 0;
  let depth: u32 = 0;
  /** Depth at which an `if` was charged its dearest arm; above it nothing is charged. */
  let silentFrom: u32 = MAX_DEPTH + 1;
  fuelUsed = 0;
  auditCount = 0;
  trapCode = 0;

  for (let at: u32 = 0; at < codeCount; at++) {
    const word = load<u64>(CODE + (at << 3));
    const opcode = <u32>(word & 0xff);
    const instruction = load<u32>(LEVELS + (<u32>((word >> 8) & 0xff) << 2));
    const clearance = instruction & CATEGORIES;
    const e = pc | (instruction & ~CATEGORIES);
    const d = <u32>((word >> 16) & 31);
    const a = <u32>((word >> 24) & 31);
    const b = <u32>((word >> 32) & 31);
    const index = <u32>(word >> 48);

    if (depth < silentFrom) {
      fuelUsed += load<u8>(FUEL + opcode);
      if (fuelUsed > fuelLimit) return stop(TRAP_FUEL, at, pc);
    }

    let value: i64 = 0;
    let label: u32 = e;

    switch (opcode) {
      case OP_CONST: {
        value = load<i64>(CONSTANT_VALUES + (index << 3));
        label |= load<u32>(CONSTANT_LABELS + (index << 2));
        break;
      }
      case OP_MOV: {
        value = valueOf(a);
        label |= labelOf(a);
        break;
      }
      case OP_ADD: {
        const x = valueOf(a);
        const y = valueOf(b);
        label |= labelOf(a) | labelOf(b);
        value = x + y;
        if (((x ^ value) & (y ^ value)) < 0) return stop(TRAP_OVERFLOW, at, label);
        break;
      }
      case OP_SUB: {
        const x = valueOf(a);
        const y = valueOf(b);
        label |= labelOf(a) | labelOf(b);
        value = x - y;
        if (((x ^ y) & (x ^ value)) < 0) return stop(TRAP_OVERFLOW, at, label);
        break;
      }
      case OP_MUL: {
        const x = valueOf(a);
        const y = valueOf(b);
        label |= labelOf(a) | labelOf(b);
        value = x * y;
        if ((x == -1 && y == i64.MIN_VALUE) || (y == -1 && x == i64.MIN_VALUE)) return stop(TRAP_OVERFLOW, at, label);
        if (x != 0 && x != -1 && value / x != y) return stop(TRAP_OVERFLOW, at, label);
        break;
      }
      case OP_AND: {
        value = valueOf(a) & valueOf(b);
        label |= labelOf(a) | labelOf(b);
        break;
      }
      case OP_OR: {
        value = valueOf(a) | valueOf(b);
        label |= labelOf(a) | labelOf(b);
        break;
      }
      case OP_XOR: {
        value = valueOf(a) ^ valueOf(b);
        label |= labelOf(a) | labelOf(b);
        break;
      }
      case OP_EQ: {
        value = <i64>(valueOf(a) == valueOf(b));
        label |= labelOf(a) | labelOf(b);
        break;
      }
      case OP_NE: {
        value = <i64>(valueOf(a) != valueOf(b));
        label |= labelOf(a) | labelOf(b);
        break;
      }
      case OP_LT: {
        value = <i64>(valueOf(a) < valueOf(b));
        label |= labelOf(a) | labelOf(b);
        break;
      }
      case OP_LE: {
        value = <i64>(valueOf(a) <= valueOf(b));
        label |= labelOf(a) | labelOf(b);
        break;
      }
      case OP_MIN: {
        value = min(valueOf(a), valueOf(b));
        label |= labelOf(a) | labelOf(b);
        break;
      }
      case OP_SELECT: {
        const c = <u32>((word >> 40) & 31);
        value = valueOf(a) != 0 ? valueOf(b) : valueOf(c);
        label |= labelOf(a) | labelOf(b) | labelOf(c);
        break;
      }
      case OP_LOAD: {
        const segment = SEGMENTS + (index << 4);
        const address = valueOf(a);
        label |= labelOf(a);
        if (<u64>address >= <u64>load<u32>(segment, 4)) return stop(TRAP_BOUNDS, at, label);
        const place = load<u32>(segment) + <u32>address;
        value = load<i64>(WORD_VALUES + (place << 3));
        // C(m) ≤ min(A(address), A(instruction)) is this label's C ≤ A, checked below.
        label |= load<u32>(WORD_LABELS + (place << 2));
        break;
      }
      case OP_STORE: {
        const segment = SEGMENTS + (index << 4);
        const address = valueOf(a);
        const context = e | labelOf(a);
        if (<u64>address >= <u64>load<u32>(segment, 4)) return stop(TRAP_BOUNDS, at, context);
        const place = load<u32>(segment) + <u32>address;
        if (!flowsTo(context, load<u32>(WORD_LABELS + (place << 2)))) return stop(TRAP_UPGRADE, at, context);
        label = context | labelOf(b);
        if (!isHandled(label)) return stop(TRAP_LABEL, at, label);
        if ((label & CATEGORIES & ~clearance) != 0) return stop(TRAP_CLEARANCE, at, label);
        if (!flowsTo(label, load<u32>(segment, 12))) return stop(TRAP_CEILING, at, label);
        store<i64>(WORD_VALUES + (place << 3), valueOf(b));
        store<u32>(WORD_LABELS + (place << 2), label);
        continue;
      }
      case OP_IF: {
        label |= labelOf(a);
        if (!isHandled(label)) return stop(TRAP_LABEL, at, label);
        if ((label & CATEGORIES & ~clearance) != 0) return stop(TRAP_CLEARANCE, at, label);
        store<u32>(PC_STACK + (depth << 2), pc);
        pc = label;
        const writes = load<u32>(WRITES + (at << 2));
        for (let register: u32 = 0; register < 32; register++) {
          if ((writes & (<u32>1 << register)) == 0) continue;
          const raised = labelOf(register) | pc;
          if (!isHandled(raised)) return stop(TRAP_LABEL, at, raised);
          store<u32>(REGISTER_LABELS + (register << 2), raised);
        }
        depth++;
        if (!isPublic(pc) && depth <= silentFrom && silentFrom > MAX_DEPTH) {
          // Which arm runs is a secret: both are charged as the dearer one.
          fuelUsed += load<u32>(DEAREST + (at << 2));
          if (fuelUsed > fuelLimit) return stop(TRAP_FUEL, at, pc);
          silentFrom = depth;
        }
        // To the instruction after `else`, or to `end` where there is none, which then gives pc back.
        if (valueOf(a) == 0) {
          const target = load<u32>(TARGETS + (at << 2));
          at = <u32>(load<u64>(CODE + (target << 3)) & 0xff) == OP_ELSE ? target : target - 1;
        }
        continue;
      }
      case OP_ELSE: {
        // Reached from the first arm only: on to `end`, which gives pc back.
        at = load<u32>(TARGETS + (at << 2)) - 1;
        continue;
      }
      case OP_END: {
        depth--;
        pc = load<u32>(PC_STACK + (depth << 2));
        if (depth < silentFrom) silentFrom = MAX_DEPTH + 1;
        continue;
      }
      case OP_DECLASSIFY:
      case OP_ENDORSE: {
        const grant = GRANTS + (index << 5);
        const from = load<u32>(grant, 4);
        const to = load<u32>(grant, 8);
        const operand = labelOf(a);
        label |= operand;
        // Public control flow; value, pc and instruction with at least the authority that the grant asks for.
        const least = (opcode == OP_DECLASSIFY ? from : to) & AUTHORITY;
        if (!isPublic(e) || !flowsTo(e & AUTHORITY, least) || !flowsTo(operand, from)) return stop(TRAP_GRANT, at, label);
        if ((operand & CATEGORIES & ~clearance) != 0) return stop(TRAP_CLEARANCE, at, label);
        value = valueOf(a);
        if (value < load<i64>(grant, 16) || value > load<i64>(grant, 24)) return stop(TRAP_RANGE, at, label);
        if (auditCount == MAX_AUDIT) return stop(TRAP_GRANT, at, label);
        store<u32>(AUDIT + (auditCount << 3), at);
        store<u32>(AUDIT + (auditCount << 3), index, 4);
        auditCount++;
        label = opcode == OP_DECLASSIFY ? (to & ~AUTHORITY) | (label & AUTHORITY) : (label & ~AUTHORITY) | (to & AUTHORITY);
        break;
      }
      case OP_OUTPUT: {
        label |= labelOf(a);
        if (!isHandled(label)) return stop(TRAP_LABEL, at, label);
        if ((label & CATEGORIES & ~clearance) != 0) return stop(TRAP_CLEARANCE, at, label);
        if (!flowsTo(label, load<u32>(PORT_LABELS + (index << 2)))) return stop(TRAP_PORT, at, label);
        store<i64>(PORT_VALUES + (index << 3), valueOf(a));
        store<u8>(PORT_WRITTEN + index, 1);
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
    if (!isHandled(label)) return stop(TRAP_LABEL, at, label);
    if ((label & CATEGORIES & ~clearance) != 0) return stop(TRAP_CLEARANCE, at, label);
    store<i64>(REGISTERS + (d << 3), value);
    store<u32>(REGISTER_LABELS + (d << 2), label);
  }
  return 0;
}
