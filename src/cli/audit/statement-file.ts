/** Audit statements in files, and the keys that they are verified with. */
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { type AuditStatement, decodeAuditStatement } from '../../records/audit-statement.ts';
import { verifyRecord } from '../../records/cose.ts';
import { type VerificationKey, verificationKey } from '../../records/signature.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { readInput } from '../file.ts';
import { pointOfPem } from '../public-key.ts';

const keySizeLimit = 64 * 1024;
/** A ledger has few journals. */
export const statementSizeLimit = 1024 * 1024;

export async function readAuditorKey(path: string): Promise<Result<VerificationKey>> {
  const bytes = await readInput(path, keySizeLimit);
  if (!bytes.ok) return bytes;
  const point = pointOfPem(new TextDecoder().decode(bytes.value));
  if (point !== undefined) return succeed(verificationKey(point));
  return refuse('key_malformed', `${quote(path)}: a public key on P-256 in PEM is accepted`);
}

/** The statement, when it is signed with `key`. */
export function openStatement(bytes: Uint8Array, key: VerificationKey): Result<AuditStatement> {
  const decoded = decodeAuditStatement(bytes);
  if (!decoded.ok) return decoded;
  return verifyRecord(decoded.value, key, makeNodeVerifySignature());
}
