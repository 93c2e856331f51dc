/** The ceremony plan: one encoding, and nothing in it that could not be carried out. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { rehearse } from '../../src/records/ceremony-outcome.ts';
import {
  type CeremonyAction,
  decodePlan,
  encodePlan,
  planId,
  type RotateAction,
} from '../../src/records/ceremony-plan.ts';
import { possessionMessage } from '../../src/records/possession-proof.ts';
import { actions, governed } from './ceremonies.ts';
import { accepted, asArray, bitFlips, fill, keys, now, plan, policy } from './samples.ts';

const bytes = encodePlan(plan);
const fields = asArray(accepted(decodeCbor(bytes)));

/** The plan with one field of its array exchanged. */
function withField(index: number, value: CborValue): ReturnType<typeof decodePlan> {
  return decodePlan(encodeCbor(fields.map((field, at) => (at === index ? value : field))));
}

function withActions(...list: readonly CeremonyAction[]): ReturnType<typeof decodePlan> {
  return decodePlan(encodePlan({ ...plan, actions: list }));
}

const [rotation] = plan.actions as readonly [RotateAction];
const rotations = (count: number): RotateAction[] =>
  Array.from({ length: count }, (_, index) => ({ ...rotation, hsm: `hsm-${index}` }));

describe('a ceremony plan', () => {
  it('comes back from its encoding as it was', () => {
    expect(accepted(decodePlan(bytes))).toEqual(plan);
    expect(toHex(encodePlan(accepted(decodePlan(bytes))))).toBe(toHex(bytes));
  });

  it('has another id with any of its bits turned, or is none', () => {
    for (const [bit, altered] of bitFlips(bytes)) {
      const decoded = decodePlan(altered);
      if (decoded.ok)
        expect(toHex(planId(encodePlan(decoded.value))), String(bit)).not.toBe(toHex(planId(bytes)));
    }
  });

  it('has 1 to 32 actions', () => {
    expect(withActions(...rotations(32)).ok).toBe(true);
    for (const count of [0, 33])
      expect(withActions(...rotations(count))).toMatchObject({ ok: false, field: 'actions' });
  });

  it('expires after it was made', () => {
    expect(withField(4, now + 1).ok).toBe(true);
    expect(withField(4, now)).toMatchObject({ ok: false, field: 'expiresAt' });
  });

  it('rotates the key of a role in an HSM once, and sets the approvers once', () => {
    const approvers = { kind: 'approvers', policy } as const;
    expect(withActions(rotation, { ...rotation, hsm: 'second' }).ok).toBe(true);
    expect(withActions(rotation, { ...rotation, role: 'quota', name: 'quota' }).ok).toBe(true);
    expect(withActions(rotation, { ...rotation, delaySeconds: 0 })).toMatchObject({ field: 'actions' });
    expect(withActions(approvers, { kind: 'approvers', policy: null })).toMatchObject({ field: 'actions' });
  });

  it('revokes from its own time on or from before', () => {
    const revoke = { kind: 'revoke', keyId: fill(32, 1), since: now } as const;
    expect(withActions(revoke).ok).toBe(true);
    expect(withActions(rotation, { ...revoke, since: now + 1 })).toMatchObject({
      ok: false,
      field: 'actions[1].since',
    });
  });

  it('delays and overlaps by at most 999,999,999 seconds', () => {
    expect(withActions({ ...rotation, delaySeconds: 999_999_999, overlapSeconds: 0 }).ok).toBe(true);
    expect(withActions({ ...rotation, delaySeconds: 1_000_000_000 })).toMatchObject({
      field: 'actions[0].delaySeconds',
    });
    expect(withActions({ ...rotation, overlapSeconds: -1 })).toMatchObject({
      field: 'actions[0].overlapSeconds',
    });
  });

  it.each<readonly [string, number, CborValue, string]>([
    ['a hash of 31 bytes', 2, fill(31, 1), 'startsFrom'],
    ['a time that is text', 3, 'now', 'madeAt'],
    ['an end after the year 9999', 4, 253_402_300_800, 'expiresAt'],
    ['actions that are no list', 5, 'rotate', 'actions'],
    ['an action of another kind', 5, [['destroy', 1]], 'actions[0]'],
    ['an action that is no list', 5, [1], 'actions[0]'],
    ['a rotation without a name', 5, [['rotate', 'quota', 'softhsm', null, 0, 0]], 'actions[0]'],
    ['a rotation of another role', 5, [['rotate', 'root', 'a', 'b', null, 0, 0]], 'actions[0].role'],
    ['an HSM with a path', 5, [['rotate', 'quota', 'a', '../b', null, 0, 0]], 'actions[0].hsm'],
    [
      'a replaced key of 31 bytes',
      5,
      [['rotate', 'quota', 'a', 'b', fill(31, 1), 0, 0]],
      'actions[0].replaced',
    ],
    ['a revoked key as text', 5, [['revoke', 'a', 0]], 'actions[0].keyId'],
    ['a revocation without a time', 5, [['revoke', fill(32, 1), null]], 'actions[0].since'],
    ['a policy of nobody', 5, [['approvers', [1, []]]], 'actions[0].policy.approvers'],
    ['approvers with more to it', 5, [['approvers', null, null]], 'actions[0]'],
  ])('is refused with %s, which it names', (_title, index, value, field) => {
    expect(withField(index, value)).toMatchObject({ ok: false, code: 'record_malformed', field });
  });

  it('is refused as another kind or version, cut short, or too large', () => {
    expect(withField(0, 'ringmint.currency-file')).toMatchObject({ code: 'record_malformed' });
    expect(withField(1, 2)).toMatchObject({ code: 'record_malformed' });
    expect(decodePlan(encodeCbor([...fields, 1]))).toMatchObject({ code: 'record_malformed' });
    for (let length = 0; length < bytes.length; length++)
      expect(decodePlan(bytes.slice(0, length)).ok, String(length)).toBe(false);
    expect(decodePlan(fill(64 * 1024 + 1, 0))).toMatchObject({ code: 'too_large' });
  });

  it('never throws for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(decodePlan(noise).ok).toBe(false);
        expect(decodePlan(Uint8Array.of(0x86, ...noise)).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a rehearsal', () => {
  it('tells what a plan will make of the bundle, before there is a key', () => {
    const outcome = accepted(rehearse(governed, actions, now));
    expect(outcome.keys).toHaveLength(governed.keys.length + 2);
    expect(outcome).toMatchObject({ revocationEpoch: 1, approval: { threshold: 1 } });
  });

  it('refuses what cannot be carried out', () => {
    const revoke = { kind: 'revoke', keyId: keys.stranger.key.keyId, since: now } as const;
    expect(rehearse(governed, [...actions, revoke], now)).toMatchObject({ ok: false, code: 'key_unknown' });
  });
});

describe('what a proof of possession signs', () => {
  it('is no Sig_structure: it begins with a letter, and not with an array of four', () => {
    const message = possessionMessage(fill(32, 1), fill(32, 2));
    expect(message[0]).toBe(0x72);
    expect(new TextDecoder().decode(message.subarray(0, 55))).toBe(
      'ringmint.ceremony.v1: this signature authorises nothing',
    );
    expect(toHex(message.subarray(55))).toBe(`00${'01'.repeat(32)}${'02'.repeat(32)}`);
  });
});
