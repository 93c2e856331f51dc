/** The file of `--approvers`: JSON that names who is to approve, and with which keys. */
import { quote, type Refusal, type Result, refuse, succeed } from '../../kit/result.ts';
import { type ApprovalPolicy, type Approver, faultOf } from '../../records/approval-policy.ts';
import { nameAccepted, namePattern } from '../../records/claims.ts';
import { verificationKey } from '../../records/signature.ts';
import { readInput } from '../file.ts';
import { pointOfPem } from '../public-key.ts';

const sizeLimit = 64 * 1024;

/**
 * Reads `{ "threshold": 2, "approvers": [ { "name": "alice", "publicKey": "-----BEGIN PUBLIC KEY-----…" }, … ] }`. Refuses
 * `approvers_malformed`, with the field at fault, and what reading a file refuses.
 */
export async function readApprovers(path: string): Promise<Result<ApprovalPolicy>> {
  const bytes = await readInput(path, sizeLimit);
  if (!bytes.ok) return bytes;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.value));
  } catch (error) {
    // Of the decoder or of the parser: both say what is wrong with the text.
    return refuse('approvers_malformed', `${quote(path)} is not JSON: ${quote((error as Error).message)}`);
  }
  const fields = fieldsOf(value, ['threshold', 'approvers']);
  if (fields === undefined || !Array.isArray(fields['approvers']))
    return malformed('', 'an object of `threshold` and the array `approvers`');
  const approvers: Approver[] = [];
  for (const [index, item] of (fields['approvers'] as unknown[]).entries()) {
    const approver = readApprover(item, `approvers[${index}]`);
    if (!approver.ok) return approver;
    approvers.push(approver.value);
  }
  const { threshold } = fields;
  if (typeof threshold !== 'number') return malformed('threshold', 'a number');
  const policy = { threshold, approvers };
  const fault = faultOf(policy);
  return fault === undefined ? succeed(policy) : malformed(fault.field, fault.accepted);
}

function readApprover(item: unknown, field: string): Result<Approver> {
  const fields = fieldsOf(item, ['name', 'publicKey']);
  if (fields === undefined) return malformed(field, 'an object of `name` and `publicKey`');
  const { name, publicKey } = fields;
  if (typeof name !== 'string' || !namePattern.test(name)) return malformed(`${field}.name`, nameAccepted);
  const point = typeof publicKey === 'string' ? pointOfPem(publicKey.trim()) : undefined;
  if (point === undefined) return malformed(`${field}.publicKey`, 'the PEM of a public key on P-256');
  return succeed({ name, key: verificationKey(point) });
}

/** The object's fields where it has just these. */
function fieldsOf(value: unknown, names: readonly string[]): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const found = Object.keys(value);
  if (found.length !== names.length || !names.every((name) => found.includes(name))) return undefined;
  return value as Record<string, unknown>;
}

function malformed(field: string, accepted: string): Refusal {
  return refuse(
    'approvers_malformed',
    `${field === '' ? 'the file' : field}: ${accepted} is accepted`,
    ...(field === '' ? [] : [field]),
  );
}
