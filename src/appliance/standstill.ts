/** Roles that a change of the keys leaves without a valid one, so that it is said before and not found out after. */
import type { Standstill } from '../cli/appliance.ts';
import { currentKey, isValid, keysOf } from '../records/key-ring.ts';
import { keyRoles, type TrustBundle } from '../records/trust-bundle.ts';
import { holderOf } from './key-holder.ts';

/** Of the roles of this issuer's appliance: those with a valid key in `before` at `at`, and none in `after`. */
export function findStandstills(
  before: TrustBundle,
  after: TrustBundle,
  issuer: string,
  at: number,
): Standstill[] {
  return keyRoles.flatMap((role) => {
    const holder = holderOf(role, issuer);
    if (currentKey(before, holder, at) === undefined || currentKey(after, holder, at) !== undefined)
      return [];
    const coming = keysOf(after, holder).filter(
      (entry) => entry.notBefore > at && isValid(entry, entry.notBefore),
    );
    const until = coming.length === 0 ? null : Math.min(...coming.map(({ notBefore }) => notBefore));
    return [{ role, until }];
  });
}
