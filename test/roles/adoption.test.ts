/**
 * An appliance that was made before central management had an account of its own: it takes quotas over, from what quota control tells, and counts
 * what its own credentials came to. Real tokens, real stores, real requests; a power cut at each call, and a quota control that lies.
 */
import { randomBytes } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeChange } from '../../src/records/quota-change.ts';
import { encodeRequest } from '../../src/records/request.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { adoptQuotas } from '../../src/roles/adoption.ts';
import type { AskLastWords, LastWord } from '../../src/roles/last-word.ts';
import { openLedger } from '../../src/roles/ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { QuotaPosition, Store } from '../../src/store/store.ts';
import { kindOf } from '../audit/ledgers.ts';
import { Cut, Meter, Power, type Side } from '../crash/power.ts';
import { type MemoryAnchor, makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { newIntent, terms } from '../store/intents.ts';
import {
  type Authorities,
  draft,
  issuer,
  limits,
  makeAuthorities,
  openTokens,
  otherIssuer,
  type Tokens,
} from './authorities.ts';

let tokens: Tokens;
let authorities: Authorities;
/** What becomes of a presentation on its way to quota control. */
let line: 'whole' | 'cut before' | 'reply lost' | 'narrowed before' = 'whole';
let truth: readonly QuotaPosition[];

const total = 1_000n;
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const euro = { code: 'EUR', exponent: 2 };

beforeAll(async () => {
  tokens = await openTokens();
  authorities = await makeAuthorities(tokens, {
    quota: { total, dayLimit: total },
    limits: { ...limits, frequencyCap: 1_000 },
    peers: (honest) => ({
      ...honest,
      async redeemCredential(bytes) {
        const lost = refuse('peer_unavailable', 'the line is cut');
        if (line === 'cut before') return lost;
        if (line === 'narrowed before') await narrow();
        const redeemed = await honest.redeemCredential(bytes);
        return line === 'reply lost' ? lost : redeemed;
      },
    }),
  });
  const { stores, clock } = authorities;
  await stores.quota.allocate({
    issuer,
    currency: 'CHF',
    terms: terms(500n, 500n),
    createdMs: clock.nowMs(),
  });
  // Used whole; lost before quota control had it, and after; used in part; and one that is kept for orders to come.
  expect(await issue(400n)).toEqual(['issued']);
  line = 'cut before';
  expect(await issue(100n)).toEqual(['peer_unavailable']);
  line = 'reply lost';
  expect(await issue(30n)).toEqual(['peer_unavailable']);
  line = 'narrowed before';
  expect((await issue(7n, 5n)).sort()).toEqual(['denied', 'issued']);
  line = 'whole';
  const kept = { id: makeRequestId(clock, random), currency: euro, total: 50n, seconds: 5 * 86_400 };
  expect(await authorities.issuerReservations.reserve(kept)).toMatchObject({ ok: true });
  expect(await submitAs(otherIssuer, 60n)).toBe(true);
  // The limit of the day is used up, and those credentials have expired.
  clock.advanceMs(86_400_000);
  // Its credential has not expired.
  line = 'cut before';
  expect(await issue(20n)).toEqual(['peer_unavailable']);
  line = 'whole';
  truth = await authorities.quotaControl.positions();
  await makeOld('old');
}, 60_000);
afterAll(async () => {
  await authorities.close();
  await tokens.close();
});

async function issue(...values: readonly bigint[]): Promise<string[]> {
  const drafts = values.map((value) => draft([{ value, count: 1 }], authorities.clock));
  const outcomes = await Promise.all(drafts.map((bytes) => authorities.issuance.issue(bytes)));
  return outcomes.map((one) => (one.ok ? one.value.kind : one.code));
}

/** Quota control has room for one of two orders, when the credential for both arrives. */
async function narrow(): Promise<void> {
  const now = authorities.clock.nowSeconds();
  const action = {
    kind: 'terms',
    ...{ issuer, currency: 'EUR', version: 1, terms: terms(total, 438n), clock: null },
  } as const;
  const change = encodeChange({ madeAt: now, expiresAt: now + 60, reason: 'less a day', action });
  await authorities.stores.quota.applyChange({ change, approvals: [], createdMs: now * 1000 });
}

/** A request that issuance has never seen. */
async function submitAs(name: string, value: bigint): Promise<boolean> {
  const { clock, central } = authorities;
  const now = clock.nowSeconds();
  const token = tokens.of[name === issuer ? 'issuance' : 'other'];
  const lots = [{ value, count: 1, owner: random(32) }];
  const order = { id: makeRequestId(clock, random), lots, purpose: '', origin: 'DE', destination: 'DE' };
  const toBeSigned = encodeRequest(
    {
      id: makeRequestId(clock, random),
      issuer: name,
      ...{ issuedAt: now, expiresAt: now + 600, currency: euro, total: value, orders: [order] },
      redeemUntil: now + 86_400,
    },
    token.publicKey.keyId,
  );
  const decided = await central.submit(attachSignature(toBeSigned, await token.sign(toBeSigned)), name);
  return decided.ok && decided.value.credential !== null;
}

const pathOf = (name: string): string => join(authorities.folder, `${name}.db`);

function open(name: string, create = false): Store {
  return openSqliteStore({ path: pathOf(name), role: 'central', create, random: randomBytes });
}

/** The same decisions, and no account: as such a ledger was. */
async function makeOld(name: string): Promise<void> {
  const { central } = authorities.stores;
  const store = open(name, true);
  for (const kind of ['credential', 'denial'] as const) {
    for (const { id } of await central.reads().intentsAfter(kind, 0, 1_000)) {
      const found = await central.findIntent(kind, id);
      if (found === undefined) throw new Error('what is listed is there');
      const { signed, ...made } = found;
      await store.commit([made]);
      if (signed !== null) await store.recordSigned([{ ...made, signed }]);
    }
  }
  await store.close();
}

/** Issuance is asked as it is; the other issuer's answers nothing but that it knows of no request. */
const askTruly: AskLastWords = async (name, ids, close) =>
  succeed(
    name === issuer
      ? await authorities.issuance.closings.lastWords(ids, close)
      : ids.map((): LastWord => refuse('request_unknown', 'there is none')),
  );

interface Old {
  readonly store: Store;
  readonly anchor: MemoryAnchor;
}

async function adopt(
  { store, anchor }: Old,
  positions = truth,
  lastWords: AskLastWords = askTruly,
): Promise<Result<number>> {
  const ledger = await openLedger(store, replicateAnchor([anchor]));
  return adoptQuotas({ ledger, lastWords, clockSkewSeconds: 60, clock: authorities.clock }, positions);
}

/** On a copy of that ledger. */
async function withOld<T>(use: (old: Old) => Promise<T>, from = 'old'): Promise<T> {
  copyFileSync(pathOf(from), pathOf('taken'));
  const store = open('taken');
  try {
    return await use({ store, anchor: makeMemoryAnchor(await store.head()) });
  } finally {
    await store.close();
  }
}

/** What counts of each quota, by `issuer/currency`, and of how much. */
async function counted(store: Store): Promise<Record<string, readonly [counted: bigint, allocated: bigint]>> {
  const positions = await store.positions(0);
  return Object.fromEntries(
    positions.map((one) => [`${one.issuer}/${one.currency}`, [one.issued, one.allocated]] as const),
  );
}

const own = `${issuer}/EUR`;
const francs = `${issuer}/CHF`;
const others = `${otherIssuer}/EUR`;
/** In part 7 or 5 was issued: both arrived at once. */
const whole = () => ({
  [own]: [400n + 30n + partIssued() + 20n, total],
  [francs]: [0n, 500n],
  [others]: [60n, total],
});

function partIssued(): bigint {
  const { issued = 0n } = truth.find((one) => one.issuer === issuer && one.currency === 'EUR') ?? {};
  return issued - 430n;
}

describe('taking over', () => {
  it('counts what credentials came to by issuance, and whole what may still be issued; each quota once', async () => {
    expect(truth.find((one) => one.currency === 'EUR' && one.issuer === issuer)).toMatchObject({
      version: 2,
      held: 50n,
    });
    expect([5n, 7n]).toContain(partIssued());
    await withOld(async (old) => {
      expect(await adopt(old)).toEqual({ ok: true, value: 3 });
      expect(await counted(old.store)).toEqual(whole());
      expect((await old.store.position(issuer, 'EUR', 0))?.version).toBe(2);
      const head = await old.store.head();
      expect(old.anchor.head).toEqual(head);
      expect(await adopt(old)).toEqual({ ok: true, value: 0 });
      expect(await old.store.head()).toEqual(head);
    });
  });

  it.each<Side>(['before', 'after'])('cut %s each call: all of them or none, and once', async (side) => {
    copyFileSync(pathOf('old'), pathOf('cut'));
    for (let number = 0; ; number++) {
      copyFileSync(pathOf('old'), pathOf('cut'));
      const meter = new Meter();
      const power = new Power(meter, 'central');
      let store = open('cut');
      const anchor = makeMemoryAnchor(await store.head());
      const ledger = await openLedger(power.store(store), replicateAnchor([power.anchor(anchor)]));
      meter.arm({ at: { number }, side, scope: 'role' });
      const lastWords: AskLastWords = (name, ids, close) =>
        power.send('issuance', 'last words', () => askTruly(name, ids, close));
      const dependencies = { ledger, lastWords, clockSkewSeconds: 60, clock: authorities.clock };
      await adoptQuotas(dependencies, truth).catch((error: unknown) => {
        if (!(error instanceof Cut)) throw error;
      });
      await store.close();
      // Checked as it is opened: what counts follows from its journal.
      store = open('cut');
      expect([{}, whole()], `${side} call ${number}`).toContainEqual(await counted(store));
      expect(await adopt({ store, anchor })).toMatchObject({ ok: true });
      expect(await counted(store), `${side} call ${number}`).toEqual(whole());
      const head = await store.head();
      expect(anchor.head, `${side} call ${number}`).toEqual(head);
      const entries = await store.journal(1, 1_000);
      await store.close();
      expect(entries.filter(({ sequence }) => sequence > head.sequence - 3)).toHaveLength(3);
      if (meter.fallen === undefined) {
        expect(number).toBeGreaterThan(10);
        break;
      }
    }
  });

  it('goes over all pages of credentials', async () => {
    for (let i = 0; i < 205; i++) expect(await submitAs(issuer, 1n)).toBe(true);
    await makeOld('long');
    await withOld(async (old) => {
      expect(await adopt(old)).toEqual({ ok: true, value: 3 });
      const [sum] = (await counted(old.store))[own] ?? [];
      expect(sum).toBe(400n + 30n + partIssued() + 20n + 205n);
    }, 'long');
  }, 60_000);
});

describe('what issuance says', () => {
  it.each<[string, LastWord | undefined]>([
    ['nothing at all', undefined],
    ['that there is nothing yet', succeed(null)],
    ['that it is on its way', refuse('request_underway', 'a lie')],
    ['that it knows none', refuse('request_unknown', 'a lie')],
    ['something that is no record', succeed(new Uint8Array(40))],
  ])('counts whole where it is %s', async (_, word) => {
    await withOld(async (old) => {
      const lastWords: AskLastWords = async (_name, ids) =>
        succeed(word === undefined ? [] : ids.map(() => word));
      expect(await adopt(old, truth, lastWords)).toEqual({ ok: true, value: 3 });
      expect((await counted(old.store))[own]).toEqual([400n + 100n + 30n + 12n + 20n, total]);
    });
  });

  it('is waited for: nothing is taken over while one issuer does not answer, and all of it when it does', async () => {
    await withOld(async (old) => {
      const before = await old.store.head();
      const away: AskLastWords = async (name, ids, close) =>
        name === issuer ? askTruly(name, ids, close) : refuse('peer_unavailable', 'it is away');
      expect(await adopt(old, truth, away)).toMatchObject({ code: 'peer_unavailable' });
      expect(await old.store.head()).toEqual(before);
      expect(await adopt(old)).toEqual({ ok: true, value: 3 });
      expect(await counted(old.store)).toEqual(whole());
    });
  });

  it('counts no less than what quota control has taken', async () => {
    await withOld(async (old) => {
      // A closing of every request: nothing was issued, it says.
      const [one] = await authorities.stores.issuance.reads().intentsAfter('closing', 0, 1);
      const closing = await authorities.stores.issuance.findIntent('closing', one?.id ?? new Uint8Array(16));
      const word = succeed(closing?.signed ?? null);
      const lastWords: AskLastWords = async (_name, ids) => succeed(ids.map(() => word));
      expect(await adopt(old, truth, lastWords)).toEqual({ ok: true, value: 3 });
      expect((await counted(old.store))[own]).toEqual([430n + partIssued(), total]);
    });
  });
});

describe('a quota control that lies', () => {
  const only = (change: (one: QuotaPosition) => Partial<QuotaPosition>) =>
    truth.map((one) => (one.issuer === issuer && one.currency === 'EUR' ? { ...one, ...change(one) } : one));

  it.each<[string, () => readonly QuotaPosition[], (honest: bigint) => readonly bigint[] | undefined]>([
    ['that less was issued', () => only(() => ({ issued: 0n })), (honest) => [honest, total]],
    ['that more was issued', () => only(() => ({ issued: 700n })), () => [700n, total]],
    [
      'that some is reserved',
      () => only(() => ({ reserved: 300n })),
      (honest) => [honest - 20n + 300n, total],
    ],
    ['that more was issued than allocated', () => only(() => ({ issued: 10n ** 15n })), () => [total, total]],
    ['that less is allocated than was issued', () => only(() => ({ allocated: 9n })), () => [9n, 9n]],
    ['that it is all held', () => only(() => ({ held: total, available: 0n })), (honest) => [honest, total]],
    ['that much is void', () => only(() => ({ voided: 10n ** 15n })), (honest) => [honest, total]],
    ['nothing of one quota', () => truth.filter(({ currency }) => currency === 'CHF'), () => undefined],
  ])('makes no more room by telling %s', async (_, positions, expected) => {
    await withOld(async (old) => {
      const told = positions();
      expect(await adopt(old, told)).toEqual({ ok: true, value: told.length });
      expect((await counted(old.store))[own]).toEqual(expected(450n + partIssued()));
    });
  });

  it('is believed what came back, as the terms are, up to all that was approved; it is in the journal', async () => {
    await withOld(async (old) => {
      const told = only(() => ({ returned: 10n ** 15n }));
      expect(await adopt(old, told)).toEqual({ ok: true, value: told.length });
      const approved = 450n + partIssued();
      const position = await old.store.position(issuer, 'EUR', 0);
      expect(position).toMatchObject({ issued: approved, returned: approved, available: total });
      expect((await old.store.journal(1, 1_000)).map(({ bytes }) => kindOf({ bytes }))).toContain('return');
    });
  });

  it('has nothing approved of a quota that it kept back, then or later', async () => {
    await withOld(async (old) => {
      expect(
        await adopt(
          old,
          truth.filter(({ currency }) => currency === 'CHF'),
        ),
      ).toMatchObject({ ok: true });
      const approves = { issuer, currency: 'EUR', amount: 1n };
      const [refused] = await old.store.commit([newIntent('more', { kind: 'credential', approves })]);
      expect(refused).toMatchObject({ ok: false, code: 'quota_missing' });
      expect(await adopt(old)).toEqual({ ok: true, value: 0 });
      expect(Object.keys(await counted(old.store))).toEqual([francs]);
    });
  });

  it('tells of no quota, and of them later', async () => {
    await withOld(async (old) => {
      const before = await old.store.head();
      expect(await adopt(old, [])).toEqual({ ok: true, value: 0 });
      expect(await old.store.head()).toEqual(before);
      expect(await adopt(old)).toEqual({ ok: true, value: 3 });
    });
  });

  const day = { kind: 'day', timeZone: 'Etc/UTC' } as const;
  const limit = { name: 'day', counts: 'amount', window: day, maximum: 1n } as const;
  const position = { used: 0n, remaining: 1n, slots: { oldest: 0, current: 0 }, uses: [] };

  // What the journal cannot have, it would not be opened with again.
  it.each<[string, () => readonly QuotaPosition[]]>([
    ['a quota twice', () => [...truth, ...truth.slice(0, 1)]],
    ['more than a quota can have', () => only(() => ({ allocated: 10n ** 15n + 1n }))],
    ['more than a database can have', () => only(() => ({ allocated: 10n ** 19n - 1n }))],
    ['of no version', () => only(() => ({ version: 0 }))],
    ['a limit twice', () => only(() => ({ limits: [limit, limit].map((one) => ({ ...one, ...position })) }))],
    [
      'a time zone that is none',
      () =>
        only(() => ({
          limits: [{ ...limit, ...position, window: { kind: 'day', timeZone: 'Mars/Base' } }],
        })),
    ],
    ['a limit that is none', () => only(() => ({ limits: [{ ...limit, ...position, name: 'A Day' }] }))],
    [
      'a limit above all',
      () => only(() => ({ limits: [{ ...limit, ...position, maximum: 10n ** 19n - 1n }] })),
    ],
  ])(
    'tells %s: nothing is taken over, the ledger is whole, and the next time it is',
    async (_, positions) => {
      await withOld(async (old) => {
        const before = await old.store.head();
        expect(await adopt(old, positions())).toMatchObject({ ok: false, code: 'peer_fault' });
        expect(await old.store.head()).toEqual(before);
        expect(await adopt(old)).toEqual({ ok: true, value: 3 });
      });
      await open('taken').close();
    },
  );
});
