/**
 * Signatures, by @noble/curves with nonces that are derived (RFC 6979, RFC 8032), and verified by node:crypto before they are let out.
 *
 * INVARIANT: what leaves `signWith` verifies under the key's own point, by other code than made it.
 */
import { constants, createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import type { SignatureAlgorithm } from '../../hsm/signer.ts';
import { concatBytes, fromHex } from '../../src/kit/bytes.ts';
import { type Cpu, GlitchError } from '../chip/cpu.ts';
import type { Quirks } from '../profile.ts';
import { confirm } from './decision.ts';
import { rsaPublicOf, signWithRsa } from './rsa.ts';

const ecdsa = { ES256: p256, ES384: p384 } as const;
const hashes = { ES256: 'sha256', ES384: 'sha384' } as const;

/** Of the hash that ECDSA signs, bytes; undefined where the message itself is signed. */
export function digestLengthOf(algorithm: SignatureAlgorithm): number | undefined {
  return algorithm === 'ES256' ? 32 : algorithm === 'ES384' ? 48 : undefined;
}

/** The secret of a curve's key, of material that nobody else has. */
export function secretOf(algorithm: Exclude<SignatureAlgorithm, 'PS256'>, material: Uint8Array): Uint8Array {
  return algorithm === 'EdDSA' ? material : ecdsa[algorithm].utils.randomSecretKey(material);
}

/** The point that belongs to a secret; of RSA its SubjectPublicKeyInfo. Throws GlitchError for what is no secret. */
export function publicOf(algorithm: SignatureAlgorithm, secret: Uint8Array): Uint8Array {
  return orGlitch(() => {
    if (algorithm === 'PS256') return rsaPublicOf(secret);
    if (algorithm === 'EdDSA') return ed25519.getPublicKey(secret);
    return ecdsa[algorithm].getPublicKey(secret, false);
  });
}

interface ToBeMade {
  readonly algorithm: SignatureAlgorithm;
  readonly secret: Uint8Array;
  readonly message: Uint8Array;
  /** What is given is the hash already (ECDSA only). */
  readonly hashed?: boolean;
  readonly lowS: boolean;
}

/** r ‖ s for ECDSA (RFC 9053 §2.1). Throws GlitchError where the secret is none. */
export function makeSignature({ algorithm, secret, message, hashed = false, lowS }: ToBeMade): Uint8Array {
  return orGlitch(() => {
    if (algorithm === 'PS256') return signWithRsa(secret, message);
    if (algorithm === 'EdDSA') return ed25519.sign(message, secret);
    // Hashed by node:crypto: the library's own hash takes 20 times as long.
    const digest = hashed ? message : createHash(hashes[algorithm]).update(message).digest();
    return ecdsa[algorithm].sign(digest, secret, { prehash: false, lowS });
  });
}

interface ToBeVerified {
  readonly algorithm: SignatureAlgorithm;
  readonly point: Uint8Array;
  readonly message: Uint8Array;
  readonly hashed?: boolean;
  readonly signature: Uint8Array;
}

export function isSignature({ algorithm, point, message, hashed = false, signature }: ToBeVerified): boolean {
  // node:crypto hashes whatever it is given.
  if (hashed && (algorithm === 'ES256' || algorithm === 'ES384'))
    return ecdsa[algorithm].verify(signature, message, point, { prehash: false, lowS: false });
  const key = publicKeyOf(point);
  switch (algorithm) {
    case 'PS256':
      return verify(
        'sha256',
        message,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
        signature,
      );
    case 'EdDSA':
      return verify(null, message, key, signature);
    default:
      return verify(hashes[algorithm], message, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
}

/** Signs and lets out what verifies: r ‖ s for ECDSA. Wipes the secret. Throws GlitchError for a signature that is wrong. */
export function signWith(cpu: Cpu, site: string, point: Uint8Array, given: ToBeMade): Uint8Array {
  const { algorithm, message, hashed = false } = given;
  const made = makeSignature(given);
  given.secret.fill(0);
  const signature = cpu.value(`${site}.made`, made);
  confirm(cpu, `${site}.verified`, () => isSignature({ algorithm, point, message, hashed, signature }), 2);
  return signature;
}

/** As the vendor's chip gives it: DER (RFC 3279 §2.2.3) where it does. */
export function vendorSignature(
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
  quirks: Quirks,
): Uint8Array {
  if (quirks.signature === 'raw' || (algorithm !== 'ES256' && algorithm !== 'ES384')) return signature;
  return ecdsa[algorithm].Signature.fromBytes(signature, 'compact').toBytes('der');
}

/** As the vendor's chip gives it: SubjectPublicKeyInfo where it does. */
export function vendorPoint(point: Uint8Array, quirks: Quirks): Uint8Array {
  const header = quirks.publicKey === 'spki' ? headers.get(point.length) : undefined;
  return header === undefined ? point : concatBytes(header, point);
}

/** The x-coordinate of the shared point (ECDH on P-256), 32 bytes. Throws GlitchError where the secret is none. */
export function agree(secret: Uint8Array, peer: Uint8Array): Uint8Array {
  return orGlitch(() => p256.getSharedSecret(secret, peer, true).slice(1));
}

/** Whether it is an uncompressed point on P-256, 65 bytes; the curve has cofactor 1, so that being on it is enough. */
export function isPoint(point: Uint8Array): boolean {
  return point.length === 65 && point[0] === 4 && p256.utils.isValidPublicKey(point, false);
}

/** DER of a SubjectPublicKeyInfo up to the point (RFC 5480 §2, RFC 8410 §4), by the point's length. */
const headers: ReadonlyMap<number, Uint8Array> = new Map([
  [65, headerOf('3059301306072a8648ce3d020106082a8648ce3d030107034200')],
  [97, headerOf('3076301006072a8648ce3d020106052b81040022036200')],
  [32, headerOf('302a300506032b6570032100')],
]);

function headerOf(hex: string): Uint8Array {
  return fromHex(hex) ?? new Uint8Array();
}

/** Public keys as node:crypto has them, by content. */
const known = new Map<string, KeyObject>();
const knownLimit = 1024;

function publicKeyOf(point: Uint8Array): KeyObject {
  const name = Buffer.from(point).toString('latin1');
  const found = known.get(name);
  if (found !== undefined) return found;
  const header = headers.get(point.length) ?? new Uint8Array();
  const key = orGlitch(() =>
    createPublicKey({ key: Buffer.concat([header, point]), format: 'der', type: 'spki' }),
  );
  if (known.size >= knownLimit) known.clear();
  known.set(name, key);
  return key;
}

/** Libraries tell of a secret or a point that is none by throwing: here it can only be a fault of the hardware. */
function orGlitch<T>(make: () => T): T {
  try {
    return make();
  } catch {
    throw new GlitchError('a key is no key');
  }
}
