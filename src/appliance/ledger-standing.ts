/** How a ledger stands to what is known of its journal elsewhere: the anchor in its system's token, and the heads that the other two hold. */
import type { LedgerStanding } from '../cli/store-administration.ts';
import type { JournalHead } from '../journal/chain.ts';
import { replicateAnchor } from '../journal/replicated-anchor.ts';
import { equalBytes } from '../kit/bytes.ts';
import { decodeJournalHead } from '../records/journal-head.ts';
import { makeKeyRing } from '../records/key-ring.ts';
import { readPostgresHeldHeads } from '../store/postgres/dump.ts';
import { readHeldHeads } from '../store/sqlite/ledger-file.ts';
import type { HeldHead } from '../store/store.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { describeFault } from './fault.ts';
import { type Home, type Role, roles } from './home.ts';
import { readSigning } from './hsm-access.ts';
import { holderOf } from './key-holder.ts';
import { anchorsOf, closeKeys, openKeys } from './open-keys.ts';
import { journalsOf } from './quota-processes.ts';
import { readLedgerPlace } from './role-store.ts';
import { readTrustBundle } from './trust.ts';

/** What is known of a ledger that is looked at. */
export interface Judged {
  readonly role: Role;
  readonly storeId: Uint8Array;
  readonly head: JournalHead;
  readonly hashAt: (sequence: number) => Uint8Array | undefined;
}

/** One for each place that knows of the journal; what cannot be reached says why. Nothing is written, and no system has to stand still. */
export async function judgeStandings(
  ledger: Judged,
  home: Home,
  projectFolder: string,
): Promise<readonly LedgerStanding[]> {
  const witnesses = roles.filter((other) => other !== ledger.role);
  return [
    await judging('anchor', () => readAnchored(ledger, home, projectFolder)),
    ...(await Promise.all(
      witnesses.map((witness) => judging(witness, () => readHeld(ledger, home, witness))),
    )),
  ];
}

type Standing = Omit<LedgerStanding, 'of' | 'problem'>;

async function judging(of: LedgerStanding['of'], read: () => Promise<Standing>): Promise<LedgerStanding> {
  try {
    return { of, problem: null, ...(await read()) };
  } catch (error) {
    const fault = describeFault(error);
    if (fault === undefined) throw error;
    return { of, standing: 'unknown', sequence: null, problem: `${fault.message} [${fault.code}]` };
  }
}

async function readAnchored(ledger: Judged, home: Home, projectFolder: string): Promise<Standing> {
  const { role } = ledger;
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const { anchor } = await readLedgerPlace(home, role);
  const signing = { ...(await readSigning(home, role)), processes: 1, sessions: 1 };
  const surroundings = { home, role, configuration, projectFolder };
  // An HSM that is away is as one that is not there: what the others have anchored counts.
  const opened = await openKeys(surroundings, await readTrustBundle(home), signing, () => undefined);
  try {
    const heads = await replicateAnchor(anchorsOf(opened, anchor)).readAll();
    return standingOfAll(ledger, heads);
  } finally {
    await closeKeys(opened);
  }
}

async function readHeld(ledger: Judged, home: Home, witness: Role): Promise<Standing> {
  const place = await readLedgerPlace(home, witness);
  const held =
    place.kind === 'sqlite'
      ? readHeldHeads(place.path)
      : await readPostgresHeldHeads({ url: place.url, role: witness });
  const { issuer } = await readConfiguration(home.appliance, applianceSchema);
  const owner = holderOf(ledger.role, issuer);
  // Of several processes each has a journal; this ledger is held against what is known of its own.
  const others = (await journalsOf(home, ledger.role)).filter((id) => !equalBytes(id, ledger.storeId));
  const own = held.filter(
    ({ record }) =>
      record.role === owner.role &&
      record.name === owner.name &&
      !others.some((id) => equalBytes(id, record.journalId)),
  );
  const keys = makeKeyRing(await readTrustBundle(home), makeNodeVerifySignature());
  const heads = own.flatMap(({ signed, contradiction }: HeldHead) =>
    [signed, ...(contradiction === null ? [] : [contradiction])].flatMap((bytes) => {
      const decoded = decodeJournalHead(bytes);
      return decoded.ok && keys.verifyEver(decoded.value, owner).ok ? [decoded.value.record] : [];
    }),
  );
  const foreign = heads.find(({ journalId }) => !equalBytes(journalId, ledger.storeId));
  if (foreign !== undefined) return { standing: 'forked', sequence: foreign.sequence };
  return standingOfAll(ledger, heads);
}

/** The worst of them; `none` where there is none. */
function standingOfAll(ledger: Judged, heads: readonly JournalHead[]): Standing {
  let highest: JournalHead | undefined;
  for (const head of heads) {
    const { sequence, hash } = head;
    const own = ledger.hashAt(sequence);
    if (own !== undefined && !equalBytes(own, hash)) return { standing: 'forked', sequence };
    if (highest === undefined || sequence > highest.sequence) highest = head;
  }
  if (highest === undefined) return { standing: 'none', sequence: null };
  const { sequence } = highest;
  return { standing: sequence > ledger.head.sequence ? 'behind' : 'whole', sequence };
}
