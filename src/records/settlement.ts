/**
 * The settlement: quota control's receipt. It says that a retirement or a transfer was carried out, and whether its amount came back to
 * the quota.
 */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import {
  type ClaimReader,
  type Currency,
  claim,
  nameAccepted,
  namePattern,
  type RecordErrorCode,
} from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { readAccount } from './owner-instruction.ts';
import { encodeCurrency, readCurrency } from './request.ts';
import { retiredUnitLimit } from './retirement.ts';

export interface SettlementRecord {
  /** Of the retirement or the transfer. */
  readonly id: Uint8Array;
  /** What it is known by (`instructionHash`), 32 bytes. */
  readonly settledHash: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  readonly currency: Currency;
  readonly total: bigint;
  /** Units that it spent; 0 of a transfer. */
  readonly count: number;
  /** The account that was credited, or null where the amount is retired for good. */
  readonly creditTo: Uint8Array | null;
  /** What came back to the quota: the total or 0. INVARIANT: 0 where an account was credited, for that is outstanding still. */
  readonly returned: bigint;
}

export function encodeSettlement(settlement: SettlementRecord, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.settlement,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, 'quota'],
      [claim.subject, settlement.issuer],
      [claim.issuedAt, settlement.issuedAt],
      [claim.id, settlement.id],
      [claim.settledHash, settlement.settledHash],
      [claim.currency, encodeCurrency(settlement.currency)],
      [claim.total, settlement.total],
      [claim.count, settlement.count],
      [claim.creditTo, settlement.creditTo],
      [claim.returned, settlement.returned],
    ]),
  );
}

export function decodeSettlement(bytes: Uint8Array): Result<Decoded<SettlementRecord>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.settlement, (reader) => {
    reader.exactText(claim.issuer, 'issuer', 'quota');
    const total = reader.amount(claim.total, 'total');
    const creditTo = readAccount(reader);
    const count = reader.integer(claim.count, 'count');
    if (count > retiredUnitLimit) reader.fail('count', `an integer from 0 to ${retiredUnitLimit}`);
    return reader.finish({
      id: reader.bytes(claim.id, 'id', 16),
      settledHash: reader.bytes(claim.settledHash, 'settledHash', 32),
      issuer: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      currency: readCurrency(reader),
      total,
      count,
      creditTo,
      returned: readReturned(reader, total, creditTo),
    });
  });
}

function readReturned(reader: ClaimReader, total: bigint, creditTo: Uint8Array | null): bigint {
  const value = reader.take(claim.returned, 'returned');
  const returned = typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : undefined;
  if (returned === 0n || (returned === total && creditTo === null)) return returned;
  reader.fail('returned', creditTo === null ? `0 or the total, ${total},` : '0 where an account is credited');
  return 0n;
}
