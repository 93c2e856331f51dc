/**
 * A power cut at every call to the store, the anchor and the signer of quota control, before it and after it, while units are retired and
 * amounts are moved; and a second one in what is asked again. Real SQLite, real tokens. Whatever was cut, a settlement is made whole or not at
 * all, and the same bytes get one receipt.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import type { Result } from '../../src/kit/result.ts';
import { decodeControlBit } from '../../src/records/control-bit.ts';
import { accepted } from '../records/samples.ts';
import { type Authorities, issuer, makeAuthorities, openTokens, type Tokens } from '../roles/authorities.ts';
import {
  ann,
  ben,
  issueOwned,
  type OwnedCurrency,
  partOf,
  retirementOf,
  transferOf,
} from '../roles/owned-currency.ts';
import { changeOf, termsAction } from '../store/intents.ts';
import { Cut, Meter, Power, type Side } from './power.ts';

let tokens: Tokens;
let authorities: Authorities;
let issued: OwnedCurrency;
const meter = new Meter();
/** Units that are not spent yet. */
let next = 0;
const unitValue = 10n;

/** Opens all ledgers anew, quota control's with a power of its own: the start itself is not cut. */
async function restart(): Promise<void> {
  meter.arm(undefined);
  const power = new Power(meter, 'quota');
  authorities = await authorities.restart({
    wrapStore: (store, role) => (role === 'quota' ? power.store(store) : store),
    wrapSigner: (signer, role) => (role === 'quota' ? power.signer(signer) : signer),
    wrapAnchor: (anchor, role) => (role === 'quota' ? power.anchor(anchor) : anchor),
  });
}

beforeAll(async () => {
  tokens = await openTokens();
  authorities = await makeAuthorities(tokens);
  issued = await issueOwned(authorities, [{ owner: ann, value: unitValue, count: 1_000 }]);
  // What is retired for good comes back: the half of a settlement would show in the quota.
  const action = termsAction(1, { allocated: 200_000n, limits: [], returns: true });
  accepted(await authorities.stores.quota.applyChange(changeOf(action, authorities.clock.nowMs())));
  accepted(await authorities.settlements.retire(retirement(200, true), 'operator'));
});
afterAll(async () => {
  await authorities.close();
  await tokens.close();
});

/** Of the next units of ann. */
function retirement(count: number, credited: boolean): Uint8Array {
  const places = Array.from({ length: count }, () => next++);
  const files = [partOf(issued, places[0] ?? 0, count, issued.file.leaves.length)];
  const record = { creditTo: credited ? ann.key.keyId : null };
  return retirementOf(authorities, ann, issued, places, { files, record });
}

interface Standing {
  readonly retired: bigint;
  readonly returned: bigint;
  readonly credited: bigint;
  readonly available: bigint;
  readonly ann: bigint;
  readonly ben: bigint;
  readonly spent: number;
}

async function standing(): Promise<Standing> {
  const { quota } = authorities.stores;
  const position = await quota.position(issuer, 'EUR', authorities.clock.nowMs());
  if (position === undefined) throw new Error('there is a quota');
  const { retired, returned, credited, available } = position;
  const of = async (key: typeof ann): Promise<bigint> =>
    (await quota.balances(key.key.keyId)).reduce((sum, { amount }) => sum + amount, 0n);
  const { epoch, sequence } = accepted(decodeControlBit(issued.file.controlBit)).record;
  const units = issued.file.leaves.map((_, index) => ({ epoch, sequence, index }));
  const spent = (await quota.findSpent(units)).filter((by) => by !== undefined).length;
  return { retired, returned, credited, available, ann: await of(ann), ben: await of(ben), spent };
}

function plus(before: Standing, change: Partial<Standing>): Standing {
  const sum = { ...before } as Record<keyof Standing, bigint | number>;
  for (const [name, by] of Object.entries(change) as [keyof Standing, bigint | number][])
    sum[name] = typeof by === 'number' ? Number(sum[name]) + by : BigInt(sum[name]) + by;
  return sum as unknown as Standing;
}

type Send = () => Promise<Result<Uint8Array>>;

/** What is asked for, and what it makes of the standing. */
const settlements: readonly (readonly [string, () => { send: Send; change: Partial<Standing> }])[] = [
  [
    'units are retired for good',
    () => {
      const bytes = retirement(2, false);
      const change = { retired: 20n, returned: 20n, available: 20n, spent: 2 };
      return { send: () => authorities.settlements.retire(bytes, 'operator'), change };
    },
  ],
  [
    'units are credited to an account',
    () => {
      const bytes = retirement(2, true);
      const change = { credited: 20n, ann: 20n, spent: 2 };
      return { send: () => authorities.settlements.retire(bytes, 'operator'), change };
    },
  ],
  [
    'an account pays another',
    () => {
      const bytes = transferOf(authorities, ann, 3n, ben);
      return {
        send: () => authorities.settlements.transfer(bytes, 'operator'),
        change: { ann: -3n, ben: 3n },
      };
    },
  ],
  [
    'an amount of an account is retired for good',
    () => {
      const bytes = transferOf(authorities, ann, 3n, null);
      const change = { ann: -3n, credited: -3n, retired: 3n, returned: 3n, available: 3n };
      return { send: () => authorities.settlements.transfer(bytes, 'operator'), change };
    },
  ],
];

/** Sends under a cut at the point with this number; gives the place, or `undefined` where there is no such point. */
async function cut(send: Send, number: number, side: Side): Promise<string | undefined> {
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
  expect(answer, fallen.name).toBeUndefined();
  return `${fallen.side} ${fallen.name}`;
}

describe.each(settlements)('while %s', (_title, make) => {
  it.each<Side>(['before', 'after'])('%s every call: all of it or nothing, and one receipt', async (side) => {
    const places: string[] = [];
    for (let number = 0; ; number++) {
      await restart();
      const before = await standing();
      const { send, change } = make();
      const whole = plus(before, change);
      const place = await cut(send, number, side);
      // A ledger is checked as it is opened: units, balances and quota follow from its journal.
      await restart();
      if (place === undefined) {
        expect(await standing()).toEqual(whole);
        break;
      }
      places.push(place);
      const committed = side === 'after' ? hasCommitted(places) : hasCommitted(places.slice(0, -1));
      expect(await standing(), place).toEqual(committed ? whole : before);
      // Cut once more, somewhere in what comes next: a start that finishes it, or the same bytes again.
      if (number % 2 === 0) {
        const finishAndSend = async (): Promise<Result<Uint8Array>> => {
          await authorities.quotaControl.finishUnsigned();
          return send();
        };
        await cut(finishAndSend, number % 7, side);
        await restart();
      }
      if (number % 3 === 0) await authorities.quotaControl.finishUnsigned();
      const receipt = toHex(accepted(await send()));
      expect(toHex(accepted(await send())), place).toBe(receipt);
      expect(await standing(), place).toEqual(whole);
    }
    // Look, commit, anchor, sign and record have all come by.
    const names = places.join(', ');
    for (const name of ['findIntent', 'commit', 'anchor advance', 'sign', 'recordSigned'])
      expect(names).toContain(`quota ${name}`);
    expect(places.length).toBeGreaterThanOrEqual(7);
  });
});

/** Whether the commit is among the places that were cut one after another. */
function hasCommitted(places: readonly string[]): boolean {
  return places.some((place) => place.includes(' quota commit '));
}
