/**
 * The vendor's endorsement of a device, in its certificate sector: that the attestation key is of this device, this model and this image.
 *
 * ```
 * length (4, big-endian) │ deterministic CBOR: [ profile's name, COSE_Sign1 by the vendor's root ]
 * payload: { 8: { 1: COSE_Key }, 256: ueid, 258: oemid, 259: hwmodel, -65700: measurement }
 * ```
 */
import { equalBytes } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import type { Memory } from '../chip/memory.ts';
import type { Profile } from '../profile.ts';
import {
  attestationClaim as claim,
  coseKeyMember,
  endorsementType,
  hardwareModelOf,
  ueidOf,
} from './attestation-claims.ts';
import { isSignedBy } from './curve.ts';
import { framed, readFramed } from './image.ts';
import { coseKeyOf, decodeSign1, makeSign1, pointOfCoseKey } from './sign1.ts';
import { vendorRoot } from './vendor.ts';

export interface Endorsed {
  readonly profile: Profile;
  readonly serial: Uint8Array;
  readonly measurement: Uint8Array;
  /** Of the attestation key. */
  readonly point: Uint8Array;
}

/** As it lies in flash; signed by the vendor's root. */
export function makeCertificate({ profile, serial, measurement, point }: Endorsed): Uint8Array {
  const root = vendorRoot(profile);
  const payload = encodeCbor(
    new Map<number, CborValue>([
      [claim.confirmation, new Map([[coseKeyMember, coseKeyOf(profile.attestation, point)]])],
      [claim.ueid, ueidOf(serial)],
      [claim.oemid, profile.oem],
      [claim.hwmodel, hardwareModelOf(profile.name)],
      [claim.measurement, measurement],
    ]),
  );
  const { algorithm, point: rootPoint } = root;
  const options = { algorithm, point: rootPoint, type: endorsementType, payload };
  const endorsement = makeSign1(options, (message) => root.sign(message));
  return framed(encodeCbor([profile.name, endorsement]));
}

export interface Certificate {
  readonly endorsement: Uint8Array;
  readonly point: Uint8Array;
}

/** The certificate in this flash where it is the vendor's, of this device, model and image; undefined otherwise. */
export function readCertificate(
  flash: Memory,
  { profile, serial, measurement }: Omit<Endorsed, 'point'>,
): Certificate | undefined {
  const bytes = readFramed(flash, 0, profile.layout.certificate);
  const outer = bytes === undefined ? undefined : decodeCbor(bytes);
  if (outer?.ok !== true || !Array.isArray(outer.value) || outer.value.length !== 2) return undefined;
  const [name, endorsement] = outer.value as CborValue[];
  if (name !== profile.name || !(endorsement instanceof Uint8Array)) return undefined;
  const signed = decodeSign1(endorsement);
  if (!signed.ok || signed.value.type !== endorsementType) return undefined;
  const { algorithm, toBeSigned, signature, payload } = signed.value;
  if (algorithm !== profile.attestation || !isSignedBy(algorithm, profile.root, toBeSigned, signature))
    return undefined;
  const claims = decodeCbor(payload);
  if (!claims.ok || !(claims.value instanceof Map)) return undefined;
  const ueid = claims.value.get(claim.ueid);
  const measured = claims.value.get(claim.measurement);
  const confirmation = claims.value.get(claim.confirmation);
  const model = claims.value.get(claim.hwmodel);
  if (!(model instanceof Uint8Array) || !equalBytes(model, hardwareModelOf(profile.name))) return undefined;
  if (!(ueid instanceof Uint8Array) || !equalBytes(ueid, ueidOf(serial))) return undefined;
  if (!(measured instanceof Uint8Array) || !equalBytes(measured, measurement)) return undefined;
  if (!(confirmation instanceof Map)) return undefined;
  const point = pointOfCoseKey(algorithm, confirmation.get(coseKeyMember));
  return point === undefined ? undefined : { endorsement, point };
}
