/** Whether every number of the quota tables follows from the journal and the intents, whatever database they are in. */
import { decodeEntry } from '../journal/entry.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { quote } from '../kit/result.ts';
import { followEvent } from '../quota/central-account.ts';
import {
  accountName,
  type LedgerRole,
  type QuotaEntry,
  type QuotaEntryKind,
  type QuotaHistory,
  type RecordedAccount,
  replayHistory,
} from '../quota/history.ts';
import { makeTally, type Tally } from '../quota/tally.ts';
import { encodeTerms } from '../records/quota-terms.ts';
import {
  type ApprovalRow,
  accountOf,
  bytesOf,
  type JournalRow,
  type QuotaRow,
  type ResolutionRow,
  type SlotRow,
  type StopRow,
  type TakeRow,
  takeOf,
} from './row.ts';

const quotaEntryKinds: readonly QuotaEntryKind[] = [
  'allocation',
  'quota-change',
  'stop',
  'reservation-end',
  'adoption',
  'resolution',
  'return',
];

/** Makes the error that is thrown for the first number that does not follow. */
export type Corrupt = (message: string) => Error;

export interface ChangeRow {
  id: Uint8Array;
  sequence: bigint;
  issuer: string | null;
  currency: string | null;
  reset_ms: bigint | null;
}

export type WholeStopRow = StopRow & { id: Uint8Array; lifted: bigint | null };

/** What the entries that are of no intent come to; `rows` in the order in which they were written, each with its number in it. */
export function replayRows(
  rows: Iterable<Pick<JournalRow, 'sequence' | 'bytes'>>,
  role: LedgerRole,
  corrupt: Corrupt,
): QuotaHistory {
  const replayed = replayHistory(decodeRows(rows, corrupt), role);
  if (!replayed.ok) throw corrupt(replayed.message);
  return replayed.value;
}

function* decodeRows(
  rows: Iterable<Pick<JournalRow, 'sequence' | 'bytes'>>,
  corrupt: Corrupt,
): Generator<QuotaEntry> {
  for (const { sequence, bytes } of rows) {
    const entry = decodeQuotaEntry(bytesOf(bytes));
    if (entry === undefined) throw corrupt(`entry ${sequence} is of neither an intent nor a quota`);
    yield { ...entry, sequence: Number(sequence) };
  }
}

function decodeQuotaEntry(bytes: Uint8Array): QuotaEntry | undefined {
  const decoded = decodeEntry(bytes);
  if (!decoded.ok) return undefined;
  const kind = quotaEntryKinds.find((one) => one === decoded.value.kind);
  return kind === undefined ? undefined : { ...decoded.value, kind };
}

/** The accounts of the history, by row: throws where one is another, or gone. */
export function pairAccounts(
  rows: readonly QuotaRow[],
  { accounts }: QuotaHistory,
  corrupt: Corrupt,
): readonly { readonly row: QuotaRow; readonly recorded: RecordedAccount }[] {
  const left = new Set(accounts.keys());
  const pairs = rows.map((row) => {
    const account = accountOf(row);
    const name = accountName(account.issuer, account.currency);
    const recorded = accounts.get(name);
    if (
      recorded?.version !== account.version ||
      !equalBytes(encodeCbor(encodeTerms(recorded.terms)), encodeCbor(encodeTerms(account)))
    )
      throw corrupt(`the quota ${quote(name)} is not what the journal has allocated`);
    left.delete(name);
    return { row, recorded };
  });
  for (const name of left) throw corrupt(`the quota ${quote(name)} is gone`);
  return pairs;
}

/**
 * Of one quota: reserved and issued are the sums of what was taken, the clock is at the last take or where a change put it after that,
 * and the slots hold what counts.
 */
export class AccountCheck {
  private readonly row: QuotaRow;
  private readonly recorded: RecordedAccount;
  private readonly corrupt: Corrupt;
  private readonly tally: Tally;
  private reserved = 0n;
  private sums = { issued: 0n, voided: 0n, returned: 0n };
  private clockMs = 0;
  private next = 0;
  private nextEvent = 0;

  constructor(row: QuotaRow, recorded: RecordedAccount, corrupt: Corrupt) {
    this.row = row;
    this.recorded = recorded;
    this.corrupt = corrupt;
    this.tally = makeTally(recorded.terms.limits, Number(row.clock_ms), recorded.resets);
  }

  /** The next take, in the order in which they were written. */
  add(take: TakeRow, signed: boolean): void {
    if (signed) this.count(take.take_amount);
    else this.reserved += take.take_amount;
    this.passResets(Number(take.sequence));
    if (Number(take.take_ms) < this.clockMs)
      throw this.corrupt(`entry ${take.sequence} counts at an earlier moment than one before it`);
    this.clockMs = Number(take.take_ms);
    this.tally.add(takeOf(take));
  }

  /** What central management approved next, in the order in which it was written. */
  approve({ sequence, approve_amount }: ApprovalRow): void {
    this.passEvents(Number(sequence));
    this.count(approve_amount);
  }

  private count(amount: bigint): void {
    this.sums = { ...this.sums, issued: this.sums.issued + amount };
  }

  finish(slots: readonly SlotRow[]): void {
    this.passResets(Number.POSITIVE_INFINITY);
    this.passEvents(Number.POSITIVE_INFINITY);
    const { row } = this;
    const name = quote(accountName(row.issuer, row.currency));
    if (row.reserved !== this.reserved || row.issued !== this.sums.issued)
      throw this.corrupt(`the quota of ${name} is not the sum of what was taken`);
    if (row.voided !== this.sums.voided)
      throw this.corrupt(`what is void of ${name} is not what was freed and written off`);
    if (Number(row.clock_ms) !== this.clockMs)
      throw this.corrupt(`the clock of the quota ${name} is not at its last take`);
    const show = (limit: string, slot: bigint | number, used: bigint): string => `${limit} ${slot} ${used}`;
    const expected = this.tally.uses().map(({ limit, slot, used }) => show(limit, slot, used));
    const found = slots.map(({ name: limit, slot, used }) => show(limit, slot, used)).sort();
    expected.sort();
    if (found.length !== expected.length || found.some((one, index) => one !== expected[index]))
      throw this.corrupt(`what ${name} used of its limits is not the sum of what was taken`);
  }

  private passEvents(before: number): void {
    const { events } = this.recorded;
    for (
      let next = events[this.nextEvent];
      next !== undefined && next.sequence < before;
      next = events[++this.nextEvent]
    )
      this.sums = followEvent(this.sums, next.event);
  }

  private passResets(before: number): void {
    const { resets } = this.recorded;
    for (
      let reset = resets[this.next];
      reset !== undefined && reset.sequence < before;
      reset = resets[++this.next]
    )
      this.clockMs = Math.min(this.clockMs, reset.atMs);
  }
}

export function checkChanges(
  rows: readonly ChangeRow[],
  { changes, accounts }: QuotaHistory,
  corrupt: Corrupt,
): void {
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

export function checkStops(rows: readonly WholeStopRow[], { stops }: QuotaHistory, corrupt: Corrupt): void {
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

export function checkResolutions(
  rows: Iterable<ResolutionRow>,
  { resolutions }: QuotaHistory,
  corrupt: Corrupt,
): void {
  let count = 0;
  for (const { id, sequence, issuer, currency, freed } of rows) {
    count++;
    const known = resolutions.get(toHex(bytesOf(id)));
    if (
      known?.sequence !== Number(sequence) ||
      known.issuer !== issuer ||
      known.currency !== currency ||
      known.freed !== freed
    )
      throw corrupt(`the resolution of entry ${sequence} is not what the journal has`);
  }
  if (count !== resolutions.size) throw corrupt('a resolution is gone');
}
