/**
 * What attestations are written with: an EAT (RFC 9711) that the device signs, and the vendor's endorsement of the key that signed it. Portable.
 */
import { sha256, utf8 } from '../../src/kit/bytes.ts';

/** IANA CBOR Web Token Claims; private ones are below -65536 (RFC 8392 §9.1) where none is registered. */
export const attestationClaim = {
  /** RFC 8747 §3.1: confirmation, `{ 1: COSE_Key }`: the attestation key. In the endorsement only. */
  confirmation: 8,
  /** RFC 9711 §4.1: bytes of whoever asks, 8 to 64. */
  nonce: 10,
  /** RFC 9711 §4.2.1: type RAND (0x01) and the serial of 16 random bytes. */
  ueid: 256,
  /** RFC 9711 §4.2.3.3: IANA private enterprise number. */
  oemid: 258,
  /** RFC 9711 §4.2.4: SHA-256 of the profile's name, since it is not meant to be read. */
  hwmodel: 259,
  /** RFC 9711 §4.2.8: true: what runs was signed by the vendor. */
  oemboot: 262,
  /** RFC 9711 §4.2.9: 0, enabled: the memory of a simulator can be read by whoever may read its files. */
  dbgstat: 263,
  /** RFC 9711 §4.3.2. */
  profile: 265,
  /** RFC 9711 §4.2.6. */
  swname: 270,
  /** RFC 9711 §4.2.7: `[version]`. */
  swversion: 271,
  /** Private: SHA-256 of the image's payload. `measurements` (273) is for manifests such as CoSWID, which the image is not. */
  measurement: -65_700,
  /** Private: what the device is as it answers, such as `blank` or `ready`. */
  bootState: -65_701,
  /** Private: of the sealed store, from 0; never goes down. */
  storeVersion: -65_702,
  /** Private: true. */
  simulator: -65_703,
} as const;

/** RFC 9782: an EAT that is a CWT. */
export const attestationType = 'application/eat+cwt';
export const endorsementType = 'application/vnd.ringmint.device-endorsement+cose';

/** Names this table of claims (RFC 9711 §6, RFC 4151). */
export const attestationProfile = 'tag:ringmint.example,2026:device-attestation-1';
export const softwareName = 'ringmint-firmware-sim';
export const debugEnabled = 0;
/** RFC 8747 §3.2. */
export const coseKeyMember = 1;

/** The claim hwmodel of the devices of this profile, 32 bytes. */
export function hardwareModelOf(profile: string): Uint8Array {
  return sha256(utf8(profile));
}

/** A UEID of type RAND (RFC 9711 §4.2.1) around 16 bytes. */
export function ueidOf(serial: Uint8Array): Uint8Array {
  const ueid = new Uint8Array(17);
  ueid[0] = 0x01;
  ueid.set(serial, 1);
  return ueid;
}
