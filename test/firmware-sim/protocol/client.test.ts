import { createPublicKey, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { profiles } from '../../../firmware-sim/profiles.ts';
import { importPoint } from '../../../hsm/public-key.ts';
import { utf8 } from '../../../src/kit/bytes.ts';
import { freeType, headAt, journal, messageOf } from '../fixtures.ts';
import { cleanUp, makeDevice, openClient, pin, processOf, readyDevice } from './temporary-device.ts';

cleanUp();

const message = utf8('a message');

describe('a client', () => {
  for (const { name, algorithms } of profiles) {
    it(`has one form of keys and signatures from ${name}`, async () => {
      const { folder, client } = await readyDevice(name);
      // Has to learn of each key that it was made.
      const other = await openClient(folder);
      await other.login(pin);
      for (const algorithm of algorithms) {
        for (const anchored of [false, true]) {
          const label = `${algorithm}-${anchored}`;
          const made = await client.call('generate', {
            label,
            algorithm,
            use: 'sign',
            anchored,
            free: anchored ? [freeType] : [],
          });
          const { keys } = await client.call('keys', {});
          expect(keys.find((key) => key.label === label)).toEqual(made);
          const signed = anchored ? messageOf(freeType, 'a head', { algorithm }) : message;
          const { signature } = await other.call('sign', { label, message: signed });
          if (algorithm === 'PS256') {
            const key = createPublicKey({ key: Buffer.from(made.point), format: 'der', type: 'spki' });
            expect(verify('sha256', signed, { key, padding: 6, saltLength: 32 }, signature), label).toBe(
              true,
            );
            continue;
          }
          const hash = { ES256: 'sha256', ES384: 'sha384', EdDSA: null }[algorithm];
          const key = importPoint(made.point);
          expect(verify(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature), label).toBe(true);
        }
      }
    });
  }

  it('waits for a chip that signs so often a second only', async () => {
    const { client } = await readyDevice('corvus-e');
    await client.call('generate', { label: 'k', algorithm: 'EdDSA', use: 'sign', anchored: false, free: [] });
    const startedMs = performance.now();
    const signed = await Promise.all(
      Array.from({ length: 30 }, () => client.call('sign', { label: 'k', message })),
    );
    expect(signed).toHaveLength(30);
    // 20 a second: the last ten had to wait.
    expect(performance.now() - startedMs).toBeGreaterThan(900);
  });

  it('has its calls carried out in their order, without waiting for each', async () => {
    const { client } = await readyDevice();
    const calls = [client.call('advance', { name: 'journal', from: null, to: headAt(journal, 1) })];
    for (let at = 1; at < 8; at++)
      calls.push(
        client.call('advance', { name: 'journal', from: headAt(journal, at), to: headAt(journal, at + 1) }),
      );
    const read = client.call('read-anchor', { name: 'journal' });
    await Promise.all(calls);
    expect(await read).toEqual({ head: headAt(journal, 8) });
    expect(await client.call('read-anchor', { name: 'other' })).toEqual({ head: null });
  });

  it('throws what a device refuses with, and what no frame holds', async () => {
    const { client } = await readyDevice('delphin-t');
    await expect(
      client.call('advance', { name: 'journal', from: headAt(journal, 1), to: headAt(journal, 2) }),
    ).rejects.toMatchObject({ name: 'DeviceError', code: 'anchor_moved' });
    await expect(client.call('sign', { label: 'none', message })).rejects.toMatchObject({
      code: 'key_missing',
    });
    await expect(client.call('read-anchor', { name: '\n' })).rejects.toMatchObject({
      code: 'argument_invalid',
    });
    await expect(client.call('load', { module: new Uint8Array(100_000) })).rejects.toMatchObject({
      code: 'frame_too_large',
    });
    expect((await client.call('info', {})).state).toBe('ready');
  });

  it('tells of a folder without a device', async () => {
    await expect(openClient(join(await makeDevice(), 'none'))).rejects.toMatchObject({ code: 'device_lost' });
    const folder = await makeDevice();
    writeFileSync(join(folder, 'device.json'), '{ "profile": "none" }');
    await expect(openClient(folder)).rejects.toMatchObject({
      code: 'device_lost',
      message: expect.stringContaining('`none`'),
    });
  });
});

describe('the PIN', () => {
  it('is set once, proven, changed, and proven anew by others', async () => {
    const folder = await makeDevice();
    const client = await openClient(folder);
    await expect(client.login(pin)).rejects.toMatchObject({ code: 'device_blank' });
    await expect(client.initialise('123')).rejects.toMatchObject({ code: 'argument_invalid' });
    await client.initialise(pin);
    await expect(client.initialise(pin)).rejects.toMatchObject({ code: 'command_refused' });
    await expect(client.changePin('other')).rejects.toMatchObject({ code: 'login_required' });
    await client.login(pin);
    await client.changePin('another');
    await client.changePin('third one');
    expect(await client.call('keys', {})).toEqual({ keys: [] });
    const other = await openClient(folder);
    await expect(other.login(pin)).rejects.toMatchObject({ code: 'pin_incorrect' });
    await other.login('third one');
    expect((await other.call('counters', {})).triesLeft).toBe(8);
  });

  it('is set also where the process is killed meanwhile', async () => {
    for (const killAfterMs of [10, 45]) {
      const folder = await makeDevice('corvus-e');
      const client = await openClient(folder);
      const set = client.initialise(pin);
      await new Promise((resolve) => setTimeout(resolve, killAfterMs));
      process.kill(processOf(folder), 'SIGKILL');
      await set;
      await client.login(pin);
      expect((await client.call('counters', {})).triesLeft).toBe(3);
    }
  });

  it('is not tried a second time where it was wrong', async () => {
    const { folder } = await readyDevice();
    const client = await openClient(folder);
    for (let time = 0; time < 5; time++)
      await expect(client.login('wrong')).rejects.toMatchObject({ code: 'pin_incorrect' });
    expect((await client.call('counters', {})).triesLeft).toBe(7);
    await expect(client.call('keys', {})).rejects.toMatchObject({ code: 'login_required' });
    await client.login(pin);
    expect((await client.call('counters', {})).triesLeft).toBe(8);
  });

  it('that others changed is not tried after the process was killed', async () => {
    const { folder, client } = await readyDevice();
    const other = await openClient(folder);
    await other.login(pin);
    await other.changePin('another');
    process.kill(processOf(folder), 'SIGKILL');
    await expect(client.call('keys', {})).rejects.toMatchObject({ code: 'pin_incorrect' });
    expect((await client.call('counters', {})).triesLeft).toBe(8);
    expect(await other.call('keys', {})).toEqual({ keys: [] });
    await client.login('another');
    expect(await client.call('keys', {})).toEqual({ keys: [] });
  });

  it('of which one try is left is only tried by whoever logs in', async () => {
    const { folder, client } = await readyDevice();
    const other = await openClient(folder);
    for (let time = 0; time < 7; time++)
      await expect(other.login(`wrong ${time}`)).rejects.toMatchObject({ code: 'pin_incorrect' });
    process.kill(processOf(folder), 'SIGKILL');
    await expect(client.call('keys', {})).rejects.toMatchObject({ code: 'login_required' });
    expect((await client.call('counters', {})).triesLeft).toBe(1);
    await client.login(pin);
    expect((await client.call('counters', {})).triesLeft).toBe(8);
  });

  it('is one of two after a kill as it was changed, and the client knows which', async () => {
    const { folder, client } = await readyDevice();
    let current = pin;
    for (let time = 0; time < 3; time++) {
      const next = `PIN number ${time}`;
      const changed = client.changePin(next).then(
        () => true,
        (error: { code: string }) => {
          expect(error.code).toBe('device_lost');
          return false;
        },
      );
      const id = processOf(folder);
      await new Promise((resolve) => setTimeout(resolve, 20 + 8 * time));
      process.kill(id, 'SIGKILL');
      if (await changed) current = next;
      expect(await client.call('keys', {})).toEqual({ keys: [] });
      const other = await openClient(folder);
      await other.login(current);
      await other.close();
      expect((await client.call('counters', {})).triesLeft).toBe(8);
    }
  });
});

describe('several programs', () => {
  it('use one device at once, also as the one that started it goes', async () => {
    const { folder, client: first } = await readyDevice();
    const others = await Promise.all([openClient(folder), openClient(folder)]);
    for (const other of others) await other.login(pin);
    const before = processOf(folder);
    await first.close();
    // Each has it anew, from whichever of them was the first to start it.
    const read = await Promise.all(others.map((other) => other.call('read-anchor', { name: 'journal' })));
    expect(read).toEqual([{ head: null }, { head: null }]);
    expect(processOf(folder)).not.toBe(before);
  });

  it('that are more than a device takes are told so, and those that are there go on', async () => {
    const { folder, client } = await readyDevice();
    const clients = [];
    for (let count = 1; count < 16; count++) clients.push(await openClient(folder));
    await expect(openClient(folder)).rejects.toMatchObject({ code: 'too_many_connections' });
    expect(await client.call('keys', {})).toEqual({ keys: [] });
    await clients[0]?.close();
    expect((await (await openClient(folder)).call('info', {})).state).toBe('ready');
  });
});
