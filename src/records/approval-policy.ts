/**
 * The approval policy: whose approval a change of the keys needs, and of how many. It is a claim of the trust bundle, so the root signs it
 * and everybody who has the bundle knows it.
 *
 * ```
 * null │ [ threshold, [ [ name, COSE_Key ], … ] ]
 * ```
 */
import { equalBytes, toHex } from '../kit/bytes.ts';
import type { CborValue } from '../kit/encoding.ts';
import { type ClaimReader, nameAccepted, namePattern } from './claims.ts';
import { readKey } from './key-claim.ts';
import { encodeCoseKey, type VerificationKey } from './signature.ts';

/** The most approvers of a policy. */
export const approverLimit = 16;

export interface Approver {
  readonly name: string;
  readonly key: VerificationKey;
}

/** INVARIANT: 1 ≤ threshold ≤ approvers ≤ 16; no name and no key is there twice, so that nobody counts for two. */
export interface ApprovalPolicy {
  /** How many of the approvers have to approve. */
  readonly threshold: number;
  readonly approvers: readonly Approver[];
}

export function encodePolicy(policy: ApprovalPolicy | null): CborValue {
  if (policy === null) return null;
  return [policy.threshold, policy.approvers.map(({ name, key }) => [name, encodeCoseKey(key.point)])];
}

/** The policy, with its invariant; a placeholder where the reader has refused it. */
export function readPolicy(
  reader: ClaimReader,
  value: CborValue | undefined,
  name: string,
): ApprovalPolicy | null {
  if (value === null) return null;
  const [threshold, list] = reader.listOf(value, name, 2);
  const approvers = reader
    .listOf(list, `${name}.approvers`)
    .map((item, index) => readApprover(reader, item, `${name}.approvers[${index}]`));
  const policy = { threshold: reader.integerOf(threshold, `${name}.threshold`, 1), approvers };
  const fault = faultOf(policy);
  if (fault !== undefined) reader.fail(`${name}.${fault.field}`, fault.accepted);
  return policy;
}

function readApprover(reader: ClaimReader, item: CborValue, name: string): Approver {
  const [holder, key] = reader.listOf(item, name, 2);
  return {
    name: reader.textOf(holder, `${name}.name`, namePattern, nameAccepted),
    key: readKey(reader, key, `${name}.key`),
  };
}

/** Where the policy breaks its invariant, and what would be accepted there; `undefined` where it holds. */
export function faultOf({
  threshold,
  approvers,
}: ApprovalPolicy): { readonly field: 'approvers' | 'threshold'; readonly accepted: string } | undefined {
  const count = approvers.length;
  if (count < 1 || count > approverLimit)
    return { field: 'approvers', accepted: `a list of 1 to ${approverLimit} approvers` };
  if (new Set(approvers.map(({ name }) => name)).size !== count)
    return { field: 'approvers', accepted: 'a list that has each name once' };
  if (new Set(approvers.map(({ key }) => toHex(key.keyId))).size !== count)
    return { field: 'approvers', accepted: 'a list that has each key once' };
  if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > count)
    return { field: 'threshold', accepted: `a number from 1 to ${count}, the number of approvers,` };
  return undefined;
}

/** The approver of this name with this key; `undefined` where the policy has none. */
export function approverOf(
  policy: ApprovalPolicy | null,
  name: string,
  keyId: Uint8Array,
): Approver | undefined {
  return policy?.approvers.find(
    (approver) => approver.name === name && equalBytes(approver.key.keyId, keyId),
  );
}

/** For a person: `2 of alice, bob, carol`. */
export function describePolicy({ threshold, approvers }: ApprovalPolicy): string {
  return `${threshold} of ${approvers.map(({ name }) => name).join(', ')}`;
}
