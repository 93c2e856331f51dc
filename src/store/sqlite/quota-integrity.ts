/** Whether every number of the quota tables follows from the journal and the intents. */
import type Database from 'better-sqlite3';
import { equalBytes, toHex } from '../../kit/bytes.ts';
import { decodeCbor, encodeCbor } from '../../kit/encoding.ts';
import { quote } from '../../kit/result.ts';
import {
  accountName,
  type QuotaEntry,
  type QuotaHistory,
  type RecordedAccount,
  replayHistory,
} from '../../quota/history.ts';
import { makeTally, tallyStart } from '../../quota/tally.ts';
import { encodeTerms } from '../../records/quota-terms.ts';
import {
  accountOf,
  bytesOf,
  type JournalRow,
  type QuotaRow,
  type SlotRow,
  type TakeRow,
  takeOf,
} from './row.ts';

const sql = {
  entries: `SELECT j.sequence, j.bytes, j.hash FROM journal j
      WHERE NOT EXISTS (SELECT 1 FROM intent i WHERE i.sequence = j.sequence) ORDER BY j.sequence`,
  quotas: 'SELECT * FROM quota',
  slots: 'SELECT name, slot, used FROM quota_slot WHERE issuer = ? AND currency = ? ORDER BY name, slot',
  strangeTake: `SELECT sequence FROM intent i WHERE take_amount IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM quota q WHERE q.issuer = i.issuer AND q.currency = i.take_currency)`,
  takes: `SELECT sequence, take_amount, take_orders, take_ms, signed IS NOT NULL AS done FROM intent
      WHERE issuer = ? AND take_currency = ? AND take_ms IS NOT NULL ORDER BY sequence`,
  recentTakes: `SELECT sequence, take_amount, take_orders, take_ms FROM intent
      WHERE issuer = ? AND take_currency = ? AND take_ms IS NOT NULL AND take_ms >= ?`,
  changes: 'SELECT id, sequence, issuer, currency, reset_ms FROM quota_change',
  stops: 'SELECT * FROM quota_stop',
} as const;

type Corrupt = (message: string) => Error;

/** Throws what `corrupt` makes of the first number that does not. */
export function verifyQuotas(db: Database.Database, corrupt: Corrupt): void {
  const rows = db.prepare(sql.entries).all() as JournalRow[];
  const replayed = replayHistory(
    rows.map(({ sequence, bytes }) => {
      const entry = decodeQuotaEntry(bytesOf(bytes));
      if (entry === undefined) throw corrupt(`entry ${sequence} is of neither an intent nor a quota`);
      return entry;
    }),
  );
  if (!replayed.ok) throw corrupt(replayed.message);
  const strange = db.prepare(sql.strangeTake).get() as { sequence: bigint } | undefined;
  if (strange !== undefined) throw corrupt(`entry ${strange.sequence} takes of a quota that is not there`);
  verifyAccounts(db, replayed.value, corrupt);
  verifyChanges(db, replayed.value, corrupt);
  verifyStops(db, replayed.value, corrupt);
}

function decodeQuotaEntry(bytes: Uint8Array): QuotaEntry | undefined {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !Array.isArray(decoded.value) || decoded.value.length !== 5) return undefined;
  const [sequence, kind, subject, createdMs, content] = decoded.value;
  if (kind !== 'allocation' && kind !== 'quota-change' && kind !== 'stop') return undefined;
  if (typeof subject !== 'string' && !(subject instanceof Uint8Array)) return undefined;
  if (typeof sequence !== 'number' || typeof createdMs !== 'number' || !(content instanceof Uint8Array))
    return undefined;
  return { sequence, kind, subject, createdMs, content };
}

function verifyAccounts(db: Database.Database, { accounts }: QuotaHistory, corrupt: Corrupt): void {
  const left = new Set(accounts.keys());
  for (const row of db.prepare(sql.quotas).all() as QuotaRow[]) {
    const account = accountOf(row);
    const name = accountName(account.issuer, account.currency);
    const recorded = accounts.get(name);
    if (
      recorded?.version !== account.version ||
      !equalBytes(encodeCbor(encodeTerms(recorded.terms)), encodeCbor(encodeTerms(account)))
    )
      throw corrupt(`the quota ${quote(name)} is not what the journal has allocated`);
    left.delete(name);
    verifyTaken(db, row, recorded, corrupt);
    verifySlots(db, row, recorded, corrupt);
  }
  for (const name of left) throw corrupt(`the quota ${quote(name)} is gone`);
}

/** Reserved and issued are the sums of what was taken, and the clock is at the last take, or where a change put it after that. */
function verifyTaken(
  db: Database.Database,
  row: QuotaRow,
  { resets }: RecordedAccount,
  corrupt: Corrupt,
): void {
  let reserved = 0n;
  let issued = 0n;
  let clockMs = 0;
  let next = 0;
  const passResets = (before: number): void => {
    for (let reset = resets[next]; reset !== undefined && reset.sequence < before; reset = resets[++next])
      clockMs = Math.min(clockMs, reset.atMs);
  };
  const takes = db.prepare(sql.takes).iterate(row.issuer, row.currency);
  for (const take of takes as IterableIterator<TakeRow & { done: bigint }>) {
    if (take.done === 1n) issued += take.take_amount;
    else reserved += take.take_amount;
    passResets(Number(take.sequence));
    if (Number(take.take_ms) < clockMs)
      throw corrupt(`entry ${take.sequence} counts at an earlier moment than one before it`);
    clockMs = Number(take.take_ms);
  }
  passResets(Number.POSITIVE_INFINITY);
  const name = quote(accountName(row.issuer, row.currency));
  if (row.reserved !== reserved || row.issued !== issued)
    throw corrupt(`the quota of ${name} is not the sum of what was taken`);
  if (Number(row.clock_ms) !== clockMs)
    throw corrupt(`the clock of the quota ${name} is not at its last take`);
}

function verifySlots(
  db: Database.Database,
  row: QuotaRow,
  { terms: { limits }, resets }: RecordedAccount,
  corrupt: Corrupt,
): void {
  const clockMs = Number(row.clock_ms);
  const tally = makeTally(limits, clockMs, resets);
  const takes = db.prepare(sql.recentTakes).iterate(row.issuer, row.currency, tallyStart(limits, clockMs));
  for (const take of takes as IterableIterator<TakeRow>) tally.add(takeOf(take));
  const show = (limit: string, slot: bigint | number, used: bigint): string => `${limit} ${slot} ${used}`;
  const expected = tally
    .uses()
    .map(({ limit, slot, used }) => show(limit, slot, used))
    .sort();
  const found = (db.prepare(sql.slots).all(row.issuer, row.currency) as SlotRow[])
    .map(({ name, slot, used }) => show(name, slot, used))
    .sort();
  if (found.length !== expected.length || found.some((one, index) => one !== expected[index]))
    throw corrupt(
      `what ${quote(accountName(row.issuer, row.currency))} used of its limits is not the sum of what was taken`,
    );
}

function verifyChanges(db: Database.Database, { changes, accounts }: QuotaHistory, corrupt: Corrupt): void {
  const rows = db.prepare(sql.changes).all() as {
    id: Buffer;
    sequence: bigint;
    issuer: string | null;
    currency: string | null;
    reset_ms: bigint | null;
  }[];
  let resets = 0;
  for (const { id, sequence, issuer, currency, reset_ms } of rows) {
    const known = changes.get(toHex(id)) === Number(sequence);
    const reset = accounts
      .get(accountName(issuer ?? '', currency ?? ''))
      ?.resets.find((one) => one.sequence === Number(sequence));
    if (reset !== undefined) resets++;
    const same = reset === undefined ? reset_ms === null : reset.atMs === Number(reset_ms);
    if (!known || !same) throw corrupt(`the change of entry ${sequence} is not what the journal has`);
  }
  const allResets = [...accounts.values()].reduce((sum, account) => sum + account.resets.length, 0);
  if (rows.length !== changes.size || resets !== allResets) throw corrupt('a change of a quota is gone');
}

function verifyStops(db: Database.Database, { stops }: QuotaHistory, corrupt: Corrupt): void {
  const rows = db.prepare(sql.stops).all() as {
    id: Buffer;
    sequence: bigint;
    reason: string;
    author: string;
    created_ms: bigint;
    lifted: bigint | null;
  }[];
  for (const { id, sequence, reason, author, created_ms, lifted } of rows) {
    const stop = stops.get(toHex(id));
    if (
      stop?.sequence !== Number(sequence) ||
      stop.reason !== reason ||
      stop.by !== author ||
      stop.createdMs !== Number(created_ms) ||
      stop.lifted !== (lifted === null ? null : Number(lifted))
    )
      throw corrupt(`the stop of entry ${sequence} is not what the journal has`);
  }
  if (rows.length !== stops.size) throw corrupt('a stop is gone');
}
