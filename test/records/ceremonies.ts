/** Whole ceremonies for tests, each part of which a test can change: everything after it is made anew, so that only that part is wrong. */
import { sha256 } from '../../src/kit/bytes.ts';
import { encodeApproval } from '../../src/records/ceremony-approval.ts';
import { carryOut } from '../../src/records/ceremony-outcome.ts';
import {
  type CeremonyAction,
  type CeremonyPlan,
  encodePlan,
  planId,
} from '../../src/records/ceremony-plan.ts';
import {
  type CeremonyTranscript,
  encodeTranscript,
  type MadeKey,
} from '../../src/records/ceremony-transcript.ts';
import { possessionMessage } from '../../src/records/possession-proof.ts';
import type { TrustBundle } from '../../src/records/trust-bundle.ts';
import { signBundle } from './batches.ts';
import { accepted, issuer, keys, now, policy, signed, type TestKey, trustBundle } from './samples.ts';

/** The bundle that ceremonies start from: two of three have to approve. */
export const governed: TrustBundle = { ...trustBundle, approval: policy };

/** Two new keys, one of which signs nothing, a revocation, and one approver less. */
export const actions: readonly CeremonyAction[] = [
  {
    kind: 'rotate',
    role: 'issuance',
    name: issuer,
    hsm: 'softhsm',
    replaced: keys.issuance.key.keyId,
    delaySeconds: 15,
    overlapSeconds: 3600,
  },
  {
    kind: 'rotate',
    role: 'quota-agreement',
    name: 'quota',
    hsm: 'second',
    replaced: null,
    delaySeconds: 0,
    overlapSeconds: 0,
  },
  { kind: 'revoke', keyId: keys.otherIssuance.key.keyId, since: now - 60 },
  { kind: 'approvers', policy: { threshold: 1, approvers: policy.approvers.slice(0, 2) } },
];

export function approve(
  plan: Uint8Array,
  name: string,
  signer: TestKey,
  issuedAt: number = now + 60,
): Uint8Array {
  return signed(encodeApproval({ approver: name, planId: planId(plan), issuedAt }, signer.key.keyId), signer);
}

/** The new keys' proofs, in the order of `actions`. */
export function makeKeys(plan: Uint8Array): readonly MadeKey[] {
  const { newIssuance, newAgreement } = keys;
  return [
    {
      hsm: 'softhsm',
      label: 'signing-00000001',
      key: newIssuance.key,
      proof: newIssuance.sign(possessionMessage(planId(plan), newIssuance.key.keyId)),
    },
    { hsm: 'second', label: 'agreement-00000002', key: newAgreement.key, proof: null },
  ];
}

export interface CeremonyChanges {
  readonly before?: TrustBundle;
  /** Who signs the bundle before. */
  readonly beforeSigner?: TestKey;
  readonly plan?: Partial<CeremonyPlan>;
  readonly approvals?: (plan: Uint8Array) => readonly Uint8Array[];
  readonly madeKeys?: (plan: Uint8Array) => readonly MadeKey[];
  /** The bundle after, of the one that the plan makes. */
  readonly after?: (bundle: TrustBundle) => TrustBundle;
  /** Who signs the bundle after. */
  readonly afterSigner?: TestKey;
  readonly times?: { readonly beganAt?: number; readonly endedAt?: number };
  /** What is changed before the root signs the transcript. */
  readonly transcript?: (transcript: CeremonyTranscript) => CeremonyTranscript;
  /** Who signs the transcript. */
  readonly signer?: TestKey;
}

/** A transcript that replays, but for what is changed. */
export function makeTranscript(changes: CeremonyChanges = {}): Uint8Array {
  const { before = governed, signer = keys.root, transcript = (same) => same } = changes;
  const bundleBefore = signBundle(before, changes.beforeSigner ?? keys.root);
  const plan: CeremonyPlan = {
    startsFrom: sha256(bundleBefore),
    madeAt: now,
    expiresAt: now + 3600,
    actions,
    ...changes.plan,
  };
  const planBytes = encodePlan(plan);
  const { beganAt = now + 100, endedAt = now + 103 } = changes.times ?? {};
  const approvals = changes.approvals?.(planBytes) ?? [
    approve(planBytes, 'alice', keys.alice),
    approve(planBytes, 'carol', keys.carol),
  ];
  const after = accepted(
    carryOut(
      before,
      plan.actions,
      [keys.newIssuance.key, keys.newAgreement.key].slice(
        0,
        plan.actions.filter(({ kind }) => kind === 'rotate').length,
      ),
      endedAt,
    ),
  );
  const whole = transcript({
    beganAt,
    endedAt,
    plan: planBytes,
    approvals,
    bundleBefore,
    bundleAfter: signBundle((changes.after ?? ((same) => same))(after), changes.afterSigner ?? keys.root),
    madeKeys: (changes.madeKeys ?? makeKeys)(planBytes),
  });
  return signed(encodeTranscript(whole, signer.key.keyId), signer);
}
