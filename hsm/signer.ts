/**
 * What the rest of Ringmint knows of an HSM: the Signer, its key and its error codes. Types only, so
 * that anyone may import it without reaching a native module.
 */

/** COSE algorithm identifiers (IANA COSE Algorithms) that a signer can have. */
export type SignatureAlgorithm = 'ES256';

export interface PublicKey {
  readonly algorithm: SignatureAlgorithm;
  /** The `kid` of every record the key signs: SHA-256 of the COSE_Key thumbprint input (RFC 9679), 32 bytes. */
  readonly keyId: Uint8Array;
  /** SEC 1 §2.3.3 uncompressed point: 0x04 ‖ x ‖ y, 65 bytes for P-256. */
  readonly point: Uint8Array;
}

/** Why a signer could not do what it was asked; stable codes, shown to operators. */
export type SignerErrorCode =
  | 'module_missing'
  | 'module_unusable'
  | 'token_missing'
  | 'token_incomplete'
  | 'uri_malformed'
  | 'pin_missing'
  | 'pin_exposed'
  | 'pin_incorrect'
  | 'pin_locked'
  | 'key_missing'
  | 'key_ambiguous'
  | 'mechanism_missing'
  | 'point_invalid'
  | 'signature_wrong'
  | 'signer_crashed'
  | 'signer_timeout'
  | 'signer_busy'
  | 'signer_closed'
  | 'device_error';

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

export interface Signer {
  readonly publicKey: PublicKey;
  /**
   * Signs `message` (whole, not a digest) and gives r ‖ s, 64 bytes for ES256 (RFC 9053 §2.1).
   * The signature was verified outside the HSM before it is given out. Throws SignerError.
   */
  sign(message: Uint8Array): Promise<Uint8Array>;
  /** Signs a canary and verifies it: the only health check that sees a token that has gone. Throws SignerError. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** The decryption side of a key-agreement key in an HSM (ECDH, CKM_ECDH1_DERIVE). */
export interface KeyAgreement {
  readonly publicKey: PublicKey;
  /** The x-coordinate of the shared point with `peerPoint` (65 bytes, uncompressed), 32 bytes. Throws SignerError. */
  deriveSharedSecret(peerPoint: Uint8Array): Promise<Uint8Array>;
}
