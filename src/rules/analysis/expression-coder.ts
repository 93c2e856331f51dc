/** Expressions of one module as formulas, by docs/RULES.md "Meaning" point 9: errors are on their way to the verdict, and only `&&`, `||` and what is not taken leave them aside. */
import {
  type CheckedModule,
  type Comparison,
  numberLimit,
  type Parameter,
  rateScale,
  ratioScale,
  type Typed,
  type Value,
} from '../checker/checked.ts';
import type { RuleSet } from '../set/rule-set.ts';
import { type Coded, sure } from './coded.ts';
import type { FactTerms } from './fact-terms.ts';
import { divideRounded, divideTowardsZero, remainder } from './rounding.ts';
import type { Term, Terms } from './term.ts';
import { itemsOf, type Universe } from './universe.ts';

/** What a parameter is: where it may move, an unknown. */
export type ParameterTerm = (module: CheckedModule, parameter: Parameter) => Coded | undefined;

export class ExpressionCoder {
  private readonly made = new Map<Typed, Coded>();
  private readonly terms: Terms;
  private readonly universe: Universe;
  private readonly set: RuleSet;
  private readonly module: CheckedModule;
  private readonly facts: FactTerms;
  private readonly parameterTerm: ParameterTerm;

  constructor(set: RuleSet, module: CheckedModule, facts: FactTerms, parameterTerm: ParameterTerm) {
    this.terms = facts.options.terms;
    this.universe = facts.options.universe;
    this.set = set;
    this.module = module;
    this.facts = facts;
    this.parameterTerm = parameterTerm;
  }

  code(typed: Typed): Coded {
    let coded = this.made.get(typed);
    if (coded === undefined) {
      coded = this.codeOnce(typed);
      this.made.set(typed, coded);
    }
    return coded;
  }

  private codeOnce(typed: Typed): Coded {
    const { terms, facts } = this;
    switch (typed.op) {
      case 'constant':
        return this.constant(typed.value);
      case 'field':
        return facts.field(typed.field);
      case 'has':
        return sure(terms, facts.has(typed.field));
      case 'parameter': {
        const { parameter } = typed;
        return (
          this.parameterTerm(this.module, parameter) ??
          this.constant(this.set.parameters.get(`${this.module.name}/${parameter.name}`) ?? parameter.value)
        );
      }
      case 'feed':
        return facts.feed(typed.feed, undefined);
      case 'spent':
      case 'count':
        return facts.window(typed.op, typed.window.seconds);
      case 'listed': {
        const item = this.code(typed.item);
        const members = this.universe.membersOf(typed.list.of, itemsOf(this.set, this.module, typed.list));
        const value = terms.or(...members.map((member) => terms.equal(item.value, terms.int(member))));
        return { ...item, value };
      }
      case 'compare':
        return this.compare(typed.operator, typed.left, typed.right);
      case 'and':
      case 'or':
        return this.junction(typed.op, this.code(typed.left), this.code(typed.right));
      case 'not': {
        const operand = this.code(typed.operand);
        return { ...operand, value: terms.not(operand.value) };
      }
      case 'negate': {
        const operand = this.code(typed.operand);
        return {
          ...operand,
          value: terms.subtract(terms.int(0n), operand.value),
          least: -operand.most,
          most: -operand.least,
        };
      }
      case 'select':
        return this.select(this.code(typed.condition), this.code(typed.then), this.code(typed.otherwise));
      case 'scale': {
        const ratio = this.constant(ratioScale);
        return this.scale(this.code(typed.amount), this.code(typed.by), ratio, typed.rounding);
      }
      case 'share': {
        const by = this.code(typed.by);
        const divided = this.scale(this.code(typed.amount), this.constant(1n), by, typed.rounding);
        return this.exceptByZero(divided, by);
      }
      case 'convert': {
        const amount = this.code(typed.amount);
        if (facts.options.corridor.currency === typed.to) return amount;
        return this.scale(amount, facts.feed(typed.feed, typed.to), this.constant(rateScale), typed.rounding);
      }
      default:
        return this.calculate(typed.op, this.code(typed.left), this.code(typed.right));
    }
  }

  private constant(value: Value): Coded {
    const { terms, universe } = this;
    if (typeof value === 'boolean') return sure(terms, terms.truth(value));
    const number = typeof value === 'bigint' ? value : universe.numberOf(value);
    return { ...sure(terms, terms.int(number)), least: number, most: number };
  }

  private errorsOf(...parts: readonly Coded[]): Pick<Coded, 'error' | 'denied'> {
    return {
      error: this.terms.or(...parts.map(({ error }) => error)),
      denied: this.terms.or(...parts.map(({ denied }) => denied)),
    };
  }

  private compare(operator: Comparison, one: Typed, other: Typed): Coded {
    const { terms } = this;
    const [left, right] = [this.code(one), this.code(other)];
    const coded = { ...sure(terms, terms.false), ...this.errorsOf(left, right) };
    const isNumber = left.value.sort === 'Int';
    const equal = (): Term =>
      isNumber && (left.most < right.least || right.most < left.least)
        ? terms.false
        : terms.equal(left.value, right.value);
    const less = (a: Coded, b: Coded): Term =>
      a.most < b.least ? terms.true : a.least >= b.most ? terms.false : terms.less(a.value, b.value);
    switch (operator) {
      case '==':
        return { ...coded, value: equal() };
      case '!=':
        return { ...coded, value: terms.not(equal()) };
      case '<':
        return { ...coded, value: less(left, right) };
      case '>':
        return { ...coded, value: less(right, left) };
      case '<=':
        return { ...coded, value: terms.not(less(right, left)) };
      case '>=':
        return { ...coded, value: terms.not(less(left, right)) };
    }
  }

  /** What one side decides without error stands, whatever the other side is. */
  private junction(op: 'and' | 'or', left: Coded, right: Coded): Coded {
    const { terms } = this;
    const decides = ({ value, error }: Coded): Term =>
      terms.and(op === 'or' ? value : terms.not(value), terms.not(error));
    const decided = terms.or(decides(left), decides(right));
    const { error, denied } = this.errorsOf(left, right);
    return {
      ...sure(terms, op === 'or' ? decided : terms.not(decided)),
      error: terms.and(error, terms.not(decided)),
      denied: terms.and(denied, terms.not(decided)),
    };
  }

  private select(condition: Coded, then: Coded, otherwise: Coded): Coded {
    const { terms } = this;
    const taken = (of: (part: Coded) => Term): Term => terms.choose(condition.value, of(then), of(otherwise));
    return {
      value: taken(({ value }) => value),
      least: smaller(then.least, otherwise.least),
      most: greater(then.most, otherwise.most),
      error: terms.or(
        condition.error,
        taken(({ error }) => error),
      ),
      denied: terms.or(
        condition.denied,
        terms.and(
          terms.not(condition.error),
          taken(({ denied }) => denied),
        ),
      ),
    };
  }

  private calculate(
    op: 'add' | 'subtract' | 'multiply' | 'divide' | 'remainder' | 'min' | 'max',
    left: Coded,
    right: Coded,
  ): Coded {
    const { terms } = this;
    const errors = this.errorsOf(left, right);
    switch (op) {
      case 'add':
        return this.limited(
          terms.add(left.value, right.value),
          left.least + right.least,
          left.most + right.most,
          errors,
        );
      case 'subtract':
        return this.limited(
          terms.subtract(left.value, right.value),
          left.least - right.most,
          left.most - right.least,
          errors,
        );
      case 'multiply': {
        const [least, most] = productRange(left, right);
        return this.limited(terms.multiply(left.value, right.value), least, most, errors);
      }
      case 'divide': {
        const size = greater(-left.least, left.most);
        const value = divideTowardsZero(terms, left, right);
        const isPositive = left.least >= 0n && right.least >= 0n;
        return this.exceptByZero(this.limited(value, isPositive ? 0n : -size, size, errors), right);
      }
      case 'remainder': {
        const size = greater(-left.least, left.most);
        const value = remainder(terms, left, right);
        return this.exceptByZero(this.limited(value, left.least >= 0n ? 0n : -size, size, errors), right);
      }
      case 'min': {
        const value = terms.choose(this.isLess(right, left), right.value, left.value);
        return {
          ...errors,
          value,
          least: smaller(left.least, right.least),
          most: smaller(left.most, right.most),
        };
      }
      case 'max': {
        const value = terms.choose(this.isLess(left, right), right.value, left.value);
        return {
          ...errors,
          value,
          least: greater(left.least, right.least),
          most: greater(left.most, right.most),
        };
      }
    }
  }

  private isLess(a: Coded, b: Coded): Term {
    if (a.most < b.least) return this.terms.true;
    return a.least >= b.most ? this.terms.false : this.terms.less(a.value, b.value);
  }

  /** `amount × by ÷ divisor`, rounded once. */
  private scale(
    amount: Coded,
    by: Coded,
    divisor: Coded,
    rounding: Parameters<typeof divideRounded>[3],
  ): Coded {
    const { terms } = this;
    const [least, most] = productRange(amount, by);
    const product = { value: terms.multiply(amount.value, by.value), least, most };
    const value = divideRounded(terms, product, divisor, rounding);
    // Of a divisor that may be below 0, or is 1 in size, no more is known than the product's size.
    const size = greater(greater(-least, least), greater(-most, most));
    const isKnown = divisor.least === divisor.most && divisor.least > 0n;
    const [low, high] = isKnown ? [least / divisor.least - 1n, most / divisor.least + 1n] : [-size, size];
    return this.limited(value, isKnown && least >= 0n ? 0n : low, high, this.errorsOf(amount, by, divisor));
  }

  /** An overflow where a result is outside of what a number can be. */
  private limited(
    value: Term,
    least: bigint,
    most: bigint,
    { error, denied }: Pick<Coded, 'error' | 'denied'>,
  ): Coded {
    const { terms } = this;
    const over = terms.or(
      most < numberLimit ? terms.false : terms.atMost(terms.int(numberLimit), value),
      least > -numberLimit ? terms.false : terms.atMost(value, terms.int(-numberLimit)),
    );
    return {
      value,
      least: greater(least, 1n - numberLimit),
      most: smaller(most, numberLimit - 1n),
      error: terms.or(error, over),
      denied,
    };
  }

  private exceptByZero(coded: Coded, divisor: Coded): Coded {
    const { terms } = this;
    const isZero =
      divisor.least > 0n || divisor.most < 0n ? terms.false : terms.equal(divisor.value, terms.int(0n));
    return { ...coded, error: terms.or(coded.error, isZero) };
  }
}

function productRange(a: Coded, b: Coded): [bigint, bigint] {
  const corners = [a.least * b.least, a.least * b.most, a.most * b.least, a.most * b.most];
  return [corners.reduce(smaller), corners.reduce(greater)];
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function greater(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
