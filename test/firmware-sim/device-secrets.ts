/** The secrets of a device on the bench, as nobody outside of a test has them: what must never come out of it. */
import { deriveSecrets } from '../../firmware-sim/firmware/device-secret.ts';
import { finishedRow, readFuse } from '../../firmware-sim/firmware/fuses.ts';
import { expectedMask } from '../../firmware-sim/firmware/guard.ts';
import { keyMaterial, secretOfMaterial } from '../../firmware-sim/firmware/keys.ts';
import { applyMask } from '../../firmware-sim/firmware/mask.ts';
import { decodeMemory } from '../../firmware-sim/firmware/state.ts';
import { imageSigner } from '../../firmware-sim/firmware/vendor.ts';
import { assert } from '../../src/kit/result.ts';
import { otherPin, rightPin } from './fixtures.ts';
import { SecretSearch } from './secret-search.ts';
import type { Bench } from './workbench.ts';

/** Of a device that is powered off, and is to boot. */
export function secretsOf({ parts, profile, chip: original }: Bench): SecretSearch {
  const search = new SecretSearch();
  search.add('the key of a PIN', rightPin.pinKey);
  search.add('the key of another PIN', otherPin.pinKey);
  const chip = original.clone();
  const row = finishedRow(chip.die);
  assert(row !== undefined, 'the device was made');
  search.add('the unique device secret', readFuse(chip.die, row.uds));
  const booted = parts.boot(chip, profile);
  assert(booted.kind === 'running', 'the device boots');
  const { core } = booted;
  const { measurement } = core.firmware;
  const secrets = deriveSecrets({ chip, profile, row, signer: imageSigner(profile).point, measurement });
  const root = applyMask(secrets.maskedRoot, expectedMask(['image', 'self-test']));
  search.add('the root', root);
  const ofBoot = expectedMask(['image', 'self-test', 'lifecycle']);
  search.add('the sealing key', applyMask(secrets.maskedSealing, ofBoot));
  const attestation = applyMask(secrets.maskedAttestation, ofBoot);
  search.add('the attestation secret', attestation);
  search.add('the attestation secret, masked', secrets.maskedAttestation);
  search.add('the root, masked', secrets.maskedRoot);
  search.add('the sealing key, masked', secrets.maskedSealing);
  const { found } = core.store;
  if (found === undefined) return search;
  for (const key of decodeMemory(found, profile.limits).keys.values()) {
    const material = keyMaterial(root, key, key.seed);
    search.add(`what \`${key.label}\` is made of`, material);
    search.add(`the seed of \`${key.label}\``, key.seed);
    search.add(`the secret of \`${key.label}\``, secretOfMaterial(key.algorithm, material, key.sealed));
  }
  return search;
}
