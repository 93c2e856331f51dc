/**
 * The keys of the invented vendors: the root that endorses devices, and the key that signs images. They are derived from a public constant:
 * whoever reads this file has them, and no attestation of a simulator proves anything about hardware.
 */
import { hkdfSync } from 'node:crypto';
import { utf8 } from '../../src/kit/bytes.ts';
import type { Profile } from '../profile.ts';
import { seedBytesOf, signWholly } from './curve.ts';
import type { CurveAlgorithm } from './sign1.ts';
import { publicOf, secretOf } from './signing.ts';

export interface VendorKey {
  readonly algorithm: CurveAlgorithm;
  readonly point: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** Endorses the attestation keys of the vendor's devices; its point is `profile.root`. */
export function vendorRoot(profile: Profile): VendorKey {
  return vendorKey(profile, 'root', profile.attestation);
}

/** Signs the vendor's images, of all its models. */
export function imageSigner(profile: Profile): VendorKey {
  return vendorKey(profile, 'image', 'ES256');
}

const keys = new Map<string, VendorKey>();

function vendorKey(profile: Profile, use: string, algorithm: CurveAlgorithm): VendorKey {
  const info = `${profile.vendor}/${use}/${algorithm}`;
  const known = keys.get(info);
  if (known !== undefined) return known;
  const material = utf8('ringmint.firmware-sim: no secret, and not meant to be one');
  const seed = new Uint8Array(
    hkdfSync('sha256', material, new Uint8Array(), utf8(info), seedBytesOf(algorithm)),
  );
  const secret = secretOf(algorithm, seed);
  const made = {
    algorithm,
    point: publicOf(algorithm, secret),
    sign: (message: Uint8Array) => signWholly(algorithm, secret, message),
  };
  keys.set(info, made);
  return made;
}
