/** The signature algorithms that Ringmint chooses from, as PKCS#11 v3.1 and as node:crypto know them. */
import { constants, createHash, createPublicKey, type KeyObject, randomBytes, verify } from 'node:crypto';
import pkcs11js, { type Mechanism, type RsaPSS } from 'pkcs11js';

export type Algorithm = 'ES256' | 'ES384' | 'EdDSA' | 'PS256' | 'RS256';
export const algorithms: readonly Algorithm[] = ['ES256', 'ES384', 'EdDSA', 'PS256'];

/** Numbers of PKCS#11 v3.0 that pkcs11js has no names for. */
export const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;
export const CKM_EDDSA = 0x1057;
export const CKK_EC_EDWARDS = 0x40;

/** A way to one algorithm: which mechanism, over what. */
export interface Route {
  readonly algorithm: Algorithm;
  readonly mechanism: number;
  readonly name: string;
  /** What the module is given for a message. */
  readonly input: (message: Buffer) => Buffer;
}

const sha256 = (message: Buffer): Buffer => createHash('sha256').update(message).digest();
const sha384 = (message: Buffer): Buffer => createHash('sha384').update(message).digest();
const whole = (message: Buffer): Buffer => message;

/** DigestInfo of SHA-256 (RFC 8017 §9.2, note 1). */
const digestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** EMSA-PSS (RFC 8017 §9.1.1) with SHA-256, MGF1 with SHA-256 and 32 bytes of salt, for a modulus of 2,048 bits. */
function encodePss(message: Buffer): Buffer {
  const length = 256;
  const salt = randomBytes(32);
  const hash = sha256(Buffer.concat([Buffer.alloc(8), sha256(message), salt]));
  const block = Buffer.concat([Buffer.alloc(length - 32 - 32 - 2), Buffer.from([1]), salt]);
  for (let at = 0, counter = 0; at < block.length; at += 32, counter++) {
    const mask = sha256(Buffer.concat([hash, Buffer.from([0, 0, 0, counter])]));
    for (let i = 0; i < 32 && at + i < block.length; i++)
      block.writeUInt8((block[at + i] ?? 0) ^ (mask[i] ?? 0), at + i);
  }
  block.writeUInt8((block[0] ?? 0) & 0x7f, 0);
  return Buffer.concat([block, hash, Buffer.from([0xbc])]);
}

/** The preferred way to an algorithm first. RS256 is none of Ringmint's: it shows whether an RSA key signs at all. */
export const routes: readonly Route[] = [
  { algorithm: 'ES256', mechanism: pkcs11js.CKM_ECDSA, name: 'CKM_ECDSA', input: sha256 },
  { algorithm: 'ES256', mechanism: pkcs11js.CKM_ECDSA_SHA256, name: 'CKM_ECDSA_SHA256', input: whole },
  { algorithm: 'ES384', mechanism: pkcs11js.CKM_ECDSA, name: 'CKM_ECDSA', input: sha384 },
  { algorithm: 'ES384', mechanism: pkcs11js.CKM_ECDSA_SHA384, name: 'CKM_ECDSA_SHA384', input: whole },
  { algorithm: 'EdDSA', mechanism: CKM_EDDSA, name: 'CKM_EDDSA', input: whole },
  { algorithm: 'PS256', mechanism: pkcs11js.CKM_RSA_PKCS_PSS, name: 'CKM_RSA_PKCS_PSS', input: sha256 },
  {
    algorithm: 'PS256',
    mechanism: pkcs11js.CKM_SHA256_RSA_PKCS_PSS,
    name: 'CKM_SHA256_RSA_PKCS_PSS',
    input: whole,
  },
  {
    algorithm: 'PS256',
    mechanism: pkcs11js.CKM_RSA_X_509,
    name: 'CKM_RSA_X_509 over EMSA-PSS',
    input: encodePss,
  },
  {
    algorithm: 'RS256',
    mechanism: pkcs11js.CKM_RSA_PKCS,
    name: 'CKM_RSA_PKCS',
    input: (message) => Buffer.concat([digestInfo, sha256(message)]),
  },
  { algorithm: 'RS256', mechanism: pkcs11js.CKM_SHA256_RSA_PKCS, name: 'CKM_SHA256_RSA_PKCS', input: whole },
];

/** CK_RSA_PKCS_PSS_PARAMS (PKCS#11 v3.1 §6.1.8) with SHA-256; PS256 has MGF1 with SHA-256 and 32 bytes of salt. */
export function pssMechanism(mechanism: number, mgf: number, saltLen: number): Mechanism {
  const parameter: RsaPSS = { type: pkcs11js.CK_PARAMS_RSA_PSS, hashAlg: pkcs11js.CKM_SHA256, mgf, saltLen };
  return { mechanism, parameter };
}

/** CK_MECHANISM of a route, with the parameters that PSS takes. */
export function mechanismOf({ mechanism }: Route): Mechanism {
  const pss: number[] = [pkcs11js.CKM_RSA_PKCS_PSS, pkcs11js.CKM_SHA256_RSA_PKCS_PSS];
  return pss.includes(mechanism) ? pssMechanism(mechanism, pkcs11js.CKG_MGF1_SHA256, 32) : { mechanism };
}

/** The key that an algorithm's signatures are made with. */
export type KeyKind = 'P-256' | 'P-384' | 'Ed25519' | 'RSA-2048';
export const keyKinds: readonly KeyKind[] = ['P-256', 'P-384', 'Ed25519', 'RSA-2048'];
export const keyKindOf: Readonly<Record<Algorithm, KeyKind>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  EdDSA: 'Ed25519',
  PS256: 'RSA-2048',
  RS256: 'RSA-2048',
};

/** Public attributes as a token gives them. */
export interface PublicAttributes {
  readonly point?: Buffer;
  readonly modulus?: Buffer;
  readonly exponent?: Buffer;
}

/** The public key as node:crypto takes it. CKA_EC_POINT is a DER OCTET STRING by the letter, bare in some modules. */
export function publicKeyOf(kind: KeyKind, { point, modulus, exponent }: PublicAttributes): KeyObject {
  if (kind === 'RSA-2048') {
    if (modulus === undefined || exponent === undefined) throw new Error('an RSA key without a modulus');
    const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') };
    return createPublicKey({ key: jwk, format: 'jwk' });
  }
  if (point === undefined) throw new Error(`a ${kind} key without a point`);
  const size = kind === 'P-384' ? 48 : 32;
  const expected = kind === 'Ed25519' ? size : 2 * size + 1;
  const bare = point.length === expected ? point : point.subarray(2);
  if (bare.length !== expected) throw new Error(`a ${kind} point of ${point.length} bytes`);
  if (kind === 'Ed25519')
    return createPublicKey({ key: { kty: 'OKP', crv: kind, x: bare.toString('base64url') }, format: 'jwk' });
  const x = bare.subarray(1, 1 + size).toString('base64url');
  const y = bare.subarray(1 + size).toString('base64url');
  return createPublicKey({ key: { kty: 'EC', crv: kind, x, y }, format: 'jwk' });
}

/** Whether node:crypto takes `signature` for one of `message`. */
export function isValid(algorithm: Algorithm, key: KeyObject, message: Buffer, signature: Buffer): boolean {
  switch (algorithm) {
    case 'ES256':
      return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'ES384':
      return verify('sha384', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'EdDSA':
      return verify(null, message, key, signature);
    case 'PS256':
      return verify(
        'sha256',
        message,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
        signature,
      );
    case 'RS256':
      return verify('sha256', message, key, signature);
  }
}
