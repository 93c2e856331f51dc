/** Slow and greedy peers, each a real one: what they may take, and that others are served meanwhile. */

import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { draft, openTokens, type Tokens } from '../roles/authorities.ts';
import { type Role, type SystemOptions, type Systems, serveSystems } from './systems.ts';

let tokens: Tokens;
let systems: Systems | undefined;

beforeAll(async () => {
  tokens = await openTokens();
});

afterEach(async () => {
  await systems?.close();
  systems = undefined;
});

afterAll(async () => {
  await tokens.close();
});

async function serve(api: NonNullable<SystemOptions['api']>, more: SystemOptions = {}): Promise<Systems> {
  systems = await serveSystems(tokens, { ...more, api });
  return systems;
}

interface Raw {
  readonly socket: TLSSocket;
  readonly said: () => string;
  /** What was said until the end, and how long that took. */
  readonly ended: Promise<{ said: string; ms: number }>;
}

/** A connection of the operator that does what a test has it do; resolves when it may talk. */
function open(
  served: Systems,
  role: Role = 'quota',
  holder: 'operator' | 'issuance' | 'central' = 'operator',
): Promise<Raw> {
  const { keyPem, certificatePem } = served.certificates[holder];
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: Number(new URL(served.urls[role]).port),
      ca: served.authority.certificatePem,
      key: keyPem,
      cert: certificatePem,
    });
    let said = '';
    socket.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = new Promise<{ said: string; ms: number }>((done) =>
      socket.on('close', () => done({ said, ms: performance.now() - beganMs })),
    );
    socket.on('error', reject);
    socket.on('secureConnect', () => resolve({ socket, said: () => said, ended }));
  });
}

async function figure(served: Systems, name: string): Promise<number> {
  const text = (await served.call('quota', 'operator', '/metrics')).bytes.toString('utf8');
  const line = text.split('\n').find((candidate) => candidate.startsWith(name));
  return Number(line?.split(' ').at(-1) ?? Number.NaN);
}

const health = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n';

/** Sends `count` requests at once on one connection, and gives all that comes back. */
async function burst(
  served: Systems,
  holder: 'operator' | 'central',
  text: string,
  count: number,
): Promise<string> {
  const { socket, said, ended } = await open(served, 'quota', holder);
  socket.write(text.repeat(count));
  await expect.poll(() => said().match(/HTTP\/1\.1 \d{3}/g)?.length, { timeout: 20_000 }).toBe(count);
  socket.end();
  return (await ended).said;
}

describe('a peer that is slow', () => {
  it('and connects without a TLS handshake is ended', async () => {
    const served = await serve({ handshakeSeconds: 1 });
    const beganMs = performance.now();
    const socket = connectTcp(Number(new URL(served.urls.quota).port), '127.0.0.1');
    await new Promise((resolve) => socket.once('close', resolve).resume());
    expect(performance.now() - beganMs).toBeGreaterThan(900);
    expect(performance.now() - beganMs).toBeLessThan(15_000);
    expect(await figure(served, 'ringmint_http_refused_total{cause="tls"')).toBe(1);
  });

  it('and connects and says nothing is ended', async () => {
    const served = await serve({ requestSeconds: 1 });
    const { said, ms } = await (await open(served)).ended;
    expect(said).toMatch(/^HTTP\/1\.1 408 .*"code":"request_timeout"/s);
    expect(ms).toBeLessThan(15_000);
  });

  it('and sends its headers a byte at a time is ended', async () => {
    const served = await serve({ requestSeconds: 1 });
    const { socket, ended } = await open(served);
    const timer = setInterval(() => socket.writable && socket.write('G'), 50);
    socket.write('GET /health HTTP/1.1\r\nx-slow: ');
    const { said, ms } = await ended;
    clearInterval(timer);
    expect(said).toMatch(/^HTTP\/1\.1 408 .*"code":"request_timeout"/s);
    expect(ms).toBeLessThan(15_000);
  });

  it('and sends its body a byte at a time is ended, and nothing was begun', async () => {
    const served = await serve({ requestSeconds: 1 });
    const before = await served.state();
    const { socket, ended } = await open(served, 'issuance');
    socket.write(
      'POST /issuances HTTP/1.1\r\nhost: x\r\ncontent-type: application/cbor\r\ncontent-length: 1000\r\n\r\n',
    );
    const timer = setInterval(() => socket.writable && socket.write('x'), 50);
    const { said, ms } = await ended;
    clearInterval(timer);
    expect(said).toMatch(/^HTTP\/1\.1 408 .*"code":"request_timeout"/s);
    expect(said.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1);
    expect(ms).toBeLessThan(15_000);
    expect(await served.state()).toEqual(before);
  });

  it('and goes on sending a body that nobody reads is ended', async () => {
    const served = await serve({ requestSeconds: 1 });
    const { socket, ended } = await open(served);
    // The operator may not do this, and is told so at once.
    socket.write(
      'POST /credentials HTTP/1.1\r\nhost: x\r\ncontent-type: application/cbor\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    const timer = setInterval(() => socket.writable && socket.write('1\r\nx\r\n'), 50);
    const { said, ms } = await ended;
    clearInterval(timer);
    expect(said).toMatch(/^HTTP\/1\.1 403 .*"code":"not_permitted"/s);
    expect(ms).toBeLessThan(15_000);
  });

  it('and does not take its answer is ended', async () => {
    const served = await serve({ requestSeconds: 1 }, { trustBundle: new Uint8Array(32 * 1024 * 1024) });
    const { socket, ended } = await open(served);
    socket.pause();
    socket.write('GET /trust-bundle HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect
      .poll(() => figure(served, 'ringmint_http_refused_total{cause="answer_timeout"'), { timeout: 15_000 })
      .toBe(1);
    socket.resume();
    const { said } = await ended;
    expect(said.length).toBeLessThan(32 * 1024 * 1024);
  });

  it('and keeps a connection without using it is ended', async () => {
    const served = await serve({ idleSeconds: 1 });
    const { socket, ended } = await open(served);
    socket.write(health);
    const { said, ms } = await ended;
    expect(said).toMatch(/^HTTP\/1\.1 200 /);
    expect(ms).toBeLessThan(15_000);
  });
});

describe('a peer that is greedy', () => {
  it('is told to come back later, with the time, while another is served', async () => {
    const served = await serve({ requestsPerSecond: 5 });
    const said = await burst(served, 'operator', health, 20);
    const limited = said.match(/HTTP\/1\.1 429 [^{]*retry-after: 1\r\n/g) ?? [];
    // Twenty requests in one packet may come at the turn of two seconds.
    expect(limited.length).toBeGreaterThanOrEqual(10);
    expect(said.match(/"code":"rate_limited"/g)).toHaveLength(limited.length);
    expect((await served.call('quota', 'issuance', '/health')).status).toBe(200);
    // What is not there counts too.
    const nothing = health.replace('/health', '/nothing');
    expect(await burst(served, 'central', nothing, 3)).toMatch(/^HTTP\/1\.1 404 /);
    expect(await burst(served, 'central', nothing, 20)).toContain('HTTP/1.1 429 ');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await served.call('quota', 'operator', '/health')).status).toBe(200);
    expect(await figure(served, 'ringmint_http_problems_total{code="rate_limited"')).toBeGreaterThanOrEqual(
      20,
    );
  });

  it('gets no more connections than it may have, while another gets one', async () => {
    const served = await serve({ connectionsPerPeer: 3 });
    const held = await Promise.all([open(served), open(served), open(served)]);
    const { socket, ended } = await open(served);
    socket.write(health);
    expect((await ended).said).toBe('');
    for (const { socket: one } of held) one.write(health);
    expect((await served.call('quota', 'issuance', '/health')).status).toBe(200);
    for (const { socket: one } of held) one.end();
    await Promise.all(held.map((one) => one.ended));
    for (const { said } of held) expect(said()).toMatch(/^HTTP\/1\.1 200 /);
    expect(await figure(served, 'ringmint_http_refused_total{cause="connections_per_peer"')).toBe(1);
  });

  it('is cut off where all connections are taken', async () => {
    const served = await serve({ connections: 4 });
    const held = await Promise.all(Array.from({ length: 4 }, () => open(served)));
    await expect(open(served)).rejects.toThrow();
    for (const { socket } of held) socket.end();
    await Promise.all(held.map(({ ended }) => ended));
    expect(await figure(served, 'ringmint_http_refused_total{cause="connections"')).toBe(1);
  });

  it('has a connection for so many requests', async () => {
    const served = await serve({ requestsPerConnection: 3 });
    const { socket, said: soFar, ended } = await open(served);
    for (let sent = 1; sent <= 3; sent++) {
      socket.write(health);
      while ((soFar().match(/"up"/g) ?? []).length < sent)
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { said } = await ended;
    expect(said.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
    expect(said.match(/connection: close/gi)).toHaveLength(1);
  });
});

describe('a system that stops', () => {
  it('answers what it has begun, and refuses what comes then', async () => {
    const gate: { open: () => void } = { open: () => undefined };
    const opened = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    let signing = false;
    const served = await serve(
      {},
      {
        wrapSigner: (signer, role) => ({
          publicKey: signer.publicKey,
          holds: (id) => signer.holds(id),
          check: () => signer.check(),
          close: () => signer.close(),
          async sign(message, request) {
            if (role === 'quota') {
              signing = true;
              await opened;
            }
            return signer.sign(message, request);
          },
        }),
      },
    );
    const bytes = draft([{ value: 100n, count: 1 }], served.authorities.clock);
    const issued = served.client('operator').issue(bytes);
    // A request that is half there when the system stops.
    const { socket, ended } = await open(served, 'quota');
    socket.write('GET /health HTTP/1.1\r\n');
    while (!signing) await new Promise((resolve) => setTimeout(resolve, 10));
    const closed = served.servers.quota.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.write('host: x\r\n\r\n');
    const { said } = await ended;
    expect(said).toMatch(/^HTTP\/1\.1 503 .*retry-after: 2.*"code":"server_stopping"/s);
    gate.open();
    expect((await issued).ok).toBe(true);
    // The connection that it was begun on is not kept.
    const answeredMs = performance.now();
    await closed;
    expect(performance.now() - answeredMs).toBeLessThan(4_000);
  });

  it('ends after five seconds, whoever still holds a connection', async () => {
    const served = await serve({});
    const { socket, ended } = await open(served);
    // Half a request, and then nothing.
    socket.write('GET /health HTTP/1.1\r\n');
    const idle = await open(served);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const beganMs = performance.now();
    await served.servers.quota.close();
    expect(performance.now() - beganMs).toBeLessThan(20_000);
    await Promise.all([ended, idle.ended]);
  });
});

describe('the defaults', () => {
  it('do not stand in the way of 3,000 requests as fast as one peer can send them', async () => {
    const served = await serve({});
    const client = served.client('operator');
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(Array.from({ length: 300 }, () => client.quotaPositions()));
      expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    }
  });
});
