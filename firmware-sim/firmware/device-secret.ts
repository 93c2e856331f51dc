/**
 * What a device's keys come from. Another image signer or another profile gives another root; another image another attestation key; and
 * whoever did not pass the guards of the boot gets neither.
 *
 * ```
 * UDS (fuses) ── HKDF(signer ‖ profile) ───────────────── root ── HKDF ── sealing key
 *            └── HKDF(signer ‖ profile ‖ measurement) ─── attestation secret ── HKDF ── seed of the attestation key
 * ```
 */
import { hkdfSync } from 'node:crypto';
import { concatBytes, equalBytes, sha256, utf8 } from '../../src/kit/bytes.ts';
import type { Chip } from '../chip/chip.ts';
import { GlitchError } from '../chip/cpu.ts';
import type { Profile } from '../profile.ts';
import { seedBytesOf } from './curve.ts';
import { type FuseRow, readFuse } from './fuses.ts';
import { expectedMask, type Guard, type Permit } from './guard.ts';
import { applyMask } from './mask.ts';
import { secretOf } from './signing.ts';

/** What the root is masked with; the commands add their own guards to it. */
const rootGuards: readonly Guard[] = ['image', 'self-test'];
/** What sealing and attesting need. */
const bootGuards: readonly Guard[] = ['image', 'self-test', 'lifecycle'];

export interface SecretOrigin {
  readonly chip: Chip;
  readonly profile: Profile;
  readonly row: FuseRow;
  /** Point of the key that signed the image which runs. */
  readonly signer: Uint8Array;
  readonly measurement: Uint8Array;
}

/** As they lie in RAM. */
export interface DeviceSecrets {
  readonly maskedRoot: Uint8Array;
  readonly maskedSealing: Uint8Array;
  readonly maskedAttestation: Uint8Array;
}

/** Throws GlitchError where the unique secret does not read the same three times. */
export function deriveSecrets({ chip, profile, row, signer, measurement }: SecretOrigin): DeviceSecrets {
  const { cpu, die } = chip;
  const readings = [1, 2, 3].map((time) => cpu.value(`boot.uds.${time}`, readFuse(die, row.uds)));
  const [first, second, third] = readings as [Uint8Array, Uint8Array, Uint8Array];
  if (cpu.branch('boot.uds.differs', !equalBytes(first, second) || !equalBytes(second, third)))
    throw new GlitchError('the unique secret reads differently each time');
  // All three go in: where two were made into something that is known, and the question above was flipped, one is still a secret.
  const uds = concatBytes(first, second, third);
  const origin = concatBytes(sha256(signer), utf8(profile.name));
  const root = expand(uds, 'ringmint.device.root.v1', origin, 32);
  const sealing = expand(root, 'ringmint.device.sealing.v1', new Uint8Array(), 32);
  const attestation = expand(uds, 'ringmint.device.attestation.v1', concatBytes(origin, measurement), 32);
  return {
    maskedRoot: applyMask(root, expectedMask(rootGuards)),
    maskedSealing: applyMask(sealing, expectedMask(bootGuards)),
    maskedAttestation: applyMask(attestation, expectedMask(bootGuards)),
  };
}

/** The store's key, where `permit` has passed all guards of the boot; another key otherwise. */
export function sealingKey({ maskedSealing }: DeviceSecrets, permit: Permit): Uint8Array {
  return applyMask(maskedSealing, permit.mask(bootGuards));
}

/** The attestation key, where `permit` has passed all guards of the boot; another one otherwise. */
export function attestationSecret(secrets: DeviceSecrets, profile: Profile, permit: Permit): Uint8Array {
  return unmaskAttestation(secrets, profile, permit.mask(bootGuards));
}

/** What a device with these fuses will have, worked out where it is made, and has passed nothing yet. */
export function attestationSecretAtManufacture(origin: SecretOrigin): Uint8Array {
  return unmaskAttestation(deriveSecrets(origin), origin.profile, expectedMask(bootGuards));
}

function unmaskAttestation(
  { maskedAttestation }: DeviceSecrets,
  { attestation: algorithm }: Profile,
  mask: Uint8Array,
): Uint8Array {
  const secret = applyMask(maskedAttestation, mask);
  const seed = expand(secret, 'ringmint.device.attestation-key.v1', utf8(algorithm), seedBytesOf(algorithm));
  return secretOf(algorithm, seed);
}

function expand(key: Uint8Array, salt: string, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, utf8(salt), info, length));
}
