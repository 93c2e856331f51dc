/**
 * What an expression is worth, by docs/RULES.md "Meaning": the second opinion on what the label machine computes, so written for
 * being read, and from the document alone.
 */
import { equalBytes } from '../../kit/bytes.ts';
import { assert } from '../../kit/result.ts';
import {
  type Facts,
  type Feed,
  type Field,
  type List,
  numberLimit,
  type Rounding,
  rateScale,
  ratioScale,
  type Typed,
  type Value,
} from '../checker/checked.ts';
import type { RuleSet } from '../set/rule-set.ts';

/** What went wrong, by the verdict that it has. */
export interface RuleError {
  readonly error: 'HOLD' | 'DENY';
}

export type Outcome = Value | RuleError;

const hold: RuleError = { error: 'HOLD' };

/** What the expressions of one module read. */
export interface Reading {
  readonly set: RuleSet;
  /** Its name. */
  readonly module: string;
  readonly facts: Facts;
  /** What was found already: the same expression may be in many places. */
  readonly known: Map<Typed, Outcome>;
}

export function isError(outcome: Outcome | undefined): outcome is RuleError {
  return typeof outcome === 'object' && 'error' in outcome;
}

/** The error of the greater verdict among these; `undefined` where there is none. */
export function greatestError(...outcomes: readonly (Outcome | undefined)[]): RuleError | undefined {
  const errors = outcomes.filter(isError);
  return errors.find(({ error }) => error === 'DENY') ?? errors[0];
}

/** The value of a checked expression, or its error. */
export function evaluateExpression(typed: Typed, reading: Reading): Outcome {
  const known = reading.known.get(typed);
  if (known !== undefined) return known;
  const outcome = evaluateOnce(typed, reading);
  reading.known.set(typed, outcome);
  return outcome;
}

function evaluateOnce(typed: Typed, reading: Reading): Outcome {
  const { set, module, facts } = reading;
  const of = (part: Typed): Outcome => evaluateExpression(part, reading);
  switch (typed.op) {
    case 'constant':
      return typed.value;
    case 'field':
      return readField(typed.field, facts);
    case 'has':
      return facts.fields.has(typed.field.name);
    case 'parameter':
      return set.parameters.get(`${module}/${typed.parameter.name}`) ?? typed.parameter.value;
    case 'feed':
      return readFeed(typed.feed, facts, (reading) => reading.value);
    case 'spent':
    case 'count': {
      const seen = facts.windows.get(typed.window.seconds);
      if (seen === undefined) return hold;
      const number = typed.op === 'spent' ? seen.spent : seen.count;
      return number >= 0n && number < numberLimit ? number : hold;
    }
    case 'listed': {
      const item = of(typed.item);
      return isError(item) ? item : isListed(item, typed.list, reading);
    }
    case 'compare': {
      const left = of(typed.left);
      const right = of(typed.right);
      return greatestError(left, right) ?? compare(typed.operator, left as Value, right as Value);
    }
    case 'and':
    case 'or': {
      // `false` decides an `and`, and `true` an `or`, whatever the other side is.
      const decides = typed.op === 'or';
      const left = of(typed.left);
      const right = of(typed.right);
      if (left === decides || right === decides) return decides;
      return greatestError(left, right) ?? !decides;
    }
    case 'not': {
      const operand = of(typed.operand);
      return isError(operand) ? operand : !operand;
    }
    case 'negate': {
      const operand = of(typed.operand);
      return isError(operand) ? operand : inRange(-(operand as bigint));
    }
    case 'add':
    case 'subtract':
    case 'multiply':
    case 'divide':
    case 'remainder':
    case 'min':
    case 'max': {
      const left = of(typed.left);
      const right = of(typed.right);
      return greatestError(left, right) ?? calculate(typed.op, left as bigint, right as bigint);
    }
    case 'select': {
      const condition = of(typed.condition);
      if (isError(condition)) return condition;
      return condition === true ? of(typed.then) : of(typed.otherwise);
    }
    case 'scale': {
      const amount = of(typed.amount);
      const by = of(typed.by);
      return (
        greatestError(amount, by) ??
        inRange(divideRounded((amount as bigint) * (by as bigint), ratioScale, typed.rounding))
      );
    }
    case 'share': {
      const amount = of(typed.amount);
      const by = of(typed.by);
      const error = greatestError(amount, by);
      if (error !== undefined) return error;
      return by === 0n ? hold : inRange(divideRounded(amount as bigint, by as bigint, typed.rounding));
    }
    case 'convert': {
      const amount = of(typed.amount);
      if (facts.fields.get('tx.currency') === typed.to) return amount;
      const rate = readFeed(typed.feed, facts, (reading) => reading.rates?.get(typed.to));
      return (
        greatestError(amount, rate) ??
        inRange(divideRounded((amount as bigint) * (rate as bigint), rateScale, typed.rounding))
      );
    }
  }
}

/** The time of the transaction in seconds; a decision is only made where it is there. */
export function timeOf(facts: Facts): bigint {
  const time = facts.fields.get('tx.time');
  assert(typeof time === 'bigint', 'a transaction that is decided on has a time');
  return time;
}

function readField(field: Field, facts: Facts): Outcome {
  const value = facts.fields.get(field.name);
  if (value === undefined) return hold;
  if (typeof value === 'bigint' && (value < field.least || value > field.most)) return hold;
  return value;
}

function readFeed(
  feed: Feed,
  facts: Facts,
  number: (reading: NonNullable<ReturnType<Facts['feeds']['get']>>) => bigint | undefined,
): Outcome {
  const reading = facts.feeds.get(feed.name);
  if (reading === undefined) return hold;
  const age = timeOf(facts) - reading.asOf;
  const stale: RuleError | undefined =
    age < 0n || age > feed.maxAgeSeconds ? { error: feed.onStale } : undefined;
  const value = number(reading);
  const wrong = value === undefined || value < feed.least || value > feed.most ? hold : undefined;
  return greatestError(stale, wrong) ?? (value as bigint);
}

function isListed(item: Value, list: List, { set, module }: Reading): boolean {
  const items: readonly Value[] | undefined =
    set.lists.get(`${module}/${list.name}`) ?? ('items' in list.source ? list.source.items : undefined);
  assert(items !== undefined, `a rule set has the items of the list ${module}/${list.name}`);
  return items.some((one) => isEqual(one, item));
}

function isEqual(left: Value, right: Value): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return equalBytes(left, right);
  assert(typeof left === typeof right, 'what is compared is of one type');
  return left === right;
}

function compare(operator: string, left: Value, right: Value): boolean {
  if (operator === '==') return isEqual(left, right);
  if (operator === '!=') return !isEqual(left, right);
  assert(typeof left === 'bigint' && typeof right === 'bigint', 'numbers are compared by size');
  if (operator === '<') return left < right;
  if (operator === '<=') return left <= right;
  if (operator === '>') return left > right;
  return left >= right;
}

type Calculation = 'add' | 'subtract' | 'multiply' | 'divide' | 'remainder' | 'min' | 'max';

function calculate(op: Calculation, left: bigint, right: bigint): Outcome {
  switch (op) {
    case 'add':
      return inRange(left + right);
    case 'subtract':
      return inRange(left - right);
    case 'multiply':
      return inRange(left * right);
    // A division of bigints is towards zero, and so is its remainder.
    case 'divide':
      return right === 0n ? hold : inRange(left / right);
    case 'remainder':
      return right === 0n ? hold : inRange(left % right);
    case 'min':
      return left < right ? left : right;
    case 'max':
      return left > right ? left : right;
  }
}

function inRange(number: bigint): Outcome {
  return number > -numberLimit && number < numberLimit ? number : hold;
}

/** `dividend / divisor`, which is not 0, to a whole number. */
function divideRounded(dividend: bigint, divisor: bigint, rounding: Rounding): bigint {
  const towardsZero = dividend / divisor;
  const rest = dividend % divisor;
  if (rest === 0n) return towardsZero;
  const isNegative = rest < 0n !== divisor < 0n;
  const awayFromZero = towardsZero + (isNegative ? -1n : 1n);
  const twice = absolute(rest) * 2n - absolute(divisor);
  switch (rounding) {
    case 'down':
      return towardsZero;
    case 'up':
      return awayFromZero;
    case 'floor':
      return isNegative ? awayFromZero : towardsZero;
    case 'ceiling':
      return isNegative ? towardsZero : awayFromZero;
    case 'half_up':
      return twice >= 0n ? awayFromZero : towardsZero;
    case 'half_even':
      if (twice === 0n) return towardsZero % 2n === 0n ? towardsZero : awayFromZero;
      return twice > 0n ? awayFromZero : towardsZero;
  }
}

function absolute(number: bigint): bigint {
  return number < 0n ? -number : number;
}
