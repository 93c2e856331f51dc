/**
 * The anchors of the other processes, as one of them starts: the database has to hold what each of them has anchored, or it is an older copy.
 *
 * INVARIANT: quota is taken from no database that lacks an entry which any process has anchored. A database is one, so that the entries
 * that one series lacks are missing in the quotas of all; and of a process that was taken out nobody else would look.
 */
import type { JournalHead } from '../journal/chain.ts';
import { highestHead } from '../journal/replicated-anchor.ts';
import { equalBytes } from '../kit/bytes.ts';
import { HaltedError } from '../roles/ledger.ts';
import type { Store } from '../store/store.ts';
import type { QuotaProcess } from './configuration.ts';
import type { RoleToken } from './role-token.ts';

/**
 * Throws `journal_behind_anchor`. What is anchored is read before the database: its entry was committed by then. Another entry in its
 * place halts the process whose journal it is, and no other.
 */
export async function holdOtherAnchors(
  store: Store,
  token: Pick<RoleToken, 'anchorNamed'>,
  processes: readonly QuotaProcess[],
  { own, report }: { readonly own: QuotaProcess; readonly report: (line: string) => void },
): Promise<void> {
  const others = processes.filter(({ series }) => series !== own.series);
  const anchored: (readonly [QuotaProcess, number])[] = [];
  for (const process of others) {
    const head = await readAnchor(token, process, report);
    if (head !== undefined) anchored.push([process, head.sequence]);
  }
  const journals = await store.journals();
  for (const [{ series, journal }, sequence] of anchored) {
    const id = Buffer.from(journal, 'hex');
    const end = journals.find(({ journalId }) => equalBytes(journalId, id))?.head.sequence ?? 0;
    if (end >= sequence) continue;
    throw new HaltedError(
      'journal_behind_anchor',
      `series \`${series}\` ends at entry ${end} in the database, but entry ${sequence} is anchored: the database was restored from a backup, or lost its end. Nothing is signed. Put the newest database back, one in which series \`${series}\` ends at entry ${sequence} or later`,
    );
  }
}

/** An anchor that says nothing halts its own process; the heads that the other systems hold are what is left to go by. */
async function readAnchor(
  token: Pick<RoleToken, 'anchorNamed'>,
  { series, anchor }: QuotaProcess,
  report: (line: string) => void,
): Promise<JournalHead | undefined> {
  try {
    return highestHead(await token.anchorNamed(anchor).readAll());
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== 'anchor_unreadable' && code !== 'anchor_moved') throw error;
    report(`the anchor of process ${series} cannot be read: ${(error as Error).message} [${code}]`);
    return undefined;
  }
}
