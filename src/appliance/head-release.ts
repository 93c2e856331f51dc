/** Has a stopped system forget what it holds of another's journals. */
import { fromHex } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';
import { applianceSchema, type QuotaProcess, readConfiguration } from './configuration.ts';
import { type Home, homeAt, type Role } from './home.ts';
import { holderOf } from './key-holder.ts';
import { findQuotaProcess, readQuotaProcesses } from './quota-processes.ts';
import { openRoleStore, readLedgerPlace } from './role-store.ts';

export interface HeadRelease {
  readonly home: string;
  readonly of: Role;
  readonly at: Role;
  /** Of one process of quota control only. */
  readonly series?: string;
}

/** Gives whether anything was held. Throws `store_in_use` where a process of the system runs: it would go by what it has read. */
export async function releaseHead({ home: folder, of, at, series }: HeadRelease): Promise<boolean> {
  const home = homeAt(folder);
  const { issuer } = await readConfiguration(home.appliance, applianceSchema);
  const process = series === undefined ? undefined : await findQuotaProcess(home, series);
  const journal = process === undefined ? undefined : (fromHex(process.journal) ?? new Uint8Array());
  const others = at === 'quota' ? (await readQuotaProcesses(home)).slice(1) : [];
  return whileAllHeld(home, others, async () => {
    const store = await openRoleStore(home, at);
    try {
      return await store.releaseHead(of, holderOf(of, issuer).name, journal);
    } finally {
      await store.close();
    }
  });
}

/** Calls `work` while none of these processes can be served. */
async function whileAllHeld<T>(
  home: Home,
  [first, ...rest]: readonly QuotaProcess[],
  work: () => Promise<T>,
): Promise<T> {
  if (first === undefined) return work();
  const place = await readLedgerPlace(home, 'quota', first.series);
  assert(place.kind === 'postgres', 'several processes are on PostgreSQL');
  const { url, series } = place;
  const { whileHeld } = await import('../store/postgres/series-list.ts');
  return whileHeld({ url, role: 'quota', series, patienceMs: 3_000 }, () => whileAllHeld(home, rest, work));
}
