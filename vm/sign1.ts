/**
 * What signed modules and signed translations have in common: COSE_Sign1 (RFC 9052 §4.2) with its payload in it, ES256, one shape of header.
 *
 * ```
 * tag 18 ┌ array(4) ───────────────────────────────────────────────────────┐
 *        │ protected: bstr { 1: -7, 4: kid (32), 16: type, … }             │
 *        │ unprotected: map │ payload: bstr │ signature: r ‖ s (64)         │
 *        └─────────────────────────────────────────────────────────────────┘
 * to be signed (RFC 9052 §4.4): [ "Signature1", protected, h'', payload ]
 * ```
 */
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { cdeDecodeOptions, decode } from 'cbor2';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { isEqual, toHex } from './bytes.ts';

const es256 = -7;
const header = { algorithm: 1, keyId: 4, type: 16 } as const;
const sign1Tag = 0xd2;

/** Whoever holds the key: an HSM, or a file. `Signer` of hsm/signer.ts is one. */
export interface ModuleSigner {
  /** SEC 1 §2.3.3 uncompressed point on P-256, 65 bytes. */
  readonly publicKey: { readonly point: Uint8Array };
  /** Signs `message` whole, not a digest of it, and gives r ‖ s, 64 bytes (RFC 9053 §2.1). */
  sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

/** One of the two things that are signed. */
export interface Shape<Malformed extends string> {
  /** RFC 9596: the type of the whole object. */
  readonly type: string;
  readonly noun: string;
  readonly malformed: Malformed;
  readonly mostBytes: number;
  /** Protected headers besides the three, byte strings of 32 bytes; below -65536. */
  readonly bound: readonly number[];
  /** What is wrong with the payload or the unprotected header, if anything. */
  fault(payload: Uint8Array, unprotected: unknown): string | undefined;
}

export type Sign1Code = 'algorithm_unsupported' | 'type_mismatch' | 'key_unknown' | 'signature_invalid';

export type Verified<Malformed extends string> =
  | {
      readonly ok: true;
      readonly payload: Uint8Array;
      readonly unprotected: unknown;
      /** By number of header: what `Shape.bound` names. */
      readonly bound: ReadonlyMap<number, Uint8Array>;
      readonly keyId: Uint8Array;
    }
  | { readonly ok: false; readonly code: Malformed | Sign1Code; readonly message: string };

/** What is to be signed, or was. */
export interface Content {
  readonly payload: Uint8Array;
  readonly bound?: ReadonlyMap<number, Uint8Array>;
  readonly unprotected?: ReadonlyMap<string, Uint8Array>;
}

/**
 * The id of a key, as records name it: SHA-256 over the deterministic CBOR of {1: 2, -1: 1, -2: x, -3: y}
 * (RFC 9679 §3), 32 bytes. Throws `RangeError` where `point` is no uncompressed point on P-256 of 65 bytes.
 */
export function signingKeyId(point: Uint8Array): Uint8Array {
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

/** The bytes to be signed with the key of id `keyId`. */
export function sign1Message<M extends string>(
  shape: Shape<M>,
  { payload, bound }: Content,
  keyId: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return toBeSigned(protectedHeader(shape, keyId, bound), payload);
}

/** Joins what was signed and its signature (r ‖ s, 64 bytes, over `sign1Message`). */
export function encodeSign1<M extends string>(
  shape: Shape<M>,
  { payload, bound, unprotected = new Map() }: Content,
  keyId: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  if (signature.length !== 64)
    throw new RangeError(`a signature of ${signature.length} bytes: r ‖ s of ES256, 64 bytes, is accepted`);
  const body = encodeCbor([protectedHeader(shape, keyId, bound), unprotected, payload, signature]);
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = sign1Tag;
  bytes.set(body, 1);
  return bytes;
}

/** Signs with `signer`, and checks the signature before it gives it away. */
export async function sign1<M extends string>(
  shape: Shape<M>,
  content: Content,
  signer: ModuleSigner,
): Promise<Uint8Array> {
  const { point } = signer.publicKey;
  const keyId = signingKeyId(point);
  const message = sign1Message(shape, content, keyId);
  const signature = await signer.sign(message);
  if (!isSignature(signature, message, point))
    throw new Error('the signer gave a signature that is not by its own public key');
  return encodeSign1(shape, content, keyId, signature);
}

export interface TrustedKey {
  readonly id: Uint8Array;
  readonly point: Uint8Array;
}

/** Keys by which something may be signed: points of 65 bytes each, uncompressed. */
export function keyRing(points: readonly Uint8Array[]): TrustedKey[] {
  // Copies, which `slice` of a Buffer of Node is not.
  return points.map((point) => ({ id: signingKeyId(point), point: new Uint8Array(point) }));
}

/** Takes apart what one of `keys` signed; total, for any bytes. */
export function verifySign1<M extends string>(
  shape: Shape<M>,
  bytes: Uint8Array,
  keys: readonly TrustedKey[],
): Verified<M> {
  const malformed = (what: string): Verified<M> =>
    refuse(shape.malformed, `not a signed ${shape.noun}: ${what}`);
  if (bytes[0] !== sign1Tag) return malformed('no COSE_Sign1 with tag 18 (RFC 9052 §4.2)');
  if (bytes.length > shape.mostBytes)
    return malformed(`${bytes.length} bytes, where at most ${shape.mostBytes} are accepted`);
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
  if (type !== shape.type)
    return refuse('type_mismatch', `this is ${show(type)}, where \`${shape.type}\` is accepted`);
  const keyId: unknown = map.value.get(header.keyId);
  const bound = readBound(map.value, shape.bound);
  if (!isHash(keyId) || bound === undefined || map.value.size !== 3 + bound.size)
    return malformed(
      shape.bound.length === 0
        ? 'a protected header that is not algorithm, key id of 32 bytes and type'
        : `a protected header that is not algorithm, key id of 32 bytes, type and ${shape.bound.join(', ')} of 32 bytes`,
    );
  const fault = shape.fault(payload, unprotected);
  if (fault !== undefined) return malformed(fault);
  const key = keys.find(({ id }) => isEqual(id, keyId));
  if (key === undefined)
    return refuse(
      'key_unknown',
      `signed by key \`${toHex(keyId).slice(0, 16)}…\`, which is none of the ${keys.length} trusted`,
    );
  if (!isSignature(signature, toBeSigned(head, payload), key.point))
    return refuse(
      'signature_invalid',
      `the signature is not by the key that it names: the ${shape.noun} was altered or forged`,
    );
  return { ok: true, payload, unprotected, bound, keyId: new Uint8Array(keyId) };
}

/** The type that `bytes` say they are of, if they are a COSE_Sign1 that says it; nothing else of them is looked at. */
export function sign1Type(bytes: Uint8Array): string | undefined {
  const decoded = bytes[0] === sign1Tag ? decodeCbor(bytes.subarray(1)) : undefined;
  if (!decoded?.ok || !Array.isArray(decoded.value)) return undefined;
  const [head] = decoded.value as unknown[];
  const map = head instanceof Uint8Array ? decodeCbor(head) : undefined;
  const type: unknown = map?.ok && map.value instanceof Map ? map.value.get(header.type) : undefined;
  return typeof type === 'string' ? type : undefined;
}

function readBound(
  map: Map<unknown, unknown>,
  labels: readonly number[],
): Map<number, Uint8Array> | undefined {
  const bound = new Map<number, Uint8Array>();
  for (const label of labels) {
    const hash = map.get(label);
    if (!isHash(hash)) return undefined;
    bound.set(label, new Uint8Array(hash));
  }
  return bound;
}

function isHash(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 32;
}

function isSignature(signature: Uint8Array, message: Uint8Array, point: Uint8Array): boolean {
  // High S is right in ECDSA, and half of an HSM's signatures have it.
  return signature.length === 64 && p256.verify(signature, message, point, { lowS: false });
}

function protectedHeader<M extends string>(
  { type }: Shape<M>,
  keyId: Uint8Array,
  bound: ReadonlyMap<number, Uint8Array> = new Map(),
): Uint8Array {
  if (keyId.length !== 32) throw new RangeError(`a key id of ${keyId.length} bytes: 32 are accepted`);
  return encodeCbor(
    new Map<number, number | string | Uint8Array>([
      [header.algorithm, es256],
      [header.keyId, keyId],
      [header.type, type],
      ...bound,
    ]),
  );
}

function toBeSigned(head: Uint8Array, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return encodeCbor(['Signature1', head, new Uint8Array(), payload]);
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

function refuse<C extends string>(
  code: C,
  message: string,
): { readonly ok: false; readonly code: C; readonly message: string } {
  return { ok: false, code, message };
}

/** Never calls into what was decoded. */
function show(value: unknown): string {
  if (typeof value === 'number') return `\`${value}\``;
  return typeof value === 'string'
    ? `\`${value.replaceAll(/[\p{Cc}`]/gu, '?').slice(0, 80)}\``
    : 'something else';
}
