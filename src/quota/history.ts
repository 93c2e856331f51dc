/**
 * What a journal says of quotas, beside what was taken: allocations, changes, stops, reservations that ended, and central management's own
 * account. The content of those entries is written and read
 * here, so that every store has the same, and so that it can be checked against its tables.
 */
import { toHex } from '../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { ClaimReader } from '../records/claims.ts';
import {
  type AnchorAction,
  changeId,
  decodeChange,
  type QuotaAction,
  termsActionsOf,
} from '../records/quota-change.ts';
import { encodeTerms, type QuotaTerms, readTerms } from '../records/quota-terms.ts';
import { type CentralEvent, decodeAdoption, decodeResolution, decodeReturn } from './central-account.ts';
import { type ReservationEnd, readReservationEnd } from './reservation.ts';
import type { ClockReset } from './tally.ts';

export type QuotaEntryKind =
  | 'allocation'
  | 'quota-change'
  | 'stop'
  | 'reservation-end'
  | 'adoption'
  | 'resolution'
  | 'return';

/** Whose ledger it is: that of quota control counts what it takes, that of central management what it approves. */
export type LedgerRole = 'central' | 'issuance' | 'quota';

export interface QuotaEntry {
  readonly sequence: number;
  readonly kind: QuotaEntryKind;
  /** `issuer/currency` of an allocation, an adoption or a return; the id of a change (32 bytes), a stop, a reservation or a request (16 bytes). */
  readonly subject: Uint8Array | string;
  readonly createdMs: number;
  readonly content: Uint8Array;
}

export interface StopContent {
  readonly reason: string;
  readonly by: string;
  readonly evidence: Uint8Array | null;
}

export interface RecordedStop extends StopContent {
  readonly sequence: number;
  readonly createdMs: number;
  /** Number of the entry that lifted it; `null` while it is in force. */
  readonly lifted: number | null;
}

export interface RecordedAccount {
  readonly terms: QuotaTerms;
  readonly version: number;
  readonly resets: readonly ClockReset[];
  /** Since which entry what is retired comes back, and since which it does not: one for each time that it became another. */
  readonly returns: readonly { readonly sequence: number; readonly returns: boolean }[];
  /** Of central management's account: what counts beside what it approves, in the order of the journal. */
  readonly events: readonly RecordedEvent[];
}

export interface RecordedEvent {
  readonly sequence: number;
  readonly event: CentralEvent;
}

export interface RecordedResolution {
  readonly sequence: number;
  readonly issuer: string;
  readonly currency: string;
  readonly freed: bigint;
}

export interface QuotaHistory {
  /** Whose ledger it is of. */
  readonly role: LedgerRole;
  /** By `issuer/currency`. */
  readonly accounts: ReadonlyMap<string, RecordedAccount>;
  /** Number of the entry, by the change's id in hex. */
  readonly changes: ReadonlyMap<string, number>;
  /** By the stop's id in hex. */
  readonly stops: ReadonlyMap<string, RecordedStop>;
  /** By the reservation's id in hex: those that ended before they were used up. */
  readonly ends: ReadonlyMap<string, RecordedEnd>;
  /** By the request's id in hex. */
  readonly resolutions: ReadonlyMap<string, RecordedResolution>;
}

export interface RecordedEnd extends ReservationEnd {
  readonly sequence: number;
}

interface GrowingAccount extends RecordedAccount {
  readonly events: RecordedEvent[];
}

/** As it is while the entries are followed. */
interface GrowingHistory {
  readonly role: LedgerRole;
  readonly accounts: Map<string, GrowingAccount>;
  readonly changes: Map<string, number>;
  readonly stops: Map<string, RecordedStop>;
  readonly ends: Map<string, RecordedEnd>;
  readonly resolutions: Map<string, RecordedResolution>;
}

export function accountName(issuer: string, currency: string): string {
  return `${issuer}/${currency}`;
}

export function encodeAllocationContent(terms: QuotaTerms): Uint8Array {
  return encodeCbor(encodeTerms(terms));
}

/** The change as it was approved, with what proves that it was. */
export function encodeChangeContent(change: Uint8Array, approvals: readonly Uint8Array[]): Uint8Array {
  return encodeCbor([change, approvals]);
}

export function encodeStopContent({ reason, by, evidence }: StopContent): Uint8Array {
  return encodeCbor([reason, by, evidence]);
}

/** What proves a stop, from the bytes of its journal entry. */
export function stopEvidence(entry: Uint8Array): Uint8Array | null {
  const decoded = decodeCbor(entry);
  const inner = decoded.ok && Array.isArray(decoded.value) ? decoded.value[4] : undefined;
  const content = inner instanceof Uint8Array ? decodeCbor(inner) : undefined;
  const [, , evidence] = content?.ok === true && Array.isArray(content.value) ? content.value : [];
  return evidence instanceof Uint8Array ? evidence : null;
}

/** Follows the entries of a ledger of `role`, in their order; refuses the first that does not follow from those before it. */
export function replayHistory(
  entries: Iterable<QuotaEntry>,
  role: LedgerRole,
): Result<QuotaHistory, 'journal_malformed'> {
  const history: GrowingHistory = {
    role,
    accounts: new Map(),
    changes: new Map(),
    stops: new Map(),
    ends: new Map(),
    resolutions: new Map(),
  };
  for (const entry of entries) {
    if (!follow(entry, history))
      return refuse(
        'journal_malformed',
        `entry ${entry.sequence} is of no allocation, change or stop that follows from those before it`,
      );
  }
  return succeed(history);
}

function follow(
  { sequence, kind, subject, createdMs, content }: QuotaEntry,
  history: GrowingHistory,
): boolean {
  const decoded = decodeCbor(content);
  if (!decoded.ok) return false;
  switch (kind) {
    case 'allocation': {
      const reader = new ClaimReader(new Map());
      const terms = readTerms(reader, decoded.value, 'terms');
      return reader.refusal === undefined && begin(history, subject, { sequence, terms, version: 1 });
    }
    case 'adoption': {
      const adoption = decodeAdoption(decoded.value);
      if (adoption === undefined || !begin(history, subject, { ...adoption, sequence })) return false;
      return addEvent(history, subject, { sequence, event: { kind: 'counted', amount: adoption.counted } });
    }
    case 'quota-change':
      return followChange(sequence, decoded.value, history);
    case 'stop': {
      if (!(subject instanceof Uint8Array) || !Array.isArray(decoded.value)) return false;
      const [reason, by, evidence] = decoded.value as CborValue[];
      if (typeof reason !== 'string' || typeof by !== 'string') return false;
      if (evidence !== null && !(evidence instanceof Uint8Array)) return false;
      history.stops.set(toHex(subject), { sequence, createdMs, reason, by, evidence, lifted: null });
      return true;
    }
    case 'resolution': {
      const resolution = decodeResolution(decoded.value);
      if (resolution === undefined || !(subject instanceof Uint8Array)) return false;
      const { issuer, currency, freed } = resolution;
      // INVARIANT: once a request.
      if (history.resolutions.has(toHex(subject))) return false;
      history.resolutions.set(toHex(subject), { sequence, issuer, currency, freed });
      const event = { kind: 'freed', amount: freed } as const;
      return addEvent(history, accountName(issuer, currency), { sequence, event });
    }
    case 'return': {
      const total = decodeReturn(decoded.value);
      if (total === undefined) return false;
      return addEvent(history, subject, { sequence, event: { kind: 'returned', total } });
    }
    case 'reservation-end': {
      const end = readReservationEnd(decoded.value);
      // Once: what was given back twice would be more than was held.
      if (!(subject instanceof Uint8Array) || end === undefined || history.ends.has(toHex(subject)))
        return false;
      history.ends.set(toHex(subject), { ...end, sequence });
      return true;
    }
  }
}

/** Gives whether the account was not there before. */
function begin(
  { accounts }: GrowingHistory,
  name: QuotaEntry['subject'],
  { sequence, terms, version }: { sequence: number; terms: QuotaTerms; version: number },
): boolean {
  if (typeof name !== 'string' || accounts.has(name)) return false;
  accounts.set(name, {
    terms,
    version,
    resets: [],
    returns: [{ sequence, returns: terms.returns }],
    events: [],
  });
  return true;
}

/** Gives whether there is such an account, of central management's. */
function addEvent(
  { role, accounts }: GrowingHistory,
  name: QuotaEntry['subject'],
  event: RecordedEvent,
): boolean {
  const account = typeof name === 'string' && role === 'central' ? accounts.get(name) : undefined;
  account?.events.push(event);
  return account !== undefined;
}

function followChange(sequence: number, content: CborValue, history: GrowingHistory): boolean {
  const { role, accounts, changes, stops } = history;
  if (!Array.isArray(content) || !(content[0] instanceof Uint8Array)) return false;
  const change = decodeChange(content[0]);
  if (!change.ok) return false;
  changes.set(toHex(changeId(content[0])), sequence);
  const { action } = change.value;
  if (action.kind === 'start') {
    for (const [id, stop] of stops) if (stop.lifted === null) stops.set(id, { ...stop, lifted: sequence });
    return true;
  }
  for (const one of termsActionsOf(action)) {
    const { version, terms, clock } = one;
    const name = accountName(one.issuer, one.currency);
    const account = accounts.get(name);
    if (account?.version !== version) return false;
    if (role === 'central' && action.kind === 'anchor')
      account.events.push({ sequence, event: writeOffEvent(action, account.terms, terms) });
    // What is counted anew in this ledger is no change of the quota.
    if (isCountedAnew(role, action)) continue;
    const reset = clock === null ? [] : [{ sequence, atMs: clock * 1000 }];
    accounts.set(name, {
      ...account,
      terms,
      version: version + 1,
      resets: [...account.resets, ...reset],
      returns:
        terms.returns === account.terms.returns
          ? account.returns
          : [...account.returns, { sequence, returns: terms.returns }],
    });
  }
  return true;
}

/** Whether it is central management's own ledger that is gone on from: its write-offs count as approved, and change no terms. */
export function isCountedAnew(role: LedgerRole, action: QuotaAction): boolean {
  return role === 'central' && action.kind === 'anchor' && action.role === 'central';
}

/** What a write-off is to central management's account. */
export function writeOffEvent(
  { role }: AnchorAction,
  before: Pick<QuotaTerms, 'allocated'>,
  after: Pick<QuotaTerms, 'allocated'>,
): CentralEvent {
  const amount = before.allocated > after.allocated ? before.allocated - after.allocated : 0n;
  return role === 'central' ? { kind: 'counted', amount } : { kind: 'written-off', amount };
}
