/** How a ledger stands to what is known of its journals elsewhere: its anchors, and the heads that the other two hold. */
import type { LedgerStanding } from '../cli/store-administration.ts';
import type { JournalHead } from '../journal/chain.ts';
import { equalBytes } from '../kit/bytes.ts';
import { decodeJournalHead } from '../records/journal-head.ts';
import { makeKeyRing } from '../records/key-ring.ts';
import { readPostgresHeldHeads } from '../store/postgres/dump.ts';
import { readHeldHeads } from '../store/sqlite/ledger-file.ts';
import type { HeldHead } from '../store/store.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { openAnchors } from './anchor-devices.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { describeFault } from './fault.ts';
import { type Home, type Role, roles } from './home.ts';
import { holderOf } from './key-holder.ts';
import type { NamedJournal } from './ledger-journals.ts';
import { readLedgerPlace } from './role-store.ts';
import { readTrustBundle } from './trust.ts';

/** What is known of a ledger that is looked at. */
export interface Judged {
  readonly role: Role;
  readonly journals: readonly NamedJournal[];
}

/** Of each journal one for each place that knows of it; what cannot be reached says why. Nothing is written, and no system has to stand still. */
export async function judgeStandings(
  ledger: Judged,
  home: Home,
  projectFolder: string,
): Promise<readonly LedgerStanding[]> {
  const witnesses = roles.filter((other) => other !== ledger.role);
  const judged = await Promise.all([
    judging('anchor', () => readAnchored(ledger, home, projectFolder)),
    ...witnesses.map((witness) => judging(witness, () => readHeld(ledger, home, witness))),
  ]);
  return judged.flat();
}

type Standing = Omit<LedgerStanding, 'of'>;

async function judging(
  of: LedgerStanding['of'],
  read: () => Promise<readonly Standing[]>,
): Promise<readonly LedgerStanding[]> {
  try {
    return (await read()).map((standing) => ({ of, ...standing }));
  } catch (error) {
    const fault = describeFault(error);
    if (fault === undefined) throw error;
    return [{ of, ...unknown(null, `${fault.message} [${fault.code}]`) }];
  }
}

function unknown(series: string | null, problem: string): Standing {
  return { series, standing: 'unknown', sequence: null, problem };
}

async function readAnchored(
  { role, journals }: Judged,
  home: Home,
  projectFolder: string,
): Promise<Standing[]> {
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const surroundings = { home, role, configuration, projectFolder };
  // An HSM that is away is as one that is not there: what the others have anchored counts.
  const anchors = await openAnchors(surroundings, await readTrustBundle(home), () => undefined);
  try {
    const standings: Standing[] = [];
    const { anchor: only } = await readLedgerPlace(home, role);
    const several = journals.some(({ process }) => process !== undefined);
    for (const journal of journals) {
      const { series, process } = journal;
      const anchor = process?.anchor ?? (several ? undefined : only);
      standings.push(
        anchor === undefined
          ? unknown(series, 'appliance.json names no process with this journal')
          : standingOfAll(journal, await anchors.named(anchor).readAll()),
      );
    }
    return standings;
  } finally {
    await anchors.close();
  }
}

async function readHeld({ role, journals }: Judged, home: Home, witness: Role): Promise<Standing[]> {
  const place = await readLedgerPlace(home, witness);
  const held =
    place.kind === 'sqlite'
      ? readHeldHeads(place.path)
      : await readPostgresHeldHeads({ url: place.url, role: witness });
  const { issuer } = await readConfiguration(home.appliance, applianceSchema);
  const owner = holderOf(role, issuer);
  const own = held.filter(({ record }) => record.role === owner.role && record.name === owner.name);
  const keys = makeKeyRing(await readTrustBundle(home), makeNodeVerifySignature());
  const heads = own.flatMap(({ signed, contradiction }: HeldHead) =>
    [signed, ...(contradiction === null ? [] : [contradiction])].flatMap((bytes) => {
      const decoded = decodeJournalHead(bytes);
      return decoded.ok && keys.verifyEver(decoded.value, owner).ok ? [decoded.value.record] : [];
    }),
  );
  const foreign = heads.find(({ journalId }) => !journals.some(({ id }) => equalBytes(id, journalId)));
  if (foreign !== undefined)
    return [{ series: null, standing: 'forked', sequence: foreign.sequence, problem: null }];
  return journals.map((journal) =>
    standingOfAll(
      journal,
      heads.filter(({ journalId }) => equalBytes(journalId, journal.id)),
    ),
  );
}

/** The worst of them; `none` where there is none. */
function standingOfAll(journal: NamedJournal, heads: readonly JournalHead[]): Standing {
  const { series } = journal;
  const problem = null;
  let highest: JournalHead | undefined;
  for (const head of heads) {
    const { sequence, hash } = head;
    const own = journal.hashAt(sequence);
    if (own !== undefined && !equalBytes(own, hash)) return { series, standing: 'forked', sequence, problem };
    if (highest === undefined || sequence > highest.sequence) highest = head;
  }
  if (highest === undefined) return { series, standing: 'none', sequence: null, problem };
  const { sequence } = highest;
  return { series, standing: sequence > journal.head.sequence ? 'behind' : 'whole', sequence, problem };
}
