/**
 * The generation request: what an issuer asks for, signed by its issuance system, for central management. It holds the orders of all
 * callers that came together, so that one signature of each authority stands for all of them; central management decides on each order.
 */
import { toHex } from '../kit/bytes.ts';
import type { CborValue } from '../kit/encoding.ts';
import { assert, quote, type Result } from '../kit/result.ts';
import {
  type ClaimReader,
  type Currency,
  claim,
  nameAccepted,
  namePattern,
  type RecordErrorCode,
  unitLimit,
} from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { currencyExponent } from './iso4217.ts';

/** `count` units of `value` minor units each, for one owner. */
export interface Lot {
  readonly value: bigint;
  readonly count: number;
  /** Commitment to the owner, 32 bytes; the name stays with who made it. */
  readonly owner: Uint8Array;
}

/** What one caller asked for. */
export interface Order {
  /** UUIDv7, 16 bytes: the caller's idempotency key. */
  readonly id: Uint8Array;
  readonly lots: readonly Lot[];
  readonly purpose: string;
  /** ISO 3166-1 alpha-2 */
  readonly origin: string;
  /** ISO 3166-1 alpha-2 */
  readonly destination: string;
}

export interface Request {
  /** UUIDv7, 16 bytes: of this request, whatever orders it holds. */
  readonly id: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly currency: Currency;
  readonly total: bigint;
  /** At least one, no two with the same id. */
  readonly orders: readonly Order[];
  readonly redeemUntil: number;
  /** The reservation that all of its orders are issued of, 16 bytes: its quota is used, and none beside it. */
  readonly reservation?: Uint8Array;
}

const audience = 'central';
const countryPattern = /^[A-Z]{2}$/;
/** Any text of up to 140 characters without control characters and lone surrogates, which have no UTF-8. */
export const purposePattern = /^[^\p{Cc}\p{Cs}]{0,140}$/u;

/** The bytes to be signed of a request; asserts that its denominations add up. */
export function encodeRequest(request: Request, keyId: Uint8Array): Uint8Array {
  assert(sumOrders(request.orders).total === request.total, 'denominations add up to the total');
  return prepareClaims(
    recordType.request,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, request.issuer],
      [claim.audience, audience],
      [claim.expiresAt, request.expiresAt],
      [claim.issuedAt, request.issuedAt],
      [claim.id, request.id],
      [claim.currency, encodeCurrency(request.currency)],
      [claim.total, request.total],
      [claim.orders, request.orders.map(encodeOrder)],
      [claim.redeemUntil, request.redeemUntil],
      ...(request.reservation === undefined
        ? []
        : [[claim.issuedOf, request.reservation] as [number, CborValue]]),
    ]),
  );
}

/** Decodes untrusted bytes; a request whose denominations do not add up is refused as `denominations_mismatch`. */
export function decodeRequest(bytes: Uint8Array): Result<Decoded<Request>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.request, (reader) => {
    reader.exactText(claim.audience, 'audience', audience);
    const request: Request = {
      id: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.issuer, 'issuer', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      expiresAt: reader.time(claim.expiresAt, 'expiresAt'),
      currency: readCurrency(reader),
      total: reader.amount(claim.total, 'total'),
      orders: readOrders(reader),
      redeemUntil: reader.time(claim.redeemUntil, 'redeemUntil'),
      ...(reader.has(claim.issuedOf) ? { reservation: reader.bytes(claim.issuedOf, 'reservation', 16) } : {}),
    };
    if (request.expiresAt <= request.issuedAt) reader.fail('expiresAt', 'a time after `issuedAt`');
    if (request.redeemUntil <= request.issuedAt) reader.fail('redeemUntil', 'a time after `issuedAt`');
    const { total, count } = sumOrders(request.orders);
    if (count > unitLimit)
      reader.fail('orders', `at most ${unitLimit} units, not ${count},`, 'too_many_units');
    if (total !== request.total) {
      reader.fail(
        'orders',
        `a sum that is the total, ${request.total}, not ${total},`,
        'denominations_mismatch',
      );
    }
    return reader.finish(request);
  });
}

/** Units and their sum, in minor units. */
export function sumLots(lots: readonly Lot[]): { total: bigint; count: number } {
  let total = 0n;
  let count = 0;
  for (const lot of lots) {
    total += lot.value * BigInt(lot.count);
    count += lot.count;
  }
  return { total, count };
}

/** Units of all orders and their sum, in minor units. */
export function sumOrders(orders: readonly Order[]): { total: bigint; count: number } {
  let total = 0n;
  let count = 0;
  for (const { lots } of orders) {
    const sum = sumLots(lots);
    total += sum.total;
    count += sum.count;
  }
  return { total, count };
}

/** The lots of the orders in their order: what the units of a batch follow from. */
export function lotsOf(orders: readonly Order[]): Lot[] {
  return orders.flatMap(({ lots }) => lots);
}

function encodeOrder({ id, purpose, origin, destination, lots }: Order): CborValue {
  return [id, purpose, origin, destination, lots.map((lot) => [lot.value, lot.count, lot.owner])];
}

const countryAccepted = 'two capital letters of ISO 3166';

function readOrders(reader: ClaimReader): readonly Order[] {
  const items = reader.list(claim.orders, 'orders');
  if (items.length === 0) reader.fail('orders', 'at least one order');
  const seen = new Set<string>();
  return items.map((item, index): Order => {
    const name = `orders[${index}]`;
    const [id, purpose, origin, destination, lots] = reader.listOf(item, name, 5);
    const order = {
      id: reader.bytesOf(id, `${name}.id`, 16),
      purpose: reader.textOf(purpose, `${name}.purpose`, purposePattern, 'text of at most 140 characters'),
      origin: reader.textOf(origin, `${name}.origin`, countryPattern, countryAccepted),
      destination: reader.textOf(destination, `${name}.destination`, countryPattern, countryAccepted),
      lots: readLots(reader, lots, `${name}.lots`),
    };
    const key = toHex(order.id);
    if (seen.has(key)) reader.fail(`${name}.id`, 'an id that no other order of the request has');
    seen.add(key);
    return order;
  });
}

function readLots(reader: ClaimReader, value: CborValue | undefined, name: string): readonly Lot[] {
  const items = reader.listOf(value, name);
  if (items.length === 0) reader.fail(name, 'at least one lot');
  return items.map((item, index): Lot => {
    const [amount, count, owner] = reader.listOf(item, `${name}[${index}]`, 3);
    return {
      value: reader.amountOf(amount, `${name}[${index}].value`),
      count: reader.integerOf(count, `${name}[${index}].count`, 1),
      owner: reader.bytesOf(owner, `${name}[${index}].owner`, 32),
    };
  });
}

export function encodeCurrency(currency: Currency): CborValue {
  return [currency.code, currency.exponent];
}

/** The currency claim: a code that ISO 4217 knows, with the exponent that it has there. */
export function readCurrency(reader: ClaimReader): Currency {
  const [code, exponent] = reader.list(claim.currency, 'currency', 2);
  if (typeof code !== 'string' || currencyExponent(code) === undefined) {
    reader.fail('currency', `an ISO 4217 code, not ${quote(code)},`, 'currency_unknown');
    return { code: 'EUR', exponent: 2 };
  }
  if (currencyExponent(code) !== exponent)
    reader.fail('currency', `${code} with exponent ${currencyExponent(code)}`, 'currency_unknown');
  return { code, exponent: reader.integerOf(exponent, 'currency') };
}
