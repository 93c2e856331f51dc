/** What a formula is worth where its unknowns have values. */
import type { Term } from './term.ts';

export type Values = Map<Term, bigint | boolean>;

/** The values of `order`, which has the parts of each term before it. */
export function valuesOf(order: readonly Term[], of: (unknown: Term) => bigint | boolean): Values {
  const values: Values = new Map();
  for (const term of order) values.set(term, term.kind === 'variable' ? of(term) : worthOf(term, values));
  return values;
}

function worthOf(term: Term, values: Values): bigint | boolean {
  if (term.kind === 'constant') return term.value;
  if (term.kind === 'variable') return values.get(term) ?? false;
  const [a = false, b = false, c = false] = term.args.slice(0, 3).map((part) => values.get(part));
  switch (term.operator) {
    case 'not':
      return a === false;
    case 'and':
      return term.args.every((part) => values.get(part) === true);
    case 'or':
      return term.args.some((part) => values.get(part) === true);
    case '=':
      return a === b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case 'ite':
      return a === true ? b : c;
    default:
      return calculate(term.operator, a as bigint, b as bigint);
  }
}

function calculate(operator: '+' | '-' | '*' | 'div' | 'mod', a: bigint, b: bigint): bigint {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case 'div':
    case 'mod': {
      // By 0 z3 takes anything; what is divided by 0 is an error, and its value is not looked at.
      if (b === 0n) return 0n;
      const rest = ((a % b) + (b < 0n ? -b : b)) % (b < 0n ? -b : b);
      return operator === 'mod' ? rest : (a - rest) / b;
    }
  }
}
