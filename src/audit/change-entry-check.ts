/** The entry of a change, in whichever ledger it is: a change under its own id, carried out once, by approvals that carry it. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { isoTime } from '../records/key-ring.ts';
import { changeId, decodeChange, type QuotaAction, type QuotaChange } from '../records/quota-change.ts';
import { faultOfApprovals } from './approval-check.ts';
import type { ChangeEntry } from './entry.ts';
import { type AuditContext, report, type System } from './system.ts';

export interface CarriedOut {
  readonly change: QuotaChange;
  /** Whether approvals carry it. */
  readonly approved: boolean;
}

/**
 * Reports what is wrong with it, and adds its id, hex, to those that were `carriedOut`; `undefined` where it is no change. Of those that
 * `isElsewhere` is true of, approvals are held against the trust bundle elsewhere, and not reported here.
 */
export function checkChangeEntry(
  context: AuditContext,
  system: System,
  entry: ChangeEntry,
  carriedOut: Set<string>,
  isElsewhere: (action: QuotaAction) => boolean = () => false,
): CarriedOut | undefined {
  const { change, id, sequence, createdMs } = entry;
  const decoded = decodeChange(change);
  if (!decoded.ok || !equalBytes(changeId(change), id)) {
    const found = decoded.ok ? 'a change under the id of another' : decoded.message;
    report(context, system, sequence, 'change_invalid', found, 'a change as it was approved');
    return undefined;
  }
  const name = toHex(id);
  if (carriedOut.has(name))
    report(
      context,
      system,
      sequence,
      'entry_repeated',
      'a change that was carried out before',
      'each change once',
    );
  carriedOut.add(name);
  const fault = faultOfApprovals(context, entry);
  if (fault !== undefined && !isElsewhere(decoded.value.action))
    report(
      context,
      system,
      sequence,
      'change_unproven',
      `the approvals do not carry it: ${fault}`,
      `the approvals that the trust bundle of ${isoTime(Math.floor(createdMs / 1000))} asks for; where that one is not given to the audit, give it with --trust`,
    );
  return { change: decoded.value, approved: fault === undefined };
}
