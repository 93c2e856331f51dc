/** The transfer: the key of an account has an amount leave the account, to another one or to be retired for good. */
import { equalBytes } from '../kit/bytes.ts';
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import type { RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import {
  checkOwnerKey,
  encodeInstruction,
  type OwnerInstruction,
  readInstruction,
} from './owner-instruction.ts';

/** An account is the id of a key: what leaves it is signed by that key. */
export type Transfer = OwnerInstruction;

/** The bytes that the account's key signs. */
export function encodeTransfer(transfer: Transfer): Uint8Array {
  return prepareClaims(
    recordType.transfer,
    transfer.ownerKey.keyId,
    new Map<number, CborValue>(encodeInstruction(transfer)),
  );
}

export function decodeTransfer(bytes: Uint8Array): Result<Decoded<Transfer>, RecordErrorCode> {
  return checkOwnerKey(
    decodeClaims(bytes, recordType.transfer, (reader) => {
      const transfer = readInstruction(reader);
      const { creditTo, ownerKey } = transfer;
      if (creditTo !== null && equalBytes(creditTo, ownerKey.keyId))
        reader.fail('creditTo', 'null, or another account than the one that is debited');
      return reader.finish(transfer);
    }),
  );
}
