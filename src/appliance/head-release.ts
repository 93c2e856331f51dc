/** Has a stopped system forget what it holds of another's journals. */
import { fromHex } from '../kit/bytes.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt, type Role } from './home.ts';
import { holderOf } from './key-holder.ts';
import { findQuotaProcess, readQuotaProcesses } from './quota-processes.ts';
import { openRoleStore, whileProcessesHeld } from './role-store.ts';

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
  return whileProcessesHeld(home, others, async () => {
    const store = await openRoleStore(home, at);
    try {
      return await store.releaseHead(of, holderOf(of, issuer).name, journal);
    } finally {
      await store.close();
    }
  });
}
