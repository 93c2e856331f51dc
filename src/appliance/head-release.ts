/** Has a stopped system forget what it holds of another's journal. */
import { systemRandom } from '../kit/clock.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt, type Role } from './home.ts';
import { holderOf } from './key-holder.ts';

/** Gives whether anything was held. Throws `store_in_use` where the system runs: it would go by what it has read. */
export async function releaseHead(options: { home: string; of: Role; at: Role }): Promise<boolean> {
  const home = homeAt(options.home);
  const { issuer } = await readConfiguration(home.appliance, applianceSchema);
  const store = openSqliteStore({
    path: home.ledger(options.at),
    role: options.at,
    create: false,
    random: systemRandom,
  });
  try {
    return await store.releaseHead(options.of, holderOf(options.of, issuer).name);
  } finally {
    await store.close();
  }
}
