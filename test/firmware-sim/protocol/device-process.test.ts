import { execFileSync, fork } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import type { DeviceClient } from '../../../firmware-sim/client.ts';
import { DeviceChild } from '../../../firmware-sim/device-child.ts';
import type { Head } from '../../../firmware-sim/protocol.ts';
import { sha256, utf8 } from '../../../src/kit/bytes.ts';
import { nightly } from '../../nightly.ts';
import {
  cleanUp,
  makeDevice,
  openClient,
  pin,
  processesOf,
  processOf,
  readyDevice,
  temporaryFolder,
  until,
} from './temporary-device.ts';

cleanUp();

function headOf(sequence: number): Head {
  return { sequence, hash: sha256(utf8(`head ${sequence}`)) };
}

/** Raises the anchor until it is told to stop; gives how far it came. */
async function raise(client: DeviceClient, name: string, ends: () => boolean): Promise<number> {
  let sequence = 0;
  for (; !ends(); sequence++)
    await client.call('advance', {
      name,
      from: sequence === 0 ? null : headOf(sequence),
      to: headOf(sequence + 1),
    });
  return sequence;
}

describe('kill -9', () => {
  it('under the load of several clients loses nothing that was answered, and nobody notices', async () => {
    const { folder, client } = await readyDevice();
    const clients = [client, await openClient(folder), await openClient(folder)];
    for (const other of clients.slice(1)) await other.login(pin);
    let ended = false;
    const raised = clients.map((one, index) => raise(one, `anchor-${index}`, () => ended));
    for (let kills = 0; kills < (nightly ? 25 : 3); kills++) {
      await new Promise((resolve) => setTimeout(resolve, 60 + 37 * (kills % 7)));
      // Where each client that was cut off starts one, those that came second end by themselves.
      await until('one process serves', () => processesOf(folder).length === 1);
      process.kill(processOf(folder), 'SIGKILL');
      // Until everybody has an answer again: a command is given once more, and not a third time.
      await Promise.all(clients.map((one) => one.call('counters', {})));
    }
    ended = true;
    for (const [index, reached] of (await Promise.all(raised)).entries()) {
      expect(reached).toBeGreaterThan(0);
      expect(await client.call('read-anchor', { name: `anchor-${index}` })).toEqual({
        head: headOf(reached),
      });
    }
    expect((await client.call('counters', {})).triesLeft).toBe(8);
  });

  it('as a key is made is `device_lost`: nobody knows whether it was', async () => {
    const { folder, client } = await readyDevice('delphin-t');
    // An RSA key takes a while.
    const making = client.call('generate', {
      label: 'slow',
      algorithm: 'PS256',
      use: 'sign',
      anchored: false,
      free: [],
    });
    process.kill(processOf(folder), 'SIGKILL');
    await expect(making).rejects.toMatchObject({ code: 'device_lost' });
    const { keys } = await client.call('keys', {});
    expect(keys.length).toBeLessThan(2);
  });

  it('leaves a socket and a lock that the next process does not mind', async () => {
    const { folder, client } = await readyDevice();
    process.kill(processOf(folder), 'SIGKILL');
    expect(existsSync(join(folder, 'socket'))).toBe(true);
    expect(await client.call('keys', {})).toEqual({ keys: [] });
    await client.close();
    expect(readdirSync(folder).sort()).toEqual([
      'device.json',
      'die.bin',
      'flash.bin',
      expect.stringMatching(/^lock\.\d+$/),
    ]);
    expect((await (await openClient(folder)).call('info', {})).state).toBe('ready');
  });

  it('of whoever started it ends it, after the command at hand', async () => {
    const folder = await makeDevice();
    const parent = fork(join(import.meta.dirname, 'device-parent.ts'), [folder, inject('deviceProcess')], {
      execArgv: ['--import', 'tsx'],
      stdio: 'inherit',
    });
    await new Promise((resolve) => parent.once('message', resolve));
    expect(processesOf(folder)).toHaveLength(1);
    parent.kill('SIGKILL');
    await until('it ends', () => processesOf(folder).length === 0);
    expect(readdirSync(folder)).not.toContain('socket');
  });
});

describe('a folder', () => {
  it('is served by one process, of two that start at once, time after time', async () => {
    const folder = await makeDevice('delphin-t');
    for (let time = 0; time < (nightly ? 200 : 8); time++) {
      const children = [new DeviceChild(folder), new DeviceChild(folder)];
      const outcomes = await Promise.allSettled(children.map(({ ready }) => ready));
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(refused.length, `time ${time}`).toBe(1);
      expect(refused[0]).toMatchObject({ code: 'device_in_use' });
      await Promise.all(children.map((child) => child.end()));
    }
  });

  it('is served to clients that all begin at once, by one process', async () => {
    const folder = await makeDevice();
    const clients = await Promise.all([1, 2, 3, 4].map(() => openClient(folder)));
    for (const client of clients) expect((await client.call('info', {})).state).toBe('blank');
    expect(processesOf(folder)).toHaveLength(1);
  });

  it('with spaces and a path of more than 200 characters is served', async () => {
    const folder = join(
      temporaryFolder(),
      'a folder with "spaces" and ünïcode',
      'x'.repeat(100),
      'y'.repeat(100),
    );
    await makeDevice('aster-1', folder);
    const client = await openClient(folder);
    await client.initialise(pin);
    process.kill(processOf(folder), 'SIGKILL');
    await client.login(pin);
    expect(await client.call('keys', {})).toEqual({ keys: [] });
    expect(statSync(join(folder, 'socket')).mode & 0o777).toBe(0o600);
    await client.close();
    expect(readdirSync(folder)).not.toContain('socket');
  });

  it('has its files and its socket for its owner only', async () => {
    const { folder } = await readyDevice();
    for (const name of readdirSync(folder).filter((entry) => !entry.startsWith('lock.')))
      expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('with a stale file in the place of the socket is served', async () => {
    const folder = await makeDevice();
    writeFileSync(join(folder, 'socket'), 'no socket');
    expect((await (await openClient(folder)).call('info', {})).state).toBe('blank');
  });

  it('that is copied while it is served is a device by itself', async () => {
    const { folder, client } = await readyDevice();
    const copy = join(temporaryFolder(), 'copy');
    execFileSync('cp', ['-a', folder, copy]);
    const other = await openClient(copy);
    await other.login(pin);
    await client.call('advance', { name: 'journal', from: null, to: headOf(1) });
    expect(await other.call('read-anchor', { name: 'journal' })).toEqual({ head: null });
    expect([processesOf(folder), processesOf(copy)].map((ids) => ids.length)).toEqual([1, 1]);
  });

  it('that cannot be written is told so', async () => {
    const folder = await makeDevice();
    if (process.getuid?.() === 0) {
      // Root writes where nobody may: a folder in which nobody can is one of the kernel's.
      await expect(new DeviceChild('/proc/self').ready).rejects.toMatchObject({ code: 'device_lost' });
      return;
    }
    chmodSync(folder, 0o500);
    await expect(openClient(folder)).rejects.toMatchObject({ code: 'device_lost' });
    chmodSync(folder, 0o700);
  });
});

describe('a disk that is full', () => {
  const mayMount = process.getuid?.() === 0 && process.platform === 'linux';
  if (!mayMount) console.warn('SKIPPED: a full disk needs root, to mount a small tmpfs');

  it.runIf(mayMount)('ends the process with a line that says so, and what was answered stays', async () => {
    const disk = join(temporaryFolder(), 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    try {
      const folder = await makeDevice('corvus-e', join(disk, 'device'));
      const served = fork(inject('deviceProcess'), [folder], { execArgv: [], silent: true });
      let said = '';
      served.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await new Promise((resolve) => served.once('message', resolve));
      const ended = new Promise((resolve) => served.once('exit', resolve));
      const client = await openClient(folder);
      execFileSync('sh', ['-c', `dd if=/dev/zero of='${disk}/full' bs=4096 2>/dev/null || true`]);
      // The latch is a new file, for which there is no room.
      await expect(client.call('tamper', { event: 'mesh' })).rejects.toMatchObject({ code: 'device_lost' });
      expect(await ended).toBe(1);
      expect(said).toMatch(/^ringmint device in .*: it lost power: cannot write .*latch.*ENOSPC\n$/);
      execFileSync('rm', [join(disk, 'full')]);
      expect((await client.call('info', {})).state).toBe('blank');
      await client.close();
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

describe('a client that ends badly', () => {
  it('in the middle of a frame harms nobody', async () => {
    const { folder, client } = await readyDevice();
    for (let time = 0; time < 20; time++) {
      const socket = connect(join(folder, 'socket'));
      await new Promise((resolve) => socket.once('data', resolve));
      socket.write(Uint8Array.of(0, 0, 1, 0, 0x83));
      socket.destroy();
    }
    expect(await client.call('keys', {})).toEqual({ keys: [] });
  });
});
