/** How the key set changes: what joins, what ends, what is revoked. */
import { describe, expect, it } from 'vitest';
import { currentKey, isValid, keysOf } from '../../src/records/key-ring.ts';
import { addKey, bundleLifetimeSeconds, revokeKey } from '../../src/records/key-set.ts';
import type { TrustBundle } from '../../src/records/trust-bundle.ts';
import { keys, now, trustBundle } from './samples.ts';

const holder = { role: 'quota', name: 'quota' } as const;
const joining = { ...holder, key: keys.stranger.key, notBefore: now + 10 };
const replaced = { keyId: keys.quota.key.keyId, overlapSeconds: 100 };

function added(bundle: TrustBundle = trustBundle, at = now): TrustBundle {
  const result = addKey(bundle, joining, replaced, at);
  if (!result.ok) throw new Error(result.message);
  return result.value;
}

function revoked(bundle: TrustBundle, keyId: Uint8Array, since: number, at = now): TrustBundle {
  const result = revokeKey(bundle, keyId, since, at);
  if (!result.ok) throw new Error(result.message);
  return result.value;
}

describe('a key that joins', () => {
  it('takes over at its time, and its predecessor goes on for the overlap', () => {
    const bundle = added();
    const idAt = (at: number): Uint8Array | undefined => currentKey(bundle, holder, at)?.keyId;
    expect(idAt(now + 9)).toEqual(keys.quota.key.keyId);
    expect(idAt(now + 10)).toEqual(keys.stranger.key.keyId);
    const [old, young] = keysOf(bundle, holder);
    if (old === undefined || young === undefined) throw new Error('two keys');
    expect([isValid(old, now + 110), isValid(old, now + 111)]).toEqual([true, false]);
    expect([young.notBefore, young.notAfter]).toEqual([now + 10, now + 10 + bundleLifetimeSeconds]);
    expect([isValid(young, now + 9), isValid(young, now + 10)]).toEqual([false, true]);
    expect(isValid(young, young.notAfter + 1)).toBe(false);
  });

  it('leaves every other entry and the revocation epoch as they were, and dates the bundle anew', () => {
    const bundle = added();
    const others = (of: TrustBundle): unknown => of.keys.filter(({ role }) => role !== 'quota');
    expect(others(bundle)).toEqual(others(trustBundle));
    expect(bundle).toMatchObject({
      issuedAt: now,
      expiresAt: now + bundleLifetimeSeconds,
      revocationEpoch: 0,
      rootKey: trustBundle.rootKey,
    });
  });

  it('never makes its predecessor last longer, nor the bundle older', () => {
    const short = {
      ...trustBundle,
      keys: trustBundle.keys.map((entry) =>
        entry.role === 'quota' ? { ...entry, notAfter: now + 20 } : entry,
      ),
    };
    expect(keysOf(added(short), holder)[0]?.notAfter).toBe(now + 20);
    expect(added(trustBundle, 5).issuedAt).toBe(trustBundle.issuedAt);
  });

  it('may replace none: then both are there', () => {
    const result = addKey(trustBundle, joining, undefined, now);
    expect(result.ok && keysOf(result.value, holder).map(({ notAfter }) => notAfter)).toEqual([
      trustBundle.keys[3]?.notAfter,
      now + 10 + bundleLifetimeSeconds,
    ]);
  });

  it('is refused where it is there already, or replaces a key of another holder or none that is known', () => {
    expect(addKey(added(), joining, undefined, now)).toMatchObject({ ok: false, code: 'key_repeated' });
    const other = { role: 'central', name: 'central', key: keys.quota.key, notBefore: now } as const;
    expect(addKey(trustBundle, other, undefined, now)).toMatchObject({ code: 'key_repeated' });
    for (const keyId of [keys.central.key.keyId, keys.issuance.key.keyId, new Uint8Array(32)])
      expect(addKey(trustBundle, joining, { keyId, overlapSeconds: 0 }, now)).toMatchObject({
        ok: false,
        code: 'key_unknown',
      });
  });
});

describe('a key that is revoked', () => {
  it('counts for nothing from then on, and the epoch rises by one', () => {
    const bundle = revoked(trustBundle, keys.quota.key.keyId, now - 5);
    const [entry] = keysOf(bundle, holder);
    if (entry === undefined) throw new Error('one key');
    expect([isValid(entry, now - 6), isValid(entry, now - 5)]).toEqual([true, false]);
    expect([bundle.revocationEpoch, bundle.keys.length]).toEqual([1, trustBundle.keys.length]);
    expect(currentKey(bundle, holder, now)).toBeUndefined();
  });

  it('may be revoked from earlier on, and never from later on', () => {
    const once = revoked(trustBundle, keys.quota.key.keyId, now - 5);
    for (const since of [now - 5, now])
      expect(revokeKey(once, keys.quota.key.keyId, since, now)).toMatchObject({
        ok: false,
        code: 'key_revoked',
      });
    const twice = revoked(once, keys.quota.key.keyId, now - 6);
    expect([keysOf(twice, holder)[0]?.revokedAt, twice.revocationEpoch]).toEqual([now - 6, 2]);
  });

  it('is refused where the key set does not have it', () => {
    expect(revokeKey(trustBundle, keys.stranger.key.keyId, now, now)).toMatchObject({ code: 'key_unknown' });
  });

  it('leaves the successor in place', () => {
    const bundle = revoked(added(), keys.quota.key.keyId, now);
    expect(currentKey(bundle, holder, now)).toBeUndefined();
    expect(currentKey(bundle, holder, now + 10)?.keyId).toEqual(keys.stranger.key.keyId);
  });
});
