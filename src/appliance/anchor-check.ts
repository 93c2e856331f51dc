/** What a change that anchors journals anew has to say: where each is gone on from, what is given up, and what is written off. */
import { highestHead } from '../journal/replicated-anchor.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { accountName } from '../quota/history.ts';
import { checkWriteOff } from '../quota/write-off.ts';
import {
  type AnchorAction,
  type HeadPlace,
  type JournalAnchor,
  journalsOf,
} from '../records/quota-change.ts';
import type { Evidence, JournalEvidence, OwnJournal } from './anchor-evidence.ts';
import type { Opened } from './anchor-ledgers.ts';
import { quotaSchema, readConfiguration } from './configuration.ts';
import type { Role } from './home.ts';

/** Whether a start on each would go on: what was anchored is in it, and all that comes after is unsigned. */
export async function mayStart(journals: readonly OwnJournal[]): Promise<boolean> {
  for (const journal of journals) {
    const last = highestHead(journal.anchored);
    const starts =
      last === undefined
        ? journal.head.sequence === 0
        : (await journal.firstSignedAfter(last.sequence)) === undefined;
    if (!starts) return false;
  }
  return true;
}

/** Each journal, with an epoch of its own where entries are given up; that of the change is the lowest. */
export async function goneOnFrom(opened: Opened, evidence: Evidence): Promise<JournalAnchor[]> {
  const anew = opened.role === 'quota' && evidence.older;
  const next = (await lastEpoch(opened, evidence)) + 1;
  return evidence.journals.map(({ journal: { journalId, head }, beyond }, index) => ({
    journalId,
    head,
    givenUp: beyond,
    epoch: anew ? next + index : null,
  }));
}

export async function checkAction(
  opened: Opened,
  action: AnchorAction,
  evidence: Evidence,
  clock: Clock,
): Promise<Result<null>> {
  const { own, role } = opened;
  const { unexplained, older } = evidence;
  const given = journalsOf(action);
  if (given.length !== evidence.journals.length)
    return refuse(
      'change_stale',
      `it is for ${given.length} journals, and the ledger of ${role} has ${evidence.journals.length}: a new proposal is accepted`,
    );
  for (const one of given) {
    const found = evidence.journals.find(({ journal }) => equalBytes(journal.journalId, one.journalId));
    const checked = checkJournal(one, found, role);
    if (!checked.ok) return checked;
  }
  if (action.unexplained !== unexplained)
    return refuse(
      'change_stale',
      `${action.unexplained} of what it gives up is unexplained, and now ${unexplained}: a new proposal is accepted`,
    );
  if (role === 'issuance') return succeed(null);
  if (
    role === 'quota' &&
    older &&
    (action.epoch === null || action.epoch <= (await lastEpoch(opened, evidence)))
  )
    return refuse(
      'change_stale',
      'it names an epoch in which serials may have been used: a new proposal is accepted',
    );
  for (const position of await own.positions(clock.nowMs())) {
    const { issuer, currency } = position;
    const given = action.quotas.find((quota) => quota.issuer === issuer && quota.currency === currency);
    const lost = {
      amount: evidence.issued.get(accountName(issuer, currency)) ?? 0n,
      uncertain: unexplained > 0,
    };
    const enough = checkWriteOff(position, given?.terms ?? position, lost);
    if (!enough.ok) return enough;
  }
  return succeed(null);
}

/** Of the journal, that what is known of it now is what people approved to be given up. */
function checkJournal(
  { journalId, head: from, givenUp }: JournalAnchor,
  found: JournalEvidence | undefined,
  role: Role,
): Result<null> {
  if (found === undefined)
    return refuse(
      'change_stale',
      `it is for the journal ${toHex(journalId)}, and the ledger of ${role} has another`,
    );
  const { beyond } = found;
  const { head } = found.journal;
  if (!isSamePlace(from, head))
    return refuse(
      'change_stale',
      `it goes on from entry ${from.sequence}, and the ledger of ${role} ends at entry ${head.sequence}, or at another one of that number: a new proposal is accepted`,
    );
  const lastOf = (heads: readonly HeadPlace[]): number => heads.at(-1)?.sequence ?? head.sequence;
  const same =
    beyond.length === givenUp.length && beyond.every((one, index) => isSamePlace(one, givenUp[index]));
  if (!same)
    return refuse(
      'change_stale',
      `it gives up what is known up to entry ${lastOf(givenUp)}, and now entry ${lastOf(beyond)} is known: a new proposal is accepted`,
    );
  return succeed(null);
}

export function isSamePlace(a: HeadPlace, b: HeadPlace | undefined): boolean {
  return a.sequence === b?.sequence && equalBytes(a.hash, b.hash);
}

/** Of any process, and of any control bit that is known. */
async function lastEpoch({ home, journals }: Opened, { epoch }: Evidence): Promise<number> {
  const configured = (await readConfiguration(home.config('quota'), quotaSchema)).epoch;
  return Math.max(epoch, configured, ...journals.map((journal) => journal.epoch ?? 0));
}
