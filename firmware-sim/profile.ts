/** What a vendor's chip is like: data that firmware and client go by. The profiles themselves are in profiles.ts. */
import type { SignatureAlgorithm } from '../hsm/signer.ts';
import type { Geometry } from './chip/memory.ts';
import type { DeviceLimits } from './protocol.ts';

export interface Profile {
  /** Such as `aster-1`: a vendor's name and a model. */
  readonly name: string;
  readonly vendor: string;
  /** IANA private enterprise number of the EAT claim oemid; invented vendors have the one for examples (RFC 5612 §2), 32473. */
  readonly oem: number;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Of the attestation key and of the vendor's root. */
  readonly attestation: 'ES256' | 'ES384' | 'EdDSA';
  /** The vendor's root, which endorses attestation keys: a point, as `DeviceKey.point`. */
  readonly root: Uint8Array;
  readonly limits: DeviceLimits;
  readonly quirks: Quirks;
  /** PBKDF2-HMAC-SHA-256. */
  readonly pinIterations: number;
  /** Alarms until it zeroises itself. */
  readonly alarmLimit: number;
  readonly flash: Geometry;
  readonly die: Geometry;
  /** How many sectors of the flash, in this order: certificate and vendor data, image, slot A, slot B (as many as A). */
  readonly layout: { readonly certificate: number; readonly image: number; readonly slot: number };
}

/** In what vendors differ although they do the same; the client hides it. */
export interface Quirks {
  /** ECDSA as r ‖ s, or as DER (RFC 3279 §2.2.3). */
  readonly signature: 'raw' | 'der';
  /** Public keys as points, or as SubjectPublicKeyInfo (RFC 5480). */
  readonly publicKey: 'point' | 'spki';
  /** Takes the message, or its hash. A key that signs only what is anchored takes the message everywhere. */
  readonly takes: 'message' | 'digest';
  /** Whether ECDSA signatures have low s only. */
  readonly lowS: boolean;
  /** Signatures a second at most, null for as fast as it is. */
  readonly signaturesPerSecond: number | null;
}
