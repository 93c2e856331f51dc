/** The offline root and the trust bundle it signs; made once, by `ringmint init`. */
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../kit/clock.ts';
import { attachSignature, verifyRecord } from '../records/cose.ts';
import { type VerificationKey, verificationKey } from '../records/signature.ts';
import {
  decodeTrustBundle,
  encodeTrustBundle,
  type KeyRole,
  type TrustBundle,
  type TrustedKey,
} from '../records/trust-bundle.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { ApplianceError } from './appliance-error.ts';
import type { Home } from './home.ts';
import { writeFileDurably } from './private-file.ts';

/** Five years, for the bundle and its keys: rotation with overlap is not built yet. */
const lifetimeSeconds = 5 * 365 * 86_400;

export interface PublishedKey {
  readonly role: KeyRole;
  readonly name: string;
  readonly point: Uint8Array;
}

/** Makes a root key, writes it to HOME/root and signs the bundle of `published` with it; gives the root's key. */
export async function makeTrustBundle(
  home: Home,
  published: readonly PublishedKey[],
  clock: Clock,
): Promise<VerificationKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const rootKey = verificationKey(
    new Uint8Array(Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])),
  );
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
  await writeFileDurably(join(home.root, 'root-key.pem'), pem.toString(), 0o600);

  const notBefore = clock.nowSeconds();
  const notAfter = notBefore + lifetimeSeconds;
  const keys = published.map(
    ({ role, name, point }): TrustedKey => ({
      role,
      name,
      key: verificationKey(point),
      notBefore,
      notAfter,
      revoked: false,
    }),
  );
  const bundle: TrustBundle = { issuedAt: notBefore, expiresAt: notAfter, revocationEpoch: 0, rootKey, keys };
  const toBeSigned = encodeTrustBundle(bundle, rootKey.keyId);
  const signature = sign('sha256', toBeSigned, { key: createPrivateKey(pem), dsaEncoding: 'ieee-p1363' });
  await writeFileDurably(home.trustBundle, attachSignature(toBeSigned, signature), 0o644);
  return rootKey;
}

/** The appliance's own bundle, verified; throws `home_missing` or `trust_bundle_invalid`. */
export async function readTrustBundle(home: Home): Promise<TrustBundle> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(home.trustBundle);
  } catch (error) {
    throw new ApplianceError(
      'home_missing',
      `cannot read \`${home.trustBundle}\` (${(error as NodeJS.ErrnoException).code}): make an appliance with \`ringmint init\`, or name its folder with \`--home\``,
    );
  }
  const decoded = decodeTrustBundle(bytes);
  if (!decoded.ok)
    throw new ApplianceError('trust_bundle_invalid', `\`${home.trustBundle}\`: ${decoded.message}`);
  const verified = verifyRecord(decoded.value, decoded.value.record.rootKey, makeNodeVerifySignature());
  if (!verified.ok)
    throw new ApplianceError('trust_bundle_invalid', `\`${home.trustBundle}\`: ${verified.message}`);
  return verified.value;
}
