/**
 * COSE_Sign1 (RFC 9052 §4.2) as vendors and devices write it: one shape of header, the algorithm of the key. Portable, for whoever checks.
 *
 * ```
 * tag 18 ┌ array(4) ──────────────────────────────────────────────────────────────────┐
 *        │ protected: bstr { 1: algorithm, 4: kid (32), 16: type }                    │
 *        │ unprotected: {} │ payload: bstr │ signature: r ‖ s, or of RFC 8032          │
 *        └────────────────────────────────────────────────────────────────────────────┘
 * to be signed (RFC 9052 §4.4): [ "Signature1", protected, h'', payload ]
 * ```
 */
import { concatBytes, sha256 } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';

/** Algorithms that sign images, endorsements and attestations. */
export type CurveAlgorithm = 'ES256' | 'ES384' | 'EdDSA';

/** IANA COSE Algorithms. */
const algorithmNumbers: Record<CurveAlgorithm, number> = { ES256: -7, ES384: -35, EdDSA: -8 };

const header = { algorithm: 1, keyId: 4, type: 16 } as const;
const sign1Tag = 0xd2;

export interface Sign1 {
  readonly algorithm: CurveAlgorithm;
  readonly keyId: Uint8Array;
  readonly type: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly toBeSigned: Uint8Array;
}

export interface Sign1Options {
  readonly algorithm: CurveAlgorithm;
  /** Of the key that signs. */
  readonly point: Uint8Array;
  readonly type: string;
  readonly payload: Uint8Array;
}

/** Makes the object with `sign`, which is given the bytes to be signed. */
export function makeSign1(options: Sign1Options, sign: (message: Uint8Array) => Uint8Array): Uint8Array {
  const { algorithm, point, type, payload } = options;
  const protectedHeader = encodeCbor(
    new Map<number, CborValue>([
      [header.algorithm, algorithmNumbers[algorithm]],
      [header.keyId, keyIdOf(algorithm, point)],
      [header.type, type],
    ]),
  );
  const signature = sign(toBeSigned(protectedHeader, payload));
  return concatBytes(Uint8Array.of(sign1Tag), encodeCbor([protectedHeader, new Map(), payload, signature]));
}

function toBeSigned(protectedHeader: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', protectedHeader, new Uint8Array(), payload]);
}

/** Takes it apart; total, for any bytes. The signature is not looked at. */
export function decodeSign1(bytes: Uint8Array): Result<Sign1, 'object_malformed'> {
  if (bytes[0] !== sign1Tag) return malformed('COSE_Sign1 with tag 18 (RFC 9052 §4.2)');
  const decoded = decodeCbor(bytes.subarray(1));
  if (!decoded.ok) return refuse('object_malformed', decoded.message);
  if (!Array.isArray(decoded.value) || decoded.value.length !== 4) return malformed('an array of four');
  const [protectedHeader, unprotected, payload, signature] = decoded.value as CborValue[];
  if (!(protectedHeader instanceof Uint8Array)) return malformed('a protected header as byte string');
  if (!(unprotected instanceof Map) || unprotected.size !== 0)
    return malformed('an empty unprotected header');
  if (!(payload instanceof Uint8Array)) return malformed('a payload as byte string');
  if (!(signature instanceof Uint8Array)) return malformed('a signature as byte string');
  const map = decodeCbor(protectedHeader);
  if (!map.ok) return refuse('object_malformed', map.message);
  if (!(map.value instanceof Map) || map.value.size !== 3)
    return malformed('a protected header of algorithm, key id and type');
  const number = map.value.get(header.algorithm);
  const keyId = map.value.get(header.keyId);
  const type = map.value.get(header.type);
  const algorithm = (Object.keys(algorithmNumbers) as CurveAlgorithm[]).find(
    (name) => algorithmNumbers[name] === number,
  );
  if (algorithm === undefined) return malformed('the algorithm ES256 (-7), ES384 (-35) or EdDSA (-8)');
  if (!(keyId instanceof Uint8Array) || keyId.length !== 32) return malformed('a key id of 32 bytes');
  if (typeof type !== 'string') return malformed('a type that is text');
  return succeed({
    algorithm,
    keyId,
    type,
    payload,
    signature,
    toBeSigned: toBeSigned(protectedHeader, payload),
  });
}

function malformed(accepted: string): Result<never, 'object_malformed'> {
  return refuse('object_malformed', `not a signed object: ${accepted} is accepted`);
}

const coordinates = { ES256: [1, 32], ES384: [2, 48] } as const;

/** COSE_Key (RFC 9053 §7): EC2 with x and y, or OKP with x. */
export function coseKeyOf(algorithm: CurveAlgorithm, point: Uint8Array): ReadonlyMap<number, CborValue> {
  if (algorithm === 'EdDSA')
    return new Map<number, CborValue>([
      [1, 1],
      [-1, 6],
      [-2, point],
    ]);
  const [curve, size] = coordinates[algorithm];
  return new Map<number, CborValue>([
    [1, 2],
    [-1, curve],
    [-2, point.slice(1, 1 + size)],
    [-3, point.slice(1 + size)],
  ]);
}

/** The point of a COSE_Key of that algorithm; `undefined` where it is no such key. */
export function pointOfCoseKey(
  algorithm: CurveAlgorithm,
  key: CborValue | undefined,
): Uint8Array | undefined {
  if (!(key instanceof Map)) return undefined;
  const x = key.get(-2);
  if (!(x instanceof Uint8Array)) return undefined;
  if (algorithm === 'EdDSA')
    return key.size === 3 && key.get(1) === 1 && key.get(-1) === 6 && x.length === 32 ? x : undefined;
  const [curve, size] = coordinates[algorithm];
  const y = key.get(-3);
  if (key.size !== 4 || key.get(1) !== 2 || key.get(-1) !== curve || !(y instanceof Uint8Array))
    return undefined;
  return x.length === size && y.length === size ? concatBytes(Uint8Array.of(4), x, y) : undefined;
}

/** COSE Key Thumbprint (RFC 9679 §3): SHA-256 over the key's required parameters, 32 bytes. */
export function keyIdOf(algorithm: CurveAlgorithm, point: Uint8Array): Uint8Array {
  return sha256(encodeCbor(coseKeyOf(algorithm, point)));
}
