/**
 * What a journal says of quotas, beside what was taken: allocations, changes, stops, reservations that ended. The content of those entries is written and read
 * here, so that every store has the same, and so that it can be checked against its tables.
 */
import { toHex } from '../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { ClaimReader } from '../records/claims.ts';
import { changeId, decodeChange, termsActionsOf } from '../records/quota-change.ts';
import { encodeTerms, type QuotaTerms, readTerms } from '../records/quota-terms.ts';
import { type ReservationEnd, readReservationEnd } from './reservation.ts';
import type { ClockReset } from './tally.ts';

export type QuotaEntryKind = 'allocation' | 'quota-change' | 'stop' | 'reservation-end';

export interface QuotaEntry {
  readonly sequence: number;
  readonly kind: QuotaEntryKind;
  /** `issuer/currency` of an allocation; the id of a change (32 bytes), a stop or a reservation (16 bytes). */
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
}

export interface QuotaHistory {
  /** By `issuer/currency`. */
  readonly accounts: ReadonlyMap<string, RecordedAccount>;
  /** Number of the entry, by the change's id in hex. */
  readonly changes: ReadonlyMap<string, number>;
  /** By the stop's id in hex. */
  readonly stops: ReadonlyMap<string, RecordedStop>;
  /** By the reservation's id in hex: those that ended before they were used up. */
  readonly ends: ReadonlyMap<string, RecordedEnd>;
}

export interface RecordedEnd extends ReservationEnd {
  readonly sequence: number;
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

/** Follows `entries`, in their order; refuses the first that does not follow from those before it. */
export function replayHistory(entries: Iterable<QuotaEntry>): Result<QuotaHistory, 'journal_malformed'> {
  const accounts = new Map<string, RecordedAccount>();
  const changes = new Map<string, number>();
  const stops = new Map<string, RecordedStop>();
  const ends = new Map<string, RecordedEnd>();
  const history = { accounts, changes, stops, ends };
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
  history: {
    accounts: Map<string, RecordedAccount>;
    changes: Map<string, number>;
    stops: Map<string, RecordedStop>;
    ends: Map<string, RecordedEnd>;
  },
): boolean {
  const decoded = decodeCbor(content);
  if (!decoded.ok) return false;
  switch (kind) {
    case 'allocation': {
      const reader = new ClaimReader(new Map());
      const terms = readTerms(reader, decoded.value, 'terms');
      if (reader.refusal !== undefined || typeof subject !== 'string' || history.accounts.has(subject))
        return false;
      history.accounts.set(subject, {
        terms,
        version: 1,
        resets: [],
        returns: [{ sequence, returns: terms.returns }],
      });
      return true;
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

function followChange(
  sequence: number,
  content: CborValue,
  { accounts, changes, stops }: Parameters<typeof follow>[1],
): boolean {
  if (!Array.isArray(content) || !(content[0] instanceof Uint8Array)) return false;
  const change = decodeChange(content[0]);
  if (!change.ok) return false;
  changes.set(toHex(changeId(content[0])), sequence);
  const { action } = change.value;
  if (action.kind === 'start') {
    for (const [id, stop] of stops) if (stop.lifted === null) stops.set(id, { ...stop, lifted: sequence });
    return true;
  }
  for (const { issuer, currency, version, terms, clock } of termsActionsOf(action)) {
    const name = accountName(issuer, currency);
    const account = accounts.get(name);
    if (account?.version !== version) return false;
    const reset = clock === null ? [] : [{ sequence, atMs: clock * 1000 }];
    accounts.set(name, {
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
