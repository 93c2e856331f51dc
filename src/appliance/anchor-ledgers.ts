/**
 * What is opened to have a system go on from the ledger that it has: the ledgers, which nobody serves, or extracts of the others', and the
 * system's token.
 */

import type { Clock } from '../kit/clock.ts';
import { quote } from '../kit/result.ts';
import { type KeyRing, makeKeyRing } from '../records/key-ring.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { assertOneSeries } from '../store/postgres/dump.ts';
import type { Store } from '../store/store.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { ApplianceError } from './appliance-error.ts';
import { type ApplianceConfiguration, applianceSchema, readConfiguration } from './configuration.ts';
import { type Home, type Role, roles } from './home.ts';
import { readSigning } from './hsm-access.ts';
import { closeKeys, type OpenKey, openKeys } from './open-keys.ts';
import { ledgerOfStore, type OtherLedger, openEvidence } from './other-ledger.ts';
import { findQuotaProcess, readQuotaProcesses } from './quota-processes.ts';
import { type LedgerPlace, openRoleStore, readLedgerPlace, whileProcessesHeld } from './role-store.ts';
import { readTrustBundle } from './trust.ts';
import { holdTrust } from './trust-pin.ts';

export interface AnchorSurroundings {
  readonly projectFolder: string;
  readonly clock: Clock;
  readonly progress: (line: string) => void;
}

/** The ledgers that are on this machine, held, the extracts of the others, and the token of the system in question. */
export interface Opened {
  readonly home: Home;
  readonly role: Role;
  /** Of quota control as several processes, whose journal; null where it is one. */
  readonly series: string | null;
  readonly configuration: ApplianceConfiguration;
  readonly bundle: TrustBundle;
  readonly keys: KeyRing;
  readonly place: LedgerPlace;
  readonly stores: ReadonlyMap<Role, Store>;
  /** Of the other two, here or by their extracts. */
  readonly others: ReadonlyMap<Role, OtherLedger>;
  readonly own: Store;
  readonly hsms: readonly OpenKey[];
}

export interface Whose {
  readonly role: Role;
  readonly series: string | undefined;
  /** Extracts of the systems whose ledgers are on other machines. */
  readonly evidence: readonly string[];
}

/** While all processes of all three systems stand still. */
export async function withOpened<T>(
  home: Home,
  { role, series, evidence }: Whose,
  surroundings: AnchorSurroundings,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const processes = await readQuotaProcesses(home);
  if (role === 'quota' && processes.length > 0 && series === undefined)
    throw new ApplianceError(
      'process_unknown',
      `quota control has several journals: \`--series\` with one of ${processes.map((one) => quote(one.series)).join(', ')} is accepted`,
    );
  const own = role === 'quota' ? (await findQuotaProcess(home, series))?.series : processes[0]?.series;
  const others = processes.filter((one) => one.series !== own);
  const whose = { role, series: own, evidence };
  return whileProcessesHeld(home, others, () => withLedgers(home, whose, surroundings, work));
}

/** `series`: of quota control as several processes, that whose ledger is opened. */
async function withLedgers<T>(
  home: Home,
  { role, series, evidence }: Whose,
  { projectFolder, progress }: AnchorSurroundings,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const bundle = await readTrustBundle(home);
  const place = await readLedgerPlace(home, role, role === 'quota' ? series : undefined);
  const several = role === 'quota' && series !== undefined;
  if (place.kind === 'postgres' && !several) await assertOneSeries({ ...place, role });
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
    const signing = { ...(await readSigning(home, role)), processes: 1, sessions: 1 };
    const hsms = await openKeys({ home, role, configuration, projectFolder }, bundle, signing, progress);
    closers.push(() => closeKeys(hsms));
    const keys = makeKeyRing(bundle, makeNodeVerifySignature());
    return await work({
      home,
      role,
      series: several ? series : null,
      configuration,
      bundle,
      keys,
      place,
      stores,
      others,
      own,
      hsms,
    });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}
