/** Small rule sets and facts, written out for one test. */
import { sha256 } from '../../../src/kit/bytes.ts';
import type { Facts, FeedReading, Value } from '../../../src/rules/checker/checked.ts';
import type { TransactionKind } from '../../../src/rules/language/syntax.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { checkText } from './rule-sets.ts';

/** A set of these modules; FR and DE have joined EU, US and SG the FATF. */
export function setOf(texts: readonly string[], given: Partial<RuleSet> = {}): RuleSet {
  return {
    name: 'written',
    version: 1n,
    hash: sha256(new TextEncoder().encode(texts.join('\n'))),
    modules: texts.map(checkText),
    unions: new Map([
      ['EU', ['DE', 'FR']],
      ['FATF', ['EU', 'SG', 'US']],
    ]),
    issuers: new Map(),
    parameters: new Map(),
    lists: new Map(),
    ...given,
  };
}

/** A module of the United States on transfers, with all controls; what is given comes after them. */
export function moduleOf(
  rules: string,
  { name = 'us.test', header = 'jurisdiction US\n  layer national' } = {},
): string {
  return `module ${name} 1
  ${header}
  on transfer
control party verdict
control limit cap
control evidence evidence
${rules}
`;
}

interface GivenFacts {
  readonly kind?: TransactionKind;
  readonly fields?: Readonly<Record<string, Value | undefined>>;
  readonly feeds?: Readonly<Record<string, FeedReading>>;
  readonly windows?: ReadonlyMap<bigint, { readonly spent: bigint; readonly count: bigint }>;
}

/** 2026-11-22 at noon, UTC */
export const noon = 1_795_348_800n;

/** 100.00 USD from the US to France at noon, with what is given besides or instead; `undefined` takes a field away. */
export function factsOf({
  kind = 'transfer',
  fields = {},
  feeds = {},
  windows = new Map(),
}: GivenFacts = {}): Facts {
  const all: Readonly<Record<string, Value | undefined>> = {
    'tx.amount': 10_000n,
    'tx.currency': 'USD',
    'tx.origin': 'US',
    'tx.destination': 'FR',
    'tx.time': noon,
    'tx.originator_key': sha256(new TextEncoder().encode('ann')),
    'tx.counterparty_key': sha256(new TextEncoder().encode('bob')),
    ...fields,
  };
  const there = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return { kind, fields: new Map(there), feeds: new Map(Object.entries(feeds)), windows };
}
