/** A key pair as a token shows it. */
import pkcs11js, { type Handle, type PKCS11 } from 'pkcs11js';
import { algorithmOfKey } from './algorithm.ts';
import { checkTemplate, findKey, readBytes, readNumber } from './module.ts';
import { publicKeyOf, rsaPublicKey } from './public-key.ts';
import { type AgreementKey, type PublicKey, SignerError } from './signer.ts';

/**
 * The public half of a key pair. CKA_EC_POINT is a DER OCTET STRING around the point (PKCS#11 v3.1 §6.3.3); some tokens give the point bare.
 */
export function readPublicKey(module: PKCS11, session: Handle, label: string): PublicKey {
  return readPublicKeyObject(
    module,
    session,
    findKey(module, session, pkcs11js.CKO_PUBLIC_KEY, label),
    label,
  );
}

/** Of every public key that the session sees, the key id; a key of a kind that is not used has none. */
export function readKeyIds(module: PKCS11, session: Handle): Uint8Array[] {
  module.C_FindObjectsInit(
    session,
    checkTemplate([{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PUBLIC_KEY }]),
  );
  const found = module.C_FindObjects(session, 1_000);
  module.C_FindObjectsFinal(session);
  return found.flatMap((key) => {
    try {
      return [readPublicKeyObject(module, session, key, '').keyId];
    } catch (error) {
      // Not one of ours, then: those were all read once, as they were made.
      if (error instanceof SignerError || error instanceof pkcs11js.Pkcs11Error) return [];
      throw error;
    }
  });
}

function readPublicKeyObject(module: PKCS11, session: Handle, key: Handle, label: string): PublicKey {
  const keyType = readNumber(module, session, key, pkcs11js.CKA_KEY_TYPE);
  const curve =
    keyType === pkcs11js.CKK_RSA ? undefined : readBytes(module, session, key, pkcs11js.CKA_EC_PARAMS);
  const algorithm = algorithmOfKey(keyType, curve);
  if (algorithm === undefined) {
    throw new SignerError(
      'key_unfit',
      `the key labelled \`${label}\` is of a kind that is not used: a key on P-256, P-384 or Ed25519, or RSA, is accepted`,
    );
  }
  if (algorithm === 'PS256') {
    const modulus = withoutZeros(readBytes(module, session, key, pkcs11js.CKA_MODULUS));
    if (modulus.length < 256)
      throw new SignerError(
        'key_unfit',
        `the key labelled \`${label}\` has ${modulus.length * 8} bits: 2,048 at least are accepted`,
      );
    return rsaPublicKey(modulus, withoutZeros(readBytes(module, session, key, pkcs11js.CKA_PUBLIC_EXPONENT)));
  }
  const length = algorithm === 'ES256' ? 65 : algorithm === 'ES384' ? 97 : 32;
  const given = readBytes(module, session, key, pkcs11js.CKA_EC_POINT);
  const point =
    given.length === length + 2 && given[0] === 0x04 && given[1] === length ? given.subarray(2) : given;
  if (point.length !== length || (length !== 32 && point[0] !== 0x04))
    throw new SignerError(
      'key_unfit',
      `the key labelled \`${label}\` has a point of ${given.length} bytes: an uncompressed one of ${length} is accepted`,
    );
  return publicKeyOf(Uint8Array.from(point));
}

/** The public half of a pair for key agreement; throws `key_unfit` where it is not on P-256. */
export function readAgreementKey(module: PKCS11, session: Handle, label: string): AgreementKey {
  const key = readPublicKey(module, session, label);
  const { algorithm } = key;
  if (algorithm !== 'ES256')
    throw new SignerError('key_unfit', `a key-agreement key is ${algorithm}: a key on P-256 is accepted`);
  return { ...key, algorithm };
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  return bytes.slice(first < 0 ? bytes.length : first);
}
