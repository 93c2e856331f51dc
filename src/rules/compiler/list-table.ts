/**
 * Lists as tables of the machine. A list of symbols is one sorted table. One of keys is two: the high words, sorted, to be found in; and at the same
 * places, one further on, the low words.
 *
 * What is looked up and not found is at place -1, and so has the first low word, which is odd as no key's is. A secret list is filled up to
 * one less than a power of two with words that are nobody's, and to 1023 at least: the fuel of a look-up tells how many binary digits its
 * length has.
 */
import type { WordType } from '../../../vm/isa.ts';
import { fromHex } from '../../kit/bytes.ts';
import { assert } from '../../kit/result.ts';
import type { CheckedModule, List } from '../checker/checked.ts';
import { jurisdictionOf } from '../checker/owners.ts';
import type { RuleSet } from '../set/rule-set.ts';
import type { Computed } from './arithmetic.ts';
import type { Graph } from './graph.ts';
import { leastWord, type Node, publicWord } from './node.ts';
import type { OwnerTable } from './owner.ts';
import { type KeyWords, malformedSymbol, wordOfSymbol, wordsOfKey } from './word.ts';

export interface Table {
  readonly name: string;
  readonly type: WordType;
  readonly owners: number;
  readonly isSorted: boolean;
  readonly entries: readonly bigint[];
}

const leastLength = 1023;
/** The low word of what is no key. */
const noKey = 1n;

export class ListTable {
  readonly tables: Table[] = [];
  /** Names of lists of keys that no tables can hold. */
  readonly ambiguous: string[] = [];
  private readonly set: RuleSet;
  private readonly graph: Graph;
  private readonly owners: OwnerTable;
  /** The first table of a list that is in the program already; `undefined` where it is public and empty. */
  private readonly places = new Map<string, number | undefined>();

  constructor(set: RuleSet, graph: Graph, owners: OwnerTable) {
    this.set = set;
    this.graph = graph;
    this.owners = owners;
  }

  /** Whether `item`, which may be an error, is in a list. */
  has(list: List, module: CheckedModule, item: Computed): Computed {
    const { graph } = this;
    const name = `${module.name}/${list.name}`;
    const owners = list.secret ? this.owners.bitOf(jurisdictionOf(module)) : 0;
    const known = owners === 0 ? publicWord(item.value) : undefined;
    if (known !== undefined && list.of === 'symbol')
      return {
        value: graph.truth(this.itemsOf(name, list).some((one) => wordOfSymbol(one) === known)),
        error: item.error,
      };
    if (!this.places.has(name)) this.places.set(name, this.put(name, list, owners));
    const first = this.places.get(name);
    if (first === undefined) return { value: graph.truth(false), error: item.error };
    const place = this.look('find', first, item.value, owners);
    if (item.low === undefined)
      return { value: graph.lessOrEqual(graph.number(0n), place), error: item.error };
    const low = this.look('entry', first + 1, graph.add(place, graph.number(1n)), owners);
    return { value: graph.equal(low, item.low), error: item.error };
  }

  private look(operation: 'find' | 'entry', table: number, word: Node, owners: number): Node {
    const found = operation === 'find' ? { least: -1n, most: 2n ** 20n } : {};
    return this.graph.table.make({
      operation,
      operands: [word],
      index: table,
      owners: owners | word.owners,
      ...found,
    });
  }

  private itemsOf(name: string, { source, of }: List): readonly (string | Uint8Array)[] {
    const items = this.set.lists.get(name);
    if (items !== undefined) return items;
    assert('items' in source, `a rule set has the items of the list ${name}`);
    return of === 'symbol' ? source.items : source.items.map((item) => fromHex(item) ?? new Uint8Array());
  }

  private put(name: string, list: List, owners: number): number | undefined {
    const items = this.itemsOf(name, list);
    if (items.length === 0 && owners === 0) return undefined;
    const first = this.tables.length;
    if (list.of === 'symbol') {
      const words = items.map(wordOfSymbol);
      // No symbol has so small a word.
      const filled = fill(words, owners !== 0, malformedSymbol + 1n);
      this.tables.push({ name, type: 'symbol', owners, isSorted: true, entries: filled });
      return first;
    }
    const { highs, lows } = tablesOf(this.set, name, items, owners !== 0) ?? {};
    if (highs === undefined || lows === undefined) {
      this.ambiguous.push(name);
      return undefined;
    }
    this.tables.push(
      { name: `${name}.high`, type: 'number', owners, isSorted: true, entries: highs },
      { name: `${name}.low`, type: 'number', owners, isSorted: false, entries: lows },
    );
    return first;
  }
}

/** Hashing keys is what takes time in making a program: it is done once for a set. */
const madeTables = new WeakMap<RuleSet, Map<string, KeyTables | undefined>>();

/** Of a list by its name; `undefined` where no tables can hold it. */
function tablesOf(
  set: RuleSet,
  name: string,
  items: readonly (string | Uint8Array)[],
  isSecret: boolean,
): KeyTables | undefined {
  let made = madeTables.get(set);
  if (made === undefined) {
    made = new Map();
    madeTables.set(set, made);
  }
  if (!made.has(name))
    made.set(
      name,
      keyTables(
        items.map((item) => wordsOfKey(item as Uint8Array)),
        isSecret,
      ),
    );
  return made.get(name);
}

interface KeyTables {
  readonly highs: readonly bigint[];
  readonly lows: readonly bigint[];
}

/** The two tables of a list of keys; `undefined` where two keys have the same high word, for which they have no place. */
export function keyTables(keys: readonly KeyWords[], isSecret: boolean): KeyTables | undefined {
  const lowOf = new Map(keys.map(({ high, low }) => [high, low]));
  if (lowOf.size !== keys.length) return undefined;
  const highs = fill([...lowOf.keys()], isSecret, leastWord);
  return { highs, lows: [noKey, ...highs.map((high) => lowOf.get(high) ?? noKey)] };
}

/** Ascending; of a secret list with so many words from `filling` on, which are not in it, that its length is less of a secret. */
function fill(words: readonly bigint[], isSecret: boolean, filling: bigint): bigint[] {
  const all = new Set(words);
  if (isSecret) {
    let length = leastLength;
    while (length < all.size) length = 2 * length + 1;
    for (let word = filling; all.size < length; word++) all.add(word);
  }
  return [...all].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
