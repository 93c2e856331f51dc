/** The typed client against peers that lie, break or never end: a refusal each time, and never an exception. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Client, makeClient } from '../../src/api/client.ts';
import { makeAuthority } from '../../src/appliance/certificate.ts';
import { systemClock, systemRandom } from '../../src/kit/clock.ts';
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';

type Lie = (request: IncomingMessage, response: ServerResponse) => void;

let server: HttpsServer;
let client: Client;
let hasty: Client;
let lie: Lie;
let closed = 0;

beforeAll(async () => {
  const authority = await makeAuthority('liars', systemClock, systemRandom);
  const own = await authority.issue({ role: 'quota', name: 'quota' }, ['127.0.0.1']);
  const operator = await authority.issue({ role: 'operator', name: 'operator' }, []);
  server = createServer(
    { key: own.keyPem, cert: own.certificatePem, ca: authority.certificatePem, requestCert: true },
    (request, response) => {
      response.on('close', () => closed++);
      request.resume().on('end', () => lie(request, response));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tls = {
    key: operator.keyPem,
    certificate: operator.certificatePem,
    authority: authority.certificatePem,
  };
  client = makeClient({ tls, timeoutMs: 20_000 }, () => [{ series: null, base }]);
  hasty = makeClient({ tls, timeoutMs: 500 }, () => [{ series: null, base }]);
});

afterAll(async () => {
  server.closeAllConnections();
  await client.close();
  await hasty.close();
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  closed = 0;
});

const answer =
  (
    status: number,
    type: string | undefined,
    body: string | Uint8Array,
    headers: Record<string, string> = {},
  ): Lie =>
  (_request, response) => {
    response.writeHead(status, { ...(type === undefined ? {} : { 'content-type': type }), ...headers });
    response.end(body);
  };

const json = (value: unknown): Lie => answer(200, 'application/json', JSON.stringify(value));
const problem = (status: number, value: unknown, headers?: Record<string, string>): Lie =>
  answer(status, 'application/problem+json', JSON.stringify(value), headers);

const position = {
  issuer: 'demo-issuer',
  currency: 'EUR',
  allocated: '10',
  reserved: '0',
  held: '0',
  issued: '0',
  available: '10',
  version: 1,
  retired: '0',
  returned: '0',
  credited: '0',
  outstanding: '0',
  returns: false,
  frozen: false,
  stopped: false,
  atMs: 1_795_000_000_000,
  usual: null,
  limits: [
    {
      name: 'day',
      counts: 'amount',
      window: { kind: 'day', timeZone: 'Europe/Berlin' },
      slots: { current: 20_778, oldest: 20_778 },
      maximum: '10',
      used: '0',
      remaining: '10',
    },
  ],
};
const status = {
  role: 'quota',
  series: null,
  keyId: 'ab'.repeat(32),
  journal: { sequence: 1, hash: 'cd'.repeat(32), id: 'ef'.repeat(16) },
  unsigned: 0,
  stopped: null,
  contradiction: [],
  amountPerDay: null,
  devices: {
    anchor: { kind: 'tokens', simulator: false },
    keys: { kinds: ['softhsm'], simulator: false },
  },
  witnessing: { state: 'open', witnesses: [] },
  holds: [],
};
const refused = {
  type: 'urn:ringmint:problem:store_io',
  title: 'store_io',
  status: 503,
  detail: 'cannot',
  code: 'store_io',
};

describe('an answer that fits', () => {
  it('is given as its schema says', async () => {
    lie = json({ positions: [position] });
    expect(await client.quotaPositions()).toMatchObject({
      ok: true,
      value: [{ available: 10n, limits: [{ remaining: 10n }] }],
    });
    lie = json(status);
    expect(await client.status('quota')).toEqual({ ok: true, value: status });
  });

  it('is a refusal with its code, field and time where it is a problem', async () => {
    lie = problem(503, { ...refused, field: 'x' }, { 'retry-after': '7' });
    expect(await client.quotaPositions()).toEqual({
      ok: false,
      code: 'store_io',
      message: 'cannot',
      field: 'x',
      retryAfterSeconds: 7,
    });
    lie = problem(503, refused, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' });
    expect(await client.quotaPositions()).toEqual({ ok: false, code: 'store_io', message: 'cannot' });
  });
});

describe('is a `peer_fault`:', () => {
  const positions: [string, Lie][] = [
    ['no JSON', answer(200, 'application/json', 'positions')],
    ['bytes that are no UTF-8', answer(200, 'application/json', Uint8Array.of(0x22, 0xff, 0x22))],
    ['nothing', answer(200, 'application/json', '')],
    ['null', json(null)],
    ['another shape', json([])],
    ['no positions', json({ positions: {} })],
    ['an amount as a number', json({ positions: [{ ...position, available: 10 }] })],
    ['an amount below zero', json({ positions: [{ ...position, available: '-1' }] })],
    ['an amount of a thousand digits', json({ positions: [{ ...position, available: '9'.repeat(1_000) }] })],
    ['a limit that is none', json({ positions: [{ ...position, limits: ['day'] }] })],
    ['a prototype', answer(200, 'application/json', '{"positions":[{"__proto__":{}}]}')],
    ['another media type', answer(200, 'text/html', '<h1>hello</h1>')],
    ['no media type', answer(200, undefined, '{}')],
    ['a redirect', answer(302, undefined, '', { location: 'https://127.0.0.1:1/' })],
    ['a status of another protocol', answer(207, 'application/json', '{}')],
    ['a status without a body', answer(204, undefined, '')],
    ['a problem without a code', problem(503, { ...refused, code: undefined })],
    ['a code that nobody knows', problem(422, { ...refused, status: 422, code: 'give_up' })],
    ['a code of another resource', problem(422, { ...refused, status: 422, code: 'draft_empty' })],
    ['a code with the status of another', problem(422, { ...refused, status: 422 })],
    ['a code with another status inside', problem(503, { ...refused, status: 422 })],
    ['a problem of another media type', answer(503, 'application/json', JSON.stringify(refused))],
    ['a problem with a detail without end', problem(503, { ...refused, detail: 'x'.repeat(5_000) })],
    ['a problem that is no JSON', answer(503, 'application/problem+json', '<html>')],
    ['a problem that is too large', answer(503, 'application/problem+json', 'x'.repeat(65 * 1024))],
  ];
  it.each(positions)('%s', async (_title, told) => {
    lie = told;
    const read = await client.quotaPositions();
    expect(read).toMatchObject({ ok: false, code: 'peer_fault' });
    expect(JSON.stringify(read)).not.toMatch(/\bat .*:\d+:\d+/);
  });

  it('the status of another system', async () => {
    lie = json(status);
    expect(await client.status('central')).toMatchObject({ ok: false, code: 'peer_fault' });
  });

  it('a decision that cannot be read', async () => {
    lie = answer(200, 'application/cbor', encodeCbor(['ringmint.decision', 1, null, null]));
    expect(await client.submitRequest(Uint8Array.of(1))).toMatchObject({ ok: false, code: 'peer_fault' });
  });
});

describe('an answer of issuance', () => {
  const step: CborValue = [1, 'request', 'issuance', 'ab'.repeat(32), 'x', 3];
  const files = new Map<string, CborValue>([
    ['request', Uint8Array.of(1)],
    ['denial', Uint8Array.of(2)],
  ]);
  const make = (changed: [string, CborValue | undefined][] = []): CborValue => {
    const map = new Map<string, CborValue>([
      ['kind', 'denied'],
      ['steps', [step]],
      ['denied', [['daily_limit'], 100]],
      ['files', files],
    ]);
    for (const [name, value] of changed) {
      if (value === undefined) map.delete(name);
      else map.set(name, value);
    }
    return map;
  };
  const cbor = (value: CborValue): Lie => answer(200, 'application/cbor', encodeCbor(value));

  it('is read where it is whole', async () => {
    lie = cbor(make());
    expect(await client.issue(Uint8Array.of(1))).toMatchObject({
      ok: true,
      value: { kind: 'denied', steps: [{ ms: 3 }], denied: { reasons: ['daily_limit'], wouldPass: 100n } },
    });
  });

  it.each<[string, CborValue]>([
    ['a number', 7],
    ['without steps', make([['steps', undefined]])],
    ['without reasons', make([['denied', null]])],
    ['with no reason', make([['denied', [[], null]]])],
    ['with a reason that is a number', make([['denied', [[1], null]]])],
    ['with an amount below zero', make([['denied', [['daily_limit'], -1]]])],
    ['with an amount that is text', make([['denied', [['daily_limit'], '1']]])],
    ['without files', make([['files', new Map<string, CborValue>()]])],
    ['with a field more', make([['more', 1]])],
    ['of another kind', make([['kind', 'minted']])],
    ['with the files of another kind', make([['kind', 'issued']])],
    [
      'with a file that is text',
      make([
        [
          'files',
          new Map<string, CborValue>([
            ['request', 'x'],
            ['denial', 'y'],
          ]),
        ],
      ]),
    ],
    [
      'with a file of another name',
      make([
        [
          'files',
          new Map<string, CborValue>([
            ['request', Uint8Array.of(1)],
            ['../../x', Uint8Array.of(1)],
          ]),
        ],
      ]),
    ],
    ['with a step seven', make([['steps', [[7, 'request', 'issuance', null, 'x', 3]]]])],
    ['with seven steps', make([['steps', [step, step, step, step, step, step, step]]])],
    ['with a step that is short', make([['steps', [[1]]]])],
    ['with a time below zero', make([['steps', [[1, 'request', 'issuance', null, 'x', -1]]]])],
  ])('is a `peer_fault` %s', async (_title, value) => {
    lie = cbor(value);
    expect(await client.issue(Uint8Array.of(1))).toMatchObject({ ok: false, code: 'peer_fault' });
  });

  it('is a refusal, whatever bytes it has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        lie = answer(200, 'application/cbor', bytes);
        expect(await client.issue(Uint8Array.of(1))).toMatchObject({ ok: false, code: 'peer_fault' });
      }),
      { numRuns: 200 },
    );
  });
});

describe('a peer that does not end', () => {
  const endless =
    (status: number, type: string): Lie =>
    (_request, response) => {
      response.writeHead(status, { 'content-type': type });
      const chunk = Buffer.alloc(64 * 1024, 0x20);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) void 0;
      };
      response.on('drain', more);
      more();
    };

  it.each([
    [200, 'application/json'],
    [503, 'application/problem+json'],
  ])('is cut off after as many bytes as it may answer with, at status %i', async (status, type) => {
    lie = endless(status, type);
    expect(await client.quotaPositions()).toMatchObject({
      ok: false,
      code: 'peer_fault',
      message: 'the quota system answered with more bytes than it may',
    });
    await expect.poll(() => closed).toBe(1);
  });

  it.each<[string, Lie]>([
    ['answers nothing', () => undefined],
    [
      'answers a byte at a time',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('and %s is left when the time is over', async (_title, told) => {
    lie = told;
    const beganMs = performance.now();
    const read = await hasty.quotaPositions();
    expect(read).toMatchObject({ ok: false, code: 'peer_unavailable' });
    expect(read.ok ? '' : read.message).toContain('500 ms are over');
    expect(performance.now() - beganMs).toBeLessThan(3_000);
  });

  it.each<[string, Lie]>([
    ['hangs up', (request) => void request.socket.destroy()],
    ['speaks no HTTP', (request) => void request.socket.end('hello\r\n\r\n')],
    [
      'sends headers without end',
      (request) => {
        request.socket.write('HTTP/1.1 200 OK\r\n');
        for (let line = 0; line < 1_000 && !request.socket.destroyed; line++)
          request.socket.write(`x-${line}: ${'x'.repeat(100)}\r\n`);
      },
    ],
    [
      'sends less than it announces',
      (request) =>
        void request.socket.end(
          'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{}',
        ),
    ],
  ])('and %s is `peer_unavailable`', async (_title, told) => {
    lie = told;
    expect(await client.quotaPositions()).toMatchObject({ ok: false, code: 'peer_unavailable' });
  });
});
