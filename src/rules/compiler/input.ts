/**
 * Facts as a program reads them: each word once, brought within its range, with the error where it is missing or outside, and endorsed
 * where it is only somebody's word.
 */
import { assert } from '../../kit/result.ts';
import type { Feed, Field, Window } from '../checker/checked.ts';
import { numberLimit } from '../checker/checked.ts';
import { schema } from '../schema.ts';
import type { Corridor } from '../set/rule-set.ts';
import { type Computed, denyNumber, holdNumber, holdWhere } from './arithmetic.ts';
import type { GrantTable } from './grant.ts';
import type { Graph } from './graph.ts';
import { leastWord, mostWord, type Node } from './node.ts';
import type { OwnerTable } from './owner.ts';
import { keyStates, malformedSymbol, missingNumber, missingSymbol, wordOfSymbol } from './word.ts';

/** What a word of the input is. */
export type Source =
  | { readonly of: 'number' | 'symbol' | 'key_state' | 'key_high' | 'key_low'; readonly field: string }
  | { readonly of: 'feed_time' | 'feed_value'; readonly feed: string }
  | { readonly of: 'feed_rate'; readonly feed: string; readonly currency: string }
  | { readonly of: 'spent' | 'count'; readonly seconds: bigint };

/** The segments of the input: words of one type and one label. */
export type InputSegment = 'known' | 'said' | 'said_symbol' | 'known_symbol' | `secret_${number}`;

export interface Input {
  readonly segment: InputSegment;
  readonly index: number;
  readonly source: Source;
  /** Whether it is a secret, and so no part of what is told of a decision. */
  readonly isSecret: boolean;
}

const range = { least: 1n - numberLimit, most: numberLimit - 1n };
const mostSymbol = 0x7e7e7e7e7e7e7e7en;

export class InputTable {
  readonly inputs: Input[] = [];
  readonly segments: InputSegment[] = [];
  private readonly graph: Graph;
  private readonly grants: GrantTable;
  private readonly owners: OwnerTable;
  private readonly corridor: Corridor;
  private readonly loaded = new Map<string, Node>();
  private readonly fields = new Map<string, Computed>();

  constructor(graph: Graph, grants: GrantTable, owners: OwnerTable, corridor: Corridor) {
    this.graph = graph;
    this.grants = grants;
    this.owners = owners;
    this.corridor = corridor;
  }

  field(field: Field): Computed {
    let computed = this.fields.get(field.name);
    if (computed === undefined) {
      computed = this.read(field);
      this.fields.set(field.name, computed);
    }
    return computed;
  }

  /** Whether a field is there, 1 or 0. */
  has(field: Field): Node {
    const { graph } = this;
    if (this.constantOf(field) !== undefined) return graph.truth(true);
    const source = field.name;
    switch (field.type.kind) {
      case 'key': {
        const state = this.load(field, { of: 'key_state', field: source });
        return this.endorse(field, graph.unequal(state, graph.number(keyStates.missing)), 0n, 1n);
      }
      case 'symbol':
        return graph.unequal(this.symbol(field), graph.symbol(missingSymbol));
      default: {
        const there = graph.unequal(
          this.load(field, { of: 'number', field: source }),
          graph.number(missingNumber),
        );
        return this.endorse(field, there, 0n, 1n);
      }
    }
  }

  /** Seconds; a program is only run where it is there and within its range. */
  time(): Node {
    const field = schema.get('tx.time');
    assert(field !== undefined, 'a transaction has a time');
    return this.field(field).value;
  }

  spentOrCount(of: 'spent' | 'count', { seconds }: Window): Computed {
    const word = this.load(undefined, { of, seconds });
    return this.limit(word, 0n, numberLimit - 1n);
  }

  /** The value of a feed, or its rate into a currency. */
  feed(feed: Feed, currency?: string): Computed {
    const { graph } = this;
    const time = this.load(undefined, { of: 'feed_time', feed: feed.name });
    const oldest = graph.subtract(this.time(), graph.number(feed.maxAgeSeconds));
    const isFresh = graph.and(graph.lessOrEqual(oldest, time), graph.lessOrEqual(time, this.time()));
    const stale = graph.number(feed.onStale === 'DENY' ? denyNumber : holdNumber);
    const ofAge = graph.select(isFresh, graph.number(0n), stale);
    // A feed that is not there is not stale: a missing one is HOLD.
    const isMissing = graph.equal(time, graph.number(missingNumber));
    const error = feed.onStale === 'DENY' ? graph.select(isMissing, graph.number(holdNumber), ofAge) : ofAge;
    const word = this.load(
      undefined,
      currency === undefined
        ? { of: 'feed_value', feed: feed.name }
        : { of: 'feed_rate', feed: feed.name, currency },
    );
    const read = this.limit(word, feed.least, feed.most);
    return { value: read.value, error: graph.max(read.error, error) };
  }

  /** Of what a corridor says for all its transactions. */
  private constantOf({ name }: Field): string | undefined {
    const { origin, destination, currency } = this.corridor;
    switch (name) {
      case 'tx.origin':
        return origin;
      case 'tx.destination':
        return destination;
      case 'tx.currency':
        return currency;
      default:
        return undefined;
    }
  }

  private read(field: Field): Computed {
    const { graph } = this;
    const constant = this.constantOf(field);
    if (constant !== undefined)
      return { value: graph.symbol(wordOfSymbol(constant)), error: graph.number(0n) };
    const { name, type, least, most } = field;
    switch (type.kind) {
      case 'symbol': {
        const word = this.symbol(field);
        const isNone = graph.lessOrEqual(word, graph.symbol(malformedSymbol));
        return { value: word, error: holdWhere(graph, isNone) };
      }
      case 'key': {
        const word = (of: 'key_high' | 'key_low'): Node =>
          this.endorse(field, this.load(field, { of, field: name }), leastWord, mostWord);
        const state = this.load(field, { of: 'key_state', field: name });
        const isThere = graph.equal(state, graph.number(keyStates.there));
        return {
          value: word('key_high'),
          low: word('key_low'),
          error: holdWhere(graph, graph.not(this.endorse(field, isThere, 0n, 1n))),
        };
      }
      default: {
        const word = this.load(field, { of: 'number', field: name });
        if (field.authority === 'known') return this.limit(word, least, most);
        // What is outside goes in as one less than the least.
        const within = graph.max(graph.min(word, graph.number(most)), graph.number(least));
        const wrong = graph.number(least - 1n);
        const value = this.endorse(
          field,
          graph.select(graph.equal(within, word), within, wrong),
          least - 1n,
          most,
        );
        return { value, error: holdWhere(graph, graph.less(value, graph.number(least))) };
      }
    }
  }

  /** A number within bounds, and HOLD where it was outside. */
  private limit(word: Node, least: bigint, most: bigint): Computed {
    const { graph } = this;
    const value = graph.max(
      graph.min(word, graph.number(most < range.most ? most : range.most)),
      graph.number(least > range.least ? least : range.least),
    );
    return { value, error: holdWhere(graph, graph.unequal(value, word)) };
  }

  private symbol(field: Field): Node {
    return this.endorse(
      field,
      this.load(field, { of: 'symbol', field: field.name }),
      missingSymbol,
      mostSymbol,
    );
  }

  private endorse({ authority }: Field, word: Node, least: bigint, most: bigint): Node {
    return authority === 'known' ? word : this.grants.endorse(word, least, most);
  }

  /** The word of the input that has this source; of a feed and a window there is no field. */
  private load(field: Field | undefined, source: Source): Node {
    const key = Object.values(source).join(' ');
    const before = this.loaded.get(key);
    if (before !== undefined) return before;
    const type = source.of === 'symbol' ? 'symbol' : 'number';
    const secret = field?.secret;
    const owners = secret === undefined ? 0 : this.owners.bitOf(secret);
    const isSaid = field?.authority === 'said';
    assert(!isSaid || owners === 0, 'nothing is secret that anybody says');
    const segment: InputSegment = owners
      ? `secret_${Math.log2(owners)}`
      : `${isSaid ? 'said' : 'known'}${type === 'symbol' ? '_symbol' : ''}`;
    if (!this.segments.includes(segment)) this.segments.push(segment);
    const index = this.inputs.filter((input) => input.segment === segment).length;
    this.inputs.push({ segment, index, source, isSecret: owners !== 0 });
    const node = this.graph.table.make({
      operation: 'load',
      index: this.segments.indexOf(segment),
      value: BigInt(index),
      type,
      owners,
      isSaid,
    });
    this.loaded.set(key, node);
    return node;
  }
}
