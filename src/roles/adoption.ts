/**
 * Central management takes quotas over into its own account, in an appliance that was made before there was one: once, where it has none
 * at all. The terms, and what came back until then, are quota control's word; what counts is what its own credentials came to, by issuance's
 * word.
 *
 * A crash before the commit leaves no account, and the next request or round begins again; after it, the account is there.
 */
import type { Clock } from '../kit/clock.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { decodeAdoption, encodeAdoption } from '../quota/central-account.ts';
import { checkTerms } from '../quota/change.ts';
import { accountName } from '../quota/history.ts';
import { least, most } from '../quota/sum.ts';
import type { NewAdoption, QuotaPosition } from '../store/store.ts';
import { byIssuer, type Granted, readGranted } from './granted.ts';
import { type AskLastWords, lastWordLimit, readUsed } from './last-word.ts';
import type { Ledger } from './ledger.ts';

export interface AdoptionDependencies {
  readonly ledger: Ledger;
  readonly lastWords: AskLastWords;
  /** How far apart the systems' clocks may be. */
  readonly clockSkewSeconds: number;
  readonly clock: Clock;
}

/** Gives how many quotas were taken over: none where there is an account. What quota control tells that no quota can be is `peer_fault`. */
export async function adoptQuotas(
  dependencies: AdoptionDependencies,
  positions: readonly QuotaPosition[],
): Promise<Result<number>> {
  const { ledger, clock } = dependencies;
  const { store } = ledger;
  if (positions.length === 0 || (await store.positions(clock.nowMs())).length > 0) return succeed(0);
  const counted = new Map<string, bigint>();
  for (let after = 0; ; ) {
    const page = await readGranted(store, after, lastWordLimit);
    after = page.at(-1)?.sequence ?? after;
    const added = await countPage(dependencies, page, counted);
    if (!added.ok) return added;
    if (page.length < lastWordLimit) break;
  }
  const adoptions = positions.map((position) => {
    const { issuer, currency, version, allocated, reserved, issued, frozen, limits, returns } = position;
    // Its own ledger may be an older one.
    const all = most(counted.get(accountName(issuer, currency)) ?? 0n, reserved + issued);
    const returned = least(position.returned, all);
    return {
      issuer,
      currency,
      version,
      createdMs: clock.nowMs(),
      // What did not come back was within what was allocated.
      counted: returned + least(allocated, all - returned),
      returned,
      terms: {
        allocated,
        frozen,
        returns,
        limits: limits.map(({ name, counts, window, maximum }) => ({ name, counts, window, maximum })),
      },
    };
  });
  const checked = checkTold(adoptions);
  if (!checked.ok) return checked;
  if (!(await store.adopt(adoptions))) return succeed(0);
  await ledger.follow();
  return succeed(adoptions.length);
}

/** INVARIANT: what is stored can be read back: a ledger with an entry that cannot be is opened no more. */
function checkTold(adoptions: readonly NewAdoption[]): Result<null, 'peer_fault'> {
  const names = new Set<string>();
  for (const adoption of adoptions) {
    const name = accountName(adoption.issuer, adoption.currency);
    if (names.has(name)) return refuse('peer_fault', `quota control tells of the quota ${quote(name)} twice`);
    names.add(name);
    const content = decodeCbor(encodeAdoption(adoption));
    if (!content.ok || decodeAdoption(content.value) === undefined || !checkTerms(adoption.terms).ok)
      return refuse('peer_fault', `what quota control tells of ${quote(name)} are not the terms of a quota`);
  }
  return succeed(null);
}

async function countPage(
  { lastWords, clockSkewSeconds, clock }: AdoptionDependencies,
  page: readonly Granted[],
  counted: Map<string, bigint>,
): Promise<Result<null>> {
  const expiredBefore = clock.nowSeconds() - 2 * clockSkewSeconds;
  const isExpired = ({ credential }: Granted): boolean => credential.expiresAt < expiredBefore;
  for (const [issuer, granted] of byIssuer(page)) {
    for (const close of [true, false]) {
      const some = granted.filter((one) => isExpired(one) === close);
      const ids = some.map(({ requestId }) => requestId);
      const words = ids.length === 0 ? succeed([]) : await lastWords(issuer, ids, close);
      if (!words.ok) return words;
      for (const [i, { credential }] of some.entries()) {
        const word = words.value[i];
        // What may still be issued counts whole, and is not freed later: it is of the last minutes before.
        const used = word?.ok === true && word.value !== null ? readUsed(word.value) : undefined;
        const name = accountName(issuer, credential.currency.code);
        counted.set(name, (counted.get(name) ?? 0n) + (used ?? credential.total));
      }
    }
  }
  return succeed(null);
}
