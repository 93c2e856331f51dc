/** What any record or container says, decoded and explained; for a person to read. Nothing is verified here, and it says so. */
import { toHex } from '../kit/bytes.ts';
import { type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { formatMoney } from './amount.ts';
import { ceremonyPlanKind, decodePlan, planId } from './ceremony-plan.ts';
import type { RecordErrorCode } from './claims.ts';
import { decodeControlBit } from './control-bit.ts';
import { isSign1 } from './cose.ts';
import { currencyFileItems, currencyFileKind, decodeCurrencyFile, describeUnits } from './currency-file.ts';
import { decodeDraft } from './draft.ts';
import { decodeEnvelope, encryptedCredentialType } from './encryption.ts';
import { isoTime } from './key-ring.ts';
import { quotaChangeKind } from './quota-change.ts';
import { inspectQuotaChange } from './quota-inspection.ts';
import { formatUuid } from './request-id.ts';
import { retirementFileKind } from './retirement-file.ts';
import { inspectRetirementFile } from './settlement-inspection.ts';
import { type Inspection, inspectSigned, planActions } from './signed-inspection.ts';
import { decodeUnit } from './unit.ts';
import { decodeUnitFile, unitFileKind } from './unit-file.ts';

export type InspectionCode = RecordErrorCode | 'file_empty' | 'file_unknown';

/** Decodes and explains any record or container of Ringmint's; `file_unknown` for everything else. */
export function inspectRecord(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  const inspected = inspectAny(bytes);
  if (!inspected.ok) return inspected;
  // What is shown may be on a terminal, which obeys control characters.
  const fields = inspected.value.fields.map((field) => ({
    ...field,
    value: field.value.replaceAll(/\p{Cc}/gu, '?'),
  }));
  return succeed({ ...inspected.value, fields });
}

function inspectAny(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  if (bytes.length === 0) return refuse('file_empty', 'the file is empty');
  if (isSign1(bytes)) return inspectSigned(bytes);
  if (bytes[0] === 0xd8 && bytes[1] === 0x60) return inspectEncrypted(bytes);
  if (currencyFileItems.some((items) => startsWith(bytes, currencyFileKind, items)))
    return inspectCurrencyFile(bytes);
  if (startsWith(bytes, unitFileKind)) return inspectUnitFile(bytes);
  if (startsWith(bytes, retirementFileKind)) return inspectRetirementFile(bytes);
  if (startsWith(bytes, ceremonyPlanKind, 6)) return inspectPlan(bytes);
  if (startsWith(bytes, quotaChangeKind, 6)) return inspectQuotaChange(bytes);
  // CBOR, or JSON with what may stand before its brace.
  if ([0x8a, 0x7b, 0xef, 0x20, 0x09, 0x0a, 0x0d].includes(bytes[0] ?? 0)) return inspectDraft(bytes);
  if (bytes[0] === 0x8d) return inspectUnit(bytes);
  return unknown();
}

function unknown(): Refusal<'file_unknown'> {
  return refuse(
    'file_unknown',
    'not a file of Ringmint: a signed record, a currency file, a unit file, a retirement file, a draft, a trust bundle or a file of a ceremony or a quota change is accepted',
  );
}

/** An array of `items` that begins with the text `kind`, of 23 characters at most. */
function startsWith(bytes: Uint8Array, kind: string, items = 5): boolean {
  return bytes[0] === 0x80 + items && new TextDecoder().decode(bytes.subarray(2, 2 + kind.length)) === kind;
}

function inspectPlan(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  const plan = decodePlan(bytes);
  if (!plan.ok) return plan;
  const { startsFrom, madeAt, expiresAt } = plan.value;
  return succeed({
    kind: 'ceremony plan',
    explanation: 'what is to be done to the keys; it does nothing before it is approved and carried out',
    fields: [
      { name: 'plan', value: toHex(planId(bytes)) },
      { name: 'starts from trust bundle', value: toHex(startsFrom) },
      { name: 'made at', value: isoTime(madeAt) },
      { name: 'expires at', value: isoTime(expiresAt) },
      ...planActions(bytes),
    ],
  });
}

function inspectEncrypted(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  const envelope = decodeEnvelope(bytes, encryptedCredentialType);
  if (!envelope.ok)
    return envelope.code === 'key_mismatch' || envelope.code === 'decryption_failed'
      ? unknown()
      : refuse(envelope.code, envelope.message);
  return succeed({
    kind: 'encrypted credential',
    explanation: 'a quota credential that only quota control can read, with the key in its HSM',
    fields: [
      { name: 'encrypted to key', value: toHex(envelope.value.keyId) },
      {
        name: 'ciphertext',
        value: `${envelope.value.ciphertext.length} bytes, A256GCM under ECDH-ES + HKDF-256`,
      },
    ],
  });
}

function inspectCurrencyFile(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  const file = decodeCurrencyFile(bytes);
  if (!file.ok) return file;
  const { first, leaves } = file.value;
  const bit = decodeControlBit(file.value.controlBit);
  if (!bit.ok) return bit;
  const controlBit = inspectSigned(file.value.controlBit);
  if (!controlBit.ok) return controlBit;
  const { count } = bit.value.record;
  const held =
    count === leaves.length ? `all ${count} units` : `${describeUnits(first, leaves.length)} of ${count}`;
  return succeed({
    kind: 'currency file',
    explanation: `${held} of a batch, with both authorities' records; the control bit says: (decoded, not verified)`,
    fields: controlBit.value.fields,
  });
}

function inspectUnitFile(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  const file = decodeUnitFile(bytes);
  if (!file.ok) return file;
  const unit = inspectUnit(file.value.leaf);
  if (!unit.ok) return unit;
  return succeed({
    kind: 'unit file',
    explanation: `unit ${file.value.index} of a batch of ${file.value.size}, with a receipt of each authority (decoded, not verified)`,
    fields: unit.value.fields,
  });
}

function inspectUnit(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  const decoded = decodeUnit(bytes);
  if (!decoded.ok) return decoded;
  const unit = decoded.value;
  return succeed({
    kind: 'unit',
    explanation: 'one unit of currency, a leaf of the tree that both authorities signed',
    fields: [
      { name: 'value', value: formatMoney(unit.value, unit.currency) },
      { name: 'serial', value: `${unit.epoch}.${unit.sequence}.${unit.index}` },
      { name: 'owner commitment', value: toHex(unit.owner) },
      { name: 'reservation', value: toHex(unit.reservation) },
      { name: 'key set', value: toHex(unit.keySet) },
      { name: 'not before', value: isoTime(unit.notBefore) },
      { name: 'redeem until', value: isoTime(unit.redeemUntil) },
      { name: 'salt', value: toHex(unit.salt) },
    ],
  });
}

function inspectDraft(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  const decoded = decodeDraft(bytes);
  if (!decoded.ok) return unknownDraft(decoded.message);
  const draft = decoded.value;
  const units = draft.lots.reduce((sum, lot) => sum + lot.count, 0);
  return succeed({
    kind: 'draft',
    explanation: 'what is asked for, before issuance makes a signed request of it',
    fields: [
      {
        name: 'request id',
        value: draft.id === undefined ? 'none yet: `ringmint request` makes one' : formatUuid(draft.id),
      },
      { name: 'total', value: formatMoney(draft.total, draft.currency) },
      { name: 'units', value: `${units} in ${draft.lots.length} lots` },
      { name: 'purpose', value: draft.purpose },
      { name: 'origin', value: draft.origin },
      { name: 'destination', value: draft.destination },
    ],
  });
}

function unknownDraft(message: string): Refusal<'file_unknown'> {
  return refuse('file_unknown', `not a file of Ringmint; as a draft: ${message}`);
}
