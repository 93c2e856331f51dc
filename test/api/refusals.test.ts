/** What the API refuses, over real HTTPS: each with a code that its document names, and with nothing changed. */
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SignerError } from '../../hsm/signer.ts';
import { decodeAnswer } from '../../src/api/issuances.ts';
import { makeAuthority } from '../../src/appliance/certificate.ts';
import { systemClock, systemRandom } from '../../src/kit/clock.ts';
import { decodeDraft } from '../../src/records/draft.ts';
import { formatUuid } from '../../src/records/request-id.ts';
import { StoreError } from '../../src/store/store.ts';
import { draft, openTokens, type Tokens } from '../roles/authorities.ts';
import { type Asking, roles, type Systems, serveSystems } from './systems.ts';

let tokens: Tokens;
let systems: Systems;
/** Thrown by the signer of quota control and by its ledger, where it is set. */
let broken: { signer?: Error; store?: Error } = {};

beforeAll(async () => {
  tokens = await openTokens();
  systems = await serveSystems(tokens, {
    wrapSigner: (signer, role) =>
      role !== 'quota'
        ? signer
        : {
            publicKey: signer.publicKey,
            holds: (id) => signer.holds(id),
            close: () => signer.close(),
            async check() {
              if (broken.signer !== undefined) throw broken.signer;
              return signer.check();
            },
            async sign(message, request) {
              if (broken.signer !== undefined) throw broken.signer;
              return signer.sign(message, request);
            },
          },
    wrapStore: (store, role) =>
      role !== 'quota'
        ? store
        : new Proxy(store, {
            get(target, name) {
              const { store: error } = broken;
              if (name === 'positions' && error !== undefined) return () => Promise.reject(error);
              return (Reflect.get(target, name) as () => unknown).bind(target);
            },
          }),
  });
});

afterAll(async () => {
  await systems.close();
  await tokens.close();
});

beforeEach(() => {
  broken = {};
});

const cbor = { 'content-type': 'application/cbor' };
const cose = { 'content-type': 'application/cose' };
const post = (body: Uint8Array | string, headers: Record<string, string> = cbor): Asking => ({
  method: 'POST',
  headers,
  body,
});

describe('a message that is not as it should be', () => {
  const large = new Uint8Array(16 * 1024 * 1024 + 1);
  const cases: [string, Parameters<Systems['call']>, number, string][] = [
    ['not CBOR', ['quota', 'issuance', '/credentials', post('hello')], 400, 'not_cbor'],
    [
      'CBOR of no record',
      ['quota', 'issuance', '/credentials', post(Uint8Array.of(1))],
      422,
      'record_malformed',
    ],
    [
      'bytes after its end',
      ['quota', 'issuance', '/credentials', post(Uint8Array.of(1, 1))],
      400,
      'not_cbor',
    ],
    ['not COSE', ['central', 'issuance', '/requests', post('hello', cose)], 422, 'record_malformed'],
    [
      'JSON that is broken',
      ['issuance', 'operator', '/issuances', post('{', { 'content-type': 'application/json' })],
      400,
      'draft_not_json',
    ],
    [
      'a draft of no currency',
      ['issuance', 'operator', '/issuances', post('{}', { 'content-type': 'application/json' })],
      422,
      'currency_unknown',
    ],
    [
      'no body',
      ['quota', 'issuance', '/credentials', { method: 'POST', headers: cbor }],
      400,
      'body_missing',
    ],
    [
      'an empty body in chunks',
      ['quota', 'issuance', '/credentials', post('', { ...cbor, 'transfer-encoding': 'chunked' })],
      400,
      'not_cbor',
    ],
    ['no media type', ['quota', 'issuance', '/credentials', post('x', {})], 415, 'media_type_unsupported'],
    [
      'a media type of another resource',
      ['quota', 'issuance', '/credentials', post('x', cose)],
      415,
      'media_type_unsupported',
    ],
    [
      'a media type of nobody',
      ['central', 'issuance', '/requests', post('x', { 'content-type': '\u00a0;;/,' })],
      415,
      'media_type_unsupported',
    ],
    [
      'an announced size above the limit',
      ['quota', 'issuance', '/credentials', post(large)],
      413,
      'too_large',
    ],
    [
      'a size above the limit that is not announced',
      ['quota', 'issuance', '/credentials', post(large, { ...cbor, 'transfer-encoding': 'chunked' })],
      413,
      'too_large',
    ],
    ['an unknown query parameter', ['quota', 'operator', '/quota?day=2026-11-20'], 400, 'parameter_invalid'],
    [
      'an unknown query parameter with a body',
      ['quota', 'issuance', '/credentials?force=true', post('x')],
      400,
      'parameter_invalid',
    ],
    [
      'a header above its size',
      ['issuance', 'operator', '/issuances', post('x', { ...cbor, 'idempotency-key': 'x'.repeat(101) })],
      400,
      'parameter_invalid',
    ],
    [
      'headers above their size',
      ['quota', 'operator', '/quota', { headers: { 'x-long': 'x'.repeat(9_000) } }],
      431,
      'headers_too_large',
    ],
    ['an address that cannot be read', ['quota', 'operator', '/%zz'], 400, 'http_malformed'],
    ['another path', ['quota', 'issuance', '/nothing', post('x')], 404, 'not_found'],
    ['a path of another system', ['quota', 'operator', '/issuances', post('x')], 404, 'not_found'],
    ['a path with a slash too many', ['quota', 'operator', '/quota/'], 404, 'not_found'],
    ['a body for a path that is not there', ['quota', 'issuance', '/nothing', post(large)], 404, 'not_found'],
    [
      'another method',
      ['quota', 'issuance', '/credentials', { method: 'PUT', headers: cbor, body: 'x' }],
      405,
      'method_not_allowed',
    ],
    [
      'a method of WebDAV',
      ['quota', 'operator', '/quota', { method: 'PROPFIND' }],
      405,
      'method_not_allowed',
    ],
    ['another role', ['quota', 'central', '/credentials', post('x')], 403, 'not_permitted'],
    [
      'another role, whatever the size',
      ['quota', 'operator', '/credentials', post(large)],
      403,
      'not_permitted',
    ],
    ['the operator, for metrics only', ['quota', 'issuance', '/metrics'], 403, 'not_permitted'],
  ];
  it.each(cases)('%s', async (_title, [role, holder, path, asking], status, code) => {
    const before = await systems.state();
    // A connection may end while a body is on its way that nobody reads.
    const answer = await systems
      .call(role, holder, path, asking)
      .catch((error: NodeJS.ErrnoException) => error);
    if (answer instanceof Error) {
      expect(['EPIPE', 'ECONNRESET']).toContain((answer as NodeJS.ErrnoException).code);
      expect(asking?.body).toBe(large);
    } else {
      expect([answer.status, answer.json()['code']]).toEqual([status, code]);
      expect(answer.bytes.toString('utf8')).not.toMatch(/\bat .*:\d+:\d+|node_modules|\/src\//);
    }
    expect(await systems.state()).toEqual(before);
  });

  it('names the methods that a path has', async () => {
    const get = await systems.call('quota', 'operator', '/quota', { method: 'DELETE' });
    expect(get.headers.allow).toBe('GET, HEAD, OPTIONS');
    const posts = await systems.call('quota', 'operator', '/credentials', { method: 'GET' });
    expect(posts.headers.allow).toBe('POST, OPTIONS');
    const head = await systems.call('quota', 'operator', '/quota', { method: 'HEAD' });
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    const both = await systems.call('issuance', 'operator', '/orders', { method: 'OPTIONS' });
    expect([both.status, both.headers.allow, both.bytes.length]).toEqual([
      204,
      'POST, GET, HEAD, OPTIONS',
      0,
    ]);
  });

  it.each([
    ['*/*', 200],
    ['application/json', 200],
    ['application/*;q=0.2, text/html', 200],
    ['', 200],
    ['text/html', 406],
    ['application/json;q=0, */*', 406],
    ['text/event-stream', 406],
    ['nonsense', 406],
  ])('is answered in JSON to whom accepts `%s`: %s', async (accept, status) => {
    const answer = await systems.call('quota', 'operator', '/quota', { headers: { accept } });
    expect(answer.status).toBe(status);
    if (status === 406)
      expect(answer.json()).toMatchObject({
        code: 'not_acceptable',
        title: 'Not acceptable',
        field: 'accept',
        detail: expect.stringContaining('`application/json`'),
      });
  });
});

describe('an Idempotency-Key', () => {
  const lots = [{ value: 100n, count: 2 }];
  const idOf = (bytes: Uint8Array): string => {
    const decoded = decodeDraft(bytes);
    if (!decoded.ok || decoded.value.id === undefined) throw new Error('a draft with an id');
    return formatUuid(decoded.value.id);
  };

  it("is taken where it is the draft's id, bare, quoted or in capitals, and means the same as none", async () => {
    const bytes = draft(lots, systems.authorities.clock);
    const id = idOf(bytes);
    const answers: string[] = [];
    for (const key of [undefined, id, `"${id}"`, id.toUpperCase()]) {
      const headers = key === undefined ? cbor : { ...cbor, 'idempotency-key': key };
      const answer = await systems.call('issuance', 'operator', '/issuances', post(bytes, headers));
      expect(answer.status).toBe(200);
      const read = decodeAnswer(new Uint8Array(answer.bytes));
      answers.push(read.ok ? Buffer.from(read.value.files['currency'] ?? []).toString('hex') : read.message);
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]?.length).toBeGreaterThan(500);
    const { positions } = (await systems.call('quota', 'operator', '/quota')).json() as {
      positions: { issued: string }[];
    };
    expect(positions.map(({ issued }) => issued)).toContain('200');
  });

  it('is refused where it is anything else, and nothing is issued', async () => {
    const before = await systems.state();
    const bytes = draft(lots, systems.authorities.clock);
    for (const key of [formatUuid(new Uint8Array(16)), '', '"', `"${idOf(bytes)}`, `${idOf(bytes)}, x`]) {
      const answer = await systems.call(
        'issuance',
        'operator',
        '/issuances',
        post(bytes, { ...cbor, 'idempotency-key': key }),
      );
      expect([key, answer.status, answer.json()['code']]).toEqual([key, 422, 'idempotency_key_mismatch']);
    }
    expect(await systems.state()).toEqual(before);
  });
});

describe('a broken HSM or ledger', () => {
  it('makes a system not ready while it lives, and says no more than the code', async () => {
    broken.signer = new SignerError('device_error', 'cannot open `/var/lib/secret/token.object`');
    systems.authorities.clock.advanceMs(2_000);
    const ready = await systems.call('quota', 'operator', '/ready');
    expect([ready.status, ready.json()['code']]).toEqual([503, 'device_error']);
    expect(ready.bytes.toString('utf8')).not.toContain('/var');
    expect((await systems.call('quota', 'operator', '/status')).status).toBe(503);
    expect((await systems.call('quota', 'issuance', '/health')).json()).toEqual({
      role: 'quota',
      health: 'up',
    });
    // An answer is good for a second, whichever it was.
    broken = {};
    expect((await systems.call('quota', 'operator', '/ready')).status).toBe(503);
    systems.authorities.clock.advanceMs(1_000);
    expect((await systems.call('quota', 'operator', '/ready')).json()).toEqual({
      role: 'quota',
      health: 'ready',
    });
  });

  it('signs one canary a second, however many ask whether it is ready', async () => {
    let checks = 0;
    broken = {
      get signer() {
        checks++;
        return undefined as unknown as Error;
      },
    };
    systems.authorities.clock.advanceMs(5_000);
    await Promise.all(Array.from({ length: 50 }, () => systems.call('quota', 'operator', '/ready')));
    expect(checks).toBe(1);
  });

  it('is told with its code, and a bug as `internal_error`', async () => {
    broken.store = new StoreError('store_io', 'cannot read `/var/lib/ledger.db`');
    const read = await systems.call('quota', 'operator', '/quota');
    expect([read.status, read.json()['code']]).toEqual([503, 'store_io']);
    expect(read.bytes.toString('utf8')).not.toContain('/var');
    broken.store = new TypeError('positions is not a function at /srv/ringmint/src/api/quota.ts:12:3');
    const bug = await systems.call('quota', 'operator', '/quota');
    expect([bug.status, bug.json()['code']]).toEqual([500, 'internal_error']);
    expect(bug.bytes.toString('utf8')).not.toMatch(/srv|not a function/);
    // An HSM's code has no place in a resource that does not sign: the document promises that.
    broken.store = new SignerError('pin_incorrect', 'the PIN is wrong');
    expect((await systems.call('quota', 'operator', '/quota')).json()['code']).toBe('internal_error');
  });

  it('passes the code of another system on, with the time after which to ask again', async () => {
    broken.signer = new SignerError('signer_busy', 'too many calls');
    const before = await systems.authorities.quotaControl.positions();
    const bytes = draft([{ value: 100n, count: 1 }], systems.authorities.clock);
    const refused = await systems.call('issuance', 'operator', '/issuances', post(bytes));
    expect([refused.status, refused.json()['code'], refused.headers['retry-after']]).toEqual([
      503,
      'signer_busy',
      '1',
    ]);
    broken = {};
    expect((await systems.call('issuance', 'operator', '/issuances', post(bytes))).status).toBe(200);
    const after = await systems.authorities.quotaControl.positions();
    expect((after[0]?.issued ?? 0n) - (before[0]?.issued ?? 0n)).toBe(100n);
  });
});

describe('a connection that is not as it should be', () => {
  interface Raw {
    readonly socket: TLSSocket;
    readonly ended: Promise<string>;
  }

  function open(options: object = {}): Promise<Raw> {
    const { operator } = systems.certificates;
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port: Number(new URL(systems.urls.quota).port),
        ca: systems.authority.certificatePem,
        key: operator.keyPem,
        cert: operator.certificatePem,
        ...options,
      });
      let said = '';
      const ended = new Promise<string>((done) => {
        socket.setEncoding('utf8').on('data', (text: string) => (said += text));
        socket.on('close', () => done(said));
      });
      socket.on('error', reject);
      socket.on('secureConnect', () => resolve({ socket, ended }));
    });
  }

  async function say(text: string): Promise<string> {
    const { socket, ended } = await open();
    socket.on('error', () => undefined);
    socket.write(text);
    return ended;
  }

  it.each([
    [
      'both a length and chunks',
      'POST /credentials HTTP/1.1\r\nhost: x\r\ncontent-type: application/cbor\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /quota HTTP/1.1\r\nhost: x\r\n\r\n',
    ],
    [
      'two lengths',
      'POST /credentials HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx',
    ],
    [
      'a transfer coding that is none',
      'POST /credentials HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n',
    ],
    ['a space before the colon', 'GET /quota HTTP/1.1\r\nhost: x\r\ncontent-length : 5\r\n\r\nhello'],
    ['a bare line feed in a header', 'GET /quota HTTP/1.1\r\nhost: x\r\nx: a\nb: c\r\n\r\n'],
    ['an unknown method', 'MINT /quota HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['another protocol', 'EHLO ringmint\r\n\r\n'],
    ['bytes that are none of it', '\u0000\u0001\u0002\r\n\r\n'],
  ])('%s is `http_malformed`, and the connection is closed', async (_title, text) => {
    const before = await systems.state();
    const said = await say(text);
    expect(said).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json.*"code":"http_malformed"/s);
    // One answer: what was smuggled behind is not answered.
    expect(said.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(await systems.state()).toEqual(before);
  });

  it('is closed without a word where garbage follows a request that is not answered yet', async () => {
    // An answer to the garbage would look like the answer to the request.
    expect(await say('GET /ready HTTP/1.1\r\nhost: x\r\n\r\ngarbage\r\n\r\n')).toBe('');
    const { socket, ended } = await open();
    socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write('garbage\r\n\r\n');
    expect((await ended).match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  it('does not come about with TLS 1.2, no certificate, or one of another authority', async () => {
    const foreign = await makeAuthority('another authority', systemClock, systemRandom);
    const { keyPem, certificatePem } = await foreign.issue({ role: 'operator', name: 'operator' }, []);
    await expect(open({ maxVersion: 'TLSv1.2' })).rejects.toThrow(/version|alert/i);
    // TLS 1.3 lets the client believe that it is connected before the server has looked at its certificate (RFC 8446 §2).
    for (const options of [
      { key: undefined, cert: undefined },
      { key: keyPem, cert: certificatePem },
    ]) {
      const { socket, ended } = await open(options);
      socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
      expect(await ended).toBe('');
    }
  });

  it('has no rights with a certificate of the authority that names nobody', async () => {
    const { keyPem, certificatePem } = await systems.authority.issue(
      { role: 'auditor' as 'operator', name: 'x' },
      [],
    );
    const { socket, ended } = await open({ key: keyPem, cert: certificatePem });
    socket.write('GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(await ended).toMatch(/^HTTP\/1\.1 403 .*"code":"not_permitted"/s);
  });
});

describe('a system', () => {
  it('says to whoever has a certificate that it lives and is ready, and which document it serves', async () => {
    for (const role of roles) {
      for (const holder of ['central', 'issuance', 'quota', 'operator'] as const) {
        expect((await systems.call(role, holder, '/health')).json()).toEqual({ role, health: 'up' });
        expect((await systems.call(role, holder, '/ready')).json()).toEqual({ role, health: 'ready' });
        expect((await systems.call(role, holder, '/openapi.json')).json()).toEqual(
          JSON.parse(JSON.stringify(systems.documents[role])),
        );
      }
    }
  });
});
