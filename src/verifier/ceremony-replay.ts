/**
 * Offline replay of a key ceremony: does this transcript show that the trust bundle became what it is by the plan that enough approvers
 * approved, with keys that sign? That these are in the HSMs it names is the root's word. It needs the transcript and the root key's id, no network and no HSM.
 *
 * May import records and kit, as all of src/verifier.
 */
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { describePolicy } from '../records/approval-policy.ts';
import type { QuorumCode } from '../records/approval-quorum.ts';
import { findDifference } from '../records/bundle-difference.ts';
import { carryOut, countRotations, type OutcomeCode } from '../records/ceremony-outcome.ts';
import {
  type CeremonyPlan,
  decodePlan,
  describeAction,
  planId,
  type RotateAction,
} from '../records/ceremony-plan.ts';
import { checkQuorum } from '../records/ceremony-quorum.ts';
import { type CeremonyTranscript, decodeTranscript, type MadeKey } from '../records/ceremony-transcript.ts';
import { verifyRecord } from '../records/cose.ts';
import { isoTime } from '../records/key-ring.ts';
import { possessionMessage } from '../records/possession-proof.ts';
import type { VerifySignature } from '../records/signature.ts';
import { decodeTrustBundle, type TrustBundle } from '../records/trust-bundle.ts';

export type ReplayCode =
  | QuorumCode
  | OutcomeCode
  | 'root_mismatch'
  | 'bundle_before_invalid'
  | 'transcript_invalid'
  | 'plan_stale'
  | 'times_disordered'
  | 'plan_expired'
  | 'made_keys_mismatch'
  | 'proof_missing'
  | 'proof_unexpected'
  | 'proof_invalid'
  | 'bundle_after_invalid'
  | 'bundle_mismatch';

export interface ReplayOptions {
  /** Id of the root key that must have signed; without it whoever handed over the transcript is trusted. */
  readonly rootKeyId?: Uint8Array;
  readonly verifySignature: VerifySignature;
}

export interface Replay {
  readonly transcript: CeremonyTranscript;
  readonly plan: CeremonyPlan;
  /** SHA-256 of the plan's bytes. */
  readonly planId: Uint8Array;
  /** Names of those who approved. */
  readonly approvedBy: readonly string[];
  readonly before: TrustBundle;
  readonly after: TrustBundle;
  /** What was checked, in words, in order. */
  readonly checks: readonly string[];
}

/** Replays a transcript: every check has passed before anything of it is given; the first that fails is the answer. */
export function replayCeremony(bytes: Uint8Array, options: ReplayOptions): Result<Replay, ReplayCode> {
  const { rootKeyId, verifySignature } = options;
  const decoded = decodeTranscript(bytes);
  if (!decoded.ok) return decoded;
  const transcript = decoded.value.record;
  const decodedBefore = decodeTrustBundle(transcript.bundleBefore);
  if (!decodedBefore.ok) return decodedBefore;
  const before = decodedBefore.value.record;
  const root = before.rootKey;
  if (rootKeyId !== undefined && !equalBytes(rootKeyId, root.keyId))
    return refuse(
      'root_mismatch',
      `the ceremony is of root \`${toHex(root.keyId)}\`, not of the one that was asked for`,
    );
  if (!verifyRecord(decodedBefore.value, root, verifySignature).ok)
    return refuse('bundle_before_invalid', 'the trust bundle before is not signed by its root');
  if (!verifyRecord(decoded.value, root, verifySignature).ok)
    return refuse(
      'transcript_invalid',
      'the transcript is not signed by the root of the trust bundle before',
    );

  const plan = decodePlan(transcript.plan);
  if (!plan.ok) return plan;
  const timely = checkPlace(transcript, plan.value);
  if (!timely.ok) return timely;
  const approvedBy = checkQuorum({ ...transcript, policy: before.approval, verifySignature });
  if (!approvedBy.ok) return approvedBy;
  const proven = checkMadeKeys(transcript, plan.value, verifySignature);
  if (!proven.ok) return proven;

  const decodedAfter = decodeTrustBundle(transcript.bundleAfter);
  if (!decodedAfter.ok) return decodedAfter;
  const after = decodedAfter.value.record;
  if (!verifyRecord(decodedAfter.value, root, verifySignature).ok)
    return refuse('bundle_after_invalid', 'the trust bundle after is not signed by the same root');
  const made = transcript.madeKeys.map(({ key }) => key);
  const outcome = carryOut(before, plan.value.actions, made, transcript.endedAt);
  if (!outcome.ok) return outcome;
  const field = findDifference(outcome.value, after);
  if (field !== undefined)
    return refuse(
      'bundle_mismatch',
      `${field}: the trust bundle after has another value there than the plan makes of the one before`,
      field,
    );
  const replay = {
    transcript,
    plan: plan.value,
    planId: planId(transcript.plan),
    approvedBy: approvedBy.value,
    before,
    after,
  };
  return succeed({ ...replay, checks: describeChecks(replay) });
}

/** The plan starts from this bundle, and the ceremony was in its time. */
function checkPlace(
  { bundleBefore, beganAt, endedAt }: CeremonyTranscript,
  plan: CeremonyPlan,
): Result<null, ReplayCode> {
  if (!equalBytes(sha256(bundleBefore), plan.startsFrom))
    return refuse('plan_stale', 'the plan starts from another trust bundle than the one before');
  if (beganAt < plan.madeAt || endedAt < beganAt)
    return refuse(
      'times_disordered',
      `planned at ${isoTime(plan.madeAt)}, begun at ${isoTime(beganAt)}, ended at ${isoTime(endedAt)}: times in this order are accepted`,
    );
  if (beganAt > plan.expiresAt)
    return refuse(
      'plan_expired',
      `begun at ${isoTime(beganAt)}: a time until ${isoTime(plan.expiresAt)}, when the plan expires, is accepted`,
    );
  return succeed(null);
}

/** A new key for each rotation, in the HSM that the plan names, and with a proof that it signs. */
function checkMadeKeys(
  { plan: bytes, madeKeys }: CeremonyTranscript,
  { actions }: CeremonyPlan,
  verifySignature: VerifySignature,
): Result<null, ReplayCode> {
  const rotations = actions.filter((action) => action.kind === 'rotate');
  if (madeKeys.length !== countRotations(actions))
    return refuse(
      'made_keys_mismatch',
      `${madeKeys.length} new keys: one of each of the ${rotations.length} rotations is accepted`,
    );
  for (const [index, action] of rotations.entries()) {
    const made = madeKeys[index];
    if (made?.hsm !== action.hsm)
      return refuse(
        'made_keys_mismatch',
        `madeKeys[${index}]: made in the HSM \`${made?.hsm}\`: \`${action.hsm}\`, as the plan says, is accepted`,
        `madeKeys[${index}].hsm`,
      );
    const proven = checkProof(made, action, planId(bytes), verifySignature, `madeKeys[${index}].proof`);
    if (!proven.ok) return proven;
  }
  return succeed(null);
}

function checkProof(
  { key, proof }: MadeKey,
  { role }: RotateAction,
  id: Uint8Array,
  verifySignature: VerifySignature,
  field: string,
): Result<null, ReplayCode> {
  // A key that agrees on keys may sign nothing, so that there is no proof of it.
  if (role === 'quota-agreement')
    return proof === null
      ? succeed(null)
      : refuse('proof_unexpected', `${field}: none is accepted of a key-agreement key`, field);
  if (proof === null)
    return refuse('proof_missing', `${field}: a signature by the new ${role} key is accepted`, field);
  if (!verifySignature(key, possessionMessage(id, key.keyId), proof))
    return refuse(
      'proof_invalid',
      `${field}: not by the new ${role} key, or not for this plan and this key`,
      field,
    );
  return succeed(null);
}

function describeChecks({ transcript, plan, approvedBy, before, after }: Omit<Replay, 'checks'>): string[] {
  const { beganAt, endedAt, bundleBefore, bundleAfter, madeKeys } = transcript;
  const proofs = madeKeys.filter(({ proof }) => proof !== null).length;
  const root = toHex(before.rootKey.keyId).slice(0, 16);
  return [
    `transcript and both trust bundles signed by root ${root}`,
    `the plan starts from the trust bundle ${toHex(sha256(bundleBefore)).slice(0, 16)}, and began in its time: ${isoTime(beganAt)} to ${isoTime(endedAt)}`,
    before.approval === null
      ? 'nobody had to approve: the trust bundle before asks for none'
      : `approved by ${approvedBy.join(', ')}, where ${describePolicy(before.approval)} is asked for`,
    ...plan.actions.map((action) => `carried out: ${describeAction(action)}`),
    `${madeKeys.length} new keys, ${proofs} of which signed a proof of possession for this plan; that they are in these HSMs is the root's word`,
    `the trust bundle ${toHex(sha256(bundleAfter)).slice(0, 16)} is what the plan makes of it, in every field; revocation epoch ${after.revocationEpoch}`,
  ];
}
