/**
 * COSE_Sign1 (RFC 9052 §4.2), small and strict: one algorithm, one shape of header, one type a record.
 *
 * ```
 * tag 18 ┌ array(4) ──────────────────────────────────────────────────────────────────┐
 *        │ protected: bstr { 1: -7, 4: kid(32), 16: typ [, 15: claims, 395: 1] }      │
 *        │ unprotected: {} │ payload: bstr of claims, or of a Merkle root │ sig (64)  │
 *        └────────────────────────────────────────────────────────────────────────────┘
 * to be signed (RFC 9052 §4.4): [ "Signature1", protected, h'', payload ]
 * ```
 */
import { concatBytes, equalBytes } from '../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, quote, type Result, refuse, succeed } from '../kit/result.ts';
import {
  algorithm,
  ClaimReader,
  type Claims,
  claim,
  header,
  type RecordErrorCode,
  rfc9162Sha256,
} from './claims.ts';
import type { VerificationKey, VerifySignature } from './signature.ts';

const sign1Tag = 0xd2;

/** The media type of each record (RFC 9596), by its short name. */
export const recordType = {
  request: 'application/vnd.ringmint.request+cose',
  credential: 'application/vnd.ringmint.credential+cose',
  controlBit: 'application/vnd.ringmint.control-bit+cose',
  currency: 'application/vnd.ringmint.currency+cose',
  denial: 'application/vnd.ringmint.denial+cose',
  trustBundle: 'application/vnd.ringmint.trust-bundle+cose',
  journalHead: 'application/vnd.ringmint.journal-head+cose',
  keyAudit: 'application/vnd.ringmint.key-audit+cose',
  ceremonyApproval: 'application/vnd.ringmint.ceremony-approval+cose',
  ceremonyTranscript: 'application/vnd.ringmint.ceremony-transcript+cose',
  quotaApproval: 'application/vnd.ringmint.quota-approval+cose',
  quotaStop: 'application/vnd.ringmint.quota-stop+cose',
  retirement: 'application/vnd.ringmint.retirement+cose',
  transfer: 'application/vnd.ringmint.transfer+cose',
  settlement: 'application/vnd.ringmint.settlement+cose',
  closing: 'application/vnd.ringmint.closing+cose',
  reservationRequest: 'application/vnd.ringmint.reservation-request+cose',
  reservation: 'application/vnd.ringmint.reservation+cose',
  reservationRelease: 'application/vnd.ringmint.reservation-release+cose',
  auditStatement: 'application/vnd.ringmint.audit-statement+cose',
  /** Over the text of a module of rules, which is not in it. */
  ruleModule: 'application/vnd.ringmint.rules+cose',
  /** Over a rule set, which is not in it. */
  ruleSet: 'application/vnd.ringmint.rule-set+cose',
  /** Over the index of programs of a rule set, which is not in it. */
  rulePrograms: 'application/vnd.ringmint.rule-programs+cose',
} as const;

export type RecordType = (typeof recordType)[keyof typeof recordType];

/** A record as it came: decoded, its signature not yet looked at. */
export interface Decoded<T> {
  readonly record: T;
  readonly keyId: Uint8Array;
  readonly toBeSigned: Uint8Array;
  readonly signature: Uint8Array;
  /** The whole signed record. */
  readonly bytes: Uint8Array;
}

/** The parts of a COSE_Sign1 whose header is one of ours. */
export interface Sign1 {
  readonly type: string;
  readonly keyId: Uint8Array;
  readonly protectedHeader: Uint8Array;
  /** Of the protected header 15, where there is one. */
  readonly headerClaims: Claims | undefined;
  readonly unprotected: Claims;
  /** `undefined` where the payload is detached (nil). */
  readonly payload: Uint8Array | undefined;
  readonly signature: Uint8Array;
}

/** The bytes to be signed of a record whose claims are its payload. */
export function prepareClaims(type: RecordType, keyId: Uint8Array, claims: Claims): Uint8Array {
  return preparePayload(type, keyId, encodeCbor(claims));
}

/** The same, of claims that are encoded already. */
export function preparePayload(type: RecordType, keyId: Uint8Array, payload: Uint8Array): Uint8Array {
  return toBeSigned(encodeCbor(protectedMap(type, keyId)), payload);
}

/** The bytes to be signed of a record over a Merkle root: claims in the header (RFC 9597), so that the record is a receipt (RFC 9942). */
export function prepareRoot(
  type: RecordType,
  keyId: Uint8Array,
  claims: Claims,
  root: Uint8Array,
): Uint8Array {
  assert(root.length === 32, 'a Merkle root has 32 bytes');
  const map = protectedMap(type, keyId);
  map.set(header.cwtClaims, claims);
  map.set(header.verifiableData, rfc9162Sha256);
  return toBeSigned(encodeCbor(map), root);
}

function protectedMap(type: RecordType, keyId: Uint8Array): Map<number, CborValue> {
  assert(keyId.length === 32, 'a key id has 32 bytes');
  return new Map<number, CborValue>([
    [header.algorithm, algorithm.es256],
    [header.keyId, keyId],
    [header.type, type],
  ]);
}

export function toBeSigned(protectedHeader: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', protectedHeader, new Uint8Array(), payload]);
}

/** Joins the bytes that were signed and their signature into the record: COSE_Sign1, tagged. */
export function attachSignature(signedBytes: Uint8Array, signature: Uint8Array): Uint8Array {
  const { protectedHeader, payload } = takeApart(signedBytes);
  assert(signature.length === 64, 'an ES256 signature has 64 bytes');
  return encodeSign1(protectedHeader, new Map(), payload, signature);
}

/** The same, of which the payload is kept elsewhere (detached, RFC 9052 §4.1). */
export function attachDetached(signedBytes: Uint8Array, signature: Uint8Array): Uint8Array {
  const { protectedHeader } = takeApart(signedBytes);
  assert(signature.length === 64, 'an ES256 signature has 64 bytes');
  return encodeSign1(protectedHeader, new Map(), null, signature);
}

/** What bytes to be signed say of themselves: the key that is to sign them, and what the record is worth. */
export function readToBeSigned(signedBytes: Uint8Array): {
  readonly keyId: Uint8Array;
  /** Of a record that stands for money: a credential, a control bit, a currency record. */
  readonly amount: { readonly currency: string; readonly minor: bigint } | undefined;
} {
  const { protectedHeader, payload } = takeApart(signedBytes);
  const decodedHeader = decodeCbor(protectedHeader);
  assert(decodedHeader.ok && decodedHeader.value instanceof Map, 'a protected header is a map');
  const { value: map } = decodedHeader;
  const keyId = map.get(header.keyId);
  assert(keyId instanceof Uint8Array && keyId.length === 32, 'a key id has 32 bytes');
  const type = map.get(header.type);
  if (type !== recordType.credential && type !== recordType.controlBit && type !== recordType.currency)
    return { keyId, amount: undefined };
  const decodedPayload = decodeCbor(payload);
  const claims = map.get(header.cwtClaims) ?? (decodedPayload.ok ? decodedPayload.value : undefined);
  assert(claims instanceof Map, 'a record that stands for money has claims');
  const [currency] = claims.get(claim.currency) as [string, number];
  return { keyId, amount: { currency, minor: BigInt(claims.get(claim.total) as number | bigint) } };
}

/** The parts of a Sig_structure (RFC 9052 §4.4). */
function takeApart(signedBytes: Uint8Array): { protectedHeader: Uint8Array; payload: Uint8Array } {
  const structure = decodeCbor(signedBytes);
  assert(
    structure.ok && Array.isArray(structure.value) && structure.value.length === 4,
    'to be signed is a Sig_structure',
  );
  const [, protectedHeader, , payload] = structure.value;
  assert(
    protectedHeader instanceof Uint8Array && payload instanceof Uint8Array,
    'a Sig_structure holds byte strings',
  );
  return { protectedHeader, payload };
}

export function encodeSign1(
  protectedHeader: Uint8Array,
  unprotected: Claims,
  payload: Uint8Array | null,
  signature: Uint8Array,
): Uint8Array {
  return concatBytes(Uint8Array.of(sign1Tag), encodeCbor([protectedHeader, unprotected, payload, signature]));
}

/** Whether the bytes begin as a signed record does; currency files, unit files and retirement files, which are arrays, never do. */
export function isSign1(bytes: Uint8Array): boolean {
  return bytes[0] === sign1Tag;
}

/** Decodes the envelope of any record; total, for any bytes. */
export function decodeSign1(bytes: Uint8Array): Result<Sign1, RecordErrorCode> {
  if (!isSign1(bytes)) {
    return refuse(
      'record_malformed',
      'not a signed record: COSE_Sign1 with tag 18 (RFC 9052 §4.2) is accepted',
    );
  }
  const decoded = decodeCbor(bytes.subarray(1));
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 4) return malformed('an array of four');
  const [protectedHeader, unprotected, payload, signature] = decoded.value as CborValue[];
  if (!(protectedHeader instanceof Uint8Array)) return malformed('a protected header as byte string');
  if (!(unprotected instanceof Map)) return malformed('an unprotected header as map');
  if (payload !== null && !(payload instanceof Uint8Array))
    return malformed('a payload as byte string or nil');
  if (!(signature instanceof Uint8Array) || signature.length !== 64)
    return malformed('a signature of 64 bytes');
  const map = decodeCbor(protectedHeader);
  if (!map.ok) return map;
  if (!(map.value instanceof Map)) return malformed('a protected header that is a map');
  const alg = map.value.get(header.algorithm);
  const keyId = map.value.get(header.keyId);
  const type = map.value.get(header.type);
  const headerClaims = map.value.get(header.cwtClaims);
  if (alg !== algorithm.es256) {
    return refuse('algorithm_unsupported', `algorithm ${quote(alg)}: ES256 (-7) is accepted`);
  }
  if (!(keyId instanceof Uint8Array) || keyId.length !== 32) return malformed('a key id of 32 bytes');
  if (typeof type !== 'string') return malformed('a `typ` header that is text');
  if (headerClaims === undefined) {
    if (map.value.size !== 3) return malformed('a protected header of algorithm, key id and type only');
  } else {
    if (!(headerClaims instanceof Map) || map.value.size !== 5) return malformed('header claims as a map');
    if (map.value.get(header.verifiableData) !== rfc9162Sha256)
      return malformed('the data structure RFC9162_SHA256 (1)');
  }
  return succeed({
    type,
    keyId,
    protectedHeader,
    headerClaims,
    unprotected,
    payload: payload ?? undefined,
    signature,
  });
}

function malformed(accepted: string): Result<never, RecordErrorCode> {
  return refuse('record_malformed', `COSE_Sign1: ${accepted} is accepted`);
}

/** Decodes a record whose claims are its payload; refuses every other type as `record_type_mismatch`. */
export function decodeClaims<T>(
  bytes: Uint8Array,
  type: RecordType,
  read: (reader: ClaimReader) => Result<T, RecordErrorCode>,
): Result<Decoded<T>, RecordErrorCode> {
  const envelope = decodeAttached(bytes, type);
  if (!envelope.ok) return envelope;
  const { payload, headerClaims } = envelope.value;
  if (headerClaims !== undefined) return malformed('no header claims in this type of record');
  const claims = decodeCbor(payload);
  if (!claims.ok) return claims;
  if (!(claims.value instanceof Map)) return malformed('a payload that is a map of claims');
  return finishDecoded(bytes, envelope.value, read(new ClaimReader(claims.value)));
}

/** Decodes a record over a Merkle root, whose claims are in its header. */
export function decodeRoot<T>(
  bytes: Uint8Array,
  type: RecordType,
  read: (reader: ClaimReader, root: Uint8Array) => Result<T, RecordErrorCode>,
): Result<Decoded<T>, RecordErrorCode> {
  const envelope = decodeAttached(bytes, type);
  if (!envelope.ok) return envelope;
  const { payload, headerClaims } = envelope.value;
  if (headerClaims === undefined) return malformed('claims in the protected header');
  if (payload.length !== 32) return malformed('a payload that is a Merkle root of 32 bytes');
  return finishDecoded(bytes, envelope.value, read(new ClaimReader(headerClaims), payload));
}

function decodeAttached(
  bytes: Uint8Array,
  type: RecordType,
): Result<Sign1 & { payload: Uint8Array }, RecordErrorCode> {
  const envelope = decodeSign1(bytes);
  if (!envelope.ok) return envelope;
  if (envelope.value.type !== type) {
    return refuse(
      'record_type_mismatch',
      `this is ${quote(envelope.value.type)}, where \`${type}\` is accepted`,
    );
  }
  const { payload } = envelope.value;
  if (payload === undefined) return malformed('a payload that is not detached');
  if (envelope.value.unprotected.size !== 0) return malformed('an empty unprotected header');
  return succeed({ ...envelope.value, payload });
}

function finishDecoded<T>(
  bytes: Uint8Array,
  envelope: Sign1 & { payload: Uint8Array },
  record: Result<T, RecordErrorCode>,
): Result<Decoded<T>, RecordErrorCode> {
  if (!record.ok) return record;
  return succeed({
    record: record.value,
    keyId: envelope.keyId,
    toBeSigned: toBeSigned(envelope.protectedHeader, envelope.payload),
    signature: envelope.signature,
    bytes,
  });
}

/** Gives the record when `key` is the one it names and its signature is right. */
export function verifyRecord<T>(
  decoded: Decoded<T>,
  key: VerificationKey,
  verifySignature: VerifySignature,
): Result<T, 'signature_invalid' | 'key_mismatch'> {
  if (!equalBytes(decoded.keyId, key.keyId))
    return refuse('key_mismatch', 'the record names another key than the one it is checked with');
  if (!verifySignature(key, decoded.toBeSigned, decoded.signature)) {
    return refuse(
      'signature_invalid',
      'the signature is not by the key that the record names: the record was altered or forged',
    );
  }
  return succeed(decoded.record);
}
