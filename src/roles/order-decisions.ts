/** Decides the orders of a request by the rules in force, each with what those before it would take, and keeps what it was decided by. */
import { concatBytes, sha256 } from '../kit/bytes.ts';
import { least } from '../quota/sum.ts';
import { amountLimit } from '../records/claims.ts';
import { type Request, sumLots } from '../records/request.ts';
import type { FeedReading, Value } from '../rules/checker/checked.ts';
import { isApproved, type OrderVerdict, type RulesInForce } from '../rules/in-force.ts';
import { type DecisionRecord, encodeDecisionRecord } from '../rules/recording/decision-record.ts';
import { type OrderColumns, OrderFacts, type WindowUse } from '../rules/recording/order-facts.ts';

/** What central management knows when it begins; amounts in minor units. */
export interface Circumstances {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Of the quota, or of the reservation that is issued of. */
  readonly available: bigint;
  /** Of the tightest window of the quota. */
  readonly dayRemaining: bigint;
  /** Orders of the issuer that were decided in the policy's window. */
  readonly requests: bigint;
  readonly frequencyCap: number;
  readonly requestMaximum: bigint;
  /** Confidential. */
  readonly ceiling: bigint;
  /** What was approved in each window of the rules, in their order. */
  readonly windows: readonly WindowUse[];
  /** As far as they are known. */
  readonly feeds: ReadonlyMap<string, FeedReading>;
}

export interface DecidedOrders {
  readonly rules: RulesInForce;
  readonly facts: OrderColumns;
  readonly outcomes: readonly OrderVerdict[];
  /** SHA-256 over the trace hashes of all. */
  readonly traceHash: Uint8Array;
}

/** In the order in which `next` is given them. */
const varying = [
  'tx.amount',
  'tx.units',
  'tx.origin',
  'tx.destination',
  'account.available',
  'account.day_remaining',
  'account.requests',
];

export function decideOrders(
  { orders, currency }: Pick<Request, 'orders' | 'currency'>,
  rules: RulesInForce,
  begin: Circumstances,
): DecidedOrders {
  const facts = new OrderFacts(
    { kind: 'issuance', fields: commonFields(currency.code, begin), feeds: feedsOf(rules, begin) },
    varying,
    rules.windows,
  );
  let { requests } = begin;
  // No amount is above that, and so no more of it is ever asked for.
  let available = least(begin.available, amountLimit);
  let dayRemaining = least(begin.dayRemaining, amountLimit);
  let windows = begin.windows;
  const outcomes: OrderVerdict[] = [];
  for (const { lots, origin, destination } of orders) {
    const { total: amount, count } = sumLots(lots);
    const values: Value[] = [amount, BigInt(count), origin, destination, available, dayRemaining, requests];
    const outcome = rules.decide(facts.next(values, windows));
    outcomes.push(outcome);
    requests++;
    if (!isApproved(outcome)) continue;
    // A rule set may let pass what the account has no room for; the commit does not.
    available = available > amount ? available - amount : 0n;
    dayRemaining = dayRemaining > amount ? dayRemaining - amount : 0n;
    if (windows.length > 0)
      windows = windows.map(({ spent, count: before }) => ({ spent: spent + amount, count: before + 1n }));
  }
  return {
    rules,
    facts: facts.columns(),
    outcomes,
    traceHash: sha256(concatBytes(...outcomes.map(({ traceHash }) => traceHash))),
  };
}

/** The record of it, with the secrets that are in it. */
export function recordOf({ rules, facts, outcomes, traceHash }: DecidedOrders): Uint8Array {
  const { release, machine, ruleSet } = rules;
  const record: DecisionRecord = { release, machine, ruleSet, facts, outcomes, traceHash };
  return encodeDecisionRecord(record);
}

function commonFields(currency: string, begin: Circumstances): ReadonlyMap<string, Value> {
  return new Map<string, Value>([
    ['tx.currency', currency],
    ['tx.time', BigInt(begin.now)],
    ['account.frequency_cap', BigInt(begin.frequencyCap)],
    ['account.request_maximum', begin.requestMaximum],
    ['account.ceiling', begin.ceiling],
  ]);
}

function feedsOf({ feeds }: RulesInForce, begin: Circumstances): ReadonlyMap<string, FeedReading> {
  return new Map([...begin.feeds].filter(([name]) => feeds.includes(name)));
}
