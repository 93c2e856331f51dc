/** Server-sent events over real HTTPS: nothing left out, nothing twice, and nobody who can hold a system up. */
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { type Server as HttpsServer, request } from 'node:https';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ReceivedEvent, readEvents } from '../../src/api/event-reading.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { systemRandom } from '../../src/kit/clock.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeJournalHead } from '../../src/records/journal-head.ts';
import { formatUuid, makeRequestId } from '../../src/records/request-id.ts';
import type { SystemEvent } from '../../src/roles/journal-event.ts';
import type { LedgerReads } from '../../src/store/store.ts';
import { waitFor } from '../flow/ringmint.ts';
import { draft, issuer, openTokens, otherIssuer, type Tokens } from '../roles/authorities.ts';
import { type Role, type Systems, serveSystems } from './systems.ts';

let tokens: Tokens;
let systems: Systems;
const opened: ClientRequest[] = [];

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());
/** How far any journal was read for a stream. */
let readUpTo = 0;

beforeEach(async () => {
  readUpTo = 0;
  systems = await serveSystems(tokens, {
    quota: { total: 10n ** 9n, dayLimit: 10n ** 9n },
    rules: { requestMaximum: 100_000n, ceiling: 60_000n, frequencyCap: 10_000 },
    wrapStore: (store) =>
      new Proxy(store, {
        get(target, name) {
          if (name === 'reads')
            return (): LedgerReads => ({
              ...target.reads(),
              journalAfter(sequence, page) {
                readUpTo = Math.max(readUpTo, sequence);
                return target.reads().journalAfter(sequence, page);
              },
            });
          return (Reflect.get(target, name) as () => unknown).bind(target);
        },
      }),
    streams: { heartbeatMs: 200, patienceMs: 1_000, openPerPeer: 4 },
  });
});
afterEach(async () => {
  for (const one of opened.splice(0)) one.destroy();
  await systems.close();
});

interface Stream {
  readonly status: number;
  readonly response: IncomingMessage;
  readonly raw: ClientRequest;
  readonly events: { event: string; lastId: string; data: Record<string, unknown> }[];
  readonly text: () => string;
  readonly ended: Promise<void>;
}

interface Opening {
  readonly headers?: Record<string, string>;
  readonly query?: string;
  readonly holder?: 'operator' | 'issuance' | 'central';
}

async function open(
  role: Role,
  { headers = {}, query = '', holder = 'operator' }: Opening = {},
): Promise<Stream> {
  const { keyPem, certificatePem } = systems.certificates[holder];
  const raw = request(`${systems.urls[role]}/events${query}`, {
    headers,
    key: keyPem,
    cert: certificatePem,
    ca: systems.authority.certificatePem,
    agent: false,
  });
  opened.push(raw);
  raw.on('error', () => undefined);
  raw.end();
  const [response] = (await once(raw, 'response')) as [IncomingMessage];
  const events: Stream['events'] = [];
  let text = '';
  const chunks = (async function* () {
    for await (const chunk of response) {
      text += String(chunk);
      yield chunk as Uint8Array;
    }
  })();
  const ended = (async () => {
    try {
      for await (const { event, lastId, data } of readEvents(chunks))
        events.push({ event, lastId, data: JSON.parse(data) as Record<string, unknown> });
    } catch {
      // The connection was cut: what was whole before is there.
    }
  })();
  return { status: response.statusCode ?? 0, response, raw, events, text: () => text, ended };
}

async function issue(...amounts: bigint[]): Promise<void> {
  const answer = await systems
    .client('operator')
    .issueMany(amounts.map((value) => draft([{ value, count: 1 }], systems.authorities.clock)));
  if (!answer.ok) throw new Error(answer.message);
}

const kinds = (stream: Stream): string[] => stream.events.map(({ event }) => event);
const numbers = (stream: Stream): number[] => stream.events.slice(1).map(({ lastId }) => Number(lastId));

describe('the events of a system', () => {
  it('tell what each order came to, with the number of the journal entry as their id', async () => {
    const stream = await open('issuance');
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    await issue(5n, 70_000n);
    await waitFor('two entries', () => stream.events.length >= 3);
    expect(kinds(stream)).toEqual(['open', 'request', 'currency']);
    expect(numbers(stream)).toEqual([1, 2]);
    const data: Record<string, unknown> = stream.events[2]?.data ?? {};
    expect(data).toMatchObject({
      sequence: 2,
      signed: true,
      issuer,
      currency: 'EUR',
      amount: '5',
      orders: 2,
      issued: 1,
      denied: 1,
      units: 1,
    });
    expect(
      (data['outcomes'] as { state: string; reasons: string[] }[]).map(({ state, reasons }) => [
        state,
        reasons,
      ]),
    ).toEqual([
      ['issued', []],
      ['denied', ['issuer_ceiling']],
    ]);
    const head = await systems.authorities.stores.issuance.head();
    expect(data['hash']).toBe(toHex(head.hash));
    expect(stream.text()).toContain('retry: 2000');
  });

  it('tell at the others what was decided, and what was taken of a quota', async () => {
    const [central, quota] = [
      await open('central', { query: '?after=0' }),
      await open('quota', { query: '?after=0' }),
    ];
    await issue(5n, 70_000n);
    await waitFor(
      'all of them',
      () =>
        kinds(central).includes('credential') &&
        kinds(central).includes('denial') &&
        quota.events.some(({ event }) => event === 'control-bit'),
    );
    expect(new Set(kinds(central))).toEqual(new Set(['open', 'allocation', 'credential', 'denial']));
    expect(quota.events.find(({ event }) => event === 'allocation')?.data).toMatchObject({
      issuer,
      currency: 'EUR',
      signed: null,
    });
    expect(quota.events.at(-1)?.data).toMatchObject({
      kind: 'control-bit',
      amount: '5',
      currency: 'EUR',
      orders: 1,
      issuer,
    });
  });

  it('tell of a stop, and to whoever', async () => {
    const [operator, own] = [await open('quota'), await open('quota', { holder: 'issuance' })];
    const { clock } = systems.authorities;
    const order = encodeCbor([makeRequestId(clock, systemRandom), 'a drill']);
    expect(await systems.client('operator').stop(order)).toMatchObject({ ok: true });
    await waitFor('both to hear', () => operator.events.length > 1 && own.events.length > 1);
    expect(own.events[1]?.data).toMatchObject({
      kind: 'stop',
      reason: 'a drill',
      by: 'operator operator',
      issuer: null,
    });
  });

  it('tell an issuer what is of it, and nothing of another', async () => {
    const { stores, clock } = systems.authorities;
    const other = async (n: number): Promise<void> => {
      const id = makeRequestId(clock, systemRandom);
      const [template] = await stores.issuance.reads().intentsAfter('request', 0, 1);
      const intent = await stores.issuance.findIntent('request', template?.id ?? id);
      if (intent === undefined) throw new Error('a request was sent');
      const { toBeSigned, context } = intent;
      await stores.quota.commit([
        {
          kind: 'denial',
          id,
          issuer: otherIssuer,
          bodyHash: new Uint8Array(32).fill(n),
          createdMs: 0,
          toBeSigned,
          context,
          decides: 1,
        },
      ]);
    };
    await issue(1n);
    const [operator, own] = [
      await open('quota', { query: '?after=0' }),
      await open('quota', { query: '?after=0', holder: 'issuance' }),
    ];
    await other(1);
    await issue(2n);
    await waitFor('the last', () =>
      [operator, own].every(({ events }) => events.at(-1)?.data['amount'] === '2'),
    );
    expect(operator.events.map(({ data }) => data['issuer'])).toContain(otherIssuer);
    expect(own.events.map(({ data }) => data['issuer'])).not.toContain(otherIssuer);
    expect((await open('quota', { holder: 'central' })).status).toBe(403);
  });

  it('go on behind the last one that was received, wherever the connection was cut', async () => {
    await issue(1n);
    const whole = await open('issuance', { query: '?after=0' });
    let cut = await open('issuance', { query: '?after=0' });
    const received: number[] = [];
    for (const amount of [2n, 3n, 4n]) {
      await issue(amount);
      await waitFor('an event', () => cut.events.length > 1);
      cut.raw.destroy();
      await cut.ended;
      received.push(...numbers(cut));
      await issue(amount * 10n);
      cut = await open('issuance', {
        headers: { 'last-event-id': String(received.at(-1)) },
        query: '?after=0',
      });
    }
    await waitFor(
      'the last one',
      () => cut.events.at(-1)?.lastId === '14' && whole.events.at(-1)?.lastId === '14',
    );
    received.push(...numbers(cut));
    expect(received).toEqual(Array.from({ length: 14 }, (_, i) => i + 1));
    expect(numbers(whole)).toEqual(received);
  });

  it('are told as not signed, after a while, where they are not', async () => {
    const { stores, clock } = systems.authorities;
    await issue(1n);
    const [first] = await stores.issuance.reads().intentsAfter('request', 0, 1);
    const intent = await stores.issuance.findIntent('request', first?.id ?? new Uint8Array(16));
    if (intent === undefined) throw new Error('a request was sent');
    const { toBeSigned, context } = intent;
    const id = makeRequestId(clock, systemRandom);
    await stores.issuance.commit([
      {
        kind: 'request',
        id,
        issuer,
        bodyHash: new Uint8Array(32),
        createdMs: clock.nowMs(),
        toBeSigned,
        context,
      },
    ]);
    const stream = await open('issuance', { query: '?after=0' });
    await waitFor('what is signed', () => stream.events.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(stream.events).toHaveLength(3);
    clock.advanceMs(5_000);
    await waitFor('what is not', () => stream.events.length === 4);
    expect(stream.events[3]?.data).toMatchObject({ subject: formatUuid(id), signed: false });
  });

  it('are refused from a place that the journal has not', async () => {
    for (const opening of [{ query: '?after=99' }, { headers: { 'last-event-id': '99' } }])
      expect((await open('quota', opening)).status).toBe(400);
    const answer = await systems.call('quota', 'operator', '/events', { headers: { 'last-event-id': 'x' } });
    expect(answer.json()).toMatchObject({ code: 'parameter_invalid', field: 'last-event-id' });
    expect((await systems.call('quota', 'operator', '/events', { method: 'HEAD' })).status).toBe(200);
  });
});

describe('a stream', () => {
  it('has a comment where there is nothing to tell', async () => {
    const stream = await open('central');
    await waitFor(
      'two heartbeats',
      () =>
        stream
          .text()
          .split('\n')
          .filter((line) => line === ':').length >= 2,
    );
    expect(kinds(stream)).toEqual(['open']);
  });

  it('is one of a few of its peer, and another one comes when it has ended', async () => {
    const streams = [];
    for (let i = 0; i < 4; i++) streams.push(await open('central'));
    const refused = await systems.call('central', 'operator', '/events');
    expect(refused).toMatchObject({ status: 429 });
    expect(refused.json()).toMatchObject({ code: 'streams_exhausted' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await open('central', { holder: 'issuance' })).status).toBe(200);
    streams[0]?.raw.destroy();
    await waitFor('room', () => systems.servers.central.streams.count === 4);
    expect((await open('central')).status).toBe(200);
  });

  it('that nobody reads is waited for and cut off, and the journal is read no further meanwhile', async () => {
    const { quota } = systems.authorities.stores;
    // Some 60 MB of events, which is more than sockets hold.
    for (let n = 0; n < 600; n++) {
      const id = new Uint8Array(16);
      new DataView(id.buffer).setUint32(0, n);
      await quota.stop({ id, reason: 'x'.repeat(100_000), by: 'nobody', createdMs: 0, evidence: null });
    }
    const stream = await open('quota', { query: '?after=0' });
    stream.response.pause();
    stream.raw.socket?.pause();
    await waitFor('the end of it', () => systems.servers.quota.streams.count === 0);
    expect(readUpTo).toBeGreaterThan(0);
    expect(readUpTo).toBeLessThan(400);
    expect((await systems.call('quota', 'operator', '/health')).status).toBe(200);
  });

  it('ends when its server stops, and holds it up no longer than a moment', async () => {
    const stream = await open('quota');
    const startedMs = performance.now();
    await systems.servers.quota.close();
    await stream.ended;
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(kinds(stream)).toEqual(['open']);
  });

  it('ends with `halted` where a witness proves that the journal is not the newest', async () => {
    const stream = await open('central');
    const { clock, stores } = systems.authorities;
    const { keyId } = tokens.of.central.publicKey;
    const head = {
      role: 'central' as const,
      name: 'central',
      issuedAt: clock.nowSeconds(),
      epoch: null,
      sequence: 99,
      hash: new Uint8Array(32),
      journalId: await stores.central.journalId(),
    };
    const bytes = encodeJournalHead(head, keyId);
    const signed = attachSignature(bytes, await tokens.of.central.sign(bytes));
    expect(await systems.client('operator').checkHead('central', signed)).toMatchObject({ ok: false });
    await stream.ended;
    expect(stream.events.at(-1)).toMatchObject({ event: 'halted', data: { code: 'journal_behind_witness' } });
  });
});

describe('the typed client', () => {
  it('goes on over a connection that was cut, with every event once', async () => {
    const client = systems.client('operator');
    const ended = new AbortController();
    const seen: SystemEvent[] = [];
    const following = (async () => {
      for await (const event of client.events('issuance', {
        after: 0,
        ended: ended.signal,
        patienceMs: 10_000,
      })) {
        if (!event.ok) throw new Error(event.message);
        seen.push(event.value);
      }
    })();
    await issue(1n);
    await waitFor('two', () => seen.length >= 3);
    (systems.servers.issuance.server as HttpsServer).closeAllConnections();
    await issue(2n);
    await waitFor('two more', () => seen.filter(({ kind }) => kind === 'entry').length >= 4);
    ended.abort();
    await following;
    expect(seen.map((event) => (event.kind === 'entry' ? event.entry.sequence : event.kind))).toEqual([
      'open',
      1,
      2,
      'open',
      3,
      4,
    ]);
  });

  it('hears how far a long call is, and gets what it would have got', async () => {
    const client = systems.client('operator');
    const drafts = Array.from({ length: 1_000 }, (_, i) =>
      draft([{ value: BigInt(i + 1), count: 1 }], systems.authorities.clock),
    );
    const told: number[] = [];
    const answer = await client.issueMany(drafts, (done, of) => {
      expect(of).toBe(1_000);
      told.push(done);
    });
    const again = await client.issueMany(drafts);
    if (!answer.ok || !again.ok) throw new Error('both are answered');
    expect(answer.value.files.map(toHex)).toEqual(again.value.files.map(toHex));
    expect(answer.value.outcomes).toEqual(again.value.outcomes);
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe(1_000);
    expect(told).toEqual([...told].sort((a, b) => a - b));
  });
});

describe('what a stream says', () => {
  async function read(text: string, cuts: readonly number[]): Promise<ReceivedEvent[]> {
    const bytes = new TextEncoder().encode(text);
    const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
      (a, b) => a - b,
    );
    const events: ReceivedEvent[] = [];
    const chunks = (async function* () {
      for (const [i, place] of places.entries()) yield bytes.subarray(place, places[i + 1]);
    })();
    for await (const event of readEvents(chunks)) events.push(event);
    return events;
  }

  // WHATWG HTML §9.2.6 has these streams as examples.
  it.each<[string, string, ReceivedEvent[]]>([
    [
      'lines of one event',
      'data: YHOO\ndata: +2\ndata: 10\n\n',
      [{ lastId: '', event: 'message', data: 'YHOO\n+2\n10' }],
    ],
    [
      'ids, an id taken back, a comment',
      ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event',
      [
        { lastId: '1', event: 'message', data: 'first event' },
        { lastId: '', event: 'message', data: 'second event' },
      ],
    ],
    [
      'empty data',
      'data\n\ndata\ndata\n\ndata:',
      [
        { lastId: '', event: 'message', data: '' },
        { lastId: '', event: 'message', data: '\n' },
      ],
    ],
    [
      'every end of a line',
      'event: a\r\ndata: 1\r\r\ndata: 2\n\n',
      [
        { lastId: '', event: 'a', data: '1' },
        { lastId: '', event: 'message', data: '2' },
      ],
    ],
    ['a byte order mark', '\uFEFFdata: x\n\n', [{ lastId: '', event: 'message', data: 'x' }]],
  ])('is read as the standard has it: %s', async (_title, text, events) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(200), { maxLength: 6 }), async (cuts) => {
        expect(await read(text, cuts)).toEqual(events);
      }),
      { numRuns: 50 },
    );
  });

  it('is given up where an event has no end', async () => {
    await expect(read(`data: ${'x'.repeat(300_000)}`, [])).rejects.toMatchObject({ code: 'event_too_long' });
    await expect(read('data: 0123456789\n'.repeat(40_000), [])).rejects.toMatchObject({
      code: 'event_too_long',
    });
  });
});
