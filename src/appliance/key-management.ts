/**
 * `ringmint keys`: makes keys in the HSMs of a running or a stopped appliance, and has the root publish them.
 *
 * The order is: generate in the HSM → write down where it is → sign the bundle → put it in place. A crash after each leaves a key that
 * nobody knows, an entry of the inventory that no bundle names, or the old bundle: nothing of that signs. Running systems see the new
 * bundle and open their keys anew by themselves.
 */
import type { KeyChange, KeyListing, RevokeOptions, RotateOptions } from '../cli/appliance.ts';
import { toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { describePolicy } from '../records/approval-policy.ts';
import { currentKey, isValid } from '../records/key-ring.ts';
import { addKey, revokeKey } from '../records/key-set.ts';
import type { TrustBundle, TrustedKey } from '../records/trust-bundle.ts';
import { ApplianceError } from './appliance-error.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { type Home, homeAt, type Role, roles } from './home.ts';
import { holdKeys, type KeyManagement, type Situation } from './key-change.ts';
import { holderOf } from './key-holder.ts';
import { type KeyPlace, readInventory } from './key-inventory.ts';
import { findHsm, makeKey, replacedKey } from './key-making.ts';
import { publishBundle, readTrustBundle, signBundle } from './trust.ts';

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
  return changeKeys(options, management, `--rotate ${options.role}`, async (situation) => {
    const { home, configuration, bundle, now } = situation;
    const { role, delaySeconds, overlapSeconds } = options;
    const hsm = await findHsm(home, role, options.hsm);
    const replaced = await replacedKey(situation, role, hsm, now);
    const { key } = await makeKey(situation, role, hsm);
    const changed = addKey(
      bundle,
      { ...holderOf(role, configuration.issuer), key, notBefore: now + delaySeconds },
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
  return changeKeys(
    options,
    management,
    `--revoke ${options.keyId}`,
    async ({ configuration, bundle, now }) => {
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
    },
  );
}

/** A change by one person alone; throws `approval_missing` where the trust bundle asks for others, who approve what `planned` plans. */
async function changeKeys(
  options: { readonly home: string; readonly rootFolder: string | undefined },
  management: KeyManagement,
  planned: string,
  change: (
    situation: Situation & { readonly now: number },
  ) => Promise<{ bundle: TrustBundle; change: Pick<KeyChange, 'keyId' | 'replaced' | 'stopped'> }>,
): Promise<KeyChange> {
  return holdKeys(options, management, async (situation) => {
    const { home, root, clock } = situation;
    const { approval } = situation.bundle;
    if (approval !== null)
      throw new ApplianceError(
        'approval_missing',
        `a change of the keys needs the approval of ${describePolicy(approval)}: \`ringmint ceremony plan ${planned}\`, then \`ceremony approve\` and \`ceremony run\` are accepted`,
      );
    const made = await change({ ...situation, now: clock.nowSeconds() });
    await publishBundle(home, signBundle(made.bundle, root));
    const entry = made.bundle.keys.find(({ key }) => toHex(key.keyId) === made.change.keyId);
    if (entry === undefined) throw new Error('a changed key is in its bundle');
    return {
      ...made.change,
      role: entry.role,
      notBefore: entry.notBefore,
      revokedAt: entry.revokedAt,
      revocationEpoch: made.bundle.revocationEpoch,
    };
  });
}

async function readPlaces(home: Home): Promise<{ role: Role; place: KeyPlace }[]> {
  const places: { role: Role; place: KeyPlace }[] = [];
  for (const role of roles) for (const place of await readInventory(home, role)) places.push({ role, place });
  return places;
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

/** A key by the first digits of its id, eight at least; throws `key_unknown`. */
export function findByPrefix(bundle: TrustBundle, prefix: string): TrustedKey {
  const found = bundle.keys.filter(({ key }) => toHex(key.keyId).startsWith(prefix.toLowerCase()));
  const [entry] = found;
  if (entry === undefined || found.length > 1 || prefix.length < 8)
    throw new ApplianceError(
      'key_unknown',
      `${found.length > 1 ? 'more than one key has' : 'no key has'} an id that begins with \`${prefix}\`: eight digits or more of one that \`ringmint keys list\` shows are accepted`,
    );
  return entry;
}
