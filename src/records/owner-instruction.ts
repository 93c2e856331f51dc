/** What a retirement and a transfer have in common: an owner's signed word to quota control that an amount leaves it. */
import { equalBytes, sha256 } from '../kit/bytes.ts';
import type { CborValue } from '../kit/encoding.ts';
import { type Result, refuse } from '../kit/result.ts';
import {
  type ClaimReader,
  type Currency,
  claim,
  nameAccepted,
  namePattern,
  type RecordErrorCode,
} from './claims.ts';
import type { Decoded } from './cose.ts';
import { readKey } from './key-claim.ts';
import { readReason } from './quota-change.ts';
import { encodeCurrency, readCurrency } from './request.ts';
import { encodeCoseKey, type VerificationKey } from './signature.ts';

export interface OwnerInstruction {
  /** UUIDv7, 16 bytes: for ever of this instruction. */
  readonly id: Uint8Array;
  /** Whose currency it is. */
  readonly issuer: string;
  readonly issuedAt: number;
  /** Nothing is accepted for the first time after it. */
  readonly expiresAt: number;
  readonly currency: Currency;
  readonly total: bigint;
  /** Signs it. */
  readonly ownerKey: VerificationKey;
  /** The account that is credited, 32 bytes; null where the amount is retired for good. */
  readonly creditTo: Uint8Array | null;
  readonly reason: string;
}

const audience = 'quota';

export function encodeInstruction(instruction: OwnerInstruction): [number, CborValue][] {
  return [
    [claim.subject, instruction.issuer],
    [claim.audience, audience],
    [claim.expiresAt, instruction.expiresAt],
    [claim.issuedAt, instruction.issuedAt],
    [claim.id, instruction.id],
    [claim.currency, encodeCurrency(instruction.currency)],
    [claim.total, instruction.total],
    [claim.ownerKey, encodeCoseKey(instruction.ownerKey.point)],
    [claim.creditTo, instruction.creditTo],
    [claim.reason, instruction.reason],
  ];
}

export function readInstruction(reader: ClaimReader): OwnerInstruction {
  reader.exactText(claim.audience, 'audience', audience);
  const instruction = {
    id: reader.bytes(claim.id, 'id', 16),
    issuer: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
    issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
    expiresAt: reader.time(claim.expiresAt, 'expiresAt'),
    currency: readCurrency(reader),
    total: reader.amount(claim.total, 'total'),
    ownerKey: readKey(reader, reader.take(claim.ownerKey, 'ownerKey'), 'ownerKey'),
    creditTo: readAccount(reader),
    reason: readReason(reader, reader.take(claim.reason, 'reason')),
  };
  if (instruction.expiresAt <= instruction.issuedAt) reader.fail('expiresAt', 'a time after `issuedAt`');
  return instruction;
}

export function readAccount(reader: ClaimReader): Uint8Array | null {
  const account = reader.take(claim.creditTo, 'creditTo');
  return account === null ? null : reader.bytesOf(account, 'creditTo', 32);
}

/** Holds the key in the claims against the one that the record says it is signed by. */
export function checkOwnerKey<T extends OwnerInstruction>(
  decoded: Result<Decoded<T>, RecordErrorCode>,
): Result<Decoded<T>, RecordErrorCode> {
  if (!decoded.ok || equalBytes(decoded.value.keyId, decoded.value.record.ownerKey.keyId)) return decoded;
  return refuse(
    'record_malformed',
    'ownerKey: the key that the record names in its header is accepted',
    'ownerKey',
  );
}

/**
 * What a retirement or transfer is known by: SHA-256 over the bytes that its owner signs, which name the owner's key. Not over the
 * signature: (r, n - s) verifies wherever (r, s) does, so whoever carries a record can make another one of it.
 */
export function instructionHash({ toBeSigned }: Decoded<OwnerInstruction>): Uint8Array {
  return sha256(toBeSigned);
}

/** Whether a ledger or a receipt means this one: those of before had the hash of the whole record, signature and all. */
export function namesInstruction(hash: Uint8Array, decoded: Decoded<OwnerInstruction>): boolean {
  return equalBytes(hash, instructionHash(decoded)) || equalBytes(hash, sha256(decoded.bytes));
}
