/** What a plan makes of a trust bundle: one way for the appliance that carries it out and for the auditor who does it again. */
import { concatBytes, sha256, utf8 } from '../kit/bytes.ts';
import { assert, type Result, succeed } from '../kit/result.ts';
import type { CeremonyAction } from './ceremony-plan.ts';
import { addKey, changeApproval, revokeKey } from './key-set.ts';
import { type VerificationKey, verificationKey } from './signature.ts';
import type { TrustBundle } from './trust-bundle.ts';

export type OutcomeCode = 'key_unknown' | 'key_repeated' | 'key_revoked';

/**
 * The bundle after the actions, in their order, at the time `at`. `made` has the new key of each `rotate`, in the order of these. Refuses as
 * `addKey` and `revokeKey` do.
 */
export function carryOut(
  bundle: TrustBundle,
  actions: readonly CeremonyAction[],
  made: readonly VerificationKey[],
  at: number,
): Result<TrustBundle, OutcomeCode> {
  assert(made.length === countRotations(actions), 'a new key for each rotation');
  const waiting = made.values();
  let outcome = bundle;
  for (const action of actions) {
    const changed = applyAction(outcome, action, waiting, at);
    if (!changed.ok) return changed;
    outcome = changed.value;
  }
  return succeed(outcome);
}

/** Tells whether the actions can be carried out, before any key is made for them: with keys that stand in for the new ones. */
export function rehearse(
  bundle: TrustBundle,
  actions: readonly CeremonyAction[],
  at: number,
): Result<TrustBundle, OutcomeCode> {
  const standIns = Array.from({ length: countRotations(actions) }, (_, index) => {
    const coordinate = sha256(utf8(`ringmint stand-in ${index}`));
    return verificationKey(concatBytes(Uint8Array.of(4), coordinate, coordinate));
  });
  return carryOut(bundle, actions, standIns, at);
}

export function countRotations(actions: readonly CeremonyAction[]): number {
  return actions.filter(({ kind }) => kind === 'rotate').length;
}

function applyAction(
  bundle: TrustBundle,
  action: CeremonyAction,
  waiting: Iterator<VerificationKey>,
  at: number,
): Result<TrustBundle, OutcomeCode> {
  switch (action.kind) {
    case 'rotate': {
      const { role, name, replaced, delaySeconds, overlapSeconds } = action;
      const key = waiting.next().value as VerificationKey;
      return addKey(
        bundle,
        { role, name, key, notBefore: at + delaySeconds },
        replaced === null ? undefined : { keyId: replaced, overlapSeconds },
        at,
      );
    }
    case 'revoke':
      return revokeKey(bundle, action.keyId, action.since, at);
    case 'approvers':
      return succeed(changeApproval(bundle, action.policy, at));
  }
}
