/** Lists of pages over real HTTPS: orders of issuance and the journal of each system, whole and in order, while new entries come. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from '../../src/api/cursor.ts';
import { genesisHash, verifyChain } from '../../src/journal/chain.ts';
import { decodeEntry, decodeIntentContent } from '../../src/journal/entry.ts';
import { fromHex, sha256, toHex } from '../../src/kit/bytes.ts';
import type { Result } from '../../src/kit/result.ts';
import { formatUuid } from '../../src/records/request-id.ts';
import type { ListedOrder } from '../../src/roles/order-list.ts';
import { draft, issuer, openTokens, type Tokens } from '../roles/authorities.ts';
import { type Answer, type Document, roles, type Systems, serveSystems } from './systems.ts';

let tokens: Tokens;
let systems: Systems;
/** Of the orders that were sent, in the order in which they were sent, with what they came to. */
const sent: { id: string; amount: bigint; state: string }[] = [];
let wholeAt = 0;

async function issue(amounts: readonly bigint[]): Promise<void> {
  const { clock } = systems.authorities;
  clock.advanceMs(1_000);
  const drafts = amounts.map((value, i) =>
    draft([{ value, count: 1 }], clock, sha256(Uint8Array.of(sent.length, i, 7)).slice(0, 16)),
  );
  const answer = await systems.client('operator').issueMany(drafts);
  if (!answer.ok) throw new Error(answer.message);
  for (const [i, outcome] of answer.value.outcomes.entries())
    sent.push({
      id: formatUuid(sha256(Uint8Array.of(sent.length - i, i, 7)).slice(0, 16)),
      amount: amounts[i] ?? 0n,
      state: outcome.kind,
    });
}

beforeAll(async () => {
  tokens = await openTokens();
  systems = await serveSystems(tokens, {
    quota: { total: 10n ** 9n, dayLimit: 10n ** 9n },
    rules: { requestMaximum: 100_000n, ceiling: 60_000n, frequencyCap: 10_000 },
  });
  await issue([1n, 2n, 70_000n, 4n]);
  await issue([5n]);
  wholeAt = systems.authorities.clock.nowMs();
  await issue(Array.from({ length: 30 }, (_, i) => BigInt(100 + i)));
  // All of one request: issuance keeps the denial by itself.
  await issue([70_001n]);
});
afterAll(async () => {
  await systems.close();
  await tokens.close();
});

const get = (path: string, holder: 'operator' | 'issuance' | 'central' = 'operator'): Promise<Answer> =>
  systems.call('issuance', holder, path);

interface OrdersBody {
  readonly orders: readonly Record<string, unknown>[];
  readonly next: string;
  readonly more: boolean;
}

async function page(path: string): Promise<OrdersBody> {
  const answer = await get(path);
  expect(answer.status).toBe(200);
  return answer.json() as unknown as OrdersBody;
}

async function collect<T>(items: AsyncIterable<Result<T>>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) {
    if (!item.ok) throw new Error(`${item.code}: ${item.message}`);
    collected.push(item.value);
  }
  return collected;
}

const listed = (order: ListedOrder) => ({
  id: formatUuid(order.id),
  amount: order.amount,
  state: order.state,
});
const known = () => sent.map((one) => ({ ...one }));

describe('the list of orders', () => {
  it('has every order once, in the order of the journal, however small the pages are', async () => {
    const client = systems.client('operator');
    for (const limit of [1, 7, 1_000])
      expect((await collect(client.orders({ limit }))).map(listed)).toEqual(known());
  });

  it('says of each what was asked for, what it came to, and why', async () => {
    const { orders } = await page('/orders?limit=3');
    expect(orders[0]).toMatchObject({
      state: 'issued',
      currency: 'EUR',
      amount: '1',
      units: 1,
      issuer,
      reasons: [],
    });
    expect(orders[2]).toMatchObject({ state: 'denied', amount: '70000', reasons: ['issuer_ceiling'] });
    expect(orders[0]?.['request']).toBe(orders[2]?.['request']);
    const all = (await page('/orders?limit=1000')).orders;
    expect(all.find(({ amount }) => amount === '70001')).toMatchObject({
      state: 'denied',
      reasons: ['issuer_ceiling'],
    });
  });

  it('goes on after a page where new orders came since, with none left out or twice', async () => {
    const first = await page('/orders?limit=5');
    await issue([300n, 301n]);
    const rest = await page(`/orders?limit=1000&after=${first.next}`);
    expect([...first.orders, ...rest.orders].map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    expect(rest.more).toBe(false);
    await issue([302n]);
    expect((await page(`/orders?after=${rest.next}`)).orders.map(({ amount }) => amount)).toEqual(['302']);
  });

  it('names the next page in Link, and no page after the last', async () => {
    const answer = await get('/orders?limit=2&currency=EUR');
    const next = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers['link']))?.[1] ?? '';
    expect((await page(next)).orders.map(({ amount }) => amount)).toEqual(['70000', '4']);
    expect((await get('/orders?limit=1000')).headers['link']).toBeUndefined();
  });

  it('keeps to state, currency, time and request', async () => {
    const client = systems.client('operator');
    const states = async (state: 'issued' | 'denied' | 'open') =>
      (await collect(client.orders({ state, limit: 2 }))).map(listed);
    for (const state of ['issued', 'denied', 'open'] as const)
      expect(await states(state)).toEqual(known().filter((one) => one.state === state));
    expect(await collect(client.orders({ currency: 'USD' }))).toEqual([]);
    const since = new Date(wholeAt + 1).toISOString();
    expect((await collect(client.orders({ since, limit: 9 }))).map(listed)).toEqual(known().slice(5));
    expect(await collect(client.orders({ since: '2100-01-01T00:00:00Z' }))).toEqual([]);
    const [one] = await collect(client.orders({ limit: 1 }));
    const ofRequest = await collect(
      client.orders({ request: formatUuid(one?.requestId ?? new Uint8Array(16)) }),
    );
    expect(ofRequest.map(listed)).toEqual(known().slice(0, 4));
    for (const place of [0, 2, 3])
      expect((await collect(client.orders({ id: sent[place]?.id ?? '' }))).map(listed)).toEqual(
        known().slice(place, place + 1),
      );
    expect(await collect(client.orders({ id: formatUuid(new Uint8Array(16)) }))).toEqual([]);
    const both = await get(`/orders?id=${sent[0]?.id}&state=issued`);
    expect([both.status, both.json()]).toMatchObject([400, { code: 'parameter_invalid', field: 'state' }]);
  });

  it('is empty where nothing is left, and tells what comes later from there', async () => {
    const { next } = await page('/orders?since=2100-01-01T00:00:00Z');
    expect((await get(`/orders?after=${next}`)).json()['code']).toBe('cursor_invalid');
    expect((await page(`/orders?since=2100-01-01T00:00:00Z&after=${next}`)).orders).toEqual([]);
  });

  it('is for the operator and for the issuer, and for nobody else', async () => {
    expect((await get('/orders?limit=1000', 'issuance')).json()['orders']).toHaveLength(sent.length);
    expect((await get('/orders', 'central')).status).toBe(403);
    for (const role of ['central', 'quota'] as const)
      expect((await systems.call(role, 'operator', '/orders')).status).toBe(404);
  });

  it('is not sent again to who has it', async () => {
    const tag = String((await get('/orders')).headers['etag']);
    const again = await systems.call('issuance', 'operator', '/orders', {
      headers: { 'if-none-match': `"x", W/${tag}` },
    });
    expect([again.status, again.bytes.length]).toEqual([304, 0]);
    expect(
      (await systems.call('issuance', 'operator', '/orders', { headers: { 'if-none-match': '"x"' } })).status,
    ).toBe(200);
  });
});

describe('the journal over the network', () => {
  it.each(roles)('of %s follows, entry by entry, from its genesis to its head', async (role) => {
    const client = systems.client('operator');
    const { sequence, hash, id } = await client.status(role).then((status) => {
      if (!status.ok) throw new Error(status.message);
      return status.value.journal;
    });
    const entries = await collect(client.journal(role, { limit: 3 }));
    const genesis = genesisHash(role, fromHex(id) ?? new Uint8Array());
    // What is withheld is followed by its hash, and everything else by its bytes.
    let before = genesis;
    for (const { withheld, ...entry } of entries) {
      if (!withheld) expect(verifyChain([entry], before, entry.sequence - 1)).toMatchObject({ ok: true });
      before = entry.hash;
    }
    expect([entries.length, toHex(before)]).toEqual([sequence, hash]);
    expect(new Set(entries.filter(({ withheld }) => withheld).map(({ kind }) => kind))).toEqual(
      new Set(role === 'issuance' ? ['request'] : []),
    );
    // The ledger has what is not shown, and the hash is of that.
    const stored = await systems.authorities.stores[role].journal(1, sequence);
    expect(verifyChain(stored, genesis)).toMatchObject({ ok: true, value: { sequence } });
  });

  it('shows nobody the seeds, from which all units of a batch could be derived, and all else of a request', async () => {
    const { issuance } = systems.authorities.stores;
    const listed = await collect(systems.client('operator').journal('issuance'));
    const stored = await issuance.journal(1, listed.length);
    const seeds = (bytes: Uint8Array): { context: Uint8Array; orders: number; issuer: string } => {
      const entry = decodeEntry(bytes);
      const content = entry.ok ? decodeIntentContent(entry.value.content) : entry;
      if (!content.ok) throw new Error(content.message);
      return content.value;
    };
    const requests = listed.filter(({ kind }) => kind === 'request');
    expect(requests.length).toBeGreaterThan(3);
    const all = Buffer.concat(listed.map(({ bytes }) => bytes));
    for (const { sequence, bytes } of requests) {
      const whole = seeds(stored[sequence - 1]?.bytes ?? new Uint8Array());
      expect(whole.context).toHaveLength(32);
      expect(all.includes(Buffer.from(whole.context))).toBe(false);
      expect(seeds(bytes)).toEqual({ ...whole, context: new Uint8Array() });
    }
  });

  it('is for the operator only', async () => {
    expect((await get('/journal', 'issuance')).status).toBe(403);
  });

  it('stays under its tag while it does not grow', async () => {
    const whole = await get('/journal?limit=1000');
    const asking = { headers: { 'if-none-match': String(whole.headers['etag']) } };
    expect((await systems.call('issuance', 'operator', '/journal?limit=1000', asking)).status).toBe(304);
    await issue([400n]);
    expect((await systems.call('issuance', 'operator', '/journal?limit=1000', asking)).status).toBe(200);
    const later = await get(`/journal?after=${String(whole.json()['next'])}`);
    expect((later.json()['entries'] as { kind: string }[]).map(({ kind }) => kind)).toEqual([
      'request',
      'currency',
    ]);
  });
});

describe('a cursor', () => {
  it('is refused where it is altered, of another list, with other filters, or of another journal', async () => {
    const { next } = await page('/orders?limit=2');
    const ofJournal = String((await get('/journal?limit=2')).json()['next']);
    const ofOther = String((await systems.call('quota', 'operator', '/journal?limit=2')).json()['next']);
    const flip = (at: number) => `${next.slice(0, at)}${next[at] === 'A' ? 'B' : 'A'}${next.slice(at + 1)}`;
    const wrong = [
      `/orders?after=${ofJournal}`,
      `/journal?after=${ofOther}`,
      `/orders?state=issued&after=${next}`,
      ...[0, 8, 14, 20, 38].map((at) => `/orders?after=${flip(at)}`),
      `/orders?after=${next}A`,
      '/orders?after=',
      '/orders?after=x',
    ];
    for (const path of wrong)
      expect([path, (await get(path)).json()]).toMatchObject([
        path,
        { code: 'cursor_invalid', field: 'after', status: 400 },
      ]);
  });

  it('holds a place, and no other text holds it', async () => {
    const identity = {
      list: 'a',
      filters: ['b', undefined],
      hashAt: async (n: number) => sha256(Uint8Array.of(n)),
    };
    for (const place of [
      { sequence: 0, order: -1 },
      { sequence: 2 ** 40, order: 65_535 },
    ]) {
      const text = await encodeCursor(place, identity);
      expect(await decodeCursor(text, identity)).toEqual({ ok: true, value: place });
      // The last character has bits that count for nothing.
      expect(await decodeCursor(`${text}=`, identity)).toMatchObject({ ok: false });
    }
  });
});

describe('a parameter', () => {
  it.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['state=lost', 'state'],
    ['currency=eur', 'currency'],
    ['since=yesterday', 'since'],
    ['since=2026-99-99T00:00:00Z', 'since'],
    ['request=1', 'request'],
    ['request=01999999-0000-7000-8000-000000000000&limit=1', 'limit'],
    ['page=2', 'page'],
  ])('%s is refused by its name, and the answer says what would be accepted', async (query, field) => {
    const answer = await get(`/orders?${query}`);
    expect(answer.json()).toMatchObject({ status: 400, code: 'parameter_invalid', field });
    expect(String(answer.json()['detail'])).toContain('accepted');
  });

  it('is in the document', () => {
    const { paths } = systems.documents.issuance as unknown as {
      paths: Record<string, Record<string, { parameters?: { name: string }[] }>>;
    } & Document;
    expect(paths['/orders']?.['get']?.parameters?.map(({ name }) => name)).toEqual([
      'after',
      'limit',
      'state',
      'currency',
      'since',
      'request',
      'id',
    ]);
  });
});
