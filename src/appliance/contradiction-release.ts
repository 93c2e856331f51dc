/** Has a stopped issuance take control bits again, after quota control was found to have signed two under one serial. */
import type { Clock } from '../kit/clock.ts';
import { releaseContradiction as release } from '../roles/serial-guard.ts';
import { homeAt } from './home.ts';
import { openRoleStore } from './role-store.ts';

export interface ContradictionRelease {
  readonly home: string;
  readonly reason: string;
}

/** Gives what was found, or `undefined` where nothing was. Throws `store_in_use` where the system runs: it would go by what it has seen. */
export async function releaseContradiction(
  options: ContradictionRelease,
  clock: Clock,
): Promise<string | undefined> {
  const store = await openRoleStore(homeAt(options.home), 'issuance');
  try {
    // A crash before the commit leaves it as it was; after it, it is released, and the next start anchors the entry.
    return (await release(store, { reason: options.reason, clock }))?.reason;
  } finally {
    await store.close();
  }
}
