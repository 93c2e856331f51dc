/**
 * The ceremony plan: what is to be done to the keys, written down before anybody approves it. It is bound to the one trust bundle that it
 * starts from, so that it is carried out once: the bundle that it makes has other bytes.
 *
 * ```
 * ┌ array(6) ───────────────────────────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.ceremony-plan" │ version 1 │ SHA-256 of the bundle (32) │ made at │ expires at │ [ action … ] │
 * └─────────────────────────────────────────────────────────────────────────────────────────────────────┘
 * action: [ "rotate", role, name, hsm, replaced key id (32) or null, delay, overlap ]
 *       │ [ "revoke", key id (32), since ]
 *       │ [ "approvers", policy or null ]
 * ```
 */
import { sha256, toHex } from '../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Refusal, type Result, refuse } from '../kit/result.ts';
import { type ApprovalPolicy, encodePolicy, readPolicy } from './approval-policy.ts';
import { ClaimReader, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { isoTime } from './key-ring.ts';
import { type KeyRole, keyRoles } from './trust-bundle.ts';

export const ceremonyPlanKind = 'ringmint.ceremony-plan';
const version = 1;

/** No plan is larger: 32 actions and 16 approvers take some 5 KiB. */
export const planSizeLimit = 64 * 1024;
const actionLimit = 32;
/** Of a delay and an overlap: some 31 years. */
const secondsLimit = 999_999_999;

export interface RotateAction {
  readonly kind: 'rotate';
  readonly role: KeyRole;
  /** The issuer's name for an issuance key, the role's own name for the others. */
  readonly name: string;
  /** Name of the HSM that is to make the key, as the system's configuration has it. */
  readonly hsm: string;
  /** The key that the new one takes over from; `null` where that HSM has none. */
  readonly replaced: Uint8Array | null;
  /** From the end of the ceremony until the new key names records. */
  readonly delaySeconds: number;
  /** How long the replaced key goes on after that. */
  readonly overlapSeconds: number;
}

export interface RevokeAction {
  readonly kind: 'revoke';
  readonly keyId: Uint8Array;
  /** From when on nothing counts that the key signed, seconds. */
  readonly since: number;
}

export interface ApproversAction {
  readonly kind: 'approvers';
  /** From then on; `null` lifts the policy. */
  readonly policy: ApprovalPolicy | null;
}

export type CeremonyAction = RotateAction | RevokeAction | ApproversAction;

export interface CeremonyPlan {
  /** SHA-256 of the signed bytes of the trust bundle that it starts from, 32 bytes. */
  readonly startsFrom: Uint8Array;
  /** Seconds; no approval counts from before. */
  readonly madeAt: number;
  /** Seconds; no approval counts from after, and no ceremony begins after. */
  readonly expiresAt: number;
  /** In the order in which they are carried out. */
  readonly actions: readonly CeremonyAction[];
}

export function encodePlan({ startsFrom, madeAt, expiresAt, actions }: CeremonyPlan): Uint8Array {
  return encodeCbor([ceremonyPlanKind, version, startsFrom, madeAt, expiresAt, actions.map(encodeAction)]);
}

function encodeAction(action: CeremonyAction): CborValue {
  switch (action.kind) {
    case 'rotate':
      return [
        'rotate',
        action.role,
        action.name,
        action.hsm,
        action.replaced,
        action.delaySeconds,
        action.overlapSeconds,
      ];
    case 'revoke':
      return ['revoke', action.keyId, action.since];
    case 'approvers':
      return ['approvers', encodePolicy(action.policy)];
  }
}

/** Names the plan in approvals and proofs: SHA-256 of its bytes, 32 bytes. */
export function planId(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

/** Decodes untrusted bytes; refuses as `too_large`, `not_cbor` or `record_malformed`, with the field at fault. */
export function decodePlan(bytes: Uint8Array): Result<CeremonyPlan, RecordErrorCode> {
  if (bytes.length > planSizeLimit)
    return refuse('too_large', `${bytes.length} bytes: at most ${planSizeLimit} are accepted`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 6) return malformed();
  const [kind, number, startsFrom, madeAt, expiresAt, list] = decoded.value as CborValue[];
  if (kind !== ceremonyPlanKind || number !== version) return malformed();
  const reader = new ClaimReader(new Map());
  const plan: CeremonyPlan = {
    startsFrom: reader.bytesOf(startsFrom, 'startsFrom', 32),
    madeAt: reader.timeOf(madeAt, 'madeAt'),
    expiresAt: reader.timeOf(expiresAt, 'expiresAt'),
    actions: reader
      .listOf(list, 'actions')
      .map((item, index) => readAction(reader, item, `actions[${index}]`)),
  };
  if (plan.expiresAt <= plan.madeAt) reader.fail('expiresAt', 'a time after `madeAt`');
  checkActions(reader, plan);
  return reader.finish(plan);
}

function malformed(): Refusal<'record_malformed'> {
  return refuse(
    'record_malformed',
    'not a ceremony plan: what `ringmint ceremony plan` wrote is accepted, version 1',
  );
}

function readAction(reader: ClaimReader, item: CborValue, name: string): CeremonyAction {
  const [kind] = reader.listOf(item, name);
  switch (kind) {
    case 'rotate': {
      const [, role, holder, hsm, replaced, delay, overlap] = reader.listOf(item, name, 7);
      const known = keyRoles.find((candidate) => candidate === role);
      if (known === undefined) reader.fail(`${name}.role`, keyRoles.join(', '));
      return {
        kind,
        role: known ?? 'central',
        name: reader.textOf(holder, `${name}.name`, namePattern, nameAccepted),
        hsm: reader.textOf(hsm, `${name}.hsm`, namePattern, nameAccepted),
        replaced: replaced === null ? null : reader.bytesOf(replaced, `${name}.replaced`, 32),
        delaySeconds: readSeconds(reader, delay, `${name}.delaySeconds`),
        overlapSeconds: readSeconds(reader, overlap, `${name}.overlapSeconds`),
      };
    }
    case 'revoke': {
      const [, keyId, since] = reader.listOf(item, name, 3);
      return {
        kind,
        keyId: reader.bytesOf(keyId, `${name}.keyId`, 32),
        since: reader.timeOf(since, `${name}.since`),
      };
    }
    case 'approvers': {
      const [, policy] = reader.listOf(item, name, 2);
      return { kind, policy: readPolicy(reader, policy, `${name}.policy`) };
    }
    default:
      reader.fail(name, 'an action that is `rotate`, `revoke` or `approvers`');
      return { kind: 'approvers', policy: null };
  }
}

function readSeconds(reader: ClaimReader, value: CborValue | undefined, name: string): number {
  const seconds = reader.integerOf(value, name);
  if (seconds <= secondsLimit) return seconds;
  reader.fail(name, `at most ${secondsLimit} seconds`);
  return 0;
}

function checkActions(reader: ClaimReader, { actions, madeAt }: CeremonyPlan): void {
  if (actions.length < 1 || actions.length > actionLimit)
    reader.fail('actions', `a list of 1 to ${actionLimit} actions`);
  // A second key of one HSM would have to take over from one that is not made yet.
  const places = actions.flatMap((action) =>
    action.kind === 'rotate' ? [`${action.role} in ${action.hsm}`] : [],
  );
  if (new Set(places).size !== places.length)
    reader.fail('actions', 'a list that rotates the key of a role in an HSM once');
  // As `ringmint keys revoke`: a key is revoked from now on or from before.
  const late = actions.findIndex((action) => action.kind === 'revoke' && action.since > madeAt);
  if (late >= 0) reader.fail(`actions[${late}].since`, 'a time until `madeAt`');
  if (actions.filter(({ kind }) => kind === 'approvers').length > 1)
    reader.fail('actions', 'a list that sets the approvers once');
}

/** Says for a person what the action does. */
export function describeAction(action: CeremonyAction): string {
  switch (action.kind) {
    case 'rotate': {
      const { role, name, hsm, replaced, delaySeconds, overlapSeconds } = action;
      const old =
        replaced === null
          ? 'it takes over from none'
          : `it takes over from ${toHex(replaced)}, which goes on for ${overlapSeconds} s more`;
      return `rotate ${role}: a new key of ${name} in the HSM ${hsm}, in use ${delaySeconds} s after the ceremony; ${old}`;
    }
    case 'revoke':
      return `revoke the key ${toHex(action.keyId)} from ${isoTime(action.since)} on`;
    case 'approvers':
      if (action.policy === null) return 'approvers: nobody has to approve a change of the keys any more';
      return `approvers: a change of the keys needs ${action.policy.threshold} of ${action.policy.approvers
        .map(({ name, key }) => `${name} (${toHex(key.keyId).slice(0, 16)}…)`)
        .join(', ')}`;
  }
}
