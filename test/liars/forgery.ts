/** Records as a liar makes them: with a key that it has, and any claim that it likes. */
import { createCipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';
import type { Signer } from '../../hsm/signer.ts';
import { concatBytes, toHex } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { algorithm, header } from '../../src/records/claims.ts';
import { attachSignature, toBeSigned } from '../../src/records/cose.ts';
import { encodeCoseKey, type VerificationKey, verificationKey } from '../../src/records/signature.ts';
import type { Draw } from '../crash/draw.ts';

export async function signAs(signer: Signer, bytes: Uint8Array): Promise<Uint8Array> {
  const { keyId } = signer.publicKey;
  return attachSignature(bytes, await signer.sign(bytes, { purpose: 'lie', intent: toHex(keyId), keyId }));
}

/** The same bytes to be signed with other claims, wherever the record has them; no rule of the encoder's is asked. */
export function withClaims(
  original: Uint8Array,
  changes: readonly (readonly [claim: number, value: CborValue])[],
): Uint8Array {
  const structure = decodeCbor(original);
  if (!structure.ok || !Array.isArray(structure.value)) throw new Error('to be signed is a Sig_structure');
  const [, protectedBytes, , payloadBytes] = structure.value as [string, Uint8Array, Uint8Array, Uint8Array];
  const protectedMap = mapOf(protectedBytes);
  const inHeader = protectedMap.get(header.cwtClaims);
  const claims = new Map(inHeader instanceof Map ? inHeader : mapOf(payloadBytes));
  for (const [claim, value] of changes) claims.set(claim, value);
  if (!(inHeader instanceof Map)) return toBeSigned(protectedBytes, encodeCbor(claims));
  return toBeSigned(encodeCbor(new Map(protectedMap).set(header.cwtClaims, claims)), payloadBytes);
}

function mapOf(bytes: Uint8Array): Map<number, CborValue> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !(decoded.value instanceof Map)) throw new Error('claims are a map');
  return decoded.value as Map<number, CborValue>;
}

/** A liar has no secrets to keep: one ephemeral key for all that it encrypts. */
const ephemeral = createECDH('prime256v1');
const point = ephemeral.generateKeys();
const sharedWith = new Map<string, Uint8Array>();

/** COSE_Encrypt as src/records/encryption.ts reads it, made by OpenSSL: a fiftieth of the time. */
export function seal(
  recipient: Pick<VerificationKey, 'keyId' | 'point'>,
  plaintext: Uint8Array,
  type: string,
): Uint8Array {
  const name = toHex(recipient.keyId);
  const shared = sharedWith.get(name) ?? new Uint8Array(ephemeral.computeSecret(recipient.point));
  sharedWith.set(name, shared);
  const protectedHeader = encodeCbor(
    new Map<number, CborValue>([
      [header.algorithm, algorithm.a256gcm],
      [header.type, type],
    ]),
  );
  const recipientHeader = encodeCbor(new Map([[header.algorithm, algorithm.ecdhEsHkdf256]]));
  const nobody = [null, null, null];
  const info = encodeCbor([algorithm.a256gcm, nobody, nobody, [256, recipientHeader]]);
  const key = new Uint8Array(hkdfSync('sha256', shared, new Uint8Array(), info, 32));
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(encodeCbor(['Encrypt', protectedHeader, new Uint8Array()]));
  const ciphertext = concatBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  const unprotected = new Map<number, CborValue>([
    [header.ephemeralKey, encodeCoseKey(new Uint8Array(point))],
    [header.keyId, recipient.keyId],
  ]);
  return concatBytes(
    Uint8Array.of(0xd8, 0x60),
    encodeCbor([
      protectedHeader,
      new Map([[header.iv, new Uint8Array(iv)]]),
      ciphertext,
      [[recipientHeader, unprotected, new Uint8Array()]],
    ]),
  );
}

/** A key that nobody else has. */
export function strangersKey(): VerificationKey {
  return verificationKey(new Uint8Array(createECDH('prime256v1').generateKeys()));
}

/** One bit of it is another. */
export function flipped(bytes: Uint8Array, draw: Draw): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = draw.below(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << draw.below(8));
  return copy;
}
