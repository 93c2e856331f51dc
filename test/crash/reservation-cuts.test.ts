/**
 * A power cut at every call to the store, the anchor and the signer of quota control or of issuance, before it and after it, while a part of
 * the quota is kept, used, released, or its room taken after it has expired. Real SQLite, real tokens. Whatever was cut, each is done whole
 * or not at all, nothing comes back twice, and the same again gets one answer.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import type { Result } from '../../src/kit/result.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { nightly } from '../nightly.ts';
import { accepted } from '../records/samples.ts';
import { type Authorities, issuer, makeAuthorities, openTokens, type Tokens } from '../roles/authorities.ts';
import { changeOf, termsAction } from '../store/intents.ts';
import { Cut, Meter, Power, type Side } from './power.ts';

type Role = 'quota' | 'issuance';

let tokens: Tokens;
let authorities: Authorities;
const meter = new Meter();
const currency = { code: 'EUR', exponent: 2 };
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Opens all ledgers anew, those of the role with a power of its own: the start itself is not cut. */
async function restart(role: Role): Promise<void> {
  meter.arm(undefined);
  const power = new Power(meter, role);
  authorities = await authorities.restart({
    wrapStore: (store, of) => (of === role ? power.store(store) : store),
    wrapSigner: (signer, of) => (of === role ? power.signer(signer) : signer),
    wrapAnchor: (anchor, of) => (of === role ? power.anchor(anchor) : anchor),
  });
}

beforeAll(async () => {
  tokens = await openTokens();
  authorities = await makeAuthorities(tokens);
  const action = termsAction(1, { allocated: 200_000n, limits: [] });
  accepted(await authorities.stores.quota.applyChange(changeOf(action, authorities.clock.nowMs())));
});
afterAll(async () => {
  await authorities.close();
  await tokens.close();
});

const newId = (): Uint8Array => makeRequestId(authorities.clock, random);

async function keep(total: bigint, id = newId(), seconds = 86_400): Promise<Uint8Array> {
  accepted(await authorities.issuerReservations.reserve({ id, currency, total, seconds }));
  return id;
}

function orderOf(value: bigint, reservation?: Uint8Array): () => Promise<Result<string>> {
  const lots = [{ value, count: 1, owner: { commitment: new Uint8Array(32).fill(7) } }];
  const draft = encodeDraft({
    ...{ id: newId(), currency, total: value, lots, purpose: '', origin: 'DE', destination: 'DE' },
    ...(reservation === undefined ? {} : { reservation }),
  });
  return async () => {
    const issued = await authorities.issuance.issue(draft);
    if (!issued.ok) return issued;
    const { files } = issued.value;
    return { ok: true, value: 'currency' in files ? toHex(files.currency) : 'denied' };
  };
}

interface Standing {
  readonly held: bigint;
  readonly available: bigint;
  /** Reserved and issued. */
  readonly taken: bigint;
}

async function standing(): Promise<Standing> {
  const position = await authorities.quotaControl.position(issuer, 'EUR');
  if (position === undefined) throw new Error('there is a quota');
  const { held, available, reserved, issued, allocated } = position;
  expect(held + available + reserved + issued).toBe(allocated);
  return { held, available, taken: reserved + issued };
}

interface Asked {
  readonly send: () => Promise<Result<string>>;
  readonly change: Standing;
}

/** What is asked for, and what it makes of the standing. */
const steps: readonly (readonly [string, readonly Role[], () => Promise<Asked>])[] = [
  [
    'a part of the quota is kept',
    ['quota', 'issuance'],
    async () => {
      const asked = { id: newId(), currency, total: 20n, seconds: 86_400 };
      const send = async (): Promise<Result<string>> => {
        const receipt = await authorities.issuerReservations.reserve(asked);
        return receipt.ok ? { ok: true, value: toHex(receipt.value) } : receipt;
      };
      return { send, change: { held: 20n, available: -20n, taken: 0n } };
    },
  ],
  [
    'an order is issued of what is kept',
    ['quota'],
    async () => ({
      send: orderOf(20n, await keep(50n)),
      change: { held: -20n, available: 0n, taken: 20n },
    }),
  ],
  [
    'what is left is released',
    ['quota', 'issuance'],
    async () => {
      const id = await keep(20n);
      const send = async (): Promise<Result<string>> => {
        const released = await authorities.issuerReservations.release(id);
        return released.ok ? { ok: true, value: released.value.state } : released;
      };
      return { send, change: { held: -20n, available: 20n, taken: 0n } };
    },
  ],
  [
    'an order takes the room of what has expired',
    ['quota'],
    async () => {
      await keep(20n, newId(), 60);
      authorities.clock.advanceMs(60_000);
      return { send: orderOf(10n), change: { held: 0n, available: -10n, taken: 10n } };
    },
  ],
];

/** Sends under a cut at the point with this number; gives the place, or `undefined` where there is no such point. */
async function cut(send: Asked['send'], number: number, side: Side): Promise<string | undefined> {
  meter.arm({ at: { number }, side, scope: 'role' });
  const answer = await send().catch((error: unknown) => {
    if (error instanceof Cut) return undefined;
    throw error;
  });
  const { fallen } = meter;
  if (fallen === undefined) {
    accepted(answer ?? { ok: false, code: 'cut', message: 'without a cut there is an answer' });
    return undefined;
  }
  return `${fallen.side} ${fallen.name}`;
}

describe.each(steps)('while %s', (_title, roles, make) => {
  it.each(roles.flatMap((role) => (['before', 'after'] as const).map((side) => [role, side] as const)))(
    'at %s, %s every call: all of it or nothing, and one answer',
    async (role, side) => {
      const places: string[] = [];
      // Every second call, and those are what changes something; with RINGMINT_NIGHTLY every call.
      for (let number = nightly ? 0 : 1; ; number += nightly ? 1 : 2) {
        // Beyond the window of the cap on frequency.
        authorities.clock.advanceMs(61_000);
        await restart(role);
        const { send, change } = await make();
        const before = await standing();
        const whole = {
          held: before.held + change.held,
          available: before.available + change.available,
          taken: before.taken + change.taken,
        };
        const place = await cut(send, number, side);
        // A ledger is checked as it is opened: what is held follows from its journal.
        await restart(role);
        if (place === undefined) {
          expect(await standing()).toEqual(whole);
          break;
        }
        places.push(place);
        expect([before, whole], place).toContainEqual(await standing());
        // Cut once more, somewhere in the same again.
        if (number % 4 < 2) {
          await cut(send, number % 7, side);
          await restart(role);
          expect([before, whole], place).toContainEqual(await standing());
        }
        if (number % 3 === 0) await authorities.quotaControl.finishUnsigned();
        const answer = accepted(await send());
        expect(accepted(await send()), place).toBe(answer);
        expect(await standing(), place).toEqual(whole);
      }
      expect(places.join(', ')).toMatch(/commit|release|anchor advance|recordSigned/);
      expect(places.length).toBeGreaterThanOrEqual(2);
    },
  );
});
