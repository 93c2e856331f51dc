/** What is carried out of a change that anchors journals anew, once it is in the journal: names and epochs, anchors, and heads at the witnesses. */
import type { AnchoredJournal } from '../cli/store-administration.ts';
import type { JournalHead } from '../journal/chain.ts';
import { decodeEntry } from '../journal/entry.ts';
import { highestHead } from '../journal/replicated-anchor.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import { decodeJournalHead } from '../records/journal-head.ts';
import {
  type AnchorAction,
  type HeadPlace,
  type JournalAnchor,
  journalsOf,
} from '../records/quota-change.ts';
import type { SeriesHead, Store } from '../store/store.ts';
import { isSamePlace } from './anchor-check.ts';
import { configure, type GoingOn } from './anchor-configuration.ts';
import type { Opened, OpenedJournal } from './anchor-ledgers.ts';
import { holderOf } from './key-holder.ts';

/** Gives what each journal goes on with. */
export async function setAnchors(
  opened: Opened,
  action: AnchorAction,
  id: Uint8Array,
  progress: (line: string) => void,
): Promise<Result<AnchoredJournal[]>> {
  const { home, role, own, journals } = opened;
  const reports: AnchoredJournal[] = [];
  const left: (GoingOn & { readonly head: JournalHead })[] = [];
  for (const [index, given] of journalsOf(action).entries()) {
    const journal = journals.find((one) => equalBytes(one.journalId, given.journalId));
    assert(journal !== undefined, 'a change is carried out where its journals are');
    const { series, journalId } = journal;
    const { epoch } = given;
    let { anchor } = journal;
    // INVARIANT: a journal that went on since is not anchored by this once more; that takes approvals of its own.
    const isLeft = index === 0 ? await endsWith(own, id) : isSamePlace(given.head, journal.head);
    if (isLeft) {
      const name = `anew-${toHex(id).slice(0, 16)}${index === 0 ? '' : `-${index + 1}`}`;
      const chosen = await chooseAnchor(journal, given, name);
      if (!chosen.ok) return chosen;
      anchor = chosen.value;
      left.push({ journalId, anchor, epoch, head: index === 0 ? await own.head() : journal.head });
    }
    reports.push({ series: series === '' || journals.length === 1 ? null : series, anchor, epoch });
  }
  for (const { anchor, epoch } of left)
    progress(`  naming the anchor ${anchor}${epoch === null ? '' : `, and epoch ${epoch}`}`);
  await configure(home, role, left);
  // A crash here, or after some of them, leaves a system with an anchor that is missing, or behind.
  for (const { anchor: name, head } of left) {
    progress(`  anchoring the journal in ${name}`);
    const anchor = opened.anchors.named(name);
    const before = highestHead(await anchor.readAll());
    if (before === undefined || before.sequence < head.sequence) await anchor.advance(before, head);
  }
  return succeed(reports);
}

/** Whether the journal's last entry is that of the change. */
async function endsWith(own: Store, id: Uint8Array): Promise<boolean> {
  const { sequence } = await own.head();
  const [last] = await own.journal(sequence, 1);
  const decoded = last === undefined ? undefined : decodeEntry(last.bytes);
  if (decoded?.ok !== true) return false;
  const { subject } = decoded.value;
  return subject instanceof Uint8Array && equalBytes(subject, id);
}

/**
 * The anchor that is configured, where what is in it is of this journal; where that is given up, one that only this change has the name of.
 * Where it is neither, something was signed since that this change does not give up.
 */
async function chooseAnchor(
  journal: OpenedJournal,
  given: JournalAnchor,
  name: string,
): Promise<Result<string>> {
  let chosen = journal.anchor;
  for (const head of journal.anchored) {
    if (await has(journal, head)) continue;
    if (!isGivenUp(given, head))
      return refuse(
        'change_stale',
        `the change was carried out before, and entry ${head.sequence} was anchored since, which it does not give up: a new proposal is accepted`,
      );
    chosen = name;
  }
  return succeed(chosen);
}

async function has(journal: Pick<SeriesHead, 'hashAt'>, { sequence, hash }: HeadPlace): Promise<boolean> {
  const there = await journal.hashAt(sequence);
  return there !== undefined && equalBytes(there, hash);
}

/** INVARIANT: nobody has approved to forget any other head. */
function isGivenUp({ givenUp }: JournalAnchor, head: HeadPlace): boolean {
  return givenUp.some((one) => isSamePlace(one, head));
}

/**
 * Forgets each head of the system that the change gives up, where the witness holds it alone or with one of the journal that was gone on with: a
 * system that was started before all witnesses had released theirs has shown that. Gives whether there was one.
 */
export async function releaseGivenUp(
  { role, configuration, journals }: Opened,
  action: AnchorAction,
  store: Store,
  tell: () => void,
): Promise<boolean> {
  const owner = holderOf(role, configuration.issuer);
  let released = false;
  for (const { record, contradiction } of await store.heldHeads()) {
    if (record.role !== owner.role || record.name !== owner.name) continue;
    const given = journalsOf(action).find((one) => equalBytes(one.journalId, record.journalId));
    const journal = journals.find((one) => equalBytes(one.journalId, record.journalId));
    if (given === undefined || journal === undefined) continue;
    if ((await has(journal, record)) || !isGivenUp(given, record)) continue;
    const other = contradiction === null ? undefined : decodeJournalHead(contradiction);
    if (other !== undefined && !(other.ok && (await has(journal, other.value.record)))) continue;
    if (!released) tell();
    released = (await store.releaseHead(owner.role, owner.name, record.journalId)) || released;
  }
  return released;
}
