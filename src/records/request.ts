/**
 * The generation request: what an issuer asks for, signed by its issuance system, for central management. It holds the orders of all
 * callers that came together, so that one signature of each authority stands for all of them; central management decides on each order.
 */
import { mapKey } from '../kit/bytes.ts';
import { type CborValue, CborWriter, encodeCbor, encodeMap } from '../kit/encoding.ts';
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
import { type Decoded, decodeClaims, preparePayload, recordType } from './cose.ts';
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
  return preparePayload(
    recordType.request,
    keyId,
    encodeMap([
      [claim.issuer, encodeCbor(request.issuer)],
      [claim.audience, encodeCbor(audience)],
      [claim.expiresAt, encodeCbor(request.expiresAt)],
      [claim.issuedAt, encodeCbor(request.issuedAt)],
      [claim.id, encodeCbor(request.id)],
      [claim.currency, encodeCbor(encodeCurrency(request.currency))],
      [claim.total, encodeCbor(request.total)],
      [claim.orders, encodeOrders(request.orders)],
      [claim.redeemUntil, encodeCbor(request.redeemUntil)],
      ...(request.reservation === undefined
        ? []
        : [[claim.issuedOf, encodeCbor(request.reservation)] as const]),
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
  return sumOrders([{ lots }]);
}

/** Units of all orders and their sum, in minor units. */
export function sumOrders(orders: readonly Pick<Order, 'lots'>[]): { total: bigint; count: number } {
  let total = 0n;
  let count = 0;
  for (const { lots } of orders) {
    for (const lot of lots) {
      total += lot.count === 1 ? lot.value : lot.value * BigInt(lot.count);
      count += lot.count;
    }
  }
  return { total, count };
}

/** The lots of the orders in their order: what the units of a batch follow from. */
export function lotsOf(orders: readonly Pick<Order, 'lots'>[]): Lot[] {
  return orders.flatMap(({ lots }) => lots);
}

/** There may be 65,536 of them. */
function encodeOrders(orders: readonly Order[]): Uint8Array {
  const writer = new CborWriter().array(orders.length);
  for (const { id, purpose, origin, destination, lots } of orders) {
    writer.array(5).byteString(id).text(purpose).text(origin).text(destination).array(lots.length);
    for (const { value, count, owner } of lots)
      writer.array(3).integer(value).integer(count).byteString(owner);
  }
  return writer.finish();
}

const countryAccepted = 'two capital letters of ISO 3166';

function readOrders(reader: ClaimReader): readonly Order[] {
  const items = reader.list(claim.orders, 'orders');
  if (items.length === 0) reader.fail('orders', 'at least one order');
  const seen = new Set<string>();
  return items.map((item, index): Order => {
    reader.enter('orders', index);
    const [id, purpose, origin, destination, lots] = reader.listOf(item, '', 5);
    const order = {
      id: reader.bytesOf(id, 'id', 16),
      purpose: reader.textOf(purpose, 'purpose', purposePattern, 'text of at most 140 characters'),
      origin: reader.textOf(origin, 'origin', countryPattern, countryAccepted),
      destination: reader.textOf(destination, 'destination', countryPattern, countryAccepted),
      lots: readLots(reader, lots),
    };
    const key = mapKey(order.id);
    if (seen.has(key)) reader.fail('id', 'an id that no other order of the request has');
    seen.add(key);
    reader.leave();
    return order;
  });
}

function readLots(reader: ClaimReader, value: CborValue | undefined): readonly Lot[] {
  const items = reader.listOf(value, 'lots');
  if (items.length === 0) reader.fail('lots', 'at least one lot');
  return items.map((item, index): Lot => {
    reader.enter('lots', index);
    const [amount, count, owner] = reader.listOf(item, '', 3);
    const lot = {
      value: reader.amountOf(amount, 'value'),
      count: reader.integerOf(count, 'count', 1),
      owner: reader.bytesOf(owner, 'owner', 32),
    };
    reader.leave();
    return lot;
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
