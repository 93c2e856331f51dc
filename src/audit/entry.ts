/** A journal's entry as an auditor reads it: decoded strictly, from bytes that may be forged. */
import type { EntryKind } from '../journal/chain.ts';
import { type CborValue, decodeCbor } from '../kit/encoding.ts';
import { ClaimReader, nameAccepted, namePattern } from '../records/claims.ts';
import { type QuotaTerms, readTerms } from '../records/quota-terms.ts';

export interface IntentEntry {
  readonly kind: 'request' | 'credential' | 'denial' | 'control-bit' | 'currency';
  readonly sequence: number;
  /** The request's id, 16 bytes. */
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
}

export interface Take {
  readonly currency: string;
  readonly amount: bigint;
  readonly orders: number;
  readonly atMs: number;
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

export type Entry = IntentEntry | AllocationEntry | ChangeEntry | StopEntry;

/** Bytes of an order's id and body hash. */
export const orderBytes = 48;

/** Which entries a system writes. */
export const kindsOf: Readonly<Record<'central' | 'issuance' | 'quota', readonly EntryKind[]>> = {
  central: ['credential', 'denial'],
  issuance: ['request', 'currency'],
  quota: ['control-bit', 'allocation', 'quota-change', 'stop'],
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
    createdMs: reader.integerOf(created, 'created'),
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
    case 'request':
    case 'credential':
    case 'denial':
    case 'control-bit':
    case 'currency':
      return { ...head, kind, id: reader.bytesOf(subject, 'subject', 16), ...readIntent(reader, content) };
    default:
      return undefined;
  }
}

const anyText = /^/;

function anyBytes(reader: ClaimReader, value: CborValue | undefined, name: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  reader.fail(name, 'a byte string');
  return new Uint8Array();
}

function readIntent(
  reader: ClaimReader,
  content: CborValue,
): Omit<IntentEntry, 'kind' | 'sequence' | 'createdMs' | 'id'> {
  const [issuer, bodyHash, context, toBeSigned, serial, orders, decides, spends, take] = reader.listOf(
    content,
    'content',
    9,
  );
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
  };
  if (intent.orders !== null && intent.orders.length % orderBytes !== 0)
    reader.fail('orders', `${orderBytes} bytes an order`);
  return intent;
}

function readSerial(reader: ClaimReader, value: CborValue | undefined): { epoch: number; number: number } {
  const [epoch, number] = reader.listOf(value, 'serial', 2);
  return {
    epoch: reader.integerOf(epoch, 'serial.epoch', 1),
    number: reader.integerOf(number, 'serial.number', 1),
  };
}

function readTake(reader: ClaimReader, value: CborValue | undefined): Take {
  const [currency, amount, orders, atMs] = reader.listOf(value, 'take', 4);
  return {
    currency: reader.textOf(currency, 'take.currency', /^[A-Z]{3}$/, 'three capital letters'),
    amount: reader.amountOf(amount, 'take.amount'),
    orders: reader.integerOf(orders, 'take.orders', 1),
    atMs: reader.integerOf(atMs, 'take.atMs'),
  };
}
