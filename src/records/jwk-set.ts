/** The key set as a JWK Set (RFC 7517), for programs that know no COSE. It is not signed: what is trusted is the trust bundle. */
import { toHex } from '../kit/bytes.ts';
import { isValid } from './key-ring.ts';
import type { TrustBundle } from './trust-bundle.ts';

export interface Jwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  /** The key id of the records, in hex: RFC 9679 thumbprint of the COSE_Key. */
  readonly kid: string;
  readonly alg: 'ES256' | 'ECDH-ES';
  readonly use: 'sig' | 'enc';
  /** Members of our own (RFC 7517 §4): whose key it is, and when it is valid, in seconds since the epoch. */
  readonly role: string;
  readonly name: string;
  readonly nbf: number;
  readonly exp: number;
}

/** The keys that are valid at `at` or later; one that has ended or is revoked is not among them. */
export function jwkSetOf(bundle: TrustBundle, at: number): { readonly keys: readonly Jwk[] } {
  const keys = bundle.keys
    .filter((entry) => isValid(entry, Math.max(at, entry.notBefore)))
    .map(({ role, name, key, notBefore, notAfter }): Jwk => {
      const agreement = role === 'quota-agreement';
      return {
        kty: 'EC',
        crv: 'P-256',
        x: base64url(key.point.subarray(1, 33)),
        y: base64url(key.point.subarray(33)),
        kid: toHex(key.keyId),
        alg: agreement ? 'ECDH-ES' : 'ES256',
        use: agreement ? 'enc' : 'sig',
        role,
        name,
        nbf: notBefore,
        exp: notAfter,
      };
    });
  return { keys };
}

/** RFC 4648 §5, without padding. */
function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
