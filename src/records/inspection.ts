/** What any record says, decoded and explained; for a person to read. Nothing is verified here, and it says so. */
import { sha256, toHex } from '../kit/bytes.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount } from './amount.ts';
import { describePolicy } from './approval-policy.ts';
import { decodeApproval } from './ceremony-approval.ts';
import { ceremonyPlanKind, decodePlan, describeAction, planId } from './ceremony-plan.ts';
import { decodeTranscript } from './ceremony-transcript.ts';
import { type Currency, claim, type RecordErrorCode } from './claims.ts';
import { decodeControlBit } from './control-bit.ts';
import { decodeSign1, recordType } from './cose.ts';
import { decodeCredential } from './credential.ts';
import { decodeCurrencyRecord } from './currency.ts';
import { currencyFileKind, decodeCurrencyFile } from './currency-file.ts';
import { decodeDenial } from './denial.ts';
import { decodeDraft } from './draft.ts';
import { decodeEnvelope, encryptedCredentialType } from './encryption.ts';
import { decodeJournalHead, describeHead } from './journal-head.ts';
import { decodeKeyAudit } from './key-audit.ts';
import { isoTime } from './key-ring.ts';
import { decodeRequest, type Lot, sumLots } from './request.ts';
import { formatUuid } from './request-id.ts';
import { decodeTrustBundle, keySetId } from './trust-bundle.ts';
import { decodeUnit } from './unit.ts';
import { decodeUnitFile, unitFileKind } from './unit-file.ts';

export interface Inspection {
  readonly kind: string;
  readonly explanation: string;
  /** In the record's order; `claim` is the CWT claim's number where there is one. */
  readonly fields: readonly { readonly name: string; readonly value: string; readonly claim?: number }[];
}

export type InspectionCode = RecordErrorCode | 'file_empty' | 'file_unknown';

type Fields = Inspection['fields'];

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
  if (bytes[0] === 0xd2) return inspectSigned(bytes);
  if (bytes[0] === 0xd8 && bytes[1] === 0x60) return inspectEncrypted(bytes);
  if (startsWith(bytes, currencyFileKind)) return inspectCurrencyFile(bytes);
  if (startsWith(bytes, unitFileKind)) return inspectUnitFile(bytes);
  if (startsWith(bytes, ceremonyPlanKind, 6)) return inspectPlan(bytes);
  // CBOR, or JSON with what may stand before its brace.
  if ([0x8a, 0x7b, 0xef, 0x20, 0x09, 0x0a, 0x0d].includes(bytes[0] ?? 0)) return inspectDraft(bytes);
  if (bytes[0] === 0x8d) return inspectUnit(bytes);
  return unknown();
}

function unknown(): Refusal<'file_unknown'> {
  return refuse(
    'file_unknown',
    'not a file of Ringmint: a signed record, a currency file, a unit file, a draft, a trust bundle or a file of a ceremony is accepted',
  );
}

/** An array of `items` that begins with the text `kind`, of 23 characters at most. */
function startsWith(bytes: Uint8Array, kind: string, items = 5): boolean {
  return bytes[0] === 0x80 + items && new TextDecoder().decode(bytes.subarray(2, 2 + kind.length)) === kind;
}

function inspectSigned(bytes: Uint8Array): Result<Inspection, InspectionCode> {
  const envelope = decodeSign1(bytes);
  if (!envelope.ok) return envelope;
  const signer: Fields = [
    { name: 'signed by key', value: toHex(envelope.value.keyId) },
    { name: 'SHA-256 of the record', value: toHex(sha256(bytes)) },
  ];
  const done = (kind: string, explanation: string, fields: Fields): Result<Inspection, InspectionCode> =>
    succeed({ kind, explanation: `${explanation} (decoded, not verified)`, fields: [...fields, ...signer] });
  switch (envelope.value.type) {
    case recordType.request: {
      const decoded = decodeRequest(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('request', 'an issuer asks central management for currency', [
        { name: 'request id', value: formatUuid(record.id), claim: claim.id },
        { name: 'issuer', value: record.issuer, claim: claim.issuer },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        { name: 'expires at', value: isoTime(record.expiresAt), claim: claim.expiresAt },
        { name: 'total', value: money(record.total, record.currency), claim: claim.total },
        { name: 'lots', value: lots(record.lots, record.currency), claim: claim.lots },
        { name: 'purpose', value: record.purpose, claim: claim.purpose },
        { name: 'origin', value: record.origin, claim: claim.origin },
        { name: 'destination', value: record.destination, claim: claim.destination },
        { name: 'redeem until', value: isoTime(record.redeemUntil), claim: claim.redeemUntil },
      ]);
    }
    case recordType.credential: {
      const decoded = decodeCredential(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('quota credential', 'central management approves one request, once and for minutes', [
        { name: 'credential id', value: toHex(record.id), claim: claim.id },
        { name: 'issuer', value: record.issuer, claim: claim.subject },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        { name: 'expires at', value: isoTime(record.expiresAt), claim: claim.expiresAt },
        { name: 'request hash', value: toHex(record.requestHash), claim: claim.requestHash },
        { name: 'total', value: money(record.total, record.currency), claim: claim.total },
        { name: 'quota buckets', value: record.buckets.join(', '), claim: claim.buckets },
        {
          name: 'rule set',
          value: `version ${record.ruleSet.version}, ${toHex(record.ruleSet.hash)}`,
          claim: claim.ruleSet,
        },
        { name: 'decision trace', value: toHex(record.traceHash), claim: claim.traceHash },
      ]);
    }
    case recordType.controlBit: {
      const decoded = decodeControlBit(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('control bit', 'quota control took the quota for these units', [
        { name: 'request id', value: formatUuid(record.requestId), claim: claim.id },
        { name: 'issuer', value: record.issuer, claim: claim.subject },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        { name: 'epoch and sequence', value: `${record.epoch}, ${record.sequence}`, claim: claim.sequence },
        { name: 'Merkle root', value: toHex(record.root) },
        { name: 'units', value: String(record.count), claim: claim.count },
        { name: 'total', value: money(record.total, record.currency), claim: claim.total },
        { name: 'reservation', value: toHex(record.reservation), claim: claim.reservation },
        { name: 'request hash', value: toHex(record.requestHash), claim: claim.requestHash },
        { name: 'issuance key', value: toHex(record.issuanceKey), claim: claim.issuanceKey },
        { name: 'key set', value: toHex(record.keySet), claim: claim.keySet },
        { name: 'redeem until', value: isoTime(record.redeemUntil), claim: claim.redeemUntil },
      ]);
    }
    case recordType.currency: {
      const decoded = decodeCurrencyRecord(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('currency record', 'issuance signs the same root a second time', [
        { name: 'request id', value: formatUuid(record.requestId), claim: claim.id },
        { name: 'issuer', value: record.issuer, claim: claim.issuer },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        { name: 'epoch and sequence', value: `${record.epoch}, ${record.sequence}`, claim: claim.sequence },
        { name: 'Merkle root', value: toHex(record.root) },
        { name: 'units', value: String(record.count), claim: claim.count },
        { name: 'total', value: money(record.total, record.currency), claim: claim.total },
        { name: 'control bit hash', value: toHex(record.controlBitHash), claim: claim.controlBitHash },
      ]);
    }
    case recordType.denial: {
      const decoded = decodeDenial(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('denial', 'central management refuses a request; nothing was consumed', [
        { name: 'request id', value: formatUuid(record.requestId), claim: claim.id },
        { name: 'issuer', value: record.issuer, claim: claim.audience },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        { name: 'reasons', value: record.reasons.join(', '), claim: claim.reasons },
        {
          name: 'would pass',
          value: record.wouldPass === null ? 'nothing that is known' : `${record.wouldPass} minor units`,
          claim: claim.wouldPass,
        },
        { name: 'request hash', value: toHex(record.requestHash), claim: claim.requestHash },
        {
          name: 'rule set',
          value: `version ${record.ruleSet.version}, ${toHex(record.ruleSet.hash)}`,
          claim: claim.ruleSet,
        },
        { name: 'decision trace', value: toHex(record.traceHash), claim: claim.traceHash },
      ]);
    }
    case recordType.trustBundle: {
      const decoded = decodeTrustBundle(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('trust bundle', 'the keys of the three authorities, signed by the offline root', [
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        { name: 'expires at', value: isoTime(record.expiresAt), claim: claim.expiresAt },
        { name: 'revocation epoch', value: String(record.revocationEpoch), claim: claim.revocationEpoch },
        { name: 'root key', value: toHex(record.rootKey.keyId), claim: claim.rootKey },
        { name: 'key set', value: toHex(keySetId(record)), claim: claim.keySet },
        {
          name: 'approval of changes',
          value: record.approval === null ? 'nobody has to approve' : describePolicy(record.approval),
          claim: claim.approval,
        },
        ...(record.approval?.approvers ?? []).map(({ name, key }) => ({
          name: `approver ${name}`,
          value: toHex(key.keyId),
        })),
        ...record.keys.map((entry) => ({
          name: `${entry.role} key of ${entry.name}`,
          value: `${toHex(entry.key.keyId)}, ${isoTime(entry.notBefore)} to ${isoTime(entry.notAfter)}${entry.revokedAt === null ? '' : `, REVOKED from ${isoTime(entry.revokedAt)}`}`,
        })),
      ]);
    }
    case recordType.journalHead: {
      const decoded = decodeJournalHead(bytes);
      if (!decoded.ok) return decoded;
      const fields = describeHead(decoded.value.record);
      return done('journal head', 'how far the journal of a system was, in its own word', fields);
    }
    case recordType.keyAudit: {
      const decoded = decodeKeyAudit(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('key audit', `what the HSMs of ${record.role} say of its keys, signed by its current key`, [
        { name: 'role', value: record.role, claim: claim.issuer },
        { name: 'name', value: record.name, claim: claim.subject },
        { name: 'made at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        ...record.keys.map(({ keyId, hsm, label, token, attributes }) => ({
          name: `key ${toHex(keyId).slice(0, 16)} in ${hsm}: ${label}`,
          value: `token ${token.label} ${token.serial}: ${attributes.map(({ attribute, actual }) => `${attribute} ${actual ?? 'untold'}`).join(', ')}`,
        })),
      ]);
    }
    case recordType.ceremonyApproval: {
      const decoded = decodeApproval(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('ceremony approval', 'an approver approves one plan of a key ceremony', [
        { name: 'approver', value: record.approver, claim: claim.subject },
        { name: 'plan', value: toHex(record.planId), claim: claim.planId },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
      ]);
    }
    case recordType.ceremonyTranscript: {
      const decoded = decodeTranscript(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('ceremony transcript', 'what a key ceremony did: `ringmint ceremony verify` replays it', [
        { name: 'began at', value: isoTime(record.beganAt), claim: claim.beganAt },
        { name: 'ended at', value: isoTime(record.endedAt), claim: claim.issuedAt },
        { name: 'plan', value: toHex(planId(record.plan)), claim: claim.plan },
        ...planActions(record.plan),
        { name: 'approvals', value: approvers(record.approvals), claim: claim.approvals },
        {
          name: 'trust bundle before',
          value: toHex(sha256(record.bundleBefore)),
          claim: claim.bundleBefore,
        },
        { name: 'trust bundle after', value: toHex(sha256(record.bundleAfter)), claim: claim.bundleAfter },
        { name: 'new keys', value: String(record.madeKeys.length), claim: claim.madeKeys },
        ...record.madeKeys.map(({ key, hsm, label, proof }) => ({
          name: `${label} in ${hsm}`,
          value: `${toHex(key.keyId)}, ${proof === null ? 'without' : 'with'} a proof of possession`,
        })),
      ]);
    }
    default:
      return refuse(
        'record_type_mismatch',
        `a signed record of type ${quote(envelope.value.type)}, which is none of Ringmint's`,
      );
  }
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

function planActions(bytes: Uint8Array): Fields {
  const plan = decodePlan(bytes);
  if (!plan.ok) return [];
  return plan.value.actions.map((action, index) => ({
    name: `action ${index + 1}`,
    value: describeAction(action),
  }));
}

function approvers(approvals: readonly Uint8Array[]): string {
  if (approvals.length === 0) return 'none';
  return approvals
    .map(decodeApproval)
    .map((decoded) => (decoded.ok ? decoded.value.record.approver : decoded.code))
    .join(', ');
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
  const isControlBit = decodeControlBit(file.value.controlBit);
  if (!isControlBit.ok) return isControlBit;
  const controlBit = inspectSigned(file.value.controlBit);
  if (!controlBit.ok) return controlBit;
  return succeed({
    kind: 'currency file',
    explanation: `a batch of ${file.value.leaves.length} units with both authorities' records; the control bit says: (decoded, not verified)`,
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
      { name: 'value', value: money(unit.value, unit.currency) },
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
      { name: 'total', value: money(draft.total, draft.currency) },
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

function money(amount: bigint, currency: Currency): string {
  return `${formatAmount(amount, currency)} ${currency.code}`;
}

function lots(list: readonly Lot[], currency: Currency): string {
  const shown = list.slice(0, 8).map((lot) => `${lot.count} x ${formatAmount(lot.value, currency)}`);
  const rest = list.length > 8 ? ` and ${list.length - 8} more lots` : '';
  return `${sumLots(list).count} units: ${shown.join(', ')}${rest}`;
}
