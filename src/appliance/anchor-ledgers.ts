/**
 * What is opened to have a system go on from the ledger that it has: the ledgers, which nobody serves, or extracts of the others', and what holds
 * the system's anchors.
 */

import type { JournalHead } from '../journal/chain.ts';
import { toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { quote } from '../kit/result.ts';
import { type KeyRing, makeKeyRing } from '../records/key-ring.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { assertOneSeries } from '../store/postgres/dump.ts';
import type { Store } from '../store/store.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { type Anchors, openAnchors } from './anchor-devices.ts';
import type { OwnJournal } from './anchor-evidence.ts';
import { ApplianceError } from './appliance-error.ts';
import {
  type ApplianceConfiguration,
  applianceSchema,
  type QuotaProcess,
  readConfiguration,
} from './configuration.ts';
import { type Home, type Role, roles } from './home.ts';
import { ledgerOfStore, type OtherLedger, openEvidence } from './other-ledger.ts';
import { readQuotaProcesses, servedOf } from './quota-processes.ts';
import { openRoleStore, readLedgerPlace, whileProcessesHeld } from './role-store.ts';
import { readTrustBundle } from './trust.ts';
import { holdTrust } from './trust-pin.ts';

export interface AnchorSurroundings {
  readonly projectFolder: string;
  readonly clock: Clock;
  readonly progress: (line: string) => void;
}

/** A journal of the system's ledger, and the name of its anchor. */
export interface OpenedJournal extends OwnJournal {
  readonly anchor: string;
}

/** The ledgers that are on this machine, held, the extracts of the others, and what holds the anchors of the system in question. */
export interface Opened {
  readonly home: Home;
  readonly role: Role;
  readonly configuration: ApplianceConfiguration;
  readonly bundle: TrustBundle;
  readonly keys: KeyRing;
  readonly stores: ReadonlyMap<Role, Store>;
  /** Of the other two, here or by their extracts. */
  readonly others: ReadonlyMap<Role, OtherLedger>;
  readonly own: Store;
  /** Of quota control as several processes one of each, that of `own` first; else one. */
  readonly journals: readonly OpenedJournal[];
  readonly anchors: Anchors;
}

export interface Whose {
  readonly role: Role;
  /** Of quota control as several processes: the journal to write into; else that of the first which is served. */
  readonly journal?: string;
  /** Extracts of the systems whose ledgers are on other machines. */
  readonly evidence: readonly string[];
}

/** While all processes of all three systems stand still. */
export async function withOpened<T>(
  home: Home,
  whose: Whose,
  surroundings: AnchorSurroundings,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const all = await readQuotaProcesses(home);
  const own = all.find(({ journal }) => journal === whose.journal) ?? servedOf(all)[0];
  const others = all.filter((one) => one !== own);
  const processes = own === undefined ? [] : [own, ...others];
  return whileProcessesHeld(home, others, () => withLedgers(home, whose, processes, surroundings, work));
}

/** `processes`: of quota control where it is several, and no other one than the first can be served meanwhile. */
async function withLedgers<T>(
  home: Home,
  { role, evidence }: Whose,
  processes: readonly QuotaProcess[],
  { projectFolder, progress }: AnchorSurroundings,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const bundle = await readTrustBundle(home);
  const series = processes[0]?.series;
  const place = await readLedgerPlace(home, role, role === 'quota' ? series : undefined);
  const several = role === 'quota' ? processes : [];
  if (place.kind === 'postgres' && several.length === 0) await assertOneSeries({ ...place, role });
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const others = openEvidence(evidence, configuration.issuer, closers);
    const stores = new Map<Role, Store>();
    for (const one of roles) {
      if (one !== role && others.has(one)) continue;
      const store = await openRoleStore(home, one, one === 'quota' ? series : undefined);
      closers.push(() => store.close());
      stores.set(one, store);
      others.set(one, ledgerOfStore(store));
    }
    // As a start does it: who approves is in the bundle, and another one in its place must not say so.
    await holdTrust(home, role, bundle);
    others.delete(role);
    const own = stores.get(role);
    if (own === undefined) throw new Error('each role has a ledger');
    const anchors = await openAnchors({ home, role, configuration, projectFolder }, bundle, progress);
    closers.push(() => anchors.close());
    const keys = makeKeyRing(bundle, makeNodeVerifySignature());
    const journals = await readJournals(own, several, place.anchor, anchors);
    return await work({ home, role, configuration, bundle, keys, stores, others, own, journals, anchors });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function readJournals(
  own: Store,
  processes: readonly QuotaProcess[],
  only: string,
  anchors: Anchors,
): Promise<OpenedJournal[]> {
  const all = await own.journals();
  const read = (anchor: string): Promise<readonly JournalHead[]> => anchors.named(anchor).readAll();
  if (processes.length === 0) {
    const anchored = await read(only);
    return all.map((journal) => ({ ...journal, anchor: only, anchored, epoch: null }));
  }
  const journals: OpenedJournal[] = [];
  for (const { series, journal: id, anchor, epoch } of processes) {
    const found = all.find(({ journalId }) => toHex(journalId) === id);
    if (found === undefined)
      throw new ApplianceError(
        'configuration_invalid',
        `the ledger has another journal of the name ${quote(series)} than appliance.json: put the right one of both back`,
      );
    journals.push({ ...found, anchor, anchored: await read(anchor), epoch });
  }
  return journals;
}
