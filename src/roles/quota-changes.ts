/**
 * What people decide of quotas, at quota control: changes and starts, which several people approve, and stops, for which one is enough.
 *
 * INVARIANT: every change of a limit is in the journal with the approvals that carry it, in the transaction that makes it. A crash
 * before that commit leaves nothing; after it, the change is made, and the same change again is answered with the same entry.
 */
import { toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { type ApprovalPolicy, approverOf } from '../records/approval-policy.ts';
import { isSign1, verifyRecord } from '../records/cose.ts';
import { checkQuotaQuorum } from '../records/quota-approval.ts';
import { changeId, decodeChange, termsActionsOf } from '../records/quota-change.ts';
import { decodeStop, readStopOrder } from '../records/quota-stop.ts';
import type { VerifySignature } from '../records/signature.ts';
import type { NewStop, Stop } from '../store/store.ts';
import { type FollowedChange, followedLimit, type QuotaVersion } from './followed-change.ts';
import type { Ledger } from './ledger.ts';

export interface QuotaChangesDependencies {
  readonly ledger: Ledger;
  /** Of the trust bundle. */
  readonly policy: ApprovalPolicy | null;
  readonly verifySignature: VerifySignature;
  /** Signs what waited for a start. */
  readonly resume: () => Promise<unknown>;
  readonly clock: Clock;
}

export interface AppliedChange {
  /** Number of its journal entry. */
  readonly sequence: number;
}

export interface QuotaChanges {
  /** Carries out a change that enough people approved. */
  apply(change: Uint8Array, approvals: readonly Uint8Array[]): Promise<Result<AppliedChange>>;
  /** Stops issuing, by an approver's signed stop, or by `[id, reason]` of an operator, whom `peer` names. */
  stop(bytes: Uint8Array, peer: string | undefined): Promise<Result<Stop>>;
  stopped(): Promise<Stop | undefined>;
  /** The first changes of a quota from a version on, in their order: for central management, which follows them. */
  since(from: QuotaVersion): Promise<readonly FollowedChange[]>;
}

export function makeQuotaChanges(dependencies: QuotaChangesDependencies): QuotaChanges {
  const { ledger, policy, verifySignature, clock } = dependencies;
  const { store } = ledger;

  async function apply(change: Uint8Array, approvals: readonly Uint8Array[]): Promise<Result<AppliedChange>> {
    const decoded = decodeChange(change);
    if (!decoded.ok) return decoded;
    if (decoded.value.action.kind === 'anchor')
      return refuse(
        'not_permitted',
        'a journal is anchored anew while its system is stopped: `ringmint store anchor-anew` is accepted',
      );
    // Carried out already: the approvers may have changed since, and the answer is the same.
    let sequence = await store.findChange(changeId(change));
    if (sequence === undefined) {
      const approved = checkQuotaQuorum({ change, approvals, policy, verifySignature });
      if (!approved.ok) return approved;
      const applied = await store.applyChange({ change, approvals, createdMs: clock.nowMs() });
      if (!applied.ok) return applied;
      sequence = applied.value;
    }
    // A crash before this leaves the change in force; the next entry anchors it too.
    await ledger.follow();
    // A crash before this, or an HSM that does not answer: the same command, a retry or the next start signs what waits.
    if (decoded.value.action.kind === 'start') await dependencies.resume();
    return succeed({ sequence });
  }

  function readStop(bytes: Uint8Array, peer: string | undefined): Result<Omit<NewStop, 'createdMs'>> {
    if (isSign1(bytes)) return readSignedStop(bytes);
    if (peer === undefined)
      return refuse(
        'not_permitted',
        "the operator's certificate, or a stop that an approver signed, is accepted",
      );
    const decoded = decodeCbor(bytes);
    if (!decoded.ok) return decoded;
    const order = readStopOrder(decoded.value);
    return order.ok ? succeed({ ...order.value, by: peer, evidence: null }) : order;
  }

  function readSignedStop(bytes: Uint8Array): Result<Omit<NewStop, 'createdMs'>> {
    const decoded = decodeStop(bytes);
    if (!decoded.ok) return decoded;
    const { record, keyId } = decoded.value;
    const approver = approverOf(policy, record.approver, keyId);
    if (approver === undefined)
      return refuse(
        'approver_unknown',
        `signed by key \`${toHex(keyId).slice(0, 16)}\` for \`${record.approver}\`, which is no approver's in the trust bundle`,
      );
    const verified = verifyRecord(decoded.value, approver.key, verifySignature);
    if (!verified.ok) return verified;
    const { id, reason } = record;
    return succeed({ id, reason, by: `approver ${approver.name}`, evidence: bytes });
  }

  return {
    apply,
    async stop(bytes, peer) {
      const read = readStop(bytes, peer);
      if (!read.ok) return read;
      const stop = await store.stop({ ...read.value, createdMs: clock.nowMs() });
      const inForce = await store.stopped();
      if (inForce === undefined || inForce.sequence < stop.sequence)
        return refuse(
          'stop_lifted',
          `this stop, of journal entry ${stop.sequence}, was lifted by a start: a new stop is accepted`,
        );
      // In force whatever comes of this: an HSM that is away must not keep anybody from stopping. The next entry anchors it too.
      await ledger.follow().catch(() => undefined);
      return succeed(stop);
    },
    stopped: () => store.stopped(),
    async since(from) {
      const all = await store.changes();
      return all.filter(({ change }) => isOf(change, from)).slice(0, followedLimit);
    },
  };
}

function isOf(change: Uint8Array, { issuer, currency, version }: QuotaVersion): boolean {
  const decoded = decodeChange(change);
  const actions = decoded.ok ? termsActionsOf(decoded.value.action) : [];
  return actions.some((one) => one.issuer === issuer && one.currency === currency && one.version >= version);
}

export type { Stop } from '../store/store.ts';
