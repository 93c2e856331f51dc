/** Central management's own account: what it approves stays within what people allowed, whatever quota control says. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { succeed } from '../../src/kit/result.ts';
import { encodeChange } from '../../src/records/quota-change.ts';
import { decodeRequest } from '../../src/records/request.ts';
import { makeCentralAccount } from '../../src/roles/central-account.ts';
import { openLedger } from '../../src/roles/ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { approveChange, policy, keys as samples } from '../records/samples.ts';
import { terms } from '../store/intents.ts';
import { type Authorities, draft, issuer, makeAuthorities, openTokens, type Tokens } from './authorities.ts';

let tokens: Tokens;
let authorities: Authorities;
/** What becomes of a presentation on its way to quota control. */
let line: 'whole' | 'cut before' | 'reply lost';
/** Signed requests as they went to central management. */
let requests: Uint8Array[];

beforeAll(async () => {
  tokens = await openTokens();
}, 60_000);
afterAll(() => tokens.close());
beforeEach(async () => {
  line = 'whole';
  requests = [];
  authorities = await makeAuthorities(tokens, {
    quota: { total: 1_000n, dayLimit: 1_000n },
    peers: (honest) => ({
      async submitRequest(bytes) {
        requests.push(bytes);
        return honest.submitRequest(bytes);
      },
      async redeemCredential(bytes) {
        const lost = { ok: false, code: 'peer_unavailable', message: 'the line is cut' } as const;
        if (line === 'cut before') return lost;
        const redeemed = await honest.redeemCredential(bytes);
        return line === 'reply lost' ? lost : redeemed;
      },
    }),
  });
});
afterEach(() => authorities.close());

const own = () => authorities.account.position(issuer, 'EUR');
const order = (value: bigint) => draft([{ value, count: 1 }], authorities.clock);
const issue = async (value: bigint, bytes = order(value)): Promise<string> => {
  const outcome = await authorities.issuance.issue(bytes);
  return outcome.ok ? outcome.value.kind : outcome.code;
};
const round = async (): Promise<number> => {
  const done = await authorities.resolution.run();
  if (!done.ok) throw new Error(done.message);
  return done.value;
};
/** The credential's life, and what clocks may be apart, twice. */
const afterExpiry = (): void => authorities.clock.advanceMs((300 + 2 * 60 + 1) * 1000);

function changeTo(version: number, total: bigint, by: readonly ('alice' | 'bob')[] = ['alice', 'bob']) {
  const now = authorities.clock.nowSeconds();
  const action = {
    kind: 'terms',
    issuer,
    currency: 'EUR',
    version,
    terms: terms(total, total),
    clock: null,
  } as const;
  const change = encodeChange({ madeAt: now, expiresAt: now + 60, reason: 'because', action });
  return { change, approvals: by.map((name) => approveChange(change, name, samples[name], now)) };
}

describe("central management's account", () => {
  it('counts each credential, and denies what it has no room for though quota control has', async () => {
    expect(await issue(400n)).toBe('issued');
    expect(await own()).toMatchObject({ issued: 400n, available: 600n });
    // Quota control says that there is more than there is.
    const store = authorities.stores.quota;
    const { change } = changeTo(1, 9_000n);
    expect(
      await store.applyChange({ change, approvals: [], createdMs: authorities.clock.nowMs() }),
    ).toMatchObject({
      ok: true,
    });
    expect(await authorities.quotaControl.position(issuer, 'EUR')).toMatchObject({ available: 8_600n });
    expect(await issue(601n)).toBe('denied');
    expect(await issue(600n)).toBe('issued');
    expect(await own()).toMatchObject({ version: 1, allocated: 1_000n, available: 0n });
  });

  it('counts several requests at once within the total', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => issue(300n)));
    expect(outcomes.filter((one) => one === 'issued')).toHaveLength(3);
    expect(await own()).toMatchObject({ issued: 900n, available: 100n });
  });

  it('follows a change that two people approved, and none that they did not', async () => {
    const { quotaChanges, clock } = authorities;
    const change = changeTo(1, 5_000n);
    expect(await quotaChanges.apply(change.change, change.approvals)).toMatchObject({ ok: true });
    // Longer than the change may be carried out: its time was held at quota control.
    clock.advanceMs(3_600_000);
    expect(await issue(2_000n)).toBe('issued');
    expect(await own()).toMatchObject({ version: 2, allocated: 5_000n, issued: 2_000n });

    const one = changeTo(2, 50_000n, ['alice']);
    const forced = { ...one, createdMs: clock.nowMs() };
    expect(await authorities.stores.quota.applyChange(forced)).toMatchObject({ ok: true });
    expect(await issue(4_000n)).toBe('denied');
    expect(await own()).toMatchObject({ version: 2, allocated: 5_000n });
  });

  it('takes a change from people, once, by the same checks as quota control', async () => {
    const { centralChanges } = authorities;
    const one = changeTo(1, 5_000n, ['alice']);
    expect(await centralChanges.apply(one.change, one.approvals)).toMatchObject({
      code: 'approvals_too_few',
    });
    const { change, approvals } = changeTo(1, 5_000n);
    const first = await centralChanges.apply(change, approvals);
    expect(first).toMatchObject({ ok: true });
    expect(await centralChanges.apply(change, approvals)).toEqual(first);
    expect(await own()).toMatchObject({ version: 2, allocated: 5_000n });
  });

  it('freezes with the change that says so, though quota control hides it', async () => {
    const { clock, centralChanges } = authorities;
    const now = clock.nowSeconds();
    const frozen = { ...terms(1_000n, 1_000n), frozen: true };
    const action = {
      kind: 'terms',
      issuer,
      currency: 'EUR',
      version: 1,
      terms: frozen,
      clock: null,
    } as const;
    const change = encodeChange({ madeAt: now, expiresAt: now + 60, reason: 'stop', action });
    const approvals = (['alice', 'bob'] as const).map((name) =>
      approveChange(change, name, samples[name], now),
    );
    expect(await centralChanges.apply(change, approvals)).toMatchObject({ ok: true });
    expect(await issue(1n)).toBe('quota_frozen');
  });
});

describe('what was approved and not issued', () => {
  it('is freed once its credential has expired, by a closing, and the request is never carried on', async () => {
    line = 'cut before';
    const lost = order(300n);
    expect(await issue(300n, lost)).toBe('peer_unavailable');
    line = 'whole';
    expect(await own()).toMatchObject({ available: 700n });
    expect(await round()).toBe(0);
    afterExpiry();
    expect(await round()).toBe(1);
    expect(await own()).toMatchObject({ issued: 300n, voided: 300n, available: 1_000n });
    expect(await issue(300n, lost)).toBe('request_closed');
    expect(await round()).toBe(0);
    const request = decodeRequest(requests[0] ?? new Uint8Array());
    if (!request.ok) throw new Error(request.message);
    const { id } = request.value.record;
    const [word] = await authorities.issuance.closings.lastWords([id], true);
    expect(word?.ok && word.value).toEqual(
      (await authorities.stores.issuance.findIntent('closing', id))?.signed,
    );
    authorities = await authorities.restart();
    expect(await own()).toMatchObject({ voided: 300n });
  });

  it('is issued and not closed where only the reply of the control bit was lost', async () => {
    line = 'reply lost';
    const lost = order(300n);
    expect(await issue(300n, lost)).toBe('peer_unavailable');
    // Something else is open, or nobody would look.
    line = 'cut before';
    expect(await issue(100n)).toBe('peer_unavailable');
    line = 'whole';
    afterExpiry();
    expect(await round()).toBe(1);
    expect(await own()).toMatchObject({ issued: 400n, voided: 100n });
    expect(await issue(300n, lost)).toBe('issued');
  });

  it('is freed in part where quota control had room for some of the orders', async () => {
    const { clock } = authorities;
    const limits = terms(1_000n, 450n);
    const action = {
      kind: 'terms',
      issuer,
      currency: 'EUR',
      version: 1,
      terms: limits,
      clock: null,
    } as const;
    const now = clock.nowSeconds();
    const change = encodeChange({ madeAt: now, expiresAt: now + 60, reason: 'less a day', action });
    // Between the look at the numbers and the control bit.
    const drafts = [order(300n), order(200n)];
    const narrowed = await authorities.restart({
      peers: (honest) => ({
        ...honest,
        async redeemCredential(bytes) {
          await narrowed.stores.quota.applyChange({ change, approvals: [], createdMs: clock.nowMs() });
          return honest.redeemCredential(bytes);
        },
      }),
    });
    authorities = narrowed;
    const outcomes = await Promise.all(drafts.map((bytes) => narrowed.issuance.issue(bytes)));
    expect(new Set(outcomes.map((one) => one.ok && one.value.kind))).toEqual(new Set(['denied', 'issued']));
    afterExpiry();
    expect(await round()).toBe(1);
    const position = await own();
    expect([200n, 300n]).toContain(position?.voided);
  });

  it('stays counted while the request is on its way, or issuance does not know it', async () => {
    line = 'cut before';
    expect(await issue(300n)).toBe('peer_unavailable');
    afterExpiry();
    // Quota control is away still: it may have a control bit.
    expect(await round()).toBe(0);
    expect(await own()).toMatchObject({ voided: 0n });
    line = 'whole';
    expect(await round()).toBe(1);
  });

  it('costs no entry where everything was issued', async () => {
    for (let i = 0; i < 3; i++) expect(await issue(100n)).toBe('issued');
    line = 'cut before';
    expect(await issue(50n)).toBe('peer_unavailable');
    line = 'whole';
    afterExpiry();
    const before = await authorities.stores.issuance.head();
    expect(await round()).toBe(1);
    // One closing, and no more.
    expect((await authorities.stores.issuance.head()).sequence).toBe(before.sequence + 1);
    expect(await authorities.stores.central.resolvedUpTo()).toBeGreaterThan(0);
  });
});

describe('an appliance of before there was an account', () => {
  it('takes the terms over once, and counts what its credentials came to', async () => {
    expect(await issue(400n)).toBe('issued');
    line = 'cut before';
    expect(await issue(100n)).toBe('peer_unavailable');
    line = 'whole';
    afterExpiry();
    // As its ledger was then: the same decisions, and no account.
    const { folder, clock, stores, quotaControl, issuance } = authorities;
    const store = openSqliteStore({
      path: `${folder}/old.db`,
      role: 'central',
      create: true,
      random: randomBytes,
    });
    try {
      for (const request of requests) {
        const decoded = decodeRequest(request);
        if (!decoded.ok) throw new Error(decoded.message);
        const intent = await stores.central.findIntent('credential', decoded.value.record.id);
        if (intent === undefined) continue;
        const { signed, ...made } = intent;
        await store.commit([made]);
        if (signed !== null) await store.recordSigned([{ ...made, signed }]);
      }
      const ledger = await openLedger(store, replicateAnchor([makeMemoryAnchor(await store.head())]));
      const lines: string[] = [];
      const account = makeCentralAccount({
        ledger,
        policy,
        verifySignature: makeNodeVerifySignature(),
        quotaPositions: async () => succeed(await quotaControl.positions()),
        quotaChanges: async () => succeed([]),
        lastWords: async (_, ids, close) => succeed(await issuance.closings.lastWords(ids, close)),
        clockSkewSeconds: 60,
        clock,
        report: (one) => lines.push(one),
      });
      expect(await account.ask()).toMatchObject({ ok: true });
      expect(await account.position(issuer, 'EUR')).toMatchObject({
        allocated: 1_000n,
        issued: 400n,
        version: 1,
      });
      const head = await store.head();
      expect(await account.ask()).toMatchObject({ ok: true });
      expect(await store.head()).toEqual(head);
    } finally {
      await store.close();
    }
  });
});
