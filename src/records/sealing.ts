/**
 * COSE_Encrypt (RFC 9052 §5.1) for whoever has a secret key of 32 bytes: direct key with HKDF-SHA-256 (RFC 9053 §6.1.2) and A256GCM.
 * Each record is encrypted under a key of its own, by a salt that is drawn for it.
 *
 * ```
 * tag 96 ┌ array(4) ────────────────────────────────────────────────────────────────────────────┐
 *        │ protected: bstr { 1: 3, 16: typ } │ unprotected: { 5: iv(12) } │ ciphertext          │
 *        │ [[ protected: bstr { 1: -10 }, unprotected: { 4: kid(8), -20: salt(32) }, h'' ]]     │
 *        └──────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 */
import { equalBytes, sha256 } from '../kit/bytes.ts';
import type { RandomBytes } from '../kit/clock.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import { algorithm, header } from './claims.ts';
import { applyAesGcm, contentKey, encodeEnvelope, encodeProtected, nonceLength } from './encryption.ts';

const saltLength = 32;

/** Who has it reads what is sealed by it. */
export interface SealingKey {
  /** The first 8 bytes of the SHA-256 of the key. */
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
}

export function sealingKey(secret: Uint8Array): SealingKey {
  assert(secret.length === 32, 'a key of sealing has 32 bytes');
  return { id: sha256(secret).slice(0, 8), secret };
}

/** `type` is what it is, and is held when it is opened. */
export async function seal(
  key: SealingKey,
  plaintext: Uint8Array,
  type: string,
  random: RandomBytes,
): Promise<Uint8Array> {
  const protectedHeader = encodeProtected(type);
  const iv = random(nonceLength);
  const salt = random(saltLength);
  const ciphertext = await applyAesGcm(
    'encrypt',
    contentKey(key.secret, recipientHeader, salt),
    iv,
    protectedHeader,
    plaintext,
  );
  return encodeSealed({ protectedHeader, keyId: key.id, salt, iv, ciphertext });
}

/** Opens what `seal` made: `seal_key_unknown` where none of `keys` sealed it, `seal_broken` where a bit of it was altered. */
export async function unseal(
  keys: readonly SealingKey[],
  sealed: Uint8Array,
  type: string,
): Promise<Result<Uint8Array, 'seal_key_unknown' | 'seal_broken'>> {
  const parts = readSealed(sealed, type);
  if (parts === undefined) return refuseBroken();
  const key = keys.find(({ id }) => equalBytes(id, parts.keyId));
  if (key === undefined)
    return refuse('seal_key_unknown', 'it is sealed with a key that is not here: bring the key of its time');
  try {
    const rawKey = contentKey(key.secret, recipientHeader, parts.salt);
    return succeed(await applyAesGcm('decrypt', rawKey, parts.iv, encodeProtected(type), parts.ciphertext));
  } catch {
    // A wrong tag is told by an error and by nothing else.
    return refuseBroken();
  }
}

const recipientHeader = encodeCbor(new Map([[header.algorithm, algorithm.directHkdf256]]));

interface Sealed {
  readonly protectedHeader: Uint8Array;
  readonly keyId: Uint8Array;
  readonly salt: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
}

function encodeSealed({ protectedHeader, keyId, salt, iv, ciphertext }: Sealed): Uint8Array {
  const unprotected = new Map<number, CborValue>([
    [header.keyId, keyId],
    [header.salt, salt],
  ]);
  return encodeEnvelope({ protectedHeader, iv, ciphertext, recipientHeader, parameters: unprotected });
}

/** `undefined` for anything that `encodeSealed` does not give. */
function readSealed(sealed: Uint8Array, type: string): Sealed | undefined {
  const decoded = decodeCbor(sealed.subarray(2));
  if (!decoded.ok) return undefined;
  const [, outer, ciphertext, recipients] = listOf(decoded.value);
  const [, inner] = listOf(listOf(recipients)[0]);
  if (!(outer instanceof Map) || !(inner instanceof Map)) return undefined;
  const [iv, keyId, salt]: (CborValue | undefined)[] = [
    outer.get(header.iv),
    inner.get(header.keyId),
    inner.get(header.salt),
  ];
  if (
    !(ciphertext instanceof Uint8Array) ||
    !(iv instanceof Uint8Array && iv.length === nonceLength) ||
    !(keyId instanceof Uint8Array) ||
    !(salt instanceof Uint8Array && salt.length === saltLength)
  )
    return undefined;
  const read = { protectedHeader: encodeProtected(type), keyId, salt, iv, ciphertext };
  // Every byte is what it has to be, or under the tag of the encryption.
  return equalBytes(encodeSealed(read), sealed) ? read : undefined;
}

function listOf(item: CborValue | undefined): readonly CborValue[] {
  return Array.isArray(item) ? (item as readonly CborValue[]) : [];
}

function refuseBroken(): Result<never, 'seal_broken'> {
  return refuse('seal_broken', 'it does not open: it was altered, cut short, or is something else');
}
