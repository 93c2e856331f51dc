/**
 * What the rest of Ringmint knows of an HSM: the Signer, its key and its error codes. Types only, so
 * that anyone may import it without reaching a native module.
 */

/** COSE algorithm identifiers (IANA COSE Algorithms) that a signer can have: ECDSA on P-256 and P-384, Ed25519, RSASSA-PSS. */
export type SignatureAlgorithm = 'ES256' | 'ES384' | 'EdDSA' | 'PS256';

interface KeyIdentity {
  /** The `kid` of every record the key signs: SHA-256 of the COSE_Key thumbprint input (RFC 9679), 32 bytes. */
  readonly keyId: Uint8Array;
}

/** On a curve: SEC 1 §2.3.3 uncompressed, 0x04 ‖ x ‖ y, 65 or 97 bytes; for EdDSA the 32 bytes of RFC 8032 §5.1.2. */
export interface CurveKey extends KeyIdentity {
  readonly algorithm: 'ES256' | 'ES384' | 'EdDSA';
  readonly point: Uint8Array;
}

/** RSA: modulus and exponent, big-endian without leading zeros. */
export interface RsaKey extends KeyIdentity {
  readonly algorithm: 'PS256';
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
}

export type PublicKey = CurveKey | RsaKey;

/** Key agreement is ECDH on P-256. */
export type AgreementKey = CurveKey & { readonly algorithm: 'ES256' };

/** Why a signer could not do what it was asked; stable codes, shown to operators. */
export type SignerErrorCode =
  | 'module_missing'
  | 'module_unusable'
  | 'token_missing'
  | 'token_ambiguous'
  | 'token_incomplete'
  | 'uri_malformed'
  | 'pin_missing'
  | 'pin_exposed'
  | 'pin_incorrect'
  | 'pin_locked'
  | 'pin_expired'
  | 'key_missing'
  | 'key_ambiguous'
  | 'key_unfit'
  | 'mechanism_missing'
  | 'point_invalid'
  | 'signature_wrong'
  | 'secret_wrong'
  | 'signer_crashed'
  | 'signer_timeout'
  | 'signer_busy'
  | 'signer_closed'
  | 'limit_reached'
  | 'log_broken'
  | 'log_unwritable'
  | 'anchor_moved'
  | 'anchor_unreadable'
  | 'anchor_unsupported'
  | 'not_anchored'
  | 'request_refused'
  | 'login_lost'
  | 'device_busy'
  | 'device_missing'
  | 'device_failed'
  | 'device_zeroised'
  | 'device_error';

/** Whether a token refused a PIN: nothing is tried again then, for a real token locks itself after a few wrong ones. */
export function isPinRefusal(code: SignerErrorCode): boolean {
  return code === 'pin_incorrect' || code === 'pin_locked' || code === 'pin_expired';
}

/** A broken device, a wrong PIN or a missing module: never a refusal of a request, so it is thrown. */
export class SignerError extends Error {
  readonly code: SignerErrorCode;
  /** The CKR name (PKCS#11 v3.1 §3.6), such as `CKR_PIN_INCORRECT`, when the module gave one. */
  readonly ckr: string | undefined;
  constructor(code: SignerErrorCode, message: string, ckr?: string) {
    super(message);
    this.name = 'SignerError';
    this.code = code;
    this.ckr = ckr;
  }
}

/** What a signature is for: it is logged with it, and limits are counted by it. */
export interface SigningRequest {
  /** What kind of record it is, such as `control-bit`. */
  readonly purpose: string;
  /** The intent that the record belongs to; one intent has one record, however often it is signed. */
  readonly intent: string;
  /** The key that the record names. */
  readonly keyId: Uint8Array;
  /** What the record is worth, in minor units, where it is worth anything. */
  readonly amount?: { readonly currency: string; readonly minor: bigint };
  /** Number of the journal entry that says these bytes: a key that signs only what is anchored asks for it. */
  readonly entry?: number;
}

export interface Signer {
  /** The key that a new record is to name: of the first HSM that is well. Another one may be given after a failure. */
  readonly publicKey: PublicKey;
  /**
   * Signs `message` (whole, not a digest): r ‖ s for ECDSA (RFC 9053 §2.1), 64 bytes for ES256.
   * The signature was verified outside the HSM before it is given out. Throws SignerError.
   */
  sign(message: Uint8Array, request: SigningRequest): Promise<Uint8Array>;
  /** Whether it has the key, and may use it. */
  holds(keyId: Uint8Array): boolean;
  /** Signs a canary and verifies it: the only health check that sees a token that has gone. Throws SignerError. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** The decryption side of a key-agreement key in an HSM (ECDH, CKM_ECDH1_DERIVE). */
export interface KeyAgreement {
  readonly publicKey: AgreementKey;
  /** The x-coordinate of the shared point with `peerPoint` (65 bytes, uncompressed), 32 bytes. Throws SignerError. */
  deriveSharedSecret(peerPoint: Uint8Array): Promise<Uint8Array>;
}
