/**
 * The retirement: the owner of units takes them out of circulation, for good or to have an account credited. It names each unit by the
 * hash that the unit has as a leaf of its tree, so that it cannot be used for others.
 */
import { toHex } from '../kit/bytes.ts';
import type { CborValue } from '../kit/encoding.ts';
import { assert, type Result } from '../kit/result.ts';
import { type ClaimReader, claim, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import {
  checkOwnerKey,
  encodeInstruction,
  type OwnerInstruction,
  readInstruction,
} from './owner-instruction.ts';

/** The most units of one retirement. */
export const retiredUnitLimit = 4_096;

export interface Retirement extends OwnerInstruction {
  /** Leaf hashes (RFC 9162 §2.1.1), 32 bytes each, in ascending order, 1 to 4,096, none twice. */
  readonly units: readonly Uint8Array[];
}

/** The bytes that the owner's key signs; asserts that the units are in order. */
export function encodeRetirement(retirement: Retirement): Uint8Array {
  assert(isAscending(retirement.units), 'the units of a retirement are in ascending order');
  return prepareClaims(
    recordType.retirement,
    retirement.ownerKey.keyId,
    new Map<number, CborValue>([...encodeInstruction(retirement), [claim.units, retirement.units]]),
  );
}

export function decodeRetirement(bytes: Uint8Array): Result<Decoded<Retirement>, RecordErrorCode> {
  return checkOwnerKey(
    decodeClaims(bytes, recordType.retirement, (reader) =>
      reader.finish({ ...readInstruction(reader), units: readUnits(reader) }),
    ),
  );
}

function readUnits(reader: ClaimReader): readonly Uint8Array[] {
  const units = reader
    .list(claim.units, 'units')
    .map((item, index) => reader.bytesOf(item, `units[${index}]`, 32));
  if (units.length < 1 || units.length > retiredUnitLimit)
    reader.fail(
      'units',
      `a list of 1 to ${retiredUnitLimit} units, not of ${units.length},`,
      units.length < 1 ? 'record_malformed' : 'too_many_units',
    );
  if (!isAscending(units)) reader.fail('units', 'a list in ascending order that has each unit once');
  return units;
}

function isAscending(units: readonly Uint8Array[]): boolean {
  let last = '';
  return units.every((unit) => {
    const [before, text] = [last, toHex(unit)];
    last = text;
    return before < text;
  });
}
