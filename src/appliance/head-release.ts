/** Has a stopped system forget what it holds of another's journal. */
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt, type Role } from './home.ts';
import { holderOf } from './key-holder.ts';
import { openRoleStore } from './role-store.ts';

/** Gives whether anything was held. Throws `store_in_use` where the system runs: it would go by what it has read. */
export async function releaseHead(options: { home: string; of: Role; at: Role }): Promise<boolean> {
  const home = homeAt(options.home);
  const { issuer } = await readConfiguration(home.appliance, applianceSchema);
  const store = await openRoleStore(home, options.at);
  try {
    return await store.releaseHead(options.of, holderOf(options.of, issuer).name);
  } finally {
    await store.close();
  }
}
