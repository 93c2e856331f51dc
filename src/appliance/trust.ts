/** The offline root and the trust bundle it signs: made by `ringmint init`, signed anew by `ringmint keys`. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pointOfKey } from '../cli/public-key.ts';
import { equalBytes } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { assert } from '../kit/result.ts';
import { attachSignature, verifyRecord } from '../records/cose.ts';
import { bundleLifetimeSeconds } from '../records/key-set.ts';
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

const rootKeyName = 'root-key.pem';

export interface PublishedKey {
  readonly role: KeyRole;
  readonly name: string;
  readonly point: Uint8Array;
}

/** What signs the trust bundle. */
export interface Root {
  readonly key: VerificationKey;
  readonly privateKey: KeyObject;
}

/** Makes a root key, writes it to HOME/root and signs the bundle of `published` with it; gives the root's key. */
export async function makeTrustBundle(
  home: Home,
  published: readonly PublishedKey[],
  clock: Clock,
): Promise<VerificationKey> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const point = pointOfKey(privateKey);
  assert(point !== undefined, 'a new root key is on P-256');
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
  await writeFileDurably(join(home.root, rootKeyName), pem.toString(), 0o600);
  const root = { key: verificationKey(point), privateKey };

  const notBefore = clock.nowSeconds();
  const notAfter = notBefore + bundleLifetimeSeconds;
  const keys = published.map(
    ({ role, name, point }): TrustedKey => ({
      role,
      name,
      key: verificationKey(point),
      notBefore,
      notAfter,
      revokedAt: null,
    }),
  );
  const bundle: TrustBundle = {
    issuedAt: notBefore,
    expiresAt: notAfter,
    revocationEpoch: 0,
    rootKey: root.key,
    keys,
    approval: null,
  };
  await publishBundle(home, signBundle(bundle, root));
  return root.key;
}

/** The signed bytes of the bundle. */
export function signBundle(bundle: TrustBundle, root: Root): Uint8Array {
  return signAsRoot(encodeTrustBundle(bundle, root.key.keyId), root);
}

/** The record that these bytes to be signed are of, signed by the root. */
export function signAsRoot(toBeSigned: Uint8Array, root: Root): Uint8Array {
  const signature = sign('sha256', toBeSigned, { key: root.privateKey, dsaEncoding: 'ieee-p1363' });
  return attachSignature(toBeSigned, signature);
}

/** Puts a signed bundle in the place of the one before. A crash leaves the old one or the new one. */
export async function publishBundle(home: Home, signed: Uint8Array): Promise<void> {
  await writeFileDurably(home.trustBundle, signed, 0o644);
}

/** The root of `bundle`, from the folder that `ringmint init` made; throws `root_missing` or `root_invalid`. */
export async function readRoot(folder: string, bundle: TrustBundle): Promise<Root> {
  const path = join(folder, rootKeyName);
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    throw new ApplianceError(
      'root_missing',
      `cannot read the root key \`${path}\` (${(error as NodeJS.ErrnoException).code}): bring the root's folder back for this, and name it with \`--root-folder\``,
    );
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    // Node tells of a text that is no key with errors of several kinds.
    throw new ApplianceError(
      'root_invalid',
      `\`${path}\` is no private key: the PEM that \`ringmint init\` wrote is accepted`,
    );
  }
  const point = pointOfKey(privateKey);
  if (point === undefined || !equalBytes(point, bundle.rootKey.point))
    throw new ApplianceError(
      'root_invalid',
      `\`${path}\` is the key of another root than the one that signed the trust bundle`,
    );
  return { key: bundle.rootKey, privateKey };
}

/** The appliance's own bundle, verified; throws `home_missing` or `trust_bundle_invalid`. */
export async function readTrustBundle(home: Home): Promise<TrustBundle> {
  return (await readTrustBundleFile(home)).bundle;
}

/** The same, and the file's bytes. */
export async function readTrustBundleFile(home: Home): Promise<{ bundle: TrustBundle; bytes: Uint8Array }> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(home.trustBundle));
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
  return { bundle: verified.value, bytes };
}
