/**
 * Formulas over whole numbers and truths, as z3 takes them: built with what is constant already worked out, and each only once, so that
 * equal formulas are one object.
 */
import { assert } from '../../kit/result.ts';

export type Operator =
  | 'not'
  | 'and'
  | 'or'
  | '='
  | '<'
  | '<='
  | '+'
  | '-'
  | '*'
  /** Towards minus infinity, of a divisor above 0; its rest is `mod`. */
  | 'div'
  | 'mod'
  | 'ite';

export type Term = { readonly id: number; readonly sort: 'Int' | 'Bool' } & (
  | { readonly kind: 'constant'; readonly value: bigint | boolean }
  | {
      readonly kind: 'variable';
      readonly name: string;
      /** Of a number: what it can be. */
      readonly least: bigint;
      readonly most: bigint;
    }
  | { readonly kind: 'operation'; readonly operator: Operator; readonly args: readonly Term[] }
);

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

export class Terms {
  private readonly made = new Map<string, Term>();

  readonly true: Term = this.truth(true);
  readonly false: Term = this.truth(false);

  truth(value: boolean): Term {
    return this.make(String(value), { kind: 'constant', sort: 'Bool', value });
  }

  int(value: bigint): Term {
    return this.make(String(value), { kind: 'constant', sort: 'Int', value });
  }

  /** One name has one sort and one range. */
  variable(name: string, least: bigint, most: bigint): Term {
    return this.make(`|${name}|${least}|${most}`, { kind: 'variable', sort: 'Int', name, least, most });
  }

  condition(name: string): Term {
    return this.make(`?${name}`, { kind: 'variable', sort: 'Bool', name, least: 0n, most: 1n });
  }

  not(term: Term): Term {
    if (term.kind === 'constant') return this.truth(term.value !== true);
    if (term.kind === 'operation' && term.operator === 'not') return term.args[0] as Term;
    return this.operation('not', 'Bool', [term]);
  }

  and(...terms: readonly Term[]): Term {
    return this.junction('and', terms, this.false, this.true);
  }

  or(...terms: readonly Term[]): Term {
    return this.junction('or', terms, this.true, this.false);
  }

  equal(a: Term, b: Term): Term {
    if (a === b) return this.true;
    if (a.kind === 'constant' && b.kind === 'constant') return this.truth(a.value === b.value);
    if (a.sort === 'Bool') {
      if (a === this.true) return b;
      if (b === this.true) return a;
      if (a === this.false) return this.not(b);
      if (b === this.false) return this.not(a);
    }
    return this.operation('=', 'Bool', a.id < b.id ? [a, b] : [b, a]);
  }

  less(a: Term, b: Term): Term {
    if (a === b) return this.false;
    if (a.kind === 'constant' && b.kind === 'constant') return this.truth(a.value < b.value);
    return this.operation('<', 'Bool', [a, b]);
  }

  atMost(a: Term, b: Term): Term {
    if (a === b) return this.true;
    if (a.kind === 'constant' && b.kind === 'constant') return this.truth(a.value <= b.value);
    return this.operation('<=', 'Bool', [a, b]);
  }

  add(a: Term, b: Term): Term {
    const [x, y] = [numberOf(a), numberOf(b)];
    if (x !== undefined && y !== undefined) return this.int(x + y);
    if (x === 0n) return b;
    if (y === 0n) return a;
    return this.operation('+', 'Int', a.id < b.id ? [a, b] : [b, a]);
  }

  subtract(a: Term, b: Term): Term {
    const [x, y] = [numberOf(a), numberOf(b)];
    if (x !== undefined && y !== undefined) return this.int(x - y);
    if (y === 0n) return a;
    if (a === b) return this.int(0n);
    return this.operation('-', 'Int', [a, b]);
  }

  multiply(a: Term, b: Term): Term {
    const [x, y] = [numberOf(a), numberOf(b)];
    if (x !== undefined && y !== undefined) return this.int(x * y);
    if (x === 0n || y === 0n) return this.int(0n);
    if (x === 1n) return b;
    if (y === 1n) return a;
    return this.operation('*', 'Int', a.id < b.id ? [a, b] : [b, a]);
  }

  /** `divisor` is above 0 wherever the result counts. */
  floorDivide(dividend: Term, divisor: Term): Term {
    const [x, y] = [numberOf(dividend), numberOf(divisor)];
    if (y === 1n) return dividend;
    if (x !== undefined && y !== undefined && y > 0n) return this.int((x - modulo(x, y)) / y);
    return this.operation('div', 'Int', [dividend, divisor]);
  }

  modulo(dividend: Term, divisor: Term): Term {
    const [x, y] = [numberOf(dividend), numberOf(divisor)];
    if (y === 1n) return this.int(0n);
    if (x !== undefined && y !== undefined && y > 0n) return this.int(modulo(x, y));
    return this.operation('mod', 'Int', [dividend, divisor]);
  }

  choose(condition: Term, then: Term, otherwise: Term): Term {
    if (condition.kind === 'constant') return condition.value === true ? then : otherwise;
    if (then === otherwise) return then;
    if (then.sort === 'Bool')
      return this.or(this.and(condition, then), this.and(this.not(condition), otherwise));
    return this.operation('ite', 'Int', [condition, then, otherwise]);
  }

  /** The operation of other parts. */
  rebuild(operator: Operator, args: readonly Term[]): Term {
    const [a, b, c] = args as readonly [Term, Term, Term];
    switch (operator) {
      case 'not':
        return this.not(a);
      case 'and':
        return this.and(...args);
      case 'or':
        return this.or(...args);
      case '=':
        return this.equal(a, b);
      case '<':
        return this.less(a, b);
      case '<=':
        return this.atMost(a, b);
      case '+':
        return this.add(a, b);
      case '-':
        return this.subtract(a, b);
      case '*':
        return this.multiply(a, b);
      case 'div':
        return this.floorDivide(a, b);
      case 'mod':
        return this.modulo(a, b);
      case 'ite':
        return this.choose(a, b, c);
    }
  }

  private junction(operator: 'and' | 'or', terms: readonly Term[], decides: Term, neutral: Term): Term {
    const parts = new Set<Term>();
    for (const term of terms)
      if (term.kind === 'operation' && term.operator === operator)
        for (const part of term.args) parts.add(part);
      else if (term !== neutral) parts.add(term);
    if (parts.has(decides)) return decides;
    for (const part of parts)
      if (part.kind === 'operation' && part.operator === 'not' && parts.has(part.args[0] as Term))
        return decides;
    const args = [...parts].sort((a, b) => a.id - b.id);
    if (args.length === 0) return neutral;
    return args.length === 1 ? (args[0] as Term) : this.operation(operator, 'Bool', args);
  }

  private operation(operator: Operator, sort: 'Int' | 'Bool', args: readonly Term[]): Term {
    const key = `(${operator} ${args.map(({ id }) => id).join(' ')})`;
    return this.make(key, { kind: 'operation', sort, operator, args });
  }

  private make(key: string, term: Unnumbered<Term>): Term {
    let made = this.made.get(key);
    if (made === undefined) {
      made = { ...term, id: this.made.size };
      this.made.set(key, made);
    }
    return made;
  }
}

/** The number that a term is, where it is a constant. */
export function numberOf(term: Term): bigint | undefined {
  return term.kind === 'constant' && typeof term.value === 'bigint' ? term.value : undefined;
}

function modulo(dividend: bigint, divisor: bigint): bigint {
  assert(divisor > 0n, 'a divisor is above 0');
  const rest = dividend % divisor;
  return rest < 0n ? rest + divisor : rest;
}

/** The terms below `roots`, themselves too, each after its parts. */
export function termsBelow(roots: readonly Term[]): readonly Term[] {
  const order: Term[] = [];
  const seen = new Set<Term>();
  const visit = (term: Term): void => {
    if (seen.has(term)) return;
    seen.add(term);
    if (term.kind === 'operation') for (const part of term.args) visit(part);
    order.push(term);
  };
  for (const root of roots) visit(root);
  return order;
}

export function variablesBelow(root: Term): readonly Term[] {
  return termsBelow([root]).filter(({ kind }) => kind === 'variable');
}
