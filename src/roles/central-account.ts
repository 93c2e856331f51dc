/**
 * Central management's own account of each quota, so that Σ of what it approves stays within what people allowed, whatever quota control
 * says. It follows the changes that people approved, and nothing else of quota control's word widens it, but for what the quota's terms
 * say that comes back.
 *
 * A crash at any step leaves the account as it was, or the change in it; the next request, or the next round, goes on.
 */
import { type Result, succeed } from '../kit/result.ts';
import { accountName } from '../quota/history.ts';
import type { ApprovalPolicy } from '../records/approval-policy.ts';
import { checkQuotaQuorum } from '../records/quota-approval.ts';
import { decodeChange, termsActionsOf } from '../records/quota-change.ts';
import type { VerifySignature } from '../records/signature.ts';
import type { QuotaPosition } from '../store/store.ts';
import { type AdoptionDependencies, adoptQuotas } from './adoption.ts';
import type { FollowedChange, QuotaVersion } from './followed-change.ts';
import type { QuotaChanges } from './quota-changes.ts';

export interface CentralAccountDependencies extends AdoptionDependencies {
  /** Of the trust bundle. */
  readonly policy: ApprovalPolicy | null;
  readonly verifySignature: VerifySignature;
  readonly quotaPositions: () => Promise<Result<readonly QuotaPosition[]>>;
  /** The changes of a quota from a version on, in their order, as far as quota control tells them. */
  readonly quotaChanges: (from: QuotaVersion) => Promise<Result<readonly FollowedChange[]>>;
  /** A line for the log. */
  readonly report: (line: string) => void;
}

export interface CentralAccount {
  /** Its own numbers of this moment; no word of another system's is in them. */
  position(issuer: string, currency: string): Promise<QuotaPosition | undefined>;
  /** Quota control's numbers, after it has brought its own account up to date with them. */
  ask(): Promise<Result<readonly QuotaPosition[]>>;
}

/** What cannot be followed is asked for again after this time. */
const retryMs = 5_000;

export function makeCentralAccount(dependencies: CentralAccountDependencies): CentralAccount {
  const { ledger, clock, report } = dependencies;
  const { store } = ledger;
  /** When a change that is lacking may be asked for again, by quota. */
  const retries = new Map<string, number>();
  /** The version of its own account that it knows without a look: it only ever goes up. */
  const known = new Map<string, number>();
  let adopting: Promise<Result<number>> | undefined;

  async function learn(positions: readonly QuotaPosition[]): Promise<Result<null>> {
    adopting ??= adoptQuotas(dependencies, positions);
    const adopted = await adopting.catch((error: unknown) => {
      adopting = undefined;
      throw error;
    });
    if (!adopted.ok) {
      adopting = undefined;
      return adopted;
    }
    for (const told of positions) {
      const name = accountName(told.issuer, told.currency);
      const seen = known.get(name);
      if (seen !== undefined && told.version <= seen) continue;
      const own = await store.position(told.issuer, told.currency, clock.nowMs());
      // A quota that nobody allocated here: only people could, and there is no such change.
      if (own === undefined) continue;
      if (told.version > own.version) await follow(own);
      known.set(name, own.version);
    }
    return succeed(null);
  }

  /** Fetches the changes that it lacks, and carries out those that two people approved; the first that is not keeps the rest away. */
  async function follow(own: QuotaPosition): Promise<void> {
    const { issuer, currency } = own;
    const name = accountName(issuer, currency);
    if (clock.nowMs() < (retries.get(name) ?? 0)) return;
    retries.set(name, clock.nowMs() + retryMs);
    const changes = await dependencies.quotaChanges({ issuer, currency, version: own.version });
    const followed = changes.ok ? await followAll(changes.value) : changes;
    if (!followed.ok) {
      report(
        `central cannot follow quota control's change of ${name}: ${followed.code}: ${followed.message}`,
      );
      return;
    }
    retries.delete(name);
    await ledger.follow();
  }

  async function followAll(changes: readonly FollowedChange[]): Promise<Result<null>> {
    const { policy, verifySignature } = dependencies;
    for (const { change, approvals } of changes) {
      // INVARIANT: by the same approvals as at quota control; only the change's time was held there and not here.
      const approved = checkQuotaQuorum({ change, approvals, policy, verifySignature });
      if (!approved.ok) return approved;
      const decoded = decodeChange(change);
      if (!decoded.ok) return decoded;
      const { action } = decoded.value;
      // What concerns a ledger of another system's, or no quota, is nothing to follow.
      if (termsActionsOf(action).length === 0 || (action.kind === 'anchor' && action.role !== 'quota'))
        continue;
      const applied = await store.applyChange({
        change,
        approvals,
        createdMs: clock.nowMs(),
        followed: true,
      });
      if (!applied.ok) return applied;
    }
    return { ok: true, value: null };
  }

  return {
    position: (issuer, currency) => store.position(issuer, currency, clock.nowMs()),
    async ask() {
      const positions = await dependencies.quotaPositions();
      if (!positions.ok) return positions;
      const learnt = await learn(positions.value);
      return learnt.ok ? positions : learnt;
    },
  };
}

/** Changes that people bring: what came back until then counts first. Quota control has carried the change out before, or it lies. */
export function makeCentralChanges(changes: QuotaChanges, account: CentralAccount): QuotaChanges {
  return {
    ...changes,
    async apply(change, approvals) {
      // Whatever it says or does not: people's change is taken all the same.
      await account.ask();
      return changes.apply(change, approvals);
    },
  };
}
