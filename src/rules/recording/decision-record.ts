/**
 * What is recorded of a decision on the orders of a request, so that it can be made again bit for bit: what decided, on which facts, and
 * what came out.
 *
 * ```
 * deterministic CBOR  [ 1, release, machine (32), [ version of the rule set, its hash (32) ], orders, kind,
 *                       [ [ field, column ], … ], [ [ seconds of a window, spent: column, count: column ], … ],
 *                       [ [ feed, as of, value or null, [ [ currency, rate ], … ] or null ], … ],
 *                       [ [ verdict, [ reason, … ], program (32) or null ], … ], which of them: column, fuel: column, trace hash (32) ]
 * ```
 * Fields, windows and feeds are in the order of their names. Secrets are in it: it is sealed before it is stored.
 */
import { mapKey } from '../../kit/bytes.ts';
import { type CborValue, CborWriter, decodeCbor, encodeCbor } from '../../kit/encoding.ts';
import { assert, type Result, refuse, succeed } from '../../kit/result.ts';
import { type RuleSet, unitLimit } from '../../records/claims.ts';
import type { FeedReading } from '../checker/checked.ts';
import {
  rankOf,
  type TransactionKind,
  transactionKinds,
  type Verdict,
  verdicts,
} from '../language/syntax.ts';
import { type Column, decodeColumn, encodeColumn } from './column.ts';
import type { OrderColumns } from './order-facts.ts';

const version = 1;

/** What the rules said of one order. */
export interface RecordedOutcome {
  readonly verdict: Verdict;
  /** Codes as they are told, of a FLAG too. */
  readonly reasons: readonly string[];
  /** SHA-256 of the machine's module that decided; null where none was run. */
  readonly program: Uint8Array | null;
  readonly fuel: bigint;
}

export interface DecisionRecord {
  /** Of the program that decided. */
  readonly release: string;
  /** SHA-256 of the label machine's wasm. */
  readonly machine: Uint8Array;
  readonly ruleSet: RuleSet;
  readonly facts: OrderColumns;
  /** Of each order. */
  readonly outcomes: readonly RecordedOutcome[];
  /** SHA-256 over the trace hashes of all orders, as the credential and the denial have it. */
  readonly traceHash: Uint8Array;
}

export function encodeDecisionRecord(record: DecisionRecord): Uint8Array {
  const { release, machine, ruleSet, facts, outcomes, traceHash } = record;
  assert(outcomes.length > 0, 'a decision is on an order or more');
  const fields = [...facts.fields].sort(([a], [b]) => (a < b ? -1 : 1));
  const windows = [...facts.windows].sort(([a], [b]) => (a < b ? -1 : 1));
  const feeds = [...facts.feeds].sort(([a], [b]) => (a < b ? -1 : 1));
  const { kinds, places } = distinct(outcomes);
  const writer = new CborWriter()
    .array(13)
    .integer(version)
    .text(release)
    .byteString(machine)
    .encoded(encodeCbor([ruleSet.version, ruleSet.hash]))
    .integer(outcomes.length)
    .text(facts.kind)
    .array(fields.length);
  for (const [name, column] of fields) writer.array(2).text(name).encoded(encodeColumn(column));
  writer.array(windows.length);
  for (const [seconds, { spent, count }] of windows)
    writer.array(3).integer(seconds).encoded(encodeColumn(spent)).encoded(encodeColumn(count));
  return writer
    .encoded(encodeCbor(feeds.map(([name, reading]) => encodeFeed(name, reading))))
    .encoded(encodeCbor(kinds.map(({ verdict, reasons, program }) => [rankOf(verdict), reasons, program])))
    .encoded(encodeColumn(places))
    .encoded(encodeColumn(outcomes.map(({ fuel }) => fuel)))
    .byteString(traceHash)
    .finish();
}

/** Refused as `decision_record_malformed` where it is nothing that `encodeDecisionRecord` writes. */
export function decodeDecisionRecord(bytes: Uint8Array): Result<DecisionRecord, 'decision_record_malformed'> {
  const decoded = decodeCbor(bytes);
  const record = decoded.ok ? readRecord(decoded.value) : undefined;
  return record === undefined
    ? refuse(
        'decision_record_malformed',
        'the record of the decision cannot be read: what this version or an earlier one wrote is accepted',
      )
    : succeed(record);
}

function readRecord(item: CborValue): DecisionRecord | undefined {
  if (!Array.isArray(item) || item.length !== 13) return undefined;
  const [written, release, machine, set, orders, kind, ...rest] = item as readonly CborValue[];
  if (written !== version || typeof release !== 'string' || !isHash(machine) || !isKind(kind))
    return undefined;
  if (typeof orders !== 'number' || orders < 1 || orders > unitLimit) return undefined;
  const ruleSet = readRuleSet(set);
  const facts = readFacts(kind, rest, orders);
  const outcomes = readOutcomes(rest, orders);
  const traceHash = rest[6];
  if (ruleSet === undefined || facts === undefined || outcomes === undefined || !isHash(traceHash))
    return undefined;
  return { release, machine, ruleSet, facts, outcomes, traceHash };
}

function readRuleSet(item: CborValue | undefined): RuleSet | undefined {
  const [number, hash] = listOf(item);
  return typeof number === 'number' && isHash(hash) ? { version: number, hash } : undefined;
}

function readFacts(
  kind: TransactionKind,
  [fieldItems, windowItems, feedItems]: readonly (CborValue | undefined)[],
  orders: number,
): OrderColumns | undefined {
  const fields = new Map<string, Column>();
  for (const item of listOf(fieldItems)) {
    const [name, values] = listOf(item);
    const column = decodeColumn(values, orders);
    if (typeof name !== 'string' || column === undefined) return undefined;
    fields.set(name, column);
  }
  const windows = new Map<bigint, { spent: Column; count: Column }>();
  for (const item of listOf(windowItems)) {
    const [seconds, spentItem, countItem] = listOf(item);
    const [spent, count] = [decodeColumn(spentItem, orders), decodeColumn(countItem, orders)];
    if (typeof seconds !== 'number' || spent === undefined || count === undefined) return undefined;
    windows.set(BigInt(seconds), { spent, count });
  }
  const feeds = new Map<string, FeedReading>();
  for (const item of listOf(feedItems)) {
    const feed = readFeed(item);
    if (feed === undefined) return undefined;
    feeds.set(feed.name, feed.reading);
  }
  return { kind, fields, feeds, windows };
}

function readOutcomes(
  rest: readonly (CborValue | undefined)[],
  orders: number,
): readonly RecordedOutcome[] | undefined {
  const kinds = listOf(rest[3]).map(readOutcome);
  const places = decodeColumn(rest[4], orders);
  const fuels = decodeColumn(rest[5], orders);
  if (places === undefined || fuels === undefined) return undefined;
  const outcomes: RecordedOutcome[] = [];
  for (const [order, place] of places.entries()) {
    const kind = typeof place === 'bigint' ? kinds[Number(place)] : undefined;
    const fuel = fuels[order];
    if (kind === undefined || typeof fuel !== 'bigint') return undefined;
    outcomes.push({ ...kind, fuel });
  }
  return outcomes;
}

function readOutcome(item: CborValue): Omit<RecordedOutcome, 'fuel'> | undefined {
  const [number, reasonItems, program] = listOf(item);
  const verdict = typeof number === 'number' ? verdicts[number] : undefined;
  const reasons = listOf(reasonItems).filter((reason) => typeof reason === 'string');
  if (verdict === undefined || !(program === null || isHash(program))) return undefined;
  return { verdict, reasons, program };
}

function encodeFeed(name: string, { asOf, value, rates }: FeedReading): CborValue {
  const sorted = rates === undefined ? null : [...rates].sort(([a], [b]) => (a < b ? -1 : 1));
  return [name, asOf, value ?? null, sorted];
}

function readFeed(item: CborValue): { name: string; reading: FeedReading } | undefined {
  const [name, asOf, value, rateItems] = listOf(item);
  const moment = integerOf(asOf);
  if (typeof name !== 'string' || moment === undefined) return undefined;
  const number = integerOf(value);
  if (rateItems === null)
    return { name, reading: { asOf: moment, ...(number === undefined ? {} : { value: number }) } };
  const rates = new Map<string, bigint>();
  for (const rateItem of listOf(rateItems)) {
    const [currency, rate] = listOf(rateItem);
    const read = integerOf(rate);
    if (typeof currency !== 'string' || read === undefined) return undefined;
    rates.set(currency, read);
  }
  return { name, reading: { asOf: moment, rates } };
}

/** The different outcomes, in the order in which they come, and which of them each order has. */
function distinct(outcomes: readonly RecordedOutcome[]): { kinds: RecordedOutcome[]; places: bigint[] } {
  const kinds: RecordedOutcome[] = [];
  const byKey = new Map<string, bigint>();
  let last: RecordedOutcome | undefined;
  let place = 0n;
  const places = outcomes.map((outcome) => {
    const { verdict, reasons, program } = outcome;
    // Most are like the one before: a key takes a microsecond.
    const isLast =
      verdict === last?.verdict && program === last.program && reasons.length + last.reasons.length === 0;
    if (isLast) return place;
    last = outcome;
    const key = `${verdict} ${reasons.join()} ${program === null ? '' : mapKey(program)}`;
    const known = byKey.get(key);
    place = known ?? BigInt(kinds.push(outcome) - 1);
    byKey.set(key, place);
    return place;
  });
  return { kinds, places };
}

function listOf(item: CborValue | undefined): readonly CborValue[] {
  return Array.isArray(item) ? (item as readonly CborValue[]) : [];
}

function integerOf(item: CborValue | undefined): bigint | undefined {
  return typeof item === 'number' || typeof item === 'bigint' ? BigInt(item) : undefined;
}

function isHash(item: CborValue | undefined): item is Uint8Array {
  return item instanceof Uint8Array && item.length === 32;
}

function isKind(item: CborValue | undefined): item is TransactionKind {
  return transactionKinds.some((kind) => kind === item);
}
