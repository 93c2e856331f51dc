/** Anchors that were set anew: what people approved to be given up of a journal is not held against it. */
import type { PlacedEntry } from '../journal/extract.ts';
import { equalBytes } from '../kit/bytes.ts';
import { changeId, decodeChange, journalsOf } from '../records/quota-change.ts';
import { faultOfApprovals } from './approval-check.ts';
import type { ChangeEntry } from './entry.ts';
import type { KnownJournal } from './heads.ts';
import { type AuditContext, makeFind, type System } from './system.ts';

/**
 * Gives up what an approved change says, of the journal that it is in, and of the others of the ledger. Of issuance it is all that a change
 * may be, but for the release of what it holds against quota control; what one makes of quotas and of accounts, and its approvals there,
 * their replays look at.
 */
export function checkAnchorChange(
  context: AuditContext,
  system: System,
  entry: ChangeEntry,
  { journal: place }: PlacedEntry,
  journals: readonly KnownJournal[],
): void {
  const find = makeFind(context, system, entry.sequence);
  const decoded = decodeChange(entry.change);
  const action = decoded.ok ? decoded.value.action : undefined;
  const id = system.extract.header.journals[place]?.id ?? new Uint8Array();
  if (action?.kind !== 'anchor') {
    if (system.role === 'issuance' && action?.kind !== 'start')
      find('change_invalid', 'a change of a quota', 'changes of quotas where quotas are counted');
    return;
  }
  const { journals: own } = system.extract.header;
  const places = journalsOf(action).map(({ journalId }) =>
    own.findIndex((one) => equalBytes(one.id, journalId)),
  );
  // Its account follows what quota control wrote off.
  if (system.role === 'central' && action.role === 'quota') return;
  if (
    action.role !== system.role ||
    !equalBytes(action.journalId, id) ||
    !equalBytes(changeId(entry.change), entry.id) ||
    action.head.sequence >= entry.sequence ||
    places.includes(-1)
  ) {
    find(
      'change_invalid',
      'an anchor that is set anew for another journal, or from an entry that was not there',
      "this journal's, from an entry before it, and others of this ledger",
    );
    return;
  }
  const fault = faultOfApprovals(context, entry);
  if (fault !== undefined && system.role !== 'quota')
    find(
      'change_unproven',
      `the approvals do not carry it: ${fault}`,
      'the approvals that the trust bundle asks for',
    );
  if (fault !== undefined) return;
  for (const [index, { head, givenUp }] of journalsOf(action).entries()) {
    const last = givenUp.at(-1);
    if (last !== undefined) journals[places[index] ?? -1]?.giveUp(head.sequence, last.sequence);
  }
}
