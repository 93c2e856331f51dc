/** The generation request: what an issuer asks for, signed by its issuance system, for central management. */
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

export interface Request {
  /** UUIDv7, 16 bytes: the idempotency key. */
  readonly id: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly currency: Currency;
  readonly total: bigint;
  readonly lots: readonly Lot[];
  readonly purpose: string;
  readonly origin: string;
  readonly destination: string;
  readonly redeemUntil: number;
}

const audience = 'central';
const countryPattern = /^[A-Z]{2}$/;
/** Any text of up to 140 characters without control characters and lone surrogates, which have no UTF-8. */
export const purposePattern = /^[^\p{Cc}\p{Cs}]{0,140}$/u;

/** The bytes to be signed of a request; asserts that its denominations add up. */
export function encodeRequest(request: Request, keyId: Uint8Array): Uint8Array {
  assert(sumLots(request.lots).total === request.total, 'denominations add up to the total');
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
      [claim.lots, request.lots.map((lot) => [lot.value, lot.count, lot.owner])],
      [claim.purpose, request.purpose],
      [claim.origin, request.origin],
      [claim.destination, request.destination],
      [claim.redeemUntil, request.redeemUntil],
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
      lots: readLots(reader),
      purpose: reader.text(claim.purpose, 'purpose', purposePattern, 'text of at most 140 characters'),
      origin: reader.text(claim.origin, 'origin', countryPattern, 'two capital letters of ISO 3166'),
      destination: reader.text(
        claim.destination,
        'destination',
        countryPattern,
        'two capital letters of ISO 3166',
      ),
      redeemUntil: reader.time(claim.redeemUntil, 'redeemUntil'),
    };
    if (request.expiresAt <= request.issuedAt) reader.fail('expiresAt', 'a time after `issuedAt`');
    if (request.redeemUntil <= request.issuedAt) reader.fail('redeemUntil', 'a time after `issuedAt`');
    const { total, count } = sumLots(request.lots);
    if (count > unitLimit) reader.fail('lots', `at most ${unitLimit} units, not ${count},`, 'too_many_units');
    if (total !== request.total) {
      reader.fail(
        'lots',
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

function readLots(reader: ClaimReader): readonly Lot[] {
  return reader.list(claim.lots, 'lots').map((item, index): Lot => {
    const [value, count, owner] = reader.listOf(item, `lots[${index}]`, 3);
    if (!(owner instanceof Uint8Array) || owner.length !== 32)
      reader.fail(`lots[${index}].owner`, 'a commitment of 32 bytes');
    return {
      value: reader.amountOf(value, `lots[${index}].value`),
      count: reader.integerOf(count, `lots[${index}].count`, 1),
      owner: owner instanceof Uint8Array ? owner : new Uint8Array(32),
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
