/**
 * The one way to make a key after `ringmint init`: generate it in its HSM, then write down where it is. A crash after the first leaves a key
 * that nobody knows, one after the second an entry of the inventory that no bundle names: neither signs anything that counts.
 */
import { randomBytes } from 'node:crypto';
import { toHex } from '../kit/bytes.ts';
import { currentKey } from '../records/key-ring.ts';
import { type VerificationKey, verificationKey } from '../records/signature.ts';
import type { KeyRole, TrustBundle } from '../records/trust-bundle.ts';
import { ApplianceError } from './appliance-error.ts';
import type { HsmConfiguration } from './configuration.ts';
import type { Home } from './home.ts';
import { accessHsm, type HsmAccess, readSigning } from './hsm-access.ts';
import { makeHsmKey } from './hsm-opening.ts';
import type { Situation } from './key-change.ts';
import { holderOf, systemOf } from './key-holder.ts';
import { type KeyPlace, readInventory, writeInventory } from './key-inventory.ts';

/** An HSM of the role's system by its name, the first one where none is given; throws `hsm_unknown`. */
export async function findHsm(
  home: Home,
  keyRole: KeyRole,
  name: string | undefined,
): Promise<HsmConfiguration> {
  const role = systemOf(keyRole);
  const { hsms } = await readSigning(home, role);
  const hsm = name === undefined ? hsms[0] : hsms.find((candidate) => candidate.name === name);
  if (hsm === undefined)
    throw new ApplianceError(
      'hsm_unknown',
      `${role} has no HSM \`${name}\`: ${hsms.map((known) => known.name).join(', ')} is accepted, as its config.json has them`,
    );
  return hsm;
}

/** The key of the role that a new one in this HSM takes over from; `undefined` where the HSM has none that is valid at `at`. */
export async function replacedKey(
  { home, configuration, bundle }: Pick<Situation, 'home' | 'configuration'> & { bundle: TrustBundle },
  keyRole: KeyRole,
  hsm: HsmConfiguration,
  at: number,
): Promise<VerificationKey | undefined> {
  const inventory = await readInventory(home, systemOf(keyRole));
  const ids = new Set(inventory.filter((place) => place.hsm === hsm.name).map(({ keyId }) => keyId));
  const here = { ...bundle, keys: bundle.keys.filter(({ key }) => ids.has(toHex(key.keyId))) };
  return currentKey(here, holderOf(keyRole, configuration.issuer), at);
}

export interface NewKey {
  readonly key: VerificationKey;
  readonly place: KeyPlace;
  readonly access: HsmAccess;
}

/** Makes a key, audited as it is made, and writes down where it is; throws `key_unavailable`, and what the HSM throws. */
export async function makeKey(
  { home, configuration, projectFolder }: Situation,
  keyRole: KeyRole,
  hsm: HsmConfiguration,
): Promise<NewKey> {
  const role = systemOf(keyRole);
  const kind: KeyPlace['kind'] = keyRole === 'quota-agreement' ? 'agreement' : 'signing';
  const label = `${kind}-${randomBytes(4).toString('hex')}`;
  const access = accessHsm(hsm, { home, role, configuration, projectFolder });
  const inventory = await readInventory(home, role);
  const made = await makeHsmKey(access, { label, kind });
  if (made.algorithm !== 'ES256')
    throw new ApplianceError(
      'key_unavailable',
      `\`${hsm.name}\` made a key of ${made.algorithm}: ES256 is accepted`,
    );
  const key = verificationKey(new Uint8Array(made.point));
  const place = { keyId: toHex(key.keyId), kind, hsm: hsm.name, label };
  await writeInventory(home, role, [...inventory, place]);
  return { key, place, access };
}
