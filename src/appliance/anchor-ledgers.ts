/** What is opened to have a system go on from the ledger that it has: the three ledgers, which nobody serves, and the system's token. */

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
import { findQuotaProcess, readQuotaProcesses } from './quota-processes.ts';
import { type LedgerPlace, openRoleStore, readLedgerPlace, whileProcessesHeld } from './role-store.ts';
import { readTrustBundle } from './trust.ts';
import { holdTrust } from './trust-pin.ts';

export interface AnchorSurroundings {
  readonly projectFolder: string;
  readonly clock: Clock;
  readonly progress: (line: string) => void;
}

/** The three ledgers, held, and the token of the system in question. */
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
  readonly own: Store;
  readonly hsms: readonly OpenKey[];
}

export interface Whose {
  readonly role: Role;
  readonly series: string | undefined;
}

/** While all processes of all three systems stand still. */
export async function withOpened<T>(
  home: Home,
  { role, series }: Whose,
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
  return whileProcessesHeld(home, others, () => withLedgers(home, { role, series: own }, surroundings, work));
}

/** `series`: of quota control as several processes, that whose ledger is opened. */
async function withLedgers<T>(
  home: Home,
  { role, series }: Whose,
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
    const stores = new Map<Role, Store>();
    for (const one of roles) {
      const store = await openRoleStore(home, one, one === 'quota' ? series : undefined);
      closers.push(() => store.close());
      stores.set(one, store);
    }
    // As a start does it: who approves is in the bundle, and another one in its place must not say so.
    await holdTrust(home, role, bundle);
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
      own,
      hsms,
    });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}
