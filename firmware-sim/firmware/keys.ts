/**
 * Keys: their secrets are derived of the device's root and a seed that is kept, and lie in RAM masked with the guards of their use.
 *
 * ```
 * secret = HKDF-SHA-256(root, salt = seed (32), info = SHA-256(["ringmint.device.key.v1", label, algorithm, use, anchored, [free type, …]]))
 * ```
 * INVARIANT: a key whose policy were altered in the store is another key. A random number that a glitch has made zeros makes no weak key, for the
 * root is secret. An RSA key, which cannot be derived, is sealed with what is.
 */
import { createHash, hkdfSync } from 'node:crypto';
import type { SignatureAlgorithm } from '../../hsm/signer.ts';
import { sha256 } from '../../src/kit/bytes.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import type { Core } from './core.ts';
import { confirm } from './decision.ts';
import { expectedMask, type Guard, type Permit } from './guard.ts';
import { applyMask } from './mask.ts';
import { openRsaKey } from './rsa.ts';
import { isSignature, makeSignature, publicOf, secretOf } from './signing.ts';
import type { StoredKey } from './state.ts';

/** What makes a key: all of it but what is drawn and derived. */
export type KeyPolicy = Pick<StoredKey, 'label' | 'algorithm' | 'use' | 'anchored' | 'free'>;

/** A key in RAM. */
export interface HeldKey {
  readonly stored: StoredKey;
  /** Guards that its use needs, in the order of the mask. */
  readonly needed: readonly Guard[];
  readonly masked: Uint8Array;
}

const booted: readonly Guard[] = ['image', 'self-test'];

function guardsOf({ use, anchored }: KeyPolicy): readonly Guard[] {
  const needed: Guard[] = [...booted, 'lifecycle', 'login'];
  if (use === 'vote') needed.push('ballot');
  if (anchored) needed.push('anchored');
  return needed;
}

/** The device's root, of whoever booted as it has to be. To be wiped by the caller. */
export function unmaskRoot({ maskedRoot }: Core, permit: Permit): Uint8Array {
  return applyMask(maskedRoot, permit.mask(booted));
}

/** 32 to 72 bytes of which the key's secret is made. */
export function keyMaterial(root: Uint8Array, policy: KeyPolicy, seed: Uint8Array): Uint8Array {
  const { label, algorithm, use, anchored, free } = policy;
  // Hashed, since node:crypto takes an info of at most 1,024 bytes.
  const info = sha256(encodeCbor(['ringmint.device.key.v1', label, algorithm, use, anchored, free]));
  return new Uint8Array(hkdfSync('sha256', root, seed, info, materialBytes[algorithm]));
}

/** As many as make the bias of a reduction by the group's order invisible (FIPS 186-5 §A.2.1). */
const materialBytes: Readonly<Record<SignatureAlgorithm, number>> = {
  ES256: 48,
  ES384: 72,
  EdDSA: 32,
  PS256: 32,
};

/** The key's secret as signing.ts takes it. To be wiped by the caller. */
export function secretOfMaterial(
  algorithm: SignatureAlgorithm,
  material: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  return algorithm === 'PS256' ? openRsaKey(sealed, material) : secretOf(algorithm, material);
}

/** The key in RAM, after its pairwise test (FIPS 140-3 IG 10.3.A). Throws GlitchError where secret and point do not belong together. */
export function holdKey(core: Core, root: Uint8Array, stored: StoredKey): HeldKey {
  const { algorithm, seed, sealed } = stored;
  const secret = secretOfMaterial(algorithm, keyMaterial(root, stored, seed), sealed);
  confirm(core.chip.cpu, 'key.pair', () => isPair(stored, secret));
  const needed = guardsOf(stored);
  const held = { stored, needed, masked: applyMask(secret, expectedMask(needed)) };
  secret.fill(0);
  return held;
}

/** The secret, where the permit has passed what its use needs; else bytes that are no key of this device. To be wiped by the caller. */
export function unmaskKey({ masked, needed }: HeldKey, permit: Permit): Uint8Array {
  return applyMask(masked, permit.mask(needed));
}

/** Pairs that came out right in this process, by hash: a pure function of what is hashed, asked anew at each boot of a sweep. */
const knownPairs = new Set<string>();
const knownPairLimit = 4096;
const testMessage = new TextEncoder().encode('ringmint.pairwise.v1: this signature authorises nothing');

function isPair({ algorithm, point }: StoredKey, secret: Uint8Array): boolean {
  const name = createHash('sha256').update(algorithm).update(point).update(secret).digest('base64');
  if (knownPairs.has(name)) return true;
  const pointOfSecret = publicOf(algorithm, secret);
  const right =
    Buffer.from(pointOfSecret).equals(point) &&
    isSignature({
      algorithm,
      point,
      message: testMessage,
      signature: makeSignature({ algorithm, secret, message: testMessage, lowS: false }),
    });
  if (right && knownPairs.size < knownPairLimit) knownPairs.add(name);
  return right;
}
