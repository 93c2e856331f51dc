/** Checked expressions as nodes: docs/RULES.md, "Types and functions" and point 9 of "Meaning". */
import { assert } from '../../kit/result.ts';
import {
  type CheckedModule,
  type Parameter,
  rateScale,
  ratioScale,
  type Typed,
  type Value,
} from '../checker/checked.ts';
import { jurisdictionOf } from '../checker/owners.ts';
import type { Corridor, RuleSet } from '../set/rule-set.ts';
import * as arithmetic from './arithmetic.ts';
import { type Computed, cleanTruth, joinErrors } from './arithmetic.ts';
import type { Graph } from './graph.ts';
import type { InputTable } from './input.ts';
import type { ListTable } from './list-table.ts';
import type { OwnerTable } from './owner.ts';
import { wordOfSymbol, wordsOfKey } from './word.ts';

/** All that expressions of one program are made with. */
export interface Workshop {
  readonly set: RuleSet;
  readonly corridor: Corridor;
  readonly graph: Graph;
  readonly owners: OwnerTable;
  readonly inputs: InputTable;
  readonly lists: ListTable;
}

export class ExpressionCompiler {
  private readonly shop: Workshop;
  private readonly module: CheckedModule;
  /** A subexpression that is used twice is the same object. */
  private readonly done = new Map<Typed, Computed>();

  constructor(shop: Workshop, module: CheckedModule) {
    this.shop = shop;
    this.module = module;
  }

  compile(typed: Typed): Computed {
    let computed = this.done.get(typed);
    if (computed === undefined) {
      computed = this.make(typed);
      this.done.set(typed, computed);
    }
    return computed;
  }

  private make(typed: Typed): Computed {
    const { graph, inputs, corridor } = this.shop;
    switch (typed.op) {
      case 'constant':
        return this.constant(typed.value);
      case 'field':
        return inputs.field(typed.field);
      case 'has':
        return this.sure(inputs.has(typed.field));
      case 'parameter':
        return this.parameter(typed.parameter);
      case 'feed':
        return inputs.feed(typed.feed);
      case 'spent':
      case 'count':
        return inputs.spentOrCount(typed.op, typed.window);
      case 'listed':
        return this.shop.lists.has(typed.list, this.module, this.compile(typed.item));
      case 'compare':
        return this.compare(typed.operator, this.compile(typed.left), this.compile(typed.right));
      case 'and':
        return this.and(this.compile(typed.left), this.compile(typed.right));
      case 'or':
        return this.or(this.compile(typed.left), this.compile(typed.right));
      case 'not': {
        const operand = this.compile(typed.operand);
        return { value: graph.not(operand.value), error: operand.error };
      }
      case 'negate':
        return arithmetic.negate(graph, this.compile(typed.operand));
      case 'add':
        return arithmetic.add(graph, this.compile(typed.left), this.compile(typed.right));
      case 'subtract':
        return arithmetic.subtract(graph, this.compile(typed.left), this.compile(typed.right));
      case 'multiply':
        return arithmetic.multiply(graph, this.compile(typed.left), this.compile(typed.right));
      case 'remainder':
        return arithmetic.remainder(graph, this.compile(typed.left), this.compile(typed.right));
      case 'divide':
        return arithmetic.divide(graph, this.compile(typed.left), this.compile(typed.right), 'down');
      case 'min':
      case 'max': {
        const [left, right] = [this.compile(typed.left), this.compile(typed.right)];
        return { value: graph[typed.op](left.value, right.value), error: joinErrors(graph, left, right) };
      }
      case 'select':
        return this.select(
          this.compile(typed.condition),
          this.compile(typed.then),
          this.compile(typed.otherwise),
        );
      case 'scale':
        return arithmetic.multiplyDivide(
          graph,
          this.compile(typed.amount),
          this.compile(typed.by),
          ratioScale,
          typed.rounding,
        );
      case 'share':
        return arithmetic.divide(graph, this.compile(typed.amount), this.compile(typed.by), typed.rounding);
      case 'convert': {
        const amount = this.compile(typed.amount);
        if (corridor.currency === typed.to) return amount;
        const rate = inputs.feed(typed.feed, typed.to);
        return arithmetic.multiplyDivide(graph, amount, rate, rateScale, typed.rounding);
      }
    }
  }

  private sure(value: Computed['value']): Computed {
    return { value, error: this.shop.graph.number(0n), isClean: true };
  }

  private constant(value: Value): Computed {
    const { graph } = this.shop;
    switch (typeof value) {
      case 'bigint':
        return this.sure(graph.number(value));
      case 'boolean':
        return this.sure(graph.truth(value));
      case 'string':
        return this.sure(graph.symbol(wordOfSymbol(value)));
      default: {
        const { high, low } = wordsOfKey(value);
        return { ...this.sure(graph.number(high)), low: graph.number(low) };
      }
    }
  }

  /** A secret one shapes no program: a constant of its own, of which only the range is known. */
  private parameter(parameter: Parameter): Computed {
    const { graph, owners, set } = this.shop;
    const value = set.parameters.get(`${this.module.name}/${parameter.name}`) ?? parameter.value;
    if (!parameter.secret) return this.constant(value);
    const bit = owners.bitOf(jurisdictionOf(this.module));
    // Of two that happen to be equal each is by itself.
    const index = 4_096 * set.modules.indexOf(this.module) + 1 + this.module.parameters.indexOf(parameter);
    const whole = { owners: bit, index };
    const make = (word: bigint, parts: object = {}): Computed['value'] =>
      graph.table.make({ operation: 'const', value: word, ...whole, ...parts });
    switch (typeof value) {
      case 'bigint': {
        const { least, most } = parameter.range ?? arithmetic.numberRange;
        assert(value >= least && value <= most, `the parameter ${parameter.name} is within its range`);
        return this.sure(make(value, { least, most }));
      }
      case 'boolean':
        return this.sure(make(value ? 1n : 0n, { least: 0n, most: 1n }));
      case 'string':
        return this.sure(make(wordOfSymbol(value), { type: 'symbol' }));
      default: {
        const { high, low } = wordsOfKey(value);
        return { ...this.sure(make(high)), low: make(low) };
      }
    }
  }

  private compare(operator: string, left: Computed, right: Computed): Computed {
    const { graph } = this.shop;
    const error = joinErrors(graph, left, right);
    const [a, b] = [left.value, right.value];
    const isEqual = (): Computed['value'] => {
      const highs = graph.equal(a, b);
      return left.low === undefined || right.low === undefined
        ? highs
        : graph.and(highs, graph.equal(left.low, right.low));
    };
    switch (operator) {
      case '==':
        return { value: isEqual(), error };
      case '!=':
        return { value: left.low === undefined ? graph.unequal(a, b) : graph.not(isEqual()), error };
      case '<':
        return { value: graph.less(a, b), error };
      case '<=':
        return { value: graph.lessOrEqual(a, b), error };
      case '>':
        return { value: graph.less(b, a), error };
      default:
        return { value: graph.lessOrEqual(b, a), error };
    }
  }

  /** `false && error` is false, whichever side it is on. */
  private and(left: Computed, right: Computed): Computed {
    const { graph } = this.shop;
    if (left.error === right.error) return { value: graph.and(left.value, right.value), error: left.error };
    const [l, r] = [cleanTruth(graph, left), cleanTruth(graph, right)];
    const none = graph.number(0n);
    const value = graph.and(l, r);
    if (left.error === none) return { value, error: graph.select(l, right.error, none), isClean: true };
    if (right.error === none) return { value, error: graph.select(r, left.error, none), isClean: true };
    // Where a side is neither true nor an error, it is false.
    const inner = graph.select(graph.or(r, right.error), joinErrors(graph, left, right), none);
    return { value, error: graph.select(graph.or(l, left.error), inner, none), isClean: true };
  }

  /** `true || error` is true, whichever side it is on. */
  private or(left: Computed, right: Computed): Computed {
    const { graph } = this.shop;
    if (left.error === right.error) return { value: graph.or(left.value, right.value), error: left.error };
    const value = graph.or(cleanTruth(graph, left), cleanTruth(graph, right));
    const error = graph.select(value, graph.number(0n), joinErrors(graph, left, right));
    return { value, error, isClean: true };
  }

  /** Only what is taken is looked at; an error of the condition is the error of it all. */
  private select(condition: Computed, then: Computed, otherwise: Computed): Computed {
    const { graph } = this.shop;
    const value = graph.select(condition.value, then.value, otherwise.value);
    const taken = graph.select(condition.value, then.error, otherwise.error);
    const error = graph.select(condition.error, condition.error, taken);
    return then.low === undefined || otherwise.low === undefined
      ? { value, error }
      : { value, error, low: graph.select(condition.value, then.low, otherwise.low) };
  }
}
