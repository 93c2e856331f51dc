/** What vendors do in ways of their own, in one form: signatures as r ‖ s, public keys as points, messages whole. */
import { createHash } from 'node:crypto';
import type { SignatureAlgorithm } from '../hsm/signer.ts';
import { equalBytes } from '../src/kit/bytes.ts';

/** Bytes of r and of s; undefined for what is not ECDSA. */
const scalarBytes: Readonly<Partial<Record<SignatureAlgorithm, number>>> = { ES256: 32, ES384: 48 };
const digests: Readonly<Partial<Record<SignatureAlgorithm, string>>> = { ES256: 'sha256', ES384: 'sha384' };

/** What a device that takes digests is given for a message: of ECDSA its hash; EdDSA hashes by itself. */
export function digestOf(algorithm: SignatureAlgorithm, message: Uint8Array): Uint8Array {
  const digest = digests[algorithm];
  return digest === undefined ? message : new Uint8Array(createHash(digest).update(message).digest());
}

/** r ‖ s of a DER signature (RFC 3279 §2.2.3); undefined for what is none. Anything but ECDSA is given back as it is. */
export function rawSignature(algorithm: SignatureAlgorithm, der: Uint8Array): Uint8Array | undefined {
  const length = scalarBytes[algorithm];
  if (length === undefined) return der;
  // Of P-256 and P-384, the length of the sequence is one byte.
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  const raw = new Uint8Array(2 * length);
  let at = 2;
  for (const end of [length, 2 * length]) {
    const size = der[at + 1];
    if (der[at] !== 0x02 || size === undefined || size < 1 || at + 2 + size > der.length) return undefined;
    let integer = der.subarray(at + 2, at + 2 + size);
    if (integer[0] === 0 && integer.length > 1) integer = integer.subarray(1);
    if (integer.length > length) return undefined;
    raw.set(integer, end - integer.length);
    at += 2 + size;
  }
  return at === der.length ? raw : undefined;
}

/** DER of a SubjectPublicKeyInfo (RFC 5480 §2, RFC 8410 §4) up to the point. */
const headers = [
  '3059301306072a8648ce3d020106082a8648ce3d030107034200',
  '3076301006072a8648ce3d020106052b81040022036200',
  '302a300506032b6570032100',
].map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));
const pointBytes = [65, 97, 32];

/** The point of a SubjectPublicKeyInfo; undefined for what is none. */
export function pointOf(spki: Uint8Array): Uint8Array | undefined {
  for (const [index, header] of headers.entries()) {
    if (spki.length !== header.length + (pointBytes[index] as number)) continue;
    if (equalBytes(spki.subarray(0, header.length), header)) return spki.slice(header.length);
  }
  return undefined;
}
