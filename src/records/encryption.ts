/**
 * COSE_Encrypt (RFC 9052 §5.1) to one recipient: ECDH-ES with HKDF-256, direct (RFC 9053 §6.3.1), and
 * A256GCM. The recipient's half of the key agreement happens in its HSM.
 *
 * ```
 * tag 96 ┌ array(4) ────────────────────────────────────────────────────────────────────────────┐
 *        │ protected: bstr { 1: 3, 16: typ } │ unprotected: { 5: iv(12) } │ ciphertext          │
 *        │ [[ protected: bstr { 1: -25 }, unprotected: { -1: COSE_Key, 4: kid(32) }, h'' ]]     │
 *        └──────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 */
import { p256 } from '@noble/curves/nist.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 as sha256Hash } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from '../kit/bytes.ts';
import type { RandomBytes } from '../kit/clock.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, quote, type Result, refuse, succeed } from '../kit/result.ts';
import { type AesGcmOperation, aesGcm } from './aes-gcm.ts';
import { algorithm, header } from './claims.ts';
import { agree } from './key-agreement.ts';
import { decodeCoseKey, encodeCoseKey, type VerificationKey } from './signature.ts';

export const encryptedCredentialType = 'application/vnd.ringmint.credential-encrypted+cose';

const tag = Uint8Array.of(0xd8, 0x60);
export const nonceLength = 12;

export type DecryptionCode =
  | 'not_cbor'
  | 'record_malformed'
  | 'record_type_mismatch'
  | 'key_mismatch'
  | 'decryption_failed';

/** The holder of a key-agreement key: an HSM, or in a test a key in memory. */
export interface Recipient {
  readonly keyId: Uint8Array;
  /** The x-coordinate of the shared point, 32 bytes (SEC 1 §3.3.1). */
  readonly deriveSharedSecret: (peerPoint: Uint8Array) => Promise<Uint8Array>;
}

/** Encrypts `plaintext` so that only the holder of `recipient` reads it; the ephemeral key and the nonce are used once. */
export async function encryptTo(
  recipient: VerificationKey,
  plaintext: Uint8Array,
  type: string,
  random: RandomBytes,
): Promise<Uint8Array> {
  const { point, shared } = agree(p256.utils.randomSecretKey(random(48)), recipient.point);
  const protectedHeader = encodeProtected(type);
  const recipientHeader = encodeCbor(new Map([[header.algorithm, algorithm.ecdhEsHkdf256]]));
  const iv = random(nonceLength);
  const ciphertext = await applyAesGcm(
    'encrypt',
    contentKey(shared, recipientHeader),
    iv,
    protectedHeader,
    plaintext,
  );
  const unprotected = new Map<number, CborValue>([
    [header.ephemeralKey, encodeCoseKey(point)],
    [header.keyId, recipient.keyId],
  ]);
  return encodeEnvelope({ protectedHeader, iv, ciphertext, recipientHeader, parameters: unprotected });
}

/** What is protected of the content: A256GCM, and `type`, what it is. */
export function encodeProtected(type: string): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [header.algorithm, algorithm.a256gcm],
      [header.type, type],
    ]),
  );
}

/** COSE_Encrypt (RFC 9052 §5.1) to one recipient, with `parameters` unprotected in its header and no key of its own. */
export function encodeEnvelope(parts: {
  readonly protectedHeader: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly recipientHeader: Uint8Array;
  readonly parameters: ReadonlyMap<number, CborValue>;
}): Uint8Array {
  const { protectedHeader, iv, ciphertext, recipientHeader, parameters } = parts;
  return concatBytes(
    tag,
    encodeCbor([
      protectedHeader,
      new Map([[header.iv, iv]]),
      ciphertext,
      [[recipientHeader, parameters, new Uint8Array()]],
    ]),
  );
}

/** Decrypts what `encryptTo` made for `recipient`; any altered bit gives a refusal, never a part of the text. */
export async function decryptWith(
  bytes: Uint8Array,
  recipient: Recipient,
  type: string,
): Promise<Result<Uint8Array, DecryptionCode>> {
  const envelope = decodeEnvelope(bytes, type);
  if (!envelope.ok) return envelope;
  const { protectedHeader, iv, ciphertext, ephemeral, keyId, recipientHeader } = envelope.value;
  if (!equalBytes(keyId, recipient.keyId))
    return refuse('key_mismatch', 'the record is encrypted to another key than the one here');
  // A point off the curve would let the sender learn of the private key (RFC 9053 §6.3.1, SP 800-56A §5.6.2.3.3).
  if (!isOnCurve(ephemeral)) return refuse('record_malformed', 'ephemeral key: a point of P-256 is accepted');
  const shared = await recipient.deriveSharedSecret(ephemeral);
  assert(shared.length === 32, 'a shared secret on P-256 has 32 bytes');
  try {
    return succeed(
      await applyAesGcm('decrypt', contentKey(shared, recipientHeader), iv, protectedHeader, ciphertext),
    );
  } catch {
    // A wrong tag is told by an error and by nothing else; all of them are this refusal.
    return refuse(
      'decryption_failed',
      'the record does not decrypt: it was altered, cut short or made for another key',
    );
  }
}

/** The envelope's parts, for `ringmint inspect` too; nothing is decrypted. */
export function decodeEnvelope(
  bytes: Uint8Array,
  type: string,
): Result<
  {
    protectedHeader: Uint8Array;
    iv: Uint8Array;
    ciphertext: Uint8Array;
    ephemeral: Uint8Array;
    keyId: Uint8Array;
    recipientHeader: Uint8Array;
  },
  DecryptionCode
> {
  if (bytes[0] !== tag[0] || bytes[1] !== tag[1]) return malformed('COSE_Encrypt with tag 96');
  const decoded = decodeCbor(bytes.subarray(2));
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 4) return malformed('an array of four');
  const [protectedHeader, unprotected, ciphertext, recipients] = decoded.value as CborValue[];
  if (!(protectedHeader instanceof Uint8Array) || !(ciphertext instanceof Uint8Array))
    return malformed('byte strings');
  const map = decodeCbor(protectedHeader);
  if (!map.ok) return map;
  if (
    !(map.value instanceof Map) ||
    map.value.size !== 2 ||
    map.value.get(header.algorithm) !== algorithm.a256gcm
  ) {
    return malformed('algorithm A256GCM (3)');
  }
  const actual = map.value.get(header.type);
  if (actual !== type)
    return refuse('record_type_mismatch', `this is ${quote(actual)}, where \`${type}\` is accepted`);
  const iv = unprotected instanceof Map && unprotected.size === 1 ? unprotected.get(header.iv) : undefined;
  if (!(iv instanceof Uint8Array) || iv.length !== nonceLength) return malformed('a nonce of 12 bytes');
  const recipient = Array.isArray(recipients) && recipients.length === 1 ? recipients[0] : undefined;
  if (!Array.isArray(recipient) || recipient.length !== 3) return malformed('one recipient');
  const [recipientHeader, parameters, encryptedKey] = recipient as CborValue[];
  const expected = encodeCbor(new Map([[header.algorithm, algorithm.ecdhEsHkdf256]]));
  if (!(recipientHeader instanceof Uint8Array) || !equalBytes(recipientHeader, expected))
    return malformed('ECDH-ES + HKDF-256 (-25)');
  if (!(encryptedKey instanceof Uint8Array) || encryptedKey.length !== 0)
    return malformed('no encrypted key');
  if (!(parameters instanceof Map) || parameters.size !== 2)
    return malformed('an ephemeral key and a key id');
  const ephemeral = decodeCoseKey(parameters.get(header.ephemeralKey));
  const keyId = parameters.get(header.keyId);
  if (ephemeral === undefined) return malformed('an ephemeral key on P-256');
  if (!(keyId instanceof Uint8Array) || keyId.length !== 32) return malformed('a key id of 32 bytes');
  return succeed({ protectedHeader, iv, ciphertext, ephemeral: ephemeral.point, keyId, recipientHeader });
}

function malformed(accepted: string): Result<never, DecryptionCode> {
  return refuse('record_malformed', `COSE_Encrypt: ${accepted} is accepted`);
}

function isOnCurve(point: Uint8Array): boolean {
  try {
    p256.Point.fromBytes(point).assertValidity();
    return true;
  } catch {
    // noble tells of a bad point by throwing.
    return false;
  }
}

/** HKDF (RFC 9053 §5.1) over the shared secret, with COSE_KDF_Context (§5.2) as its info: 32 bytes. */
export function contentKey(shared: Uint8Array, recipientHeader: Uint8Array, salt?: Uint8Array): Uint8Array {
  const nobody = [null, null, null];
  const info = encodeCbor([algorithm.a256gcm, nobody, nobody, [256, recipientHeader]]);
  return hkdf(sha256Hash, shared, salt, info, 32);
}

/** AES-GCM (RFC 9053 §4.1) with the Enc_structure (RFC 9052 §5.3) as additional data; rejects where the tag is wrong. */
export async function applyAesGcm(
  operation: AesGcmOperation,
  rawKey: Uint8Array,
  iv: Uint8Array,
  protectedHeader: Uint8Array,
  input: Uint8Array,
): Promise<Uint8Array> {
  const additionalData = encodeCbor(['Encrypt', protectedHeader, new Uint8Array()]);
  return aesGcm(operation, { key: rawKey, iv, additionalData, input });
}
