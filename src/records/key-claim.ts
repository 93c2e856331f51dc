/** Reads a public key out of a record: what is no key on P-256 is refused with the name of its field. */
import type { CborValue } from '../kit/encoding.ts';
import type { ClaimReader } from './claims.ts';
import { decodeCoseKey, type VerificationKey, verificationKey } from './signature.ts';

/** The key of a COSE_Key; a placeholder where the reader has refused it. */
export function readKey(reader: ClaimReader, value: CborValue | undefined, name: string): VerificationKey {
  const key = decodeCoseKey(value);
  if (key !== undefined) return key;
  reader.fail(name, 'a COSE_Key of type EC2 on P-256');
  const point = new Uint8Array(65);
  point[0] = 4;
  return verificationKey(point);
}
