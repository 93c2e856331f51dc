/**
 * `ringmint keys`: makes keys in the HSMs of a running or a stopped appliance, and has the root publish them.
 *
 * The order is: generate in the HSM → write down where it is → sign the bundle → put it in place. A crash after each leaves a key that
 * nobody knows, an entry of the inventory that no bundle names, or the old bundle: nothing of that signs. Running systems see the new
 * bundle and open their keys anew by themselves.
 */
import { randomBytes } from 'node:crypto';
import { generateKey } from '../../hsm/token-signer.ts';
import type { KeyChange, KeyListing, RevokeOptions, RotateOptions } from '../cli/appliance.ts';
import { toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { currentKey, isValid } from '../records/key-ring.ts';
import { addKey, revokeKey } from '../records/key-set.ts';
import { verificationKey } from '../records/signature.ts';
import type { KeyRole, TrustBundle, TrustedKey } from '../records/trust-bundle.ts';
import { lockFile } from '../store/sqlite/file-lock.ts';
import { ApplianceError } from './appliance-error.ts';
import { type ApplianceConfiguration, applianceSchema, readConfiguration } from './configuration.ts';
import { type Home, homeAt, type Role, roles } from './home.ts';
import { accessHsm, readSigning } from './hsm-access.ts';
import { type KeyPlace, readInventory, writeInventory } from './key-inventory.ts';
import { holderOf } from './open-keys.ts';
import { publishBundle, readRoot, readTrustBundle } from './trust.ts';

export interface KeyManagement {
  readonly projectFolder: string;
  readonly clock: Clock;
}

/** Every key of the key set with what is known of it here, and keys that were made and never published. */
export async function listKeys(homePath: string, clock: Clock): Promise<KeyListing> {
  const home = homeAt(homePath);
  const bundle = await readTrustBundle(home);
  const { issuer } = await readConfiguration(home.appliance, applianceSchema);
  const now = clock.nowSeconds();
  const places = await readPlaces(home);
  const published = bundle.keys.map((entry) => {
    const keyId = toHex(entry.key.keyId);
    const place = places.find(({ place: { keyId: known } }) => known === keyId)?.place;
    return {
      keyId,
      role: entry.role,
      name: entry.name,
      state: stateOf(bundle, entry, issuer, now),
      notBefore: entry.notBefore,
      notAfter: entry.notAfter,
      revokedAt: entry.revokedAt,
      hsm: place?.hsm ?? null,
      label: place?.label ?? null,
    };
  });
  const known = new Set(published.map(({ keyId }) => keyId));
  const unpublished = places
    .filter(({ place }) => !known.has(place.keyId))
    .map(({ role, place: { keyId, hsm, label } }) => ({ role, keyId, hsm, label }));
  return {
    rootKeyId: toHex(bundle.rootKey.keyId),
    revocationEpoch: bundle.revocationEpoch,
    issuedAt: bundle.issuedAt,
    expiresAt: bundle.expiresAt,
    keys: published,
    unpublished,
  };
}

/** Makes a new key for the role in one of its HSMs, which takes over from the one that is used there. */
export async function rotateKey(options: RotateOptions, management: KeyManagement): Promise<KeyChange> {
  return changeKeys(options, management, async ({ home, configuration, bundle, now }) => {
    const { role: keyRole, delaySeconds, overlapSeconds } = options;
    const role = systemOf(keyRole);
    const kind = keyRole === 'quota-agreement' ? 'agreement' : 'signing';
    const { hsms } = await readSigning(home, role);
    const hsm = options.hsm === undefined ? hsms[0] : hsms.find(({ name }) => name === options.hsm);
    if (hsm === undefined)
      throw new ApplianceError(
        'hsm_unknown',
        `${role} has no HSM \`${options.hsm}\`: ${hsms.map(({ name }) => name).join(', ')} is accepted, as its config.json has them`,
      );
    const inventory = await readInventory(home, role);
    const holder = holderOf(keyRole, configuration.issuer);
    const ids = new Set(inventory.filter((place) => place.hsm === hsm.name).map(({ keyId }) => keyId));
    const here = { ...bundle, keys: bundle.keys.filter(({ key }) => ids.has(toHex(key.keyId))) };
    const replaced = currentKey(here, holder, now);

    const label = `${kind}-${randomBytes(4).toString('hex')}`;
    const { address, environment, askPin } = accessHsm(hsm, {
      home,
      role,
      configuration,
      projectFolder: management.projectFolder,
    });
    const made = await generateKey({ address, environment, askPin, key: { label, kind } });
    if (made.algorithm !== 'ES256')
      throw new ApplianceError(
        'key_unavailable',
        `\`${hsm.name}\` made a key of ${made.algorithm}: ES256 is accepted`,
      );
    const key = verificationKey(made.point);
    await writeInventory(home, role, [...inventory, { keyId: toHex(key.keyId), kind, hsm: hsm.name, label }]);
    const changed = addKey(
      bundle,
      { ...holder, key, notBefore: now + delaySeconds },
      replaced === undefined ? undefined : { keyId: replaced.keyId, overlapSeconds },
      now,
    );
    if (!changed.ok) throw new ApplianceError('trust_bundle_invalid', changed.message);
    return {
      bundle: changed.value,
      change: { keyId: toHex(key.keyId), replaced: replaced === undefined ? null : toHex(replaced.keyId) },
    };
  });
}

/** Revokes a key: from `since` on nothing counts that it signed. */
export async function revokeKeyOf(options: RevokeOptions, management: KeyManagement): Promise<KeyChange> {
  return changeKeys(options, management, async ({ configuration, bundle, now }) => {
    const entry = findByPrefix(bundle, options.keyId);
    const changed = revokeKey(bundle, entry.key.keyId, options.since ?? now, now);
    if (!changed.ok) throw new ApplianceError(changed.code, changed.message);
    const left = currentKey(changed.value, holderOf(entry.role, configuration.issuer), now);
    return {
      bundle: changed.value,
      change: {
        keyId: toHex(entry.key.keyId),
        replaced: null,
        ...(left === undefined ? { stopped: entry.role } : {}),
      },
    };
  });
}

interface Situation {
  readonly home: Home;
  readonly configuration: ApplianceConfiguration;
  readonly bundle: TrustBundle;
  readonly now: number;
}

/** One change at a time: two at once would each publish a bundle without the other's key. */
async function changeKeys(
  { home: homePath, rootFolder }: { readonly home: string; readonly rootFolder: string | undefined },
  { clock }: KeyManagement,
  change: (
    situation: Situation,
  ) => Promise<{ bundle: TrustBundle; change: Pick<KeyChange, 'keyId' | 'replaced' | 'stopped'> }>,
): Promise<KeyChange> {
  const home = homeAt(homePath);
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const release = lockFile(`${home.trustBundle}.lock`);
  if (release === undefined)
    throw new ApplianceError(
      'keys_in_use',
      'another command changes the keys just now: give this one again when it is done',
    );
  try {
    const bundle = await readTrustBundle(home);
    // Before anything is made that it could not publish.
    const root = await readRoot(rootFolder ?? home.root, bundle);
    const made = await change({ home, configuration, bundle, now: clock.nowSeconds() });
    await publishBundle(home, made.bundle, root);
    const entry = made.bundle.keys.find(({ key }) => toHex(key.keyId) === made.change.keyId);
    if (entry === undefined) throw new Error('a changed key is in its bundle');
    return {
      ...made.change,
      role: entry.role,
      notBefore: entry.notBefore,
      revokedAt: entry.revokedAt,
      revocationEpoch: made.bundle.revocationEpoch,
    };
  } finally {
    release();
  }
}

async function readPlaces(home: Home): Promise<{ role: Role; place: KeyPlace }[]> {
  const places: { role: Role; place: KeyPlace }[] = [];
  for (const role of roles) for (const place of await readInventory(home, role)) places.push({ role, place });
  return places;
}

function systemOf(role: KeyRole): Role {
  return role === 'quota-agreement' ? 'quota' : role;
}

function stateOf(
  bundle: TrustBundle,
  entry: TrustedKey,
  issuer: string,
  now: number,
): KeyListing['keys'][number]['state'] {
  if (entry.revokedAt !== null) return 'revoked';
  if (now < entry.notBefore) return 'coming';
  if (!isValid(entry, now)) return 'ended';
  return currentKey(bundle, holderOf(entry.role, issuer), now) === entry.key ? 'current' : 'ending';
}

/** A key by the first digits of its id, eight at least. */
function findByPrefix(bundle: TrustBundle, prefix: string): TrustedKey {
  const found = bundle.keys.filter(({ key }) => toHex(key.keyId).startsWith(prefix.toLowerCase()));
  const [entry] = found;
  if (entry === undefined || found.length > 1 || prefix.length < 8)
    throw new ApplianceError(
      'key_unknown',
      `${found.length > 1 ? 'more than one key has' : 'no key has'} an id that begins with \`${prefix}\`: eight digits or more of one that \`ringmint keys list\` shows are accepted`,
    );
  return entry;
}
