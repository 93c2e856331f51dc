/** An approver's own key: a file that nobody else may read. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { type VerificationKey, verificationKey } from '../../records/signature.ts';
import { readInput } from '../file.ts';
import { pointOfKey } from '../public-key.ts';

export interface ApproverKey {
  readonly key: VerificationKey;
  /** ES256, 64 bytes. */
  sign(toBeSigned: Uint8Array): Uint8Array;
}

/** Reads a private key on P-256 in PEM; refuses `key_exposed`, `key_malformed` and what reading a file refuses. */
export async function readApproverKey(path: string): Promise<Result<ApproverKey>> {
  const bytes = await readInput(path, 64 * 1024);
  if (!bytes.ok) return bytes;
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0)
    return refuse(
      'key_exposed',
      `${quote(path)} has the mode ${(mode & 0o777).toString(8)}, so that others can use it: 600, or 400, is accepted`,
    );
  const malformed = refuse(
    'key_malformed',
    `${quote(path)}: a private key on P-256 in PEM, without a passphrase, is accepted`,
  );
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(Buffer.from(bytes.value));
  } catch {
    // Node tells of a text that is no key with errors of several kinds.
    return malformed;
  }
  const point = pointOfKey(privateKey);
  if (point === undefined) return malformed;
  return succeed({
    key: verificationKey(point),
    sign: (toBeSigned) =>
      new Uint8Array(sign('sha256', toBeSigned, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  });
}
