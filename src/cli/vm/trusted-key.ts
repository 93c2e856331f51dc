/** The keys by which a module may be signed: from files of public keys, or from a trust bundle. */

import { moduleKeyId } from '../../../vm/signed-module.ts';
import { fromHex } from '../../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { isValid, keysOf } from '../../records/key-ring.ts';
import { makeNodeVerifySignature } from '../../verifier/signature-node.ts';
import { openBundle } from '../../verifier/verify.ts';
import { readInput } from '../file.ts';
import { pointOfPem } from '../public-key.ts';
import { readRootOption } from '../verification.ts';

export interface TrustArguments {
  /** Files of public keys. */
  readonly key: readonly string[];
  /** A trust bundle. */
  readonly trust: string | undefined;
  /** Id of the root key of the bundle, in hex. */
  readonly root: string | undefined;
  readonly nowSeconds: number;
}

/** The points of the trusted keys; `undefined` where none is asked for, and anything may run. */
export async function readTrustedKeys(
  given: TrustArguments,
): Promise<Result<readonly Uint8Array[] | undefined>> {
  const { key, trust, root } = given;
  if (root !== undefined && trust === undefined)
    return refuse('usage', '--root: accepted with `--trust`, whose root key it names');
  if (key.length === 0 && trust === undefined) return succeed(undefined);
  const points: Uint8Array[] = [];
  for (const path of key) {
    const point = await readPublicKey(path);
    if (!point.ok) return point;
    points.push(point.value);
  }
  if (trust === undefined) return succeed(points);
  const central = await readBundleKeys(trust, given);
  return central.ok ? succeed([...points, ...central.value]) : central;
}

const accepted =
  'a public key on P-256 is accepted: PEM, or the uncompressed point as 65 bytes or 130 hex digits';

/** PEM, or an uncompressed point as bytes or hex. */
async function readPublicKey(path: string): Promise<Result<Uint8Array>> {
  const bytes = await readInput(path, 64 * 1024);
  if (!bytes.ok) return bytes;
  const malformed = refuse('key_malformed', `${quote(path)}: ${accepted}`);
  const text = new TextDecoder().decode(bytes.value).trim();
  const point =
    bytes.value.length === 65 ? bytes.value : text.startsWith('-----') ? pointOfPem(text) : fromHex(text);
  if (point === undefined) return malformed;
  try {
    moduleKeyId(point);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return malformed;
  }
  return succeed(point);
}

/** Of central management, which signs modules; of a bundle that its root signed, and that is valid now. */
async function readBundleKeys(
  path: string,
  { root, nowSeconds }: TrustArguments,
): Promise<Result<readonly Uint8Array[]>> {
  const pinned = readRootOption(root);
  if (!pinned.ok) return pinned;
  const bytes = await readInput(path, 1024 * 1024);
  if (!bytes.ok) return bytes;
  const bundle = openBundle({
    bundle: bytes.value,
    ...pinned.value,
    at: nowSeconds,
    verifySignature: makeNodeVerifySignature(),
  });
  if (!bundle.ok) return refuse('trust_bundle_invalid', `${quote(path)}: ${bundle.message} [${bundle.code}]`);
  const points = keysOf(bundle.value, { role: 'central', name: 'central' })
    .filter((entry) => isValid(entry, nowSeconds))
    .map(({ key }) => key.point);
  return succeed(points);
}
