/**
 * The signature algorithms that Ringmint uses, and by which mechanism a token makes them. Numbers are those of
 * PKCS#11 v3.1 (pkcs11t.h), so that a process which only asks need not load a native module.
 */
import type { SignatureAlgorithm } from './signer.ts';

/** What a token is told with a mechanism. */
interface PssParameter {
  /** CK_PARAMS_RSA_PSS of pkcs11js. */
  readonly type: number;
  readonly hashAlg: number;
  readonly mgf: number;
  readonly saltLen: number;
}

export interface SigningMechanism {
  readonly type: number;
  readonly name: string;
  /** Whether the token hashes by itself, or takes what was hashed. */
  readonly takes: 'message' | 'digest';
  readonly parameter?: PssParameter;
}

export interface Algorithm {
  readonly name: SignatureAlgorithm;
  /** CKA_KEY_TYPE. */
  readonly keyType: number;
  /** Of the message, outside the token; `undefined` where there is none (EdDSA). */
  readonly hash: 'sha256' | 'sha384' | undefined;
  /** Of that hash, bytes. */
  readonly digestLength: number | undefined;
  /** Of r ‖ s (RFC 9053 §2.1), or of an EdDSA signature; `undefined` where it is as long as the modulus. */
  readonly signatureLength: number | undefined;
  /** The first with which the token signs is used. */
  readonly mechanisms: readonly SigningMechanism[];
  /** CKM_…_KEY_PAIR_GEN. */
  readonly generation: number;
  /** CKA_EC_PARAMS (RFC 5480 §2.1.1.1, RFC 8410 §3), DER of the OBJECT IDENTIFIER; `undefined` for RSA. */
  readonly curve: Uint8Array | undefined;
}

const pss: PssParameter = { type: 5, hashAlg: 0x250, mgf: 2, saltLen: 32 };

/** The OBJECT IDENTIFIERs of the curves, DER. */
const p256 = Uint8Array.from([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
const p384 = Uint8Array.from([0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]);
const ed25519 = Uint8Array.from([0x06, 0x03, 0x2b, 0x65, 0x70]);

export const algorithms: readonly Algorithm[] = [
  {
    name: 'ES256',
    keyType: 0x03,
    hash: 'sha256',
    digestLength: 32,
    signatureLength: 64,
    mechanisms: [
      { type: 0x1041, name: 'CKM_ECDSA', takes: 'digest' },
      { type: 0x1044, name: 'CKM_ECDSA_SHA256', takes: 'message' },
    ],
    generation: 0x1040,
    curve: p256,
  },
  {
    name: 'ES384',
    keyType: 0x03,
    hash: 'sha384',
    digestLength: 48,
    signatureLength: 96,
    mechanisms: [
      { type: 0x1041, name: 'CKM_ECDSA', takes: 'digest' },
      { type: 0x1045, name: 'CKM_ECDSA_SHA384', takes: 'message' },
    ],
    generation: 0x1040,
    curve: p384,
  },
  {
    name: 'EdDSA',
    keyType: 0x40,
    hash: undefined,
    digestLength: undefined,
    signatureLength: 64,
    mechanisms: [{ type: 0x1057, name: 'CKM_EDDSA', takes: 'message' }],
    generation: 0x1055,
    curve: ed25519,
  },
  {
    name: 'PS256',
    keyType: 0x00,
    hash: 'sha256',
    digestLength: 32,
    signatureLength: undefined,
    mechanisms: [
      { type: 0x0d, name: 'CKM_RSA_PKCS_PSS', takes: 'digest', parameter: pss },
      { type: 0x43, name: 'CKM_SHA256_RSA_PKCS_PSS', takes: 'message', parameter: pss },
    ],
    generation: 0x00,
    curve: undefined,
  },
];

export function algorithmOf(name: SignatureAlgorithm): Algorithm {
  const found = algorithms.find((algorithm) => algorithm.name === name);
  if (found === undefined) throw new Error(`no algorithm ${name}`);
  return found;
}

/** Names of curves as CKA_EC_PARAMS may also have them: a PrintableString (PKCS#11 v3.1 §6.3.3). */
const printable: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['secp256r1', 'ES256'],
  ['prime256v1', 'ES256'],
  ['P-256', 'ES256'],
  ['secp384r1', 'ES384'],
  ['P-384', 'ES384'],
  ['edwards25519', 'EdDSA'],
  ['Ed25519', 'EdDSA'],
]);

/** What a key of `keyType` on the curve of `parameters` (CKA_EC_PARAMS) signs by; `undefined` where Ringmint uses no such key. */
export function algorithmOfKey(
  keyType: number,
  parameters: Uint8Array | undefined,
): SignatureAlgorithm | undefined {
  const named = parameters?.[0] === 0x13 ? Buffer.from(parameters.subarray(2)).toString('latin1') : undefined;
  return algorithms.find(
    ({ name, keyType: own, curve }) =>
      own === keyType &&
      (curve === undefined ||
        (parameters !== undefined && Buffer.from(curve).equals(parameters)) ||
        (named !== undefined && printable.get(named) === name)),
  )?.name;
}
