/**
 * Modules under a signature: COSE_Sign1 (RFC 9052 §4.2) over the module's bytes, ES256, one shape of header.
 *
 * ```
 * tag 18 ┌ array(4) ──────────────────────────────────────────────────────────────────────────┐
 *        │ protected: bstr { 1: -7, 4: kid (32), 16: 'application/vnd.ringmint.module+cose' } │
 *        │ unprotected: {} or { "names": bstr, as they follow a module in its file }          │
 *        │ payload: bstr, the module and nothing after it │ signature: r ‖ s (64)             │
 *        └────────────────────────────────────────────────────────────────────────────────────┘
 * to be signed (RFC 9052 §4.4): [ "Signature1", protected, h'', payload ]
 * ```
 * The names are not signed: they may be stripped or changed, and whoever shows them shows what anybody may have written.
 */

import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { cdeDecodeOptions, decode } from 'cbor2';
import { encode, rfc8949EncodeOptions } from 'cborg';
import type { Trust } from './host.ts';
import { limits } from './isa.ts';
import { moduleLength, stripNames } from './module.ts';

/** RFC 9596: the type of the whole object. */
export const signedModuleType = 'application/vnd.ringmint.module+cose';

const es256 = -7;
const header = { algorithm: 1, keyId: 4, type: 16 } as const;
const namesLabel = 'names';
const sign1Tag = 0xd2;
/** A module, and names and header that leave room for every one there can be. */
const mostBytes = 4 * limits.moduleBytes;

/** Whoever holds the key: an HSM, or a file. `Signer` of hsm/signer.ts is one. */
export interface ModuleSigner {
  /** SEC 1 §2.3.3 uncompressed point on P-256, 65 bytes. */
  readonly publicKey: { readonly point: Uint8Array };
  /** Signs `message` whole, not a digest of it, and gives r ‖ s, 64 bytes (RFC 9053 §2.1). */
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

export type SignedModuleCode =
  | 'signed_module_malformed'
  | 'algorithm_unsupported'
  | 'type_mismatch'
  | 'key_unknown'
  | 'signature_invalid';

export type VerifiedModule =
  | {
      readonly ok: true;
      /** The module and the names that came with it, as `Machine.load` takes them. */
      readonly file: Uint8Array;
      readonly keyId: Uint8Array;
    }
  | { readonly ok: false; readonly code: SignedModuleCode; readonly message: string };

/**
 * The id of a key, as records name it: SHA-256 over the deterministic CBOR of {1: 2, -1: 1, -2: x, -3: y}
 * (RFC 9679 §3), 32 bytes. Throws `RangeError` where `point` is no uncompressed point on P-256 of 65 bytes.
 */
export function moduleKeyId(point: Uint8Array): Uint8Array {
  if (!isPoint(point))
    throw new RangeError(
      `a key of ${point.length} bytes: an uncompressed point on P-256, 65 bytes, is accepted`,
    );
  const key = new Map<number, number | Uint8Array>([
    [1, 2],
    [-1, 1],
    [-2, point.subarray(1, 33)],
    [-3, point.subarray(33)],
  ]);
  return sha256(encodeCbor(key));
}

function isPoint(point: Uint8Array): boolean {
  return point.length === 65 && point[0] === 4 && p256.utils.isValidPublicKey(point, false);
}

/** The bytes to be signed for a module file, with the key of id `keyId`. Throws `RangeError` for a file that is no whole module. */
export function moduleToBeSigned(file: Uint8Array, keyId: Uint8Array): Uint8Array<ArrayBuffer> {
  return toBeSigned(protectedHeader(keyId), wholeModule(file));
}

/** Joins a module file and its signature (r ‖ s, 64 bytes, over `moduleToBeSigned`). Names in the file go with it unsigned. */
export function encodeSignedModule(file: Uint8Array, keyId: Uint8Array, signature: Uint8Array): Uint8Array {
  if (signature.length !== 64)
    throw new RangeError(`a signature of ${signature.length} bytes: r ‖ s of ES256, 64 bytes, is accepted`);
  const module = wholeModule(file);
  const names = file.subarray(module.length);
  const unprotected = new Map(names.length === 0 ? [] : [[namesLabel, names] as const]);
  const body = encodeCbor([protectedHeader(keyId), unprotected, module, signature]);
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = sign1Tag;
  bytes.set(body, 1);
  return bytes;
}

/**
 * Signs a module file with `signer`, and checks the signature before it gives the signed module.
 *
 * @example
 * const signed = await signModule(assembled.bytes, hsm);
 * const machine = await startMachine(wasm, { trust: trustKeys([hsm.publicKey.point]) });
 * machine.load(signed);
 */
export async function signModule(file: Uint8Array, signer: ModuleSigner): Promise<Uint8Array> {
  const { point } = signer.publicKey;
  const keyId = moduleKeyId(point);
  const message = moduleToBeSigned(file, keyId);
  const signature = await signer.sign(message);
  if (!isSignature(signature, message, point))
    throw new Error('the signer gave a signature that is not by its own public key');
  return encodeSignedModule(file, keyId, signature);
}

/** Gives the module file of `bytes` where it is signed by one of `points` (65 bytes each, uncompressed); total, for any bytes. */
export function verifySignedModule(bytes: Uint8Array, points: readonly Uint8Array[]): VerifiedModule {
  return verifyWith(bytes, keyRing(points));
}

/** What `startMachine` takes as `trust`: with it, only modules that one of `points` signed are loaded. */
export function trustKeys(points: readonly Uint8Array[]): Trust {
  const keys = keyRing(points);
  return (signed) => verifyWith(signed, keys);
}

interface Key {
  readonly id: Uint8Array;
  readonly point: Uint8Array;
}

function keyRing(points: readonly Uint8Array[]): Key[] {
  // Copies, which `slice` of a Buffer of Node is not.
  return points.map((point) => ({ id: moduleKeyId(point), point: new Uint8Array(point) }));
}

function verifyWith(bytes: Uint8Array, keys: readonly Key[]): VerifiedModule {
  if (moduleLength(bytes) !== undefined) return malformed('a module without a signature');
  if (bytes[0] !== sign1Tag) return malformed('no COSE_Sign1 with tag 18 (RFC 9052 §4.2)');
  if (bytes.length > mostBytes)
    return malformed(`${bytes.length} bytes, where at most ${mostBytes} are accepted`);
  const decoded = decodeCbor(bytes.subarray(1));
  if (!decoded.ok) return malformed(decoded.message);
  const { value } = decoded;
  if (!Array.isArray(value) || value.length !== 4) return malformed('no array of four');
  const [head, unprotected, payload, signature] = value as unknown[];
  if (!(head instanceof Uint8Array)) return malformed('a protected header that is no byte string');
  if (!(payload instanceof Uint8Array)) return malformed('a payload that is no byte string, or is detached');
  if (!(signature instanceof Uint8Array) || signature.length !== 64)
    return malformed('a signature that has not 64 bytes');
  const map = decodeCbor(head);
  if (!map.ok) return malformed(map.message);
  if (!(map.value instanceof Map)) return malformed('a protected header that is no map');
  const algorithm: unknown = map.value.get(header.algorithm);
  if (algorithm !== es256)
    return refuse('algorithm_unsupported', `algorithm ${show(algorithm)}: ES256 (-7) is accepted`);
  const type: unknown = map.value.get(header.type);
  if (type !== signedModuleType)
    return refuse('type_mismatch', `this is ${show(type)}, where \`${signedModuleType}\` is accepted`);
  const keyId: unknown = map.value.get(header.keyId);
  if (!(keyId instanceof Uint8Array) || keyId.length !== 32 || map.value.size !== 3)
    return malformed('a protected header that is not algorithm, key id of 32 bytes and type');
  const names = readUnprotected(unprotected);
  if (names === undefined) return malformed('an unprotected header with more than `names` as byte string');
  // What follows a module is taken for its names: of a shorter one than its header says, they would become code.
  if (moduleLength(payload) !== payload.length) return malformed('a payload that is not one whole module');
  const key = keys.find(({ id }) => isEqual(id, keyId));
  if (key === undefined)
    return refuse(
      'key_unknown',
      `signed by key \`${hex(keyId).slice(0, 16)}…\`, which is none of the ${keys.length} trusted`,
    );
  if (!isSignature(signature, toBeSigned(head, payload), key.point))
    return refuse(
      'signature_invalid',
      'the signature is not by the key that it names: the module was altered or forged',
    );
  const file = new Uint8Array(payload.length + names.length);
  file.set(payload);
  file.set(names, payload.length);
  return { ok: true, file, keyId: new Uint8Array(keyId) };
}

/** The names, empty where there are none; `undefined` where the header is not as it should be. */
function readUnprotected(value: unknown): Uint8Array | undefined {
  if (!(value instanceof Map)) return undefined;
  if (value.size === 0) return new Uint8Array();
  const names: unknown = value.get(namesLabel);
  return value.size === 1 && names instanceof Uint8Array ? names : undefined;
}

function isSignature(signature: Uint8Array, message: Uint8Array, point: Uint8Array): boolean {
  // High S is right in ECDSA, and half of an HSM's signatures have it.
  return signature.length === 64 && p256.verify(signature, message, point, { lowS: false });
}

function protectedHeader(keyId: Uint8Array): Uint8Array {
  if (keyId.length !== 32) throw new RangeError(`a key id of ${keyId.length} bytes: 32 are accepted`);
  return encodeCbor(
    new Map<number, number | string | Uint8Array>([
      [header.algorithm, es256],
      [header.keyId, keyId],
      [header.type, signedModuleType],
    ]),
  );
}

function toBeSigned(head: Uint8Array, module: Uint8Array): Uint8Array<ArrayBuffer> {
  return encodeCbor(['Signature1', head, new Uint8Array(), module]);
}

function wholeModule(file: Uint8Array): Uint8Array {
  const module = stripNames(file);
  const length = moduleLength(file);
  if (length === undefined)
    throw new RangeError('this is no module file: it does not begin with a header of 64 bytes and `RMVM`');
  if (length !== module.length)
    throw new RangeError(
      `the module is cut off: ${module.length} bytes of the ${length} that its header says`,
    );
  return module;
}

function encodeCbor(value: unknown): Uint8Array<ArrayBuffer> {
  // cborg gives a Buffer in Node, at times from a shared pool: a copy is its own, and plain.
  return new Uint8Array(encode(value, rfc8949EncodeOptions));
}

const decodeOptions = {
  ...cdeDecodeOptions,
  rejectLongFloats: true,
  rejectFloats: true,
  rejectBigInts: true,
  rejectUndefined: true,
  rejectSimple: true,
  preferMap: true,
  maxDepth: 8,
} as const;

function decodeCbor(bytes: Uint8Array): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: decode(bytes, decodeOptions) };
  } catch (error) {
    // The library tells of bad input by throwing, with errors of several classes; each is a refusal here.
    return { ok: false, message: `no deterministic CBOR (RFC 8949 §4.2.1): ${(error as Error).message}` };
  }
}

function malformed(what: string): VerifiedModule {
  return refuse('signed_module_malformed', `not a signed module: ${what}`);
}

function refuse(code: SignedModuleCode, message: string): VerifiedModule {
  return { ok: false, code, message };
}

/** Never calls into what was decoded. */
function show(value: unknown): string {
  if (typeof value === 'number') return `\`${value}\``;
  return typeof value === 'string'
    ? `\`${value.replaceAll(/[\p{Cc}`]/gu, '?').slice(0, 80)}\``
    : 'something else';
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
