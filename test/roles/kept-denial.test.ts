/** Denials of whole requests in issuance's journal: what a retry gets, what a crash leaves, and what the usual course is spared. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Result } from '../../src/kit/result.ts';
import type { IssuanceOutcome, IssuancePeers } from '../../src/roles/issuance.ts';
import { makeOrderList } from '../../src/roles/order-list.ts';
import { type Authorities, draft, makeAuthorities, openTokens, type Tokens } from './authorities.ts';

let tokens: Tokens;
let authorities: Authorities;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());
beforeEach(async () => {
  authorities = await makeAuthorities(tokens);
});
afterEach(() => authorities.close());

/** More than the most of one request. */
const tooMuch = () => draft([{ value: 90_000n, count: 1 }], authorities.clock);

function denied(outcome: Result<IssuanceOutcome>): IssuanceOutcome & { kind: 'denied' } {
  if (!outcome.ok || outcome.value.kind !== 'denied') throw new Error('it was not denied');
  return outcome.value;
}

async function states(): Promise<string[]> {
  const list = makeOrderList(
    () => authorities.ledgers.issuance,
    (read) => read(),
  );
  const { orders } = await list.page({ after: { sequence: 0, order: -1 }, most: 100 });
  return orders.map(({ state, reasons }) => [state, ...reasons].join(' '));
}

const away: IssuancePeers = {
  submitRequest: () => Promise.reject(new Error('away')),
  redeemCredential: () => Promise.reject(new Error('away')),
};

describe('a denial of a whole request', () => {
  it('is kept: a retry gets it without central management, also after a restart, and the list has it', async () => {
    const bytes = tooMuch();
    const first = denied(await authorities.issuance.issue(bytes));
    expect(first.denial.reasons.length).toBeGreaterThan(0);
    authorities = await authorities.restart({ peers: () => away });
    expect(denied(await authorities.issuance.issue(bytes))).toMatchObject({
      denial: first.denial,
      files: first.files,
    });
    expect(await states()).toEqual([['denied', ...first.denial.reasons].join(' ')]);
    expect(await authorities.stores.issuance.unsigned()).toEqual([]);
  });

  it('cannot be taken back: the same draft is not issued, whatever central management says later', async () => {
    const bytes = tooMuch();
    denied(await authorities.issuance.issue(bytes));
    const before = await authorities.stores.issuance.head();
    let asked = 0;
    authorities = await authorities.restart({
      limits: { requestMaximum: 10n ** 9n, ceiling: 10n ** 9n, frequencyCap: 1_000 },
      peers: (honest) => ({
        ...honest,
        submitRequest(request) {
          asked++;
          return honest.submitRequest(request);
        },
      }),
    });
    denied(await authorities.issuance.issue(bytes));
    expect(asked).toBe(0);
    expect(await authorities.stores.issuance.head()).toEqual(before);
  });

  it('is open until a retry where a crash came before its commit, and denied from the next start on where it came after', async () => {
    const bytes = tooMuch();
    for (const cut of ['commit', 'recordSigned'] as const) {
      authorities = await authorities.restart({
        wrapStore: (store, role) =>
          role !== 'issuance'
            ? store
            : new Proxy(store, {
                get(target, name) {
                  const method = Reflect.get(target, name) as unknown;
                  if (typeof method !== 'function') return method;
                  if (name !== cut) return method.bind(target);
                  return (items: readonly { readonly kind: string }[]) =>
                    items.some(({ kind }) => kind === 'denial')
                      ? Promise.reject(new Error('the power went off'))
                      : method.call(target, items);
                },
              }),
      });
      await authorities.issuance.issue(bytes).catch(() => undefined);
      authorities = await authorities.restart({ wrapStore: (store) => store, peers: () => away });
      const left = await authorities.issuance.finishUnsigned();
      expect([cut, left, (await states()).map((state) => state.split(' ')[0])]).toEqual(
        cut === 'commit' ? [cut, 0, ['open']] : [cut, 1, ['denied']],
      );
      authorities = await authorities.restart({ peers: (honest) => honest });
    }
    denied(await authorities.issuance.issue(bytes));
  });

  it('costs what is issued no entry, and neither does a denial beside issued orders', async () => {
    const { issuance, clock, stores } = authorities;
    const outcome = await issuance.issue(draft([{ value: 100n, count: 2 }], clock));
    expect(outcome).toMatchObject({ ok: true, value: { kind: 'issued' } });
    expect((await stores.issuance.head()).sequence).toBe(2);
    clock.advanceMs(60_000);
    const mixed = await Promise.all(
      [100n, 90_000n].map((value) => issuance.issue(draft([{ value, count: 1 }], clock))),
    );
    expect(mixed.map((one) => one.ok && one.value.kind)).toEqual(['issued', 'denied']);
    expect((await stores.issuance.head()).sequence).toBe(4);
    expect((await states()).map((state) => state.split(' ')[0])).toEqual(['issued', 'issued', 'denied']);
  });
});
