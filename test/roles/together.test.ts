/** Orders that arrive together go in one request, and each caller gets what is theirs. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import type { Result } from '../../src/kit/result.ts';
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import type { IssuanceOutcome } from '../../src/roles/issuance.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { type Authorities, draft, issuer, makeAuthorities, openTokens, type Tokens } from './authorities.ts';

let tokens: Tokens;
let authorities: Authorities;
const wide = { requestMaximum: 100_000n, ceiling: 60_000n, frequencyCap: 1_000 };

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());
beforeEach(async () => {
  authorities = await makeAuthorities(tokens, { limits: wide });
});
afterEach(() => authorities.close());

function drafts(amounts: readonly bigint[]): Uint8Array[] {
  return amounts.map((value) => draft([{ value, count: 1 }], authorities.clock));
}

function accepted(outcome: Result<IssuanceOutcome>): IssuanceOutcome {
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
  return outcome.value;
}

async function issueAll(all: readonly Uint8Array[]): Promise<IssuanceOutcome[]> {
  return (await Promise.all(all.map((one) => authorities.issuance.issue(one)))).map(accepted);
}

async function used(): Promise<bigint> {
  const position = await authorities.quotaControl.position(issuer, 'EUR');
  if (position === undefined) throw new Error('no position');
  return position.allocated - position.available;
}

const sequences = (outcomes: readonly IssuanceOutcome[]): number[] =>
  outcomes.flatMap((one) => (one.kind === 'issued' ? [one.controlBit.sequence] : []));

describe('orders that arrive together', () => {
  it('share a request, and each gets its own unit, authentic, and no other', async () => {
    const outcomes = await issueAll(drafts(Array.from({ length: 60 }, (_, i) => BigInt(i + 1))));
    expect(new Set(sequences(outcomes)).size).toBe(1);
    expect((await authorities.stores.quota.head()).sequence).toBe(3);
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.kind !== 'issued') throw new Error('denied');
      expect(outcome.files.request).toBeUndefined();
      expect([outcome.first, outcome.count]).toEqual([i, 1]);
      const verified = verifyFile(outcome.files.currency, {
        bundle: tokens.bundleBytes,
        at: authorities.clock.nowSeconds(),
        verifySignature: makeNodeVerifySignature(),
      });
      expect(verified).toMatchObject({ ok: true, value: { total: BigInt(i + 1), count: 1 } });
      const file = decodeCurrencyFile(outcome.files.currency);
      expect(file.ok && file.value.leaves).toHaveLength(1);
    }
    expect(await used()).toBe(1_830n);
  });

  it('are decided on one by one: those that are denied hold nobody up', async () => {
    const outcomes = await issueAll(drafts([100n, 60_001n, 200n, 100_001n, 300n]));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['issued', 'denied', 'issued', 'denied', 'issued']);
    expect(outcomes.flatMap((one) => (one.kind === 'denied' ? [one.denial.reasons] : []))).toEqual([
      ['issuer_ceiling'],
      ['request_maximum', 'issuer_ceiling'],
    ]);
    expect(sequences(outcomes)).toEqual([1, 1, 1]);
    expect(await used()).toBe(600n);
  });

  it('take the quota in their order: what is left goes to those that it is enough for', async () => {
    const outcomes = await issueAll(drafts([50_000n, 50_000n, 30_000n, 15_000n, 10_000n, 5_000n, 1n]));
    expect(outcomes.map((one) => (one.kind === 'issued' ? 'issued' : one.denial.reasons.join()))).toEqual([
      'issued',
      'issued',
      'daily_limit',
      'issued',
      'daily_limit',
      'issued',
      'daily_limit',
    ]);
    expect(await used()).toBe(120_000n);
  });

  it('count each for the cap on frequency', async () => {
    authorities = await authorities.restart({ limits: { ...wide, frequencyCap: 10 } });
    const outcomes = await issueAll(drafts(Array.from({ length: 12 }, () => 1n)));
    expect(outcomes.filter(({ kind }) => kind === 'issued')).toHaveLength(10);
    const [more] = await issueAll(drafts([1n]));
    expect(more).toMatchObject({ kind: 'denied', denial: { reasons: ['frequency_cap'] } });
  });

  it('give the same files for ever, one by one or together, also after a restart', async () => {
    const all = drafts([10n, 60_001n, 20n, 30n]);
    const first = await issueAll(all);
    const head = await authorities.stores.issuance.head();
    const second = await issueAll(all.toReversed());
    authorities = await authorities.restart({ limits: wide });
    authorities.clock.advanceMs(30 * 86_400_000);
    for (const [i, one] of all.entries()) {
      expect(second[3 - i]?.files).toEqual(first[i]?.files);
      expect(accepted(await authorities.issuance.issue(one)).files).toEqual(first[i]?.files);
    }
    expect(await authorities.stores.issuance.head()).toEqual(head);
    expect(await used()).toBe(60n);
  });

  it('with one id are one order, and another body under it is refused, in the same moment too', async () => {
    const id = new Uint8Array(16).fill(5);
    const one = draft([{ value: 10n, count: 1 }], authorities.clock, id);
    const other = draft([{ value: 11n, count: 1 }], authorities.clock, id);
    const outcomes = await Promise.all(
      [one, one, other, one].map((bytes) => authorities.issuance.issue(bytes)),
    );
    expect(outcomes.map((outcome) => (outcome.ok ? outcome.value.kind : outcome.code))).toEqual([
      'issued',
      'issued',
      'request_id_conflict',
      'issued',
    ]);
    expect(await used()).toBe(10n);
  });

  it('in two requests at most when they end on different days', async () => {
    const day = 86_400;
    const now = authorities.clock.nowSeconds();
    const all = [1, 2, 1, 2].map((years) =>
      draft([{ value: 1n, count: 1 }], authorities.clock, undefined, now + years * 365 * day),
    );
    const outcomes = await issueAll(all);
    expect(new Set(sequences(outcomes)).size).toBe(2);
    expect(outcomes.map(({ request }) => request.redeemUntil - now)).toEqual(
      [1, 2, 1, 2].map((years) => years * 365 * day),
    );
  });

  it('of more than 65,536 units go in several requests', async () => {
    const all = Array.from({ length: 3 }, () => draft([{ value: 1n, count: 30_000 }], authorities.clock));
    const outcomes = await issueAll(all);
    const [first, second, third] = sequences(outcomes);
    expect([first === second, first === third]).toEqual([true, false]);
    expect(await used()).toBe(90_000n);
  });
});

describe('quota that others take between the decision and quota control', () => {
  it('goes to the orders that there is room for; the others are told, and nothing is taken for them', async () => {
    authorities = await authorities.restart({
      limits: wide,
      peers: (honest) => ({
        ...honest,
        async redeemCredential(presentation) {
          // Somebody else is quicker, once.
          if ((await used()) === 0n) {
            const [committed] = await authorities.stores.quota.commit([
              {
                kind: 'control-bit',
                id: new Uint8Array(16),
                issuer,
                bodyHash: new Uint8Array(32),
                createdMs: authorities.clock.nowMs(),
                context: new Uint8Array(),
                toBeSigned: new Uint8Array(),
                take: {
                  issuer,
                  currency: 'EUR',
                  amount: 100_000n,
                  orders: 1,
                  atMs: authorities.clock.nowMs(),
                },
              },
            ]);
            expect(committed).toMatchObject({ ok: true });
          }
          return honest.redeemCredential(presentation);
        },
      }),
    });
    const all = drafts([15_000n, 6_000n, 4_000n, 2_000n]);
    const outcomes = await issueAll(all);
    expect(outcomes.map((one) => (one.kind === 'issued' ? 'issued' : one.denial.reasons.join()))).toEqual([
      'issued',
      'quota_taken',
      'issued',
      'quota_taken',
    ]);
    expect(await used()).toBe(119_000n);
    expect((await issueAll(all)).map(({ files }) => Object.values(files).map(toHex))).toEqual(
      outcomes.map(({ files }) => Object.values(files).map(toHex)),
    );
  });
});
