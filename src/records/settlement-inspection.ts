/** What retirements, transfers and settlements say, for `ringmint inspect`. */
import { toHex } from '../kit/bytes.ts';
import { type Result, succeed } from '../kit/result.ts';
import { formatMoney } from './amount.ts';
import { claim, type RecordErrorCode } from './claims.ts';
import { type Decoded, recordType } from './cose.ts';
import { isoTime } from './key-ring.ts';
import { ownerOfKey } from './owner.ts';
import { instructionHash, type OwnerInstruction } from './owner-instruction.ts';
import { formatUuid } from './request-id.ts';
import { decodeRetirement, type Retirement } from './retirement.ts';
import { decodeRetirementFile } from './retirement-file.ts';
import { decodeSettlement } from './settlement.ts';
import type { Inspection } from './signed-inspection.ts';
import { decodeTransfer } from './transfer.ts';

const shownUnits = 8;

/** Of the three types, each by its own words. */
export function inspectOwnerRecord(
  type: typeof recordType.retirement | typeof recordType.transfer | typeof recordType.settlement,
  bytes: Uint8Array,
): Result<Inspection, RecordErrorCode> {
  switch (type) {
    case recordType.retirement:
      return inspectRetirement(bytes);
    case recordType.transfer:
      return inspectTransfer(bytes);
    case recordType.settlement:
      return inspectSettlement(bytes);
  }
}

function inspectRetirement(bytes: Uint8Array): Result<Inspection, RecordErrorCode> {
  const decoded = decodeRetirement(bytes);
  if (!decoded.ok) return decoded;
  return succeed({
    kind: 'retirement',
    explanation: 'an owner takes units out of circulation, each of them once',
    fields: [...retirementFields(decoded.value.record), knownBy(decoded.value)],
  });
}

function inspectTransfer(bytes: Uint8Array): Result<Inspection, RecordErrorCode> {
  const decoded = decodeTransfer(bytes);
  if (!decoded.ok) return decoded;
  return succeed({
    kind: 'transfer',
    explanation: 'an amount leaves the account of the key that signs',
    fields: [...instructionFields(decoded.value.record), knownBy(decoded.value)],
  });
}

function inspectSettlement(bytes: Uint8Array): Result<Inspection, RecordErrorCode> {
  const decoded = decodeSettlement(bytes);
  if (!decoded.ok) return decoded;
  const { record } = decoded.value;
  return succeed({
    kind: 'settlement',
    explanation: "quota control's receipt of a retirement or a transfer that it carried out",
    fields: [
      { name: 'id of what was settled', value: formatUuid(record.id), claim: claim.id },
      {
        name: 'SHA-256 of what the owner signed',
        value: toHex(record.settledHash),
        claim: claim.settledHash,
      },
      { name: 'issuer', value: record.issuer, claim: claim.subject },
      { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
      { name: 'total', value: formatMoney(record.total, record.currency), claim: claim.total },
      { name: 'units spent', value: String(record.count), claim: claim.count },
      { name: 'credited to', value: describeAccount(record.creditTo), claim: claim.creditTo },
      {
        name: 'came back to the quota',
        value: formatMoney(record.returned, record.currency),
        claim: claim.returned,
      },
    ],
  });
}

export function inspectRetirementFile(bytes: Uint8Array): Result<Inspection, RecordErrorCode> {
  const decoded = decodeRetirementFile(bytes);
  if (!decoded.ok) return decoded;
  const { retirement, files } = decoded.value;
  return succeed({
    kind: 'retirement file',
    explanation: `a retirement with ${files.length} ${files.length === 1 ? 'file' : 'files'} of currency and what opens the owner commitments: keep it to yourself; the retirement says: (decoded, not verified)`,
    fields: [...retirementFields(retirement.record), knownBy(retirement)],
  });
}

function retirementFields(record: Retirement): Inspection['fields'] {
  return [
    ...instructionFields(record),
    { name: 'units', value: String(record.units.length), claim: claim.units },
    ...record.units
      .slice(0, shownUnits)
      .map((unit, index) => ({ name: `unit ${index + 1}`, value: toHex(unit), claim: claim.units })),
  ];
}

function instructionFields(record: OwnerInstruction): Inspection['fields'] {
  return [
    { name: 'id', value: formatUuid(record.id), claim: claim.id },
    { name: 'issuer', value: record.issuer, claim: claim.subject },
    { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
    { name: 'expires at', value: isoTime(record.expiresAt), claim: claim.expiresAt },
    { name: 'owner', value: ownerOfKey(record.ownerKey.keyId), claim: claim.ownerKey },
    { name: 'total', value: formatMoney(record.total, record.currency), claim: claim.total },
    { name: 'credit to', value: describeAccount(record.creditTo), claim: claim.creditTo },
    { name: 'reason', value: record.reason, claim: claim.reason },
  ];
}

/** The receipt names it. */
function knownBy(decoded: Decoded<OwnerInstruction>): Inspection['fields'][number] {
  return { name: 'SHA-256 of what is signed', value: toHex(instructionHash(decoded)) };
}

function describeAccount(account: Uint8Array | null): string {
  return account === null ? 'nobody: retired for good' : ownerOfKey(account);
}
