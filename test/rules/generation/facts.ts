/** Facts for a rule set: at the borders of what it says, and with what is missing, too old or out of range. */
import {
  type Facts,
  type FeedReading,
  type Field,
  numberLimit,
  type Typed,
  type Value,
} from '../../../src/rules/checker/checked.ts';
import { transactionKinds } from '../../../src/rules/language/syntax.ts';
import { schema } from '../../../src/rules/schema.ts';
import { modulesOf } from '../../../src/rules/set/groups.ts';
import type { Corridor, RuleSet } from '../../../src/rules/set/rule-set.ts';
import type { Choice } from './choice.ts';
import { currencies, nearKeys, persons, symbols } from './expression-text.ts';
import { keyOf } from './rule-sets.ts';

/** Numbers that the set names, each with its neighbours: where decisions change. */
export function bordersOf(set: RuleSet): readonly bigint[] {
  const found = new Set<bigint>([0n, 1n]);
  const seen = new Set<unknown>();
  const visit = (part: unknown): void => {
    if (typeof part === 'bigint') for (const near of [part - 1n, part, part + 1n]) found.add(near);
    if (typeof part !== 'object' || part === null || part instanceof Uint8Array || seen.has(part)) return;
    seen.add(part);
    for (const inner of Object.values(part)) visit(inner);
  };
  const visitTyped = (typed: Typed | undefined): void => visit(typed);
  for (const { rules, parameters } of set.modules) {
    for (const { when, body } of rules) {
      visitTyped(when);
      if (body.kind === 'cap') for (const part of [body.cap, body.measure]) visitTyped(part);
    }
    for (const parameter of parameters) visit(parameter);
  }
  for (const value of set.parameters.values()) visit(value);
  return [...found];
}

/** Without one of them nothing is decided. */
const deciding = new Set(['tx.origin', 'tx.destination', 'tx.currency', 'tx.time']);
const countries = ['US', 'FR', 'DE', 'SG', 'JP'];
/** 2026-11-21, 22, 23 and 2026-12-22 at 00:00 UTC. */
const days = [1_795_219_200n, 1_795_305_600n, 1_795_392_000n, 1_797_897_600n];
const rates = [10n ** 9n, 1_084_200_000n, 999_999_999n, 1n, 150_000_000_000n, 333_333_333n];

/** A corridor that, if a few tries find one, is not without rules. */
export function generateCorridor(choice: Choice, set: RuleSet): Corridor {
  let corridor = anyCorridor(choice);
  for (let tries = 3; tries > 0 && modulesOf(set, corridor).length === 0; tries--)
    corridor = anyCorridor(choice);
  return corridor;
}

function anyCorridor(choice: Choice): Corridor {
  return {
    kind: choice.pick(transactionKinds),
    origin: choice.pick(countries),
    destination: choice.pick(countries),
    currency: choice.pick(currencies),
  };
}

/** What is on the way in the corridor, for a set with these borders. Two of three times nothing is missing but what may be. */
export function generateFacts(choice: Choice, borders: readonly bigint[], corridor: Corridor): Facts {
  const isBroken = choice.once(3);
  const { kind } = corridor;
  const time = choice.pick(days) + choice.pick([0n, 1n, -1n, 43_200n, 3_600n]);
  const fields = new Map<string, Value>();
  for (const field of schema.values()) {
    if (!field.on.includes(kind)) continue;
    if (field.optional ? choice.once(2) : isBroken && choice.once(deciding.has(field.name) ? 60 : 12))
      continue;
    const value = valueFor(choice, field, borders, time, corridor);
    if (typeof value !== 'bigint') fields.set(field.name, value);
    else if (isBroken && choice.once(12))
      fields.set(field.name, choice.pick([field.least - 1n, field.most + 1n]));
    else fields.set(field.name, within(value, field.least, field.most));
  }
  const feeds = new Map<string, FeedReading>();
  for (const name of ['fx', 'trend', 'index'])
    if (!(isBroken && choice.once(4))) feeds.set(name, readingOf(choice, name, borders, time, isBroken));
  const windows = new Map<bigint, { spent: bigint; count: bigint }>();
  for (const seconds of [86_400n, 604_800n])
    if (!(isBroken && choice.once(6)))
      windows.set(seconds, {
        spent: isBroken && choice.once(8) ? -1n : within(choice.pick(borders), 0n, numberLimit - 1n),
        count: isBroken && choice.once(8) ? numberLimit : within(choice.pick(borders), 0n, numberLimit - 1n),
      });
  return { kind, fields, feeds, windows };
}

function within(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}

function valueFor(
  choice: Choice,
  { name, type }: Field,
  borders: readonly bigint[],
  time: bigint,
  { origin, destination, currency }: Corridor,
): Value {
  const fixed = new Map<string, Value>([
    ['tx.time', time],
    ['tx.currency', currency],
    ['tx.origin', origin],
    ['tx.destination', destination],
  ]).get(name);
  if (fixed !== undefined) return fixed;
  if (type.kind === 'symbol') return choice.pick(symbols);
  if (type.kind === 'key') return keyOf(choice.pick([...persons, ...nearKeys]));
  return choice.once(3) ? choice.pick(borders) : BigInt(choice.below(50)) * 25n;
}

function readingOf(
  choice: Choice,
  name: string,
  borders: readonly bigint[],
  time: bigint,
  isBroken: boolean,
): FeedReading {
  // The greatest ages that generated feeds have, and one second more.
  const ages = isBroken ? [0n, 60n, 61n, 3_600n, 3_601n, 86_400n, 86_401n, -1n] : [0n, 0n, 59n, 60n, 61n];
  const asOf = time - choice.pick(ages);
  if (name === 'fx') {
    const to = currencies.filter(() => !(isBroken && choice.once(4)));
    const rate = (): bigint =>
      isBroken && choice.once(6) ? choice.pick([0n, 999n, 1_000n, 200_000_000_001n]) : choice.pick(rates);
    return { asOf, rates: new Map(to.map((currency) => [currency, rate()])) };
  }
  if (isBroken && choice.once(6))
    return choice.once(2) ? { asOf } : { asOf, value: choice.pick([-1n, 101n, 99_999n, 3_000_001n]) };
  if (name === 'index')
    return {
      asOf,
      value: choice.once(2) ? within(choice.pick(borders), 0n, 100n) : BigInt(choice.below(101)),
    };
  return { asOf, value: choice.pick([100_000n, 500_000n, 1_000_000n, 1_500_001n, 3_000_000n]) };
}
