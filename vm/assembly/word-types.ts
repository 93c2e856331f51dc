/*
 * Word types: which registers hold a number and which a symbol, on every way to here. A register that is neither
 * was not set on some way, or to different types, and is not to be read.
 */
import {
  MAX_REGISTERS,
  REFUSED_OPERAND,
  REFUSED_TYPE,
  SHAPE,
  SHAPE_A,
  SHAPE_B,
  SHAPE_C,
  SHAPE_D,
  TYPE_SYMBOL,
  TYPING,
  TYPING_ALIKE,
  TYPING_CALL,
  TYPING_CONSTANT,
  TYPING_COPY,
  TYPING_ENTRY,
  TYPING_FIND,
  TYPING_LOAD,
  TYPING_NUMBERS,
  TYPING_OUTPUT,
  TYPING_RETURN,
  TYPING_SELECT,
  TYPING_STORE,
} from './isa';
import {
  CONSTANT_BYTES,
  CONSTANTS,
  FUNCTION_BYTES,
  FUNCTIONS,
  PORT_BYTES,
  PORTS,
  SEGMENT_BYTES,
  SEGMENTS,
  TABLE_BYTES,
  TABLES,
} from './layout';

/** A bit for each register. */
export let numbers: u32 = 0;
export let symbols: u32 = 0;

/** Registers that the function uses, as far as it was looked at. */
export let registers: u32 = 0;

/** At the beginning of a function: its parameters are set, symbols where `types` has a bit. */
export function beginTypes(parameters: u32, types: u32): void {
  symbols = types;
  numbers = ((<u32>1 << parameters) - 1) & ~types;
  registers = parameters;
}

export function setTypes(ofNumbers: u32, ofSymbols: u32): void {
  numbers = ofNumbers;
  symbols = ofSymbols;
}

export function useRegister(register: u32): void {
  registers = max(registers, register + 1);
}

function holds(register: u32, type: u32): bool {
  return (((type == TYPE_SYMBOL ? symbols : numbers) >> register) & 1) != 0;
}

function set(register: u32, type: u32): void {
  const bit = <u32>1 << register;
  numbers = type == TYPE_SYMBOL ? numbers & ~bit : numbers | bit;
  symbols = type == TYPE_SYMBOL ? symbols | bit : symbols & ~bit;
}

/** Whether both registers are set, to the same type. */
function areAlike(x: u32, y: u32): bool {
  return ((((numbers >> x) & (numbers >> y)) | ((symbols >> x) & (symbols >> y))) & 1) != 0;
}

/** Checks and sets the types of one instruction of function `f`: 0, or the code of a refusal. */
export function checkTypes(f: u32, word: u64, opcode: u32): u32 {
  const d = <u32>((word >> 16) & 31);
  const a = <u32>((word >> 24) & 31);
  const b = <u32>((word >> 32) & 31);
  const c = <u32>((word >> 40) & 31);
  const index = <u32>(word >> 48);
  const typing = <u32>load<u8>(TYPING + opcode);
  let result: u32 = 0;
  if (typing == TYPING_NUMBERS) {
    const shape = <u32>load<u16>(SHAPE + opcode * 2);
    if ((shape & SHAPE_A) != 0 && !holds(a, 0)) return REFUSED_TYPE;
    if ((shape & SHAPE_B) != 0 && !holds(b, 0)) return REFUSED_TYPE;
    if ((shape & SHAPE_C) != 0 && !holds(c, 0)) return REFUSED_TYPE;
    if ((shape & SHAPE_D) == 0) return 0;
  } else if (typing == TYPING_ALIKE) {
    if (!areAlike(a, b)) return REFUSED_TYPE;
  } else if (typing == TYPING_COPY) {
    if (!areAlike(a, a)) return REFUSED_TYPE;
    result = <u32>holds(a, TYPE_SYMBOL);
  } else if (typing == TYPING_SELECT) {
    if (!holds(a, 0) || !areAlike(b, c)) return REFUSED_TYPE;
    result = <u32>holds(b, TYPE_SYMBOL);
  } else if (typing == TYPING_CONSTANT) {
    result = load<u32>(CONSTANTS + index * CONSTANT_BYTES, 12);
  } else if (typing == TYPING_LOAD) {
    if (!holds(a, 0)) return REFUSED_TYPE;
    result = load<u32>(SEGMENTS + index * SEGMENT_BYTES, 20);
  } else if (typing == TYPING_STORE) {
    return holds(a, 0) && holds(b, load<u32>(SEGMENTS + index * SEGMENT_BYTES, 20)) ? 0 : REFUSED_TYPE;
  } else if (typing == TYPING_FIND) {
    if (!holds(a, load<u32>(TABLES + index * TABLE_BYTES, 12))) return REFUSED_TYPE;
  } else if (typing == TYPING_ENTRY) {
    if (!holds(a, 0)) return REFUSED_TYPE;
    result = load<u32>(TABLES + index * TABLE_BYTES, 12);
  } else if (typing == TYPING_OUTPUT) {
    return holds(a, load<u32>(PORTS + index * PORT_BYTES, 16)) ? 0 : REFUSED_TYPE;
  } else if (typing == TYPING_CALL) {
    const callee = FUNCTIONS + index * FUNCTION_BYTES;
    const refused = checkWords(a, load<u8>(callee, 32), load<u8>(callee, 34));
    return refused != 0 ? refused : setWords(d, load<u8>(callee, 33), load<u8>(callee, 35));
  } else if (typing == TYPING_RETURN) {
    const own = FUNCTIONS + f * FUNCTION_BYTES;
    return checkWords(a, load<u8>(own, 33), load<u8>(own, 35));
  } else {
    return 0;
  }
  set(d, result);
  return 0;
}

/** Arguments of a call or results of a function: `count` registers from `first`, symbols where `types` has a bit. */
function checkWords(first: u32, count: u32, types: u32): u32 {
  if (count == 0 ? first != 0 : first + count > MAX_REGISTERS) return REFUSED_OPERAND;
  registers = max(registers, first + count);
  for (let i: u32 = 0; i < count; i++) {
    if (!holds(first + i, (types >> i) & 1)) return REFUSED_TYPE;
  }
  return 0;
}

function setWords(first: u32, count: u32, types: u32): u32 {
  if (count == 0 ? first != 0 : first + count > MAX_REGISTERS) return REFUSED_OPERAND;
  registers = max(registers, first + count);
  for (let i: u32 = 0; i < count; i++) set(first + i, (types >> i) & 1);
  return 0;
}
