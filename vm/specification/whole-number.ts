/** What instructions compute, on whole numbers without bound; whether the result fits a word is another question. */
import type { Rounding } from '../isa.ts';

export const fits = (value: bigint): boolean => BigInt.asIntN(64, value) === value;

export function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

/** The whole number that a ÷ b is rounded to. */
export function divide(a: bigint, b: bigint, rounding: Rounding): bigint {
  const below = floorDivide(a, b);
  if (below * b === a) return below;
  const nearZero = below < 0n ? below + 1n : below;
  const farFromZero = below < 0n ? below : below + 1n;
  const twice = 2n * absolute(a - nearZero * b);
  const half = twice === absolute(b) ? 'tie' : twice > absolute(b) ? 'far' : 'near';
  switch (rounding) {
    case 'floor':
      return below;
    case 'ceiling':
      return below + 1n;
    case 'down':
      return nearZero;
    case 'up':
      return farFromZero;
    case 'half_up':
      return half === 'near' ? nearZero : farFromZero;
    case 'half_even':
      if (half === 'tie') return nearZero % 2n === 0n ? nearZero : farFromZero;
      return half === 'near' ? nearZero : farFromZero;
  }
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

export const arithmetic: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => -a - 1n,
  eq: (a, b) => (a === b ? 1n : 0n),
  ne: (a, b) => (a !== b ? 1n : 0n),
  lt: (a, b) => (a < b ? 1n : 0n),
  le: (a, b) => (a <= b ? 1n : 0n),
  min: (a, b) => (a < b ? a : b),
  max: (a, b) => (a > b ? a : b),
};

/** By from 0 to 63. */
export const shifts: Readonly<Record<string, (a: bigint, by: bigint) => bigint>> = {
  shl: (a, by) => signed(a << by),
  shr: (a, by) => signed(unsigned(a) >> by),
  sar: (a, by) => a >> by,
  rotl: (a, by) => signed((unsigned(a) << by) | (unsigned(a) >> (64n - by))),
};
