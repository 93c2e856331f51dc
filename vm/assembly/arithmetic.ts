/*
 * Multiplication and division of signed 64-bit words with 128 bits in between.
 */
import {
  ROUND_CEILING,
  ROUND_DOWN,
  ROUND_FLOOR,
  ROUND_HALF_EVEN,
  ROUND_UP,
  TRAP_DIVISION,
  TRAP_OVERFLOW,
} from './isa';

/** What `mulDivide` came to. */
export let quotient: i64 = 0;

let high: u64 = 0;
let low: u64 = 0;
let remainder: u64 = 0;

function magnitude(value: i64): u64 {
  return value < 0 ? 0 - <u64>value : <u64>value;
}

/** x × y as high, low. */
function multiply(x: u64, y: u64): void {
  const x1 = x >> 32;
  const x0 = x & 0xffffffff;
  const y1 = y >> 32;
  const y0 = y & 0xffffffff;
  const bottom = x0 * y0;
  const middle = x1 * y0 + (bottom >> 32);
  const other = x0 * y1 + (middle & 0xffffffff);
  high = x1 * y1 + (middle >> 32) + (other >> 32);
  low = (other << 32) | (bottom & 0xffffffff);
}

/** Whether x × y does not fit a signed word. */
export function productOverflows(x: i64, y: i64): bool {
  if (x == <i64>(<i32>x) && y == <i64>(<i32>y)) return false;
  multiply(magnitude(x), magnitude(y));
  return high != 0 || low > <u64>i64.MAX_VALUE + <u64>((x ^ y) < 0);
}

/** high, low ÷ divisor, with high < divisor: two digits of 32 bits (Knuth, volume 2, 4.3.1, algorithm D). */
function divide(divisor: u64): u64 {
  if (high == 0) {
    remainder = low % divisor;
    return low / divisor;
  }
  const shift = clz<u64>(divisor);
  const v = divisor << shift;
  const v1 = v >> 32;
  const v0 = v & 0xffffffff;
  const top = shift == 0 ? high : (high << shift) | (low >> (64 - shift));
  const rest = low << shift;
  const q1 = digit(top, rest >> 32, v1, v0);
  const next = (top << 32) + (rest >> 32) - q1 * v;
  const q0 = digit(next, rest & 0xffffffff, v1, v0);
  remainder = ((next << 32) + (rest & 0xffffffff) - q0 * v) >> shift;
  return (q1 << 32) | q0;
}

function digit(top: u64, below: u64, v1: u64, v0: u64): u64 {
  let guess = top / v1;
  let rest = top - guess * v1;
  while (guess > 0xffffffff || guess * v0 > ((rest << 32) | below)) {
    guess--;
    rest += v1;
    if (rest > 0xffffffff) break;
  }
  return guess;
}

/** Puts a × b ÷ c, rounded, into `quotient`: 0, or the code of the trap. */
export function mulDivide(a: i64, b: i64, c: i64, rounding: u32): u32 {
  if (c == 0) return TRAP_DIVISION;
  const negative = (a ^ b ^ c) < 0;
  const divisor = magnitude(c);
  multiply(magnitude(a), magnitude(b));
  if (high >= divisor) return TRAP_OVERFLOW;
  let result = divide(divisor);
  if (remainder != 0 && awayFromZero(rounding, negative, result, divisor)) {
    result++;
    if (result == 0) return TRAP_OVERFLOW;
  }
  if (result > <u64>i64.MAX_VALUE + <u64>negative) return TRAP_OVERFLOW;
  quotient = negative ? <i64>(0 - result) : <i64>result;
  return 0;
}

/** Whether what is left over takes the result one further from zero. */
function awayFromZero(rounding: u32, negative: bool, result: u64, divisor: u64): bool {
  if (rounding == ROUND_DOWN) return false;
  if (rounding == ROUND_UP) return true;
  if (rounding == ROUND_FLOOR) return negative;
  if (rounding == ROUND_CEILING) return !negative;
  const missing = divisor - remainder;
  if (remainder != missing) return remainder > missing;
  return rounding == ROUND_HALF_EVEN ? (result & 1) == 1 : true;
}

/** a - b × ⌊a ÷ b⌋ for b ≠ 0: between 0 and b, with the sign of b. */
export function remainderOf(a: i64, b: i64): i64 {
  if (b == -1) return 0;
  const rest = a % b;
  return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;
}
