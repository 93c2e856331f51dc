/** What a signed record says, decoded and explained; for a person to read. Nothing is verified here, and it says so. */
import { sha256, toHex } from '../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount, formatMoney } from './amount.ts';
import { describePolicy } from './approval-policy.ts';
import { decodeAuditStatement, describeStatement } from './audit-statement.ts';
import { decodeApproval } from './ceremony-approval.ts';
import { decodePlan, describeAction, planId } from './ceremony-plan.ts';
import { decodeTranscript } from './ceremony-transcript.ts';
import { type Currency, claim, type RecordErrorCode } from './claims.ts';
import { decodeClosing } from './closing.ts';
import { decodeControlBit } from './control-bit.ts';
import { decodeSign1, recordType } from './cose.ts';
import { decodeCredential } from './credential.ts';
import { decodeCurrencyRecord } from './currency.ts';
import { decodeDenial } from './denial.ts';
import { decodeJournalHead, describeHead } from './journal-head.ts';
import { decodeKeyAudit } from './key-audit.ts';
import { isoTime } from './key-ring.ts';
import { inspectQuotaApproval, inspectQuotaStop } from './quota-inspection.ts';
import { decodeRequest, type Lot, type Request, sumLots } from './request.ts';
import { formatUuid } from './request-id.ts';
import { inspectReservation } from './reservation-inspection.ts';
import type { Run } from './selection.ts';
import { inspectOwnerRecord } from './settlement-inspection.ts';
import { decodeTrustBundle, keySetId } from './trust-bundle.ts';

export interface Inspection {
  readonly kind: string;
  readonly explanation: string;
  /** In the record's order; `claim` is the CWT claim's number where there is one. */
  readonly fields: readonly { readonly name: string; readonly value: string; readonly claim?: number }[];
}

type Fields = Inspection['fields'];
const shownOrders = 8;

/** Decodes and explains a signed record of any type. */
export function inspectSigned(bytes: Uint8Array): Result<Inspection, RecordErrorCode> {
  const envelope = decodeSign1(bytes);
  if (!envelope.ok) return envelope;
  const signer: Fields = [
    { name: 'signed by key', value: toHex(envelope.value.keyId) },
    { name: 'SHA-256 of the record', value: toHex(sha256(bytes)) },
  ];
  const done = (kind: string, explanation: string, fields: Fields): Result<Inspection, RecordErrorCode> =>
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
        { name: 'total', value: formatMoney(record.total, record.currency), claim: claim.total },
        ...ordersOf(record),
        { name: 'redeem until', value: isoTime(record.redeemUntil), claim: claim.redeemUntil },
        ...(record.reservation === undefined
          ? []
          : [{ name: 'of reservation', value: formatUuid(record.reservation), claim: claim.issuedOf }]),
      ]);
    }
    case recordType.credential: {
      const decoded = decodeCredential(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done(
        'quota credential',
        'central management approves orders of one request, once and for minutes',
        [
          { name: 'credential id', value: toHex(record.id), claim: claim.id },
          { name: 'issuer', value: record.issuer, claim: claim.subject },
          { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
          { name: 'expires at', value: isoTime(record.expiresAt), claim: claim.expiresAt },
          { name: 'request hash', value: toHex(record.requestHash), claim: claim.requestHash },
          {
            name: 'approved orders',
            value: record.approved.map(describeRun).join(', '),
            claim: claim.approved,
          },
          { name: 'total', value: formatMoney(record.total, record.currency), claim: claim.total },
          { name: 'quota buckets', value: record.buckets.join(', '), claim: claim.buckets },
          {
            name: 'rule set',
            value: `version ${record.ruleSet.version}, ${toHex(record.ruleSet.hash)}`,
            claim: claim.ruleSet,
          },
          { name: 'decision trace', value: toHex(record.traceHash), claim: claim.traceHash },
        ],
      );
    }
    case recordType.controlBit: {
      const decoded = decodeControlBit(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('control bit', 'quota control took the quota for these units', [
        { name: 'request id', value: formatUuid(record.requestId), claim: claim.id },
        { name: 'issuer', value: record.issuer, claim: claim.subject },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        { name: 'orders', value: record.orders.map(describeRun).join(', '), claim: claim.approved },
        { name: 'epoch and sequence', value: `${record.epoch}, ${record.sequence}`, claim: claim.sequence },
        { name: 'Merkle root', value: toHex(record.root) },
        { name: 'units', value: String(record.count), claim: claim.count },
        { name: 'total', value: formatMoney(record.total, record.currency), claim: claim.total },
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
        { name: 'total', value: formatMoney(record.total, record.currency), claim: claim.total },
        { name: 'control bit hash', value: toHex(record.controlBitHash), claim: claim.controlBitHash },
      ]);
    }
    case recordType.denial: {
      const decoded = decodeDenial(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('denial', 'central management refuses orders of a request; nothing was consumed', [
        { name: 'request id', value: formatUuid(record.requestId), claim: claim.id },
        { name: 'issuer', value: record.issuer, claim: claim.audience },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
        ...record.denials.slice(0, shownOrders).map(({ order, reasons, wouldPass }) => ({
          name: `order ${order}`,
          value: `${reasons.join(', ')}; would pass: ${wouldPass === null ? 'nothing that is known' : `${wouldPass} minor units`}`,
          claim: claim.denials,
        })),
        { name: 'orders denied', value: String(record.denials.length), claim: claim.denials },
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
    case recordType.auditStatement: {
      const decoded = decodeAuditStatement(bytes);
      if (!decoded.ok) return decoded;
      const fields = describeStatement(decoded.value.record);
      return done('audit statement', 'an auditor signs the report of an audit', fields);
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
    case recordType.quotaApproval:
    case recordType.quotaStop: {
      const inspect = envelope.value.type === recordType.quotaStop ? inspectQuotaStop : inspectQuotaApproval;
      const record = inspect(bytes);
      return record.ok ? done(record.value.kind, record.value.explanation, record.value.fields) : record;
    }
    case recordType.retirement:
    case recordType.transfer:
    case recordType.settlement: {
      const record = inspectOwnerRecord(envelope.value.type, bytes);
      return record.ok ? done(record.value.kind, record.value.explanation, record.value.fields) : record;
    }
    case recordType.closing: {
      const decoded = decodeClosing(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return done('closing', 'issuance says that it has issued nothing in a request, and never will', [
        { name: 'request id', value: formatUuid(record.requestId), claim: claim.id },
        { name: 'issuer', value: record.issuer, claim: claim.issuer },
        { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
      ]);
    }
    case recordType.reservationRequest:
    case recordType.reservation:
    case recordType.reservationRelease: {
      const record = inspectReservation(envelope.value.type, bytes);
      return record.ok ? done(record.value.kind, record.value.explanation, record.value.fields) : record;
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

/** The actions of a ceremony plan, each in words; of bytes that are none, nothing. */
export function planActions(bytes: Uint8Array): Fields {
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

/** The first orders of a request, and how many there are. */
function ordersOf({ orders, currency }: Request): Fields {
  return [
    { name: 'orders', value: String(orders.length), claim: claim.orders },
    ...orders.slice(0, shownOrders).flatMap((order, index) => [
      { name: `order ${index}`, value: formatUuid(order.id), claim: claim.orders },
      { name: '  lots', value: lots(order.lots, currency) },
      { name: '  purpose', value: order.purpose },
      { name: '  from, to', value: `${order.origin}, ${order.destination}` },
    ]),
  ];
}

function describeRun({ first, count }: Run): string {
  return count === 1 ? String(first) : `${first} to ${first + count - 1}`;
}

function lots(list: readonly Lot[], currency: Currency): string {
  const shown = list.slice(0, 8).map((lot) => `${lot.count} x ${formatAmount(lot.value, currency)}`);
  const rest = list.length > 8 ? ` and ${list.length - 8} more lots` : '';
  return `${sumLots(list).count} units: ${shown.join(', ')}${rest}`;
}
