/**
 * Symbols and keys as small numbers. Rules only ask whether two are equal and whether one is in a list; so it is enough to look at those that rules name, at as many of
 * each kind of list member as there are unknowns, and at as many that nothing names. That is exact, however long the lists are.
 */
import { mapKey, toHex } from '../../kit/bytes.ts';
import { assert } from '../../kit/result.ts';
import type { CheckedModule, List, Value } from '../checker/checked.ts';
import { schema } from '../schema.ts';
import type { RuleSet } from '../set/rule-set.ts';
import { expressionsOfModule } from './walking.ts';

type Item = string | Uint8Array;

/** The items of a list as a rule set has them. */
export function itemsOf(set: RuleSet, module: CheckedModule, list: List): readonly Item[] {
  const items =
    set.lists.get(`${module.name}/${list.name}`) ?? ('items' in list.source ? list.source.items : undefined);
  assert(items !== undefined, `a rule set has the items of the list ${module.name}/${list.name}`);
  return items;
}

export class Universe {
  private readonly symbols = new Kind();
  private readonly keys = new Kind();

  /** Of everything that is named in any of `sets`, and of `named` besides. */
  constructor(sets: readonly RuleSet[], named: readonly string[]) {
    const lists: (readonly Item[])[] = [];
    for (const symbol of named) this.symbols.add(symbol);
    for (const set of sets)
      for (const module of set.modules) {
        for (const typed of expressionsOfModule(module))
          if (typed.op === 'constant' && typed.type.kind === 'symbol')
            this.symbols.add(typed.value as string);
          else if (typed.op === 'constant' && typed.type.kind === 'key')
            this.keys.add(typed.value as Uint8Array);
          else if (typed.op === 'listed') lists.push(itemsOf(set, module, typed.list));
      }
    const fields = [...schema.values()];
    const unknown = (kind: 'symbol' | 'key'): number =>
      fields.filter(({ type }) => type.kind === kind).length;
    this.symbols.addClasses(lists.filter(isOfSymbols), unknown('symbol'), (place) => `other${place}`);
    this.keys.addClasses(
      lists.filter((items) => !isOfSymbols(items)),
      unknown('key'),
      (place) => new Uint8Array(32).fill(place),
    );
  }

  /** How many there are of a kind: numbers from 0 on. */
  size(kind: 'symbol' | 'key'): number {
    return this.kindOf(kind).items.length;
  }

  numberOf(value: Item): bigint {
    const number = this.kindOf(typeof value === 'string' ? 'symbol' : 'key').places.get(keyOf(value));
    assert(number !== undefined, 'a universe has what is named');
    return BigInt(number);
  }

  valueOf(kind: 'symbol' | 'key', number: bigint): Value {
    return this.kindOf(kind).items[Number(number)] as Item;
  }

  /** A value that nothing names. */
  unnamed(kind: 'symbol' | 'key'): bigint {
    return BigInt(this.size(kind) - 1);
  }

  /** The numbers of those that are in a list. */
  membersOf(kind: 'symbol' | 'key', items: readonly Item[]): readonly bigint[] {
    const { places } = this.kindOf(kind);
    return items.flatMap((item) => {
      const place = places.get(keyOf(item));
      return place === undefined ? [] : [BigInt(place)];
    });
  }

  private kindOf(kind: 'symbol' | 'key'): Kind {
    return kind === 'symbol' ? this.symbols : this.keys;
  }
}

class Kind {
  readonly items: Item[] = [];
  readonly places = new Map<string, number>();

  add(item: Item): void {
    if (this.places.has(keyOf(item))) return;
    this.places.set(keyOf(item), this.items.length);
    this.items.push(item);
  }

  /** Of those items that are in just the same lists, `unknowns` of each kind; and as many in none. */
  addClasses(lists: readonly (readonly Item[])[], unknowns: number, fresh: (place: number) => Item): void {
    const membership = new Map<string, { readonly item: Item; in: string }>();
    for (const [index, items] of [...new Set(lists)].entries())
      for (const item of items) {
        const known = membership.get(keyOf(item));
        if (known === undefined) membership.set(keyOf(item), { item, in: `${index}` });
        else known.in += `,${index}`;
      }
    const taken = new Map<string, number>();
    for (const { item, in: lists } of membership.values()) {
      const count = taken.get(lists) ?? 0;
      if (count >= unknowns || this.places.has(keyOf(item))) continue;
      taken.set(lists, count + 1);
      this.add(item);
    }
    let left = unknowns;
    for (let place = 1; left > 0; place++) {
      const item = fresh(place);
      if (membership.has(keyOf(item)) || this.places.has(keyOf(item))) continue;
      this.add(item);
      left--;
    }
  }
}

function isOfSymbols(items: readonly Item[]): boolean {
  return typeof items[0] === 'string';
}

function keyOf(item: Item): string {
  return typeof item === 'string' ? item : mapKey(item);
}

/** As a person reads it. */
export function showItem(item: Item): string {
  return typeof item === 'string' ? item : toHex(item);
}
