/** What a vendor's chip is like: data that firmware and client go by. (Contract; the profiles themselves are to be built.) */
import type { SignatureAlgorithm } from '../hsm/signer.ts';
import type { Geometry } from './chip/memory.ts';
import type { DeviceLimits } from './protocol.ts';

export interface Profile {
  /** Such as `aster-1`: a vendor's name and a model. */
  readonly name: string;
  readonly vendor: string;
  /** IANA private enterprise number of the EAT claim oemid; those of the invented vendors are of RFC 5612 (examples). */
  readonly oem: number;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Of the attestation key and of the vendor's root. */
  readonly attestation: 'ES256' | 'ES384' | 'EdDSA';
  readonly limits: DeviceLimits;
  readonly quirks: Quirks;
  /** PBKDF2-HMAC-SHA-256. */
  readonly pinIterations: number;
  /** Alarms until it zeroises itself. */
  readonly alarmLimit: number;
  readonly flash: Geometry;
  readonly die: Geometry;
  /** Sectors of the flash, in this order: certificate and vendor data, image, slot A, slot B. */
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
