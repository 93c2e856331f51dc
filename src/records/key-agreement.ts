/**
 * ECDH on P-256 with a key that is used once (SP 800-56A §6.2.2). Node's where this runs in Node, @noble's elsewhere, as src/kit/bytes.ts has
 * SHA-256: a lone request waits for one agreement, which takes Node 20.20.2 0.16 ms and @noble 3.6 ms.
 */
import { p256 } from '@noble/curves/nist.js';
import { equalBytes } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';

export interface Agreement {
  /** Of the secret key: uncompressed, 65 bytes (SEC 1 §2.3.3). */
  readonly point: Uint8Array;
  /** The x-coordinate of the shared point, 32 bytes (SEC 1 §3.3.1). */
  readonly shared: Uint8Array;
}

/** Agrees by a secret key (32 bytes) with the holder of `peer`, an uncompressed point; throws where that is not on the curve. */
export type Agree = (secretKey: Uint8Array, peer: Uint8Array) => Agreement;

export const agreeByNoble: Agree = (secretKey, peer) => ({
  point: p256.getPublicKey(secretKey, false),
  shared: p256.getSharedSecret(secretKey, peer, false).slice(1, 33),
});

let platform: Agree | null | undefined;

export function agree(secretKey: Uint8Array, peer: Uint8Array): Agreement {
  platform ??= platformAgree() ?? null;
  const agreement = (platform ?? agreeByNoble)(secretKey, peer);
  assert(
    agreement.point.length === 65 && agreement.shared.length === 32,
    'a point on P-256 has 65 bytes, and its x-coordinate 32',
  );
  return agreement;
}

/** Node's own; `undefined` where it is not there, or does not give what @noble gives. */
export function platformAgree(): Agree | undefined {
  const createECDH = globalThis.process?.getBuiltinModule?.('node:crypto')?.createECDH;
  if (typeof createECDH !== 'function') return undefined;
  const byPlatform: Agree = (secretKey, peer) => {
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(secretKey);
    return { point: new Uint8Array(ecdh.getPublicKey()), shared: new Uint8Array(ecdh.computeSecret(peer)) };
  };
  // The keys are nobody's.
  const [secretKey, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const expected = agreeByNoble(secretKey, p256.getPublicKey(other, false));
  try {
    const given = byPlatform(secretKey, p256.getPublicKey(other, false));
    const same = equalBytes(given.point, expected.point) && equalBytes(given.shared, expected.shared);
    return same ? byPlatform : undefined;
  } catch {
    // A runtime that only resembles Node.
    return undefined;
  }
}
