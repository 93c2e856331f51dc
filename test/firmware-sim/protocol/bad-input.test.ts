import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeMessage } from '../../../firmware-sim/codec.ts';
import {
  commandNames,
  commandTable,
  readCommand,
  writeArguments,
} from '../../../firmware-sim/command-table.ts';
import { rules } from '../../../firmware-sim/firmware/access.ts';
import { frameOf } from '../../../firmware-sim/frame.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import { connectionLimit, patienceMs } from '../../../firmware-sim/server.ts';
import type { CborValue } from '../../../src/kit/encoding.ts';
import { assert } from '../../../src/kit/result.ts';
import { sampleOf, strangers } from './samples.ts';
import { type RawClient, ServedDevice } from './served-device.ts';

const none = new Map<string, CborValue>();

/** All of it in one device: that one goes on serving is part of what is tested. */
let device: ServedDevice;
let before: string;

beforeAll(async () => {
  device = new ServedDevice();
  (await device.logIn()).socket.destroy();
  before = device.state();
});

/** The device has not changed, and serves others. */
async function expectUnharmed(): Promise<void> {
  const other = device.connect();
  expect((await other.ask('info', none))[0]).toBe(0);
  other.socket.destroy();
  expect(device.state()).toBe(before);
  expect(device.broken).toEqual([]);
}

/** A login is written down, and changes nothing else: what was before it has to be so until it. */
async function logIn(): Promise<RawClient> {
  expect(device.state()).toBe(before);
  const client = await device.logIn();
  before = device.state();
  return client;
}

/** What the device says before it closes the connection. */
async function lastWord(client: RawClient): Promise<CborValue | undefined> {
  let code: CborValue | undefined;
  for (let answer = await client.answer(); answer !== undefined; answer = await client.answer())
    if (answer.sequence === 0) [code] = answer.items;
  return code;
}

afterEach(async () => {
  await device.disconnect();
  // Whatever a client did, nothing of it is left.
  expect(device.server.connectionCount).toBe(0);
  expect(device.timer.running).toBe(0);
});

describe('a request that is well formed and not accepted', () => {
  it('is refused, and the connection stays', async () => {
    const client = await logIn();
    const unknown = ['', 'INFO', 'Info', 'info ', 'toString', '__proto__', 'constructor', 'x'.repeat(10_000)];
    for (const name of unknown) expect((await client.ask(name, none))[0], name).toBe('command_unknown');
    expect((await client.ask('info', none))[0]).toBe(0);
    await expectUnharmed();
  });

  it('names a field that is missing, and one that is too many, of every command', async () => {
    const client = await logIn();
    for (const name of commandNames) {
      const sample = sampleOf(name);
      for (const field of sample.keys()) {
        const given = new Map([...sample].filter(([other]) => other !== field));
        expect(await client.ask(name, given), name).toMatchObject([
          'argument_missing',
          expect.any(String),
          field,
        ]);
      }
      for (const field of ['more', '__proto__', 'toString', ''])
        expect(await client.ask(name, new Map([...sample, [field, 1]])), name).toMatchObject([
          'argument_unknown',
          expect.any(String),
          field,
        ]);
      const numbered = new Map<string | number, CborValue>([...sample, [1, 1]]);
      expect((await client.ask(name, numbered as ReadonlyMap<string, CborValue>))[0], name).toBe(
        'argument_unknown',
      );
    }
    await expectUnharmed();
  });

  it('names the field of a wrong value at every place of every argument of every command', async () => {
    const client = await logIn();
    const refused = new Map<string, number>();
    for (const name of commandNames) {
      for (const { path, given } of strangers(sampleOf(name))) {
        // A few of the values are right in their place.
        const read = readCommand(name, given);
        if (read.ok) continue;
        const [code, message, field] = await client.ask(name, given);
        const where = `${name} ${path}: ${JSON.stringify(message)}`;
        expect(code, where).toBe('argument_invalid');
        expect(JSON.stringify(field).startsWith(`"${path.split(/[.[]/)[0] ?? '?'}`), where).toBe(true);
        expect(message, where).toMatch(/: accepted is ./);
        refused.set(`${name} ${path}`, (refused.get(`${name} ${path}`) ?? 0) + 1);
      }
    }
    // Every place, and at each most of the strange values.
    expect(refused.size).toBeGreaterThan(40);
    for (const [place, count] of refused) expect(count, place).toBeGreaterThan(9);
    await expectUnharmed();
  });

  it('needs a login where the table says so, and only there', async () => {
    for (const name of commandNames) {
      expect(commandTable[name].access, name).toBe(rules[name].access);
      if (commandTable[name].access === 'open') continue;
      const client = device.connect();
      expect((await client.ask(name, sampleOf(name)))[0], name).toBe('login_required');
      client.socket.destroy();
    }
    await expectUnharmed();
  });
});

describe('a frame', () => {
  const faults: readonly (readonly [string, string, (client: RawClient) => Uint8Array])[] = [
    ['that is empty', 'frame_malformed', () => new Uint8Array()],
    ['that is no CBOR', 'frame_malformed', () => Uint8Array.of(0xff, 1, 2)],
    ['with bytes behind its end', 'frame_malformed', () => Uint8Array.of(0x81, 1, 0)],
    ['that is not deterministic', 'frame_malformed', () => Uint8Array.of(0x82, 0x18, 1, 0xa0)],
    ['that is no array', 'frame_malformed', () => Uint8Array.of(0xa0)],
    ['without a number', 'frame_malformed', () => Uint8Array.of(0x80)],
    [
      'with a negative number',
      'frame_malformed',
      () => Uint8Array.of(0x83, 0x20, 0x64, 0x69, 0x6e, 0x66, 0x6f, 0xa0),
    ],
    ['without arguments', 'frame_malformed', () => encodeMessage({ sequence: 1, items: ['info'] })],
    [
      'with a list for arguments',
      'frame_malformed',
      () => encodeMessage({ sequence: 1, items: ['info', []] }),
    ],
    [
      'with a number for a command',
      'frame_malformed',
      () => encodeMessage({ sequence: 1, items: [3, none] }),
    ],
    ['with an item more', 'frame_malformed', () => encodeMessage({ sequence: 1, items: ['info', none, 1] })],
    ['with the number 0', 'frame_replayed', () => encodeMessage({ sequence: 0, items: ['info', none] })],
    [
      'with the number after the next',
      'frame_replayed',
      () => encodeMessage({ sequence: 2, items: ['info', none] }),
    ],
    [
      'that is sealed before a login',
      'frame_forged',
      () => encodeMessage({ sequence: 1, items: [new Uint8Array(40)] }),
    ],
  ];
  for (const [what, code, bodyOf] of faults) {
    it(`${what} is told \`${code}\`, and the connection closed`, async () => {
      const client = device.connect();
      await client.hello();
      client.send(bodyOf(client));
      // What follows is not carried out.
      client.request('tamper', { event: 'mesh' });
      expect(await lastWord(client)).toBe(code);
      await expectUnharmed();
    });
  }

  it('that is longer than the profile allows is told so before its end', async () => {
    const client = device.connect();
    const { frameBytes } = await client.hello();
    client.socket.write(frameOf(new Uint8Array(frameBytes + 1)).subarray(0, 4));
    expect(await lastWord(client)).toBe('frame_too_large');
    await expectUnharmed();
  });

  it('as long as the profile allows is taken, by each profile', async () => {
    for (const profile of profiles) {
      const small = new ServedDevice({ profile });
      const client = small.connect();
      const { frameBytes } = profile.limits;
      const empty = encodeMessage({
        sequence: 1,
        items: ['load', new Map([['module', new Uint8Array(70_000)]])],
      });
      const room = frameBytes - (empty.length - 70_000);
      client.request('load', { module: new Uint8Array(room) });
      expect((await client.answer())?.items[0], profile.name).toBe('device_blank');
    }
  });

  it('sent again, or before its turn, is `frame_replayed`', async () => {
    for (const order of [
      [0, 0],
      [1, 0],
      [0, 2],
    ]) {
      const client = await logIn();
      const frames = [0, 1, 2].map(() => client.next('info', none));
      for (const index of order) client.send(frames[index] as Uint8Array);
      expect(await lastWord(client)).toBe('frame_replayed');
    }
    await expectUnharmed();
  });

  it('of another connection, sent back, changed or open after a login is `frame_forged`', async () => {
    const other = await logIn();
    const elsewhere = other.next('info', none);
    other.send(other.next('counters', none).slice());
    const forgeries: ((client: RawClient) => Promise<Uint8Array>)[] = [
      async () => elsewhere,
      async (client) => {
        const frame = client.next('info', none).slice();
        frame[frame.length - 1] = (frame.at(-1) as number) ^ 1;
        return frame;
      },
      async () => encodeMessage({ sequence: 2, items: ['info', none] }),
      async () => encodeMessage({ sequence: 2, items: [new Uint8Array(3)] }),
      async (client) => {
        // An answer has the number of its request: sent back, it comes under the next one.
        client.request('info', {});
        const answer = await client.body();
        assert(answer !== undefined, 'an answer comes');
        client.channel.open(answer);
        answer[1] = 3;
        return answer;
      },
    ];
    for (const [index, forge] of forgeries.entries()) {
      const client = await logIn();
      client.send(await forge(client));
      expect(await lastWord(client), `forgery ${index}`).toBe('frame_forged');
    }
    other.socket.destroy();
    await expectUnharmed();
  });
});

describe('a client', () => {
  it('that stalls in the header or in the body is told `frame_timeout` after 5 s, and no other is', async () => {
    const frame = frameOf(encodeMessage({ sequence: 1, items: ['info', none] }));
    const silent = device.connect();
    for (const cut of [1, 3, 4, 5, frame.length - 1]) {
      const client = device.connect();
      await client.hello();
      client.socket.write(frame.subarray(0, cut));
      await new Promise(setImmediate);
      device.timer.pass(patienceMs - 1);
      // A byte more does not give it longer.
      if (cut === 1) client.socket.write(frame.subarray(1, 2));
      await new Promise(setImmediate);
      expect((await silent.ask('info', none))[0]).toBe(0);
      device.timer.pass(1);
      expect(await lastWord(client), `after ${cut} bytes`).toBe('frame_timeout');
    }
    device.timer.pass(1_000_000);
    expect((await silent.ask('info', none))[0]).toBe(0);
    silent.socket.destroy();
    await expectUnharmed();
  });

  it('that ends a frame within 5 s may begin the next one', async () => {
    const client = device.connect();
    await client.hello();
    for (let turn = 1; turn <= 4; turn++) {
      const frame = frameOf(client.next('info', none));
      client.socket.write(frame.subarray(0, 6));
      await new Promise(setImmediate);
      device.timer.pass(patienceMs - 1);
      client.socket.write(frame.subarray(6));
      expect((await client.answer())?.items[0]).toBe(0);
    }
    client.socket.destroy();
    await expectUnharmed();
  });

  it('that never reads keeps nothing but itself waiting, and is closed', async () => {
    const client = device.connect();
    await client.hello();
    client.socket.pause();
    const { sectorBytes } = device.profile.flash;
    for (let asked = 0; asked < 200; asked++) client.request('dump-flash', { sector: 0 });
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    // What is kept for it, both ways: a fraction of 200 answers.
    expect(device.server.connectionCount).toBe(1);
    const other = device.connect();
    expect((await other.ask('info', none))[0]).toBe(0);
    device.timer.pass(patienceMs);
    await new Promise(setImmediate);
    expect(device.server.connectionCount).toBe(1);
    client.socket.resume();
    let answers = 0;
    while ((await client.answer()) !== undefined) answers++;
    expect(answers * sectorBytes).toBeLessThan(300_000);
    other.socket.destroy();
    await expectUnharmed();
  });

  it('that reads late has all its answers', async () => {
    const client = device.connect();
    await client.hello();
    client.socket.pause();
    for (let asked = 0; asked < 100; asked++) client.request('dump-flash', { sector: 0 });
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    device.timer.pass(patienceMs - 1);
    client.socket.resume();
    for (let asked = 0; asked < 100; asked++) expect((await client.answer())?.items[0]).toBe(0);
    client.socket.destroy();
    await expectUnharmed();
  });

  it('that is one too many is turned away, until another has gone', async () => {
    const clients = Array.from({ length: connectionLimit }, () => device.connect());
    for (const client of clients) await client.hello();
    const refused = device.connect();
    const body = await refused.body();
    assert(body !== undefined, 'it is told why');
    const message = refused.channel.open(body);
    expect(message).toMatchObject({
      ok: true,
      value: { sequence: 0, items: ['too_many_connections', expect.any(String)] },
    });
    expect(await refused.body()).toBeUndefined();
    for (const client of clients) expect((await client.ask('info', none))[0]).toBe(0);
    clients[0]?.socket.destroy();
    await new Promise(setImmediate);
    const next = device.connect();
    expect((await next.ask('info', none))[0]).toBe(0);
    await device.disconnect();
    await expectUnharmed();
  });

  it('that asks a thousand times does not make another wait for them', async () => {
    const busy = device.connect();
    const other = device.connect();
    await Promise.all([busy.hello(), other.hello()]);
    for (let asked = 0; asked < 1_000; asked++) busy.request('counters', {});
    let answered = 0;
    const all = (async () => {
      for (; answered < 1_000; answered++) await busy.answer();
    })();
    await new Promise(setImmediate);
    expect((await other.ask('info', none))[0]).toBe(0);
    expect(answered).toBeLessThan(100);
    await all;
    for (const client of [busy, other]) client.socket.destroy();
    await expectUnharmed();
  });

  it('that ends its side has the answers to what it asked', async () => {
    const client = device.connect();
    for (let asked = 0; asked < 20; asked++) client.request('counters', {});
    client.socket.end();
    for (let asked = 0; asked < 20; asked++) expect((await client.answer())?.items[0]).toBe(0);
    expect(await client.answer()).toBeUndefined();
    await expectUnharmed();
  });
});

describe('any bytes', () => {
  it('are answered with a code or a closed connection, and change nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 6 }), async (chunks) => {
        const client = device.connect();
        await client.hello();
        for (const chunk of chunks) client.socket.write(chunk);
        client.socket.end();
        await lastWord(client);
        await device.disconnect();
      }),
      { numRuns: 300 },
    );
    await expectUnharmed();
  });

  it('that were a frame before some were changed, too', async () => {
    // Of what changes the state only where it is accepted as it was meant.
    const meant: ((client: RawClient) => Uint8Array)[] = [
      (client) => client.next('info', none),
      (client) => client.next('read-anchor', new Map([['name', 'journal']])),
      (client) => client.next('keys', none),
      (client) =>
        client.next(
          'initialise',
          writeArguments('initialise', { salt: new Uint8Array(16), pinKey: new Uint8Array(32) }),
        ),
      (client) => client.next('zeroise', new Map([['serial', '0'.repeat(32)]])),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.constantFrom(...meant),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat()),
        async (secured, bodyOf, changes, cut) => {
          const client = secured ? await logIn() : device.connect();
          await client.hello();
          const frame = frameOf(bodyOf(client));
          for (const [at, byte] of changes) frame[at % frame.length] = byte;
          client.socket.write(cut === null ? frame : frame.subarray(0, cut % frame.length));
          client.socket.end();
          await lastWord(client);
          await device.disconnect();
        },
      ),
      { numRuns: 300 },
    );
    await expectUnharmed();
  });
});
