/** A journal's entry as an auditor reads it: decoded strictly, from bytes that may be forged. */
import type { EntryKind } from '../journal/chain.ts';
import { type CborValue, decodeCbor } from '../kit/encoding.ts';
import {
  type Adoption,
  decodeAdoption,
  decodeResolution,
  decodeReturn,
  type Resolution,
} from '../quota/central-account.ts';
import { type ReservationEnd, readReservationEnd } from '../quota/reservation.ts';
import { ClaimReader, nameAccepted, namePattern } from '../records/claims.ts';
import { type QuotaTerms, readTerms } from '../records/quota-terms.ts';
import {
  anyBytes,
  type Reserves,
  readApproves,
  readReserves,
  readSerial,
  readSettles,
  readTake,
  type Settles,
  type Take,
} from './intent-part.ts';

export interface IntentEntry {
  readonly kind:
    | 'request'
    | 'credential'
    | 'denial'
    | 'control-bit'
    | 'currency'
    | 'closing'
    | 'retirement'
    | 'transfer'
    | 'reservation'
    | 'release';
  readonly sequence: number;
  /** Of the request, the retirement, the transfer or the reservation, 16 bytes. */
  readonly id: Uint8Array;
  readonly createdMs: number;
  readonly issuer: string;
  readonly bodyHash: Uint8Array;
  readonly context: Uint8Array;
  readonly toBeSigned: Uint8Array;
  readonly serial: { readonly epoch: number; readonly number: number } | null;
  /** Id and body hash of each order, 48 bytes each. */
  readonly orders: Uint8Array | null;
  readonly decides: number;
  readonly spends: Uint8Array | null;
  readonly take: Take | null;
  /** Of a retirement and a transfer only. */
  readonly settles: Settles | null;
  /** Of a credential: what it counts in central management's account; null in a ledger of before there was one. */
  readonly approves: { readonly currency: string; readonly amount: bigint } | null;
  /** Of a reservation at quota control only. */
  readonly reserves: Reserves | null;
}

interface Decided {
  readonly sequence: number;
  readonly createdMs: number;
}

export interface AllocationEntry extends Decided {
  readonly kind: 'allocation';
  /** `issuer/currency` */
  readonly account: string;
  readonly terms: QuotaTerms;
}

export interface ChangeEntry extends Decided {
  readonly kind: 'quota-change';
  /** 32 bytes */
  readonly id: Uint8Array;
  readonly change: Uint8Array;
  readonly approvals: readonly Uint8Array[];
}

export interface StopEntry extends Decided {
  readonly kind: 'stop';
  /** 16 bytes */
  readonly id: Uint8Array;
  readonly reason: string;
  readonly by: string;
  readonly evidence: Uint8Array | null;
}

export interface ReservationEndEntry extends Decided, ReservationEnd {
  readonly kind: 'reservation-end';
  /** Of the reservation, 16 bytes. */
  readonly id: Uint8Array;
}

/** Central management takes a quota over into its own account. */
export interface AdoptionEntry extends Decided, Adoption {
  readonly kind: 'adoption';
  /** `issuer/currency` */
  readonly account: string;
}

export interface ResolutionEntry extends Decided, Resolution {
  readonly kind: 'resolution';
  /** Of the request, 16 bytes. */
  readonly id: Uint8Array;
}

export interface ReturnEntry extends Decided {
  readonly kind: 'return';
  /** `issuer/currency` */
  readonly account: string;
  readonly total: bigint;
}

export type Entry =
  | IntentEntry
  | AllocationEntry
  | ChangeEntry
  | StopEntry
  | AdoptionEntry
  | ResolutionEntry
  | ReturnEntry
  | ReservationEndEntry;

/** Bytes of an order's id and body hash. */
export const orderBytes = 48;

/** Which entries a system writes. */
export const kindsOf: Readonly<Record<'central' | 'issuance' | 'quota', readonly EntryKind[]>> = {
  // Central management follows the changes of quotas.
  // Retirements and transfers are quota control's, which it follows.
  central: [
    'credential',
    'denial',
    'retirement',
    'transfer',
    'allocation',
    'quota-change',
    'adoption',
    'resolution',
    'return',
  ],
  // A change is an anchor that two people had set anew; a stop is what it holds against quota control, and a change its release.
  issuance: ['request', 'currency', 'denial', 'closing', 'reservation', 'release', 'quota-change', 'stop'],
  quota: [
    'control-bit',
    'retirement',
    'transfer',
    'reservation',
    'reservation-end',
    'allocation',
    'quota-change',
    'stop',
  ],
};

const accountPattern = /^[a-z0-9-]{1,64}\/[A-Z]{3}$/;

/** The entry, or what is wrong with it. */
export function decodeEntry(bytes: Uint8Array): { readonly entry: Entry } | { readonly fault: string } {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return { fault: decoded.message };
  const reader = new ClaimReader(new Map());
  const [number, kind, subject, created, inner] = reader.listOf(decoded.value, 'entry', 5);
  const head = {
    sequence: reader.integerOf(number, 'number', 1),
    createdMs: reader.momentOf(created, 'created'),
  };
  const content = inner instanceof Uint8Array ? decodeCbor(inner) : undefined;
  if (content === undefined) return { fault: 'its content is no byte string' };
  if (!content.ok) return { fault: content.message };
  const entry = readContent(reader, head, kind, subject, content.value);
  if (entry === undefined) return { fault: 'its kind is none of a journal' };
  return reader.refusal === undefined ? { entry } : { fault: reader.refusal.message };
}

function readContent(
  reader: ClaimReader,
  head: Decided,
  kind: CborValue | undefined,
  subject: CborValue | undefined,
  content: CborValue,
): Entry | undefined {
  switch (kind) {
    case 'allocation':
      return {
        ...head,
        kind,
        account: reader.textOf(subject, 'subject', accountPattern, 'an issuer and a currency'),
        terms: readTerms(reader, content, 'terms'),
      };
    case 'quota-change': {
      const [change, approvals] = reader.listOf(content, 'change', 2);
      return {
        ...head,
        kind,
        id: reader.bytesOf(subject, 'subject', 32),
        change: anyBytes(reader, change, 'change'),
        approvals: reader.listOf(approvals, 'approvals').map((one) => anyBytes(reader, one, 'approvals')),
      };
    }
    case 'stop': {
      const [reason, by, evidence] = reader.listOf(content, 'stop', 3);
      return {
        ...head,
        kind,
        id: reader.bytesOf(subject, 'subject', 16),
        reason: reader.textOf(reason, 'reason', anyText, 'text'),
        by: reader.textOf(by, 'by', anyText, 'text'),
        evidence: evidence === null ? null : anyBytes(reader, evidence, 'evidence'),
      };
    }
    case 'reservation-end': {
      const end = readReservationEnd(content);
      if (end === undefined) reader.fail('content', "a reservation's end");
      const none = { how: 'expired', amount: 0n, atMs: 0, by: null, evidence: null } as const;
      return { ...head, kind, id: reader.bytesOf(subject, 'subject', 16), ...(end ?? none) };
    }
    case 'adoption': {
      const adoption = decodeAdoption(content);
      if (adoption === undefined) reader.fail('adoption', 'terms, a version and what counts');
      return adoption === undefined
        ? undefined
        : { ...head, kind, ...adoption, account: readAccount(reader, subject) };
    }
    case 'resolution': {
      const resolution = decodeResolution(content);
      if (resolution === undefined)
        reader.fail('resolution', 'what was approved and freed, and by which word');
      return resolution === undefined
        ? undefined
        : { ...head, kind, ...resolution, id: reader.bytesOf(subject, 'subject', 16) };
    }
    case 'return': {
      const total = decodeReturn(content);
      return total === undefined
        ? undefined
        : { ...head, kind, total, account: readAccount(reader, subject) };
    }
    case 'request':
    case 'credential':
    case 'denial':
    case 'control-bit':
    case 'currency':
    case 'closing':
    case 'retirement':
    case 'transfer':
    case 'reservation':
    case 'release':
      return {
        ...head,
        kind,
        id: reader.bytesOf(subject, 'subject', 16),
        ...readIntent(reader, content, kind),
      };
    default:
      return undefined;
  }
}

const anyText = /^/;

function readAccount(reader: ClaimReader, subject: CborValue | undefined): string {
  return reader.textOf(subject, 'subject', accountPattern, 'an issuer and a currency');
}

/** Items of an intent's content: nine, and then one for each thing that came later, up to the last that there is. */
function itemsOf(kind: IntentEntry['kind'], content: CborValue): number {
  if (kind === 'retirement' || kind === 'transfer') return 10;
  if (!Array.isArray(content) || content.length === 9) return 9;
  if (kind === 'reservation') return 11;
  return kind === 'credential' ? 12 : 9;
}

function readIntent(
  reader: ClaimReader,
  content: CborValue,
  kind: IntentEntry['kind'],
): Omit<IntentEntry, 'kind' | 'sequence' | 'createdMs' | 'id'> {
  const isSettlement = kind === 'retirement' || kind === 'transfer';
  const count = itemsOf(kind, content);
  // At issuance a reservation is what is asked for, and reserves nothing.
  const isReserve = kind === 'reservation' && count === 11;
  const items = reader.listOf(content, 'content', count);
  const [issuer, bodyHash, context, toBeSigned, serial, orders, decides, spends, take] = items;
  const [settles, reserves, approves] = items.slice(9);
  if (isReserve && settles !== null) reader.fail('settlement', 'null in a reservation');
  const intent = {
    issuer: reader.textOf(issuer, 'issuer', namePattern, nameAccepted),
    bodyHash: reader.bytesOf(bodyHash, 'bodyHash', 32),
    context: anyBytes(reader, context, 'context'),
    toBeSigned: anyBytes(reader, toBeSigned, 'toBeSigned'),
    serial: serial === null ? null : readSerial(reader, serial),
    orders: orders === null ? null : anyBytes(reader, orders, 'orders'),
    decides: reader.integerOf(decides, 'decides'),
    spends: spends === null ? null : reader.bytesOf(spends, 'spends', 16),
    take: take === null ? null : readTake(reader, take),
    settles: isSettlement ? readSettles(reader, settles) : null,
    approves: count === 12 ? readApproves(reader, approves) : null,
    reserves: isReserve ? readReserves(reader, reserves) : null,
  };
  if (intent.orders !== null && intent.orders.length % orderBytes !== 0)
    reader.fail('orders', `${orderBytes} bytes an order`);
  return intent;
}
