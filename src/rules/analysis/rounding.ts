/** Division to whole numbers, rounded as said, as formulas: what src/rules/evaluator does with numbers. */
import type { Rounding } from '../checker/checked.ts';
import type { Term, Terms } from './term.ts';

/** A number, and what it can be. */
export interface Signed {
  readonly value: Term;
  readonly least: bigint;
  readonly most: bigint;
}

/** Towards zero; `divisor` is not 0 wherever the result counts. */
export function divideTowardsZero(terms: Terms, dividend: Signed, divisor: Signed): Term {
  return divideRounded(terms, dividend, divisor, 'down');
}

/** With the sign of the dividend. */
export function remainder(terms: Terms, dividend: Signed, divisor: Signed): Term {
  const { size, isNegative } = absolute(terms, dividend);
  const rest = terms.modulo(size, absolute(terms, divisor).size);
  return terms.choose(isNegative, terms.subtract(terms.int(0n), rest), rest);
}

/** `divisor` is not 0 wherever the result counts. */
export function divideRounded(terms: Terms, dividend: Signed, divisor: Signed, rounding: Rounding): Term {
  const top = absolute(terms, dividend);
  const bottom = absolute(terms, divisor);
  const isNegative = terms.not(terms.equal(top.isNegative, bottom.isNegative));
  const quotient = terms.floorDivide(top.size, bottom.size);
  const rest = terms.modulo(top.size, bottom.size);
  const isWhole = terms.equal(rest, terms.int(0n));
  const twice = terms.multiply(rest, terms.int(2n));
  const isOdd = (): Term => terms.equal(terms.modulo(quotient, terms.int(2n)), terms.int(1n));
  const isAway = ((): Term => {
    switch (rounding) {
      case 'down':
        return terms.false;
      case 'up':
        return terms.not(isWhole);
      case 'floor':
        return terms.and(isNegative, terms.not(isWhole));
      case 'ceiling':
        return terms.and(terms.not(isNegative), terms.not(isWhole));
      case 'half_up':
        return terms.and(terms.not(isWhole), terms.atMost(bottom.size, twice));
      case 'half_even':
        return terms.or(terms.less(bottom.size, twice), terms.and(terms.equal(bottom.size, twice), isOdd()));
    }
  })();
  const size = terms.choose(isAway, terms.add(quotient, terms.int(1n)), quotient);
  return terms.choose(isNegative, terms.subtract(terms.int(0n), size), size);
}

/** Where its range says the sign, no condition is made: of most numbers of money. */
function absolute(terms: Terms, number: Signed): { readonly size: Term; readonly isNegative: Term } {
  const isNegative =
    number.least >= 0n
      ? terms.false
      : number.most < 0n
        ? terms.true
        : terms.less(number.value, terms.int(0n));
  return {
    size: terms.choose(isNegative, terms.subtract(terms.int(0n), number.value), number.value),
    isNegative,
  };
}
