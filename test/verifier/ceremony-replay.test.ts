/** The replay of a ceremony: a transcript that holds, and each way in which one does not, with a code of its own. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kit/bytes.ts';
import { type CeremonyAction, decodePlan, encodePlan } from '../../src/records/ceremony-plan.ts';
import type { MadeKey } from '../../src/records/ceremony-transcript.ts';
import { encodeTrustBundle, type TrustBundle, type TrustedKey } from '../../src/records/trust-bundle.ts';
import { type ReplayCode, replayCeremony } from '../../src/verifier/ceremony-replay.ts';
import { verifySignatureNoble } from '../../src/verifier/signature-noble.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { signBundle } from '../records/batches.ts';
import {
  actions,
  approve,
  type CeremonyChanges,
  governed,
  makeKeys,
  makeTranscript,
} from '../records/ceremonies.ts';
import { accepted, bitFlips, fill, keys, now, policy, signed, trustBundle } from '../records/samples.ts';

const verifySignature = makeNodeVerifySignature();
const rootKeyId = keys.root.key.keyId;

function replay(changes: CeremonyChanges = {}): ReturnType<typeof replayCeremony> {
  return replayCeremony(makeTranscript(changes), { rootKeyId, verifySignature });
}

function refusal(changes: CeremonyChanges): ReplayCode | 'ok' {
  const replayed = replay(changes);
  return replayed.ok ? 'ok' : replayed.code;
}

function alterMade(alter: (made: MadeKey) => MadeKey, index = 0): (plan: Uint8Array) => MadeKey[] {
  return (plan) => makeKeys(plan).map((made, at) => (at === index ? alter(made) : made));
}

describe('a ceremony that went as it was planned', () => {
  it('is replayed, and tells who approved, what was done, and what the trust bundle became', () => {
    const { approvedBy, after, before, plan, checks, transcript } = accepted(replay());
    expect(approvedBy).toEqual(['alice', 'carol']);
    expect(plan.actions).toEqual(actions);
    expect(after.keys).toHaveLength(before.keys.length + 2);
    expect(after.revocationEpoch).toBe(before.revocationEpoch + 1);
    expect(after.issuedAt).toBe(transcript.endedAt);
    expect(after.approval).toMatchObject({ threshold: 1, approvers: [{ name: 'alice' }, { name: 'bob' }] });
    const joined = after.keys.find(({ key }) => key.keyId.join() === keys.newIssuance.key.keyId.join());
    expect(joined).toMatchObject({ role: 'issuance', notBefore: now + 118, revokedAt: null });
    const ended = after.keys.find(({ key }) => key.keyId.join() === keys.issuance.key.keyId.join());
    expect(ended).toMatchObject({ notAfter: now + 118 + 3600 });
    expect(checks.join('\n')).toMatch(/approved by alice, carol, where 2 of alice, bob, carol is asked for/);
  });

  it('is replayed by the portable verifier as well, and without a pinned root', () => {
    expect(replayCeremony(makeTranscript(), { rootKeyId, verifySignature: verifySignatureNoble }).ok).toBe(
      true,
    );
    expect(replayCeremony(makeTranscript(), { verifySignature }).ok).toBe(true);
  });

  it('needs nobody where the trust bundle before asks for nobody', () => {
    expect(refusal({ before: trustBundle, approvals: () => [] })).toBe('ok');
  });

  it('may have more approvals than are asked for, and at the first and the last second', () => {
    expect(
      refusal({
        approvals: (plan) => [
          approve(plan, 'bob', keys.bob, now),
          approve(plan, 'carol', keys.carol, now + 3600),
          approve(plan, 'alice', keys.alice),
        ],
      }),
    ).toBe('ok');
  });

  it('may begin in the second in which the plan was made, or expires', () => {
    for (const beganAt of [now, now + 3600])
      expect(refusal({ times: { beganAt, endedAt: beganAt } })).toBe('ok');
  });
});

describe('a ceremony is refused', () => {
  const cases: [title: string, code: ReplayCode, changes: CeremonyChanges][] = [
    ['signed by another root', 'transcript_invalid', { signer: keys.stranger }],
    [
      'that began with a bundle signed by another root',
      'bundle_before_invalid',
      { beforeSigner: keys.stranger },
    ],
    ['of another root altogether', 'root_mismatch', ofStranger()],
    ['of a plan for another bundle', 'plan_stale', { plan: { startsFrom: fill(32, 1) } }],
    ['before its plan was made', 'times_disordered', { times: { beganAt: now - 1 } }],
    ['that ended before it began', 'times_disordered', { times: { endedAt: now + 99 } }],
    ['after its plan expired', 'plan_expired', { times: { beganAt: now + 3601, endedAt: now + 3601 } }],
    [
      'with one approval too few',
      'approvals_too_few',
      { approvals: (plan) => [approve(plan, 'bob', keys.bob)] },
    ],
    ['with no approval', 'approvals_too_few', { approvals: () => [] }],
    [
      'with the same approver twice',
      'approval_repeated',
      {
        approvals: (plan) => [approve(plan, 'bob', keys.bob), approve(plan, 'bob', keys.bob, now + 61)],
      },
    ],
    [
      'with an approval of another plan',
      'approval_mismatch',
      {
        approvals: (plan) => [
          approve(plan, 'bob', keys.bob),
          approve(Uint8Array.of(...plan, 0), 'alice', keys.alice),
        ],
      },
    ],
    [
      "with a stranger's approval",
      'approver_unknown',
      {
        approvals: (plan) => [approve(plan, 'bob', keys.bob), approve(plan, 'alice', keys.stranger)],
      },
    ],
    [
      "with an approver's approval in the name of another",
      'approver_unknown',
      { approvals: (plan) => [approve(plan, 'bob', keys.bob), approve(plan, 'alice', keys.carol)] },
    ],
    [
      'with a forged approval',
      'approval_invalid',
      {
        approvals: (plan) => [
          approve(plan, 'bob', keys.bob),
          approve(plan, 'alice', { ...keys.stranger, key: keys.alice.key }),
        ],
      },
    ],
    [
      'with an approval from before the plan',
      'approval_early',
      { approvals: (plan) => [approve(plan, 'bob', keys.bob, now - 1), approve(plan, 'alice', keys.alice)] },
    ],
    [
      'with an approval from after the plan',
      'approval_late',
      {
        approvals: (plan) => [approve(plan, 'bob', keys.bob), approve(plan, 'alice', keys.alice, now + 3601)],
      },
    ],
    [
      'with an approval where nobody is asked for one',
      'approver_unknown',
      { before: trustBundle, approvals: (plan) => [approve(plan, 'bob', keys.bob)] },
    ],
    [
      'approved by those of the bundle after',
      'approver_unknown',
      {
        plan: {
          actions: [
            {
              kind: 'approvers',
              policy: { threshold: 1, approvers: [{ name: 'mallory', key: keys.stranger.key }] },
            },
          ],
        },
        madeKeys: () => [],
        approvals: (plan) => [approve(plan, 'mallory', keys.stranger)],
      },
    ],
    ['with a new key too few', 'made_keys_mismatch', { madeKeys: (plan) => makeKeys(plan).slice(0, 1) }],
    [
      'with a new key too many',
      'made_keys_mismatch',
      { madeKeys: (plan) => [...makeKeys(plan), ...makeKeys(plan).slice(0, 1)] },
    ],
    [
      'with a key from another HSM',
      'made_keys_mismatch',
      { madeKeys: alterMade((made) => ({ ...made, hsm: 'second' })) },
    ],
    [
      'with new keys in another order',
      'made_keys_mismatch',
      { madeKeys: (plan) => makeKeys(plan).toReversed() },
    ],
    ['without a proof', 'proof_missing', { madeKeys: alterMade((made) => ({ ...made, proof: null })) }],
    [
      'with an altered proof',
      'proof_invalid',
      { madeKeys: alterMade((made) => ({ ...made, proof: fill(64, 1) })) },
    ],
    [
      'with a proof for another plan',
      'proof_invalid',
      { madeKeys: (plan) => makeKeys(Uint8Array.of(...plan, 0)) },
    ],
    [
      'with a proof by another key than the new one',
      'proof_invalid',
      { madeKeys: alterMade((made) => ({ ...made, key: keys.stranger.key })) },
    ],
    [
      'with a signature by a key-agreement key',
      'proof_unexpected',
      { madeKeys: alterMade((made) => ({ ...made, proof: fill(64, 1) }), 1) },
    ],
    ['whose bundle another root signed', 'bundle_after_invalid', { afterSigner: keys.stranger }],
    [
      'that replaces a key that is not there',
      'key_unknown',
      withoutOutcome([{ ...rotation(), replaced: fill(32, 1) }], makeKeys),
    ],
    [
      'that replaces a key of another role',
      'key_unknown',
      withoutOutcome([{ ...rotation(), replaced: keys.quota.key.keyId }], makeKeys),
    ],
    [
      'that revokes a key that is not there',
      'key_unknown',
      withoutOutcome([{ kind: 'revoke', keyId: fill(32, 1), since: now }]),
    ],
    [
      'that revokes a key a second time',
      'key_revoked',
      withoutOutcome([
        { kind: 'revoke', keyId: keys.quota.key.keyId, since: now },
        { kind: 'revoke', keyId: keys.quota.key.keyId, since: now },
      ]),
    ],
  ];
  it.each(cases)('%s: %s', (_title, code, changes) => {
    expect(refusal(changes)).toBe(code);
  });

  it('with a new key that the bundle before has already', () => {
    const before = {
      ...governed,
      keys: [...governed.keys, { ...firstKey(governed), key: keys.newAgreement.key }],
    };
    const bundleBefore = signBundle(before);
    const replayed = replay({
      plan: { startsFrom: sha256(bundleBefore) },
      transcript: (transcript) => ({ ...transcript, bundleBefore }),
    });
    expect(replayed).toMatchObject({ ok: false, code: 'key_repeated' });
  });

  it('of a plan that was altered after it was approved: its actions in another order', () => {
    const replayed = replay({
      transcript: (transcript) => {
        const plan = accepted(decodePlan(transcript.plan));
        return { ...transcript, plan: encodePlan({ ...plan, actions: plan.actions.toReversed() }) };
      },
    });
    expect(replayed).toMatchObject({ ok: false, code: 'approval_mismatch' });
  });

  it('that is no transcript', () => {
    for (const [bytes, code] of [
      [signBundle(governed), 'record_type_mismatch'],
      [new Uint8Array(), 'record_malformed'],
      [encodePlan({ startsFrom: fill(32, 1), madeAt: now, expiresAt: now + 1, actions }), 'record_malformed'],
      [fill(4 * 1024 * 1024 + 1, 0xd2), 'too_large'],
    ] as const)
      expect(replayCeremony(bytes, { verifySignature })).toMatchObject({ ok: false, code });
  });
});

describe('the bundle after', () => {
  const altered: [field: string, alter: (bundle: TrustBundle) => TrustBundle][] = [
    ['issuedAt', (bundle) => ({ ...bundle, issuedAt: bundle.issuedAt + 1 })],
    ['expiresAt', (bundle) => ({ ...bundle, expiresAt: bundle.expiresAt + 1 })],
    ['revocationEpoch', (bundle) => ({ ...bundle, revocationEpoch: 0 })],
    ['rootKey', (bundle) => ({ ...bundle, rootKey: keys.stranger.key })],
    ['approval', (bundle) => ({ ...bundle, approval: null })],
    ['approval', (bundle) => ({ ...bundle, approval: policy })],
    [
      'keys.length',
      (bundle) => ({
        ...bundle,
        keys: [...bundle.keys, { ...firstKey(bundle), key: keys.stranger.key }],
      }),
    ],
    ['keys.length', (bundle) => ({ ...bundle, keys: bundle.keys.slice(0, -1) })],
    ['keys[0].role', (bundle) => alterKey(bundle, { role: 'quota' })],
    ['keys[0].name', (bundle) => alterKey(bundle, { name: 'other' })],
    ['keys[0].key', (bundle) => alterKey(bundle, { key: keys.stranger.key })],
    ['keys[0].notBefore', (bundle) => alterKey(bundle, { notBefore: 0 })],
    ['keys[0].notAfter', (bundle) => alterKey(bundle, { notAfter: 0 })],
    ['keys[0].revokedAt', (bundle) => alterKey(bundle, { revokedAt: now })],
  ];
  it.each(altered)('is refused with another %s than the plan makes', (field, after) => {
    expect(replay({ after })).toMatchObject({ ok: false, code: 'bundle_mismatch', field });
  });
});

describe('a transcript', () => {
  it('is refused for every 61st bit that is turned, by whatever check', () => {
    const bytes = makeTranscript();
    for (const [bit, changed] of bitFlips(bytes))
      if (bit % 61 === 0) expect(replayCeremony(changed, { verifySignature }).ok, `bit ${bit}`).toBe(false);
  });
});

function rotation(): Extract<(typeof actions)[number], { kind: 'rotate' }> {
  const [first] = actions;
  if (first?.kind !== 'rotate') throw new Error('the first action rotates');
  return first;
}

function firstKey(bundle: TrustBundle): TrustedKey {
  const [first] = bundle.keys;
  if (first === undefined) throw new Error('a bundle has keys');
  return first;
}

function alterKey(bundle: TrustBundle, changes: Partial<TrustedKey>): TrustBundle {
  return { ...bundle, keys: [{ ...firstKey(bundle), ...changes }, ...bundle.keys.slice(1)] };
}

/** All of it signed by a root that is not the one that is asked for. */
function ofStranger(): CeremonyChanges {
  const { stranger } = keys;
  return {
    before: { ...governed, rootKey: stranger.key },
    beforeSigner: stranger,
    afterSigner: stranger,
    signer: stranger,
  };
}

/** A plan that cannot be carried out, in a transcript that has the bundle before as the one after. */
function withoutOutcome(
  impossible: readonly CeremonyAction[],
  made: (plan: Uint8Array) => readonly MadeKey[] = () => [],
): CeremonyChanges {
  return {
    approvals: () => [],
    madeKeys: () => [],
    plan: { actions: [{ kind: 'approvers', policy: null }] },
    before: trustBundle,
    transcript: (transcript) => {
      const plan = encodePlan({ ...accepted(decodePlan(transcript.plan)), actions: impossible });
      return {
        ...transcript,
        plan,
        madeKeys: made(plan).slice(0, impossible.filter(({ kind }) => kind === 'rotate').length),
        bundleAfter: signed(encodeTrustBundle(trustBundle, keys.root.key.keyId), keys.root),
      };
    },
  };
}
