/** What the files of quota changes say, for `ringmint inspect`. */
import { toHex } from '../kit/bytes.ts';
import { type Result, succeed } from '../kit/result.ts';
import { claim, type RecordErrorCode } from './claims.ts';
import { isoTime } from './key-ring.ts';
import { decodeQuotaApproval } from './quota-approval.ts';
import { changeId, decodeChange } from './quota-change.ts';
import { describeChange } from './quota-description.ts';
import { decodeStop } from './quota-stop.ts';
import type { Inspection } from './signed-inspection.ts';

export function inspectQuotaChange(bytes: Uint8Array): Result<Inspection, RecordErrorCode> {
  const decoded = decodeChange(bytes);
  if (!decoded.ok) return decoded;
  const { madeAt, expiresAt } = decoded.value;
  return succeed({
    kind: 'quota change',
    explanation:
      'what is to become of a quota, that issuing starts again, or that a journal is anchored anew; two people or more approve it',
    fields: [
      { name: 'change id', value: toHex(changeId(bytes)) },
      { name: 'made at', value: isoTime(madeAt) },
      { name: 'expires at', value: isoTime(expiresAt) },
      ...describeChange(decoded.value).map((value, index) => ({ name: `says ${index + 1}`, value })),
    ],
  });
}

export function inspectQuotaApproval(bytes: Uint8Array): Result<Inspection, RecordErrorCode> {
  const decoded = decodeQuotaApproval(bytes);
  if (!decoded.ok) return decoded;
  const { record } = decoded.value;
  return succeed({
    kind: 'quota approval',
    explanation: 'an approver approves one change of a quota',
    fields: [
      { name: 'approver', value: record.approver, claim: claim.subject },
      { name: 'change', value: toHex(record.changeId), claim: claim.changeId },
      { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
    ],
  });
}

export function inspectQuotaStop(bytes: Uint8Array): Result<Inspection, RecordErrorCode> {
  const decoded = decodeStop(bytes);
  if (!decoded.ok) return decoded;
  const { record } = decoded.value;
  return succeed({
    kind: 'quota stop',
    explanation: 'an approver has issuing stopped',
    fields: [
      { name: 'approver', value: record.approver, claim: claim.subject },
      { name: 'id', value: toHex(record.id), claim: claim.id },
      { name: 'reason', value: record.reason, claim: claim.reason },
      { name: 'issued at', value: isoTime(record.issuedAt), claim: claim.issuedAt },
    ],
  });
}
