/** Attestations: what the device is and runs, signed by a key that only this device with this image has, and the vendor endorsed. */
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';
import { assert } from '../../src/kit/result.ts';
import type { Chip } from '../chip/chip.ts';
import { GlitchError } from '../chip/cpu.ts';
import type { Profile } from '../profile.ts';
import {
  attestationProfile,
  attestationType,
  attestationClaim as claim,
  debugEnabled,
  hardwareModelOf,
  softwareName,
  ueidOf,
} from './attestation-claims.ts';
import type { Certificate } from './certificate.ts';
import { isSignedBy, signWholly } from './curve.ts';
import { attestationSecret, type DeviceSecrets } from './device-secret.ts';
import type { Permit } from './guard.ts';
import { makeSign1 } from './sign1.ts';

export interface Attester {
  readonly chip: Chip;
  readonly profile: Profile;
  readonly permit: Permit;
  readonly secrets: DeviceSecrets;
  readonly serial: Uint8Array;
  readonly firmware: { readonly version: string; readonly measurement: Uint8Array };
  readonly certificate: Certificate;
}

/** An EAT (RFC 9711) over `nonce`, 8 to 64 bytes, and the endorsement. Throws GlitchError where the signature is not by the key that was endorsed. */
export function attest(
  attester: Attester,
  nonce: Uint8Array,
  claims: { readonly bootState: string; readonly storeVersion: bigint },
): { statement: Uint8Array; endorsement: Uint8Array } {
  assert(nonce.length >= 8 && nonce.length <= 64, 'a nonce has 8 to 64 bytes (RFC 9711 §4.1)');
  const { chip, profile, permit, secrets, serial, firmware, certificate } = attester;
  const payload = encodeCbor(
    new Map<number, CborValue>([
      [claim.nonce, nonce],
      [claim.ueid, ueidOf(serial)],
      [claim.oemid, profile.oem],
      [claim.hwmodel, hardwareModelOf(profile.name)],
      [claim.oemboot, true],
      [claim.dbgstat, debugEnabled],
      [claim.profile, attestationProfile],
      [claim.swname, softwareName],
      [claim.swversion, [firmware.version]],
      [claim.measurement, firmware.measurement],
      [claim.bootState, claims.bootState],
      [claim.storeVersion, claims.storeVersion],
      [claim.simulator, true],
    ]),
  );
  const { attestation: algorithm } = profile;
  const { point, endorsement } = certificate;
  const options = { algorithm, point, type: attestationType, payload };
  const statement = makeSign1(options, (message) => {
    const secret = attestationSecret(secrets, profile, permit);
    const signature = chip.cpu.value('attest.signature', signWholly(algorithm, secret, message));
    // Twice: a signature that a glitch corrupted is not let out by a second glitch.
    for (const time of [1, 2])
      if (!chip.cpu.branch(`attest.verified.${time}`, isSignedBy(algorithm, point, message, signature)))
        throw new GlitchError('an attestation does not verify with the key that was endorsed');
    return signature;
  });
  return { statement, endorsement };
}
