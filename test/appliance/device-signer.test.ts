/** A key in a real device process, as the appliance uses it: what it signs, when, and what is said where the device is away or broken. */
import { createECDH } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDevice } from '../../firmware-sim/client.ts';
import { verifierOf } from '../../hsm/public-key.ts';
import type { TokenSigner } from '../../hsm/token-signer.ts';
import { makeDeviceAnchor } from '../../src/appliance/device-anchor.ts';
import { freeTypesOf } from '../../src/appliance/device-key.ts';
import { JournalProof, type ProofSource } from '../../src/appliance/device-proof.ts';
import { openDeviceSigner } from '../../src/appliance/device-signer.ts';
import { type Home, homeAt } from '../../src/appliance/home.ts';
import { makeDeviceKey } from '../../src/appliance/hsm-opening.ts';
import { openRoleDevice, type RoleDevice } from '../../src/appliance/role-device.ts';
import { makeRoleDevice } from '../../src/appliance/role-places.ts';
import type { JournalEntry } from '../../src/journal/chain.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { headAt, journalOf, messageOf } from '../firmware-sim/fixtures.ts';
import { processesOf } from '../flow/ringmint.ts';

const journal = journalOf('quota', 60);
const role = 'quota';
let folder: string;
let home: Home;
let device: RoleDevice;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringmint-device-'));
  home = homeAt(folder);
  mkdirSync(home.folder(role));
  device = await makeRoleDevice(home, role);
  await makeDeviceKey(device, { label: 'signing', kind: 'signing' });
  await makeDeviceKey(device, { label: 'agreement', kind: 'agreement' });
});

afterAll(async () => {
  await device.close();
  expect(processesOf(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});

/** Of the entries up to `end`, as a store gives them. */
function sourceOf(anchor: string, end = () => journal.entries.length): ProofSource {
  return {
    anchor,
    hashAt: (sequence) => Promise.resolve(journal.heads[sequence]?.hash),
    journal: (from, limit) =>
      Promise.resolve(
        journal.entries.slice(from - 1, Math.min(from - 1 + limit, end())).map(
          (bytes, index): JournalEntry => ({
            sequence: from + index,
            bytes,
            hash: headAt(journal, from + index).hash,
          }),
        ),
      ),
  };
}

/** The device, with what it is asked noted. */
function noting(asked: string[], limits: Partial<RoleDevice['information']['limits']> = {}): RoleDevice {
  const { information } = device;
  return {
    ...device,
    information: { ...information, limits: { ...information.limits, ...limits } },
    call(name, given) {
      asked.push(name);
      return device.call(name, given);
    },
  };
}

async function open(source?: ProofSource, through = device): Promise<TokenSigner> {
  const signer = await openDeviceSigner(through, {
    signingKey: 'signing',
    agreementKey: 'agreement',
    ...(source === undefined ? {} : { proof: new JournalProof(through, source) }),
    release: () => Promise.resolve(),
  });
  onTestFinished(() => signer.close());
  return signer;
}

/** The bytes that entry n has signed. */
function messageAt(entry: number): Uint8Array {
  const message = journal.messages[entry - 1];
  if (message === undefined) throw new Error(`an entry ${entry}`);
  return message;
}

async function anchorAt(name: string, entry: number): Promise<void> {
  const anchor = makeDeviceAnchor(device, name);
  await anchor.advance(await anchor.read(), headAt(journal, entry));
}

function killDevice(): void {
  const ids = processesOf(home.device(role));
  expect(ids).toHaveLength(1);
  for (const id of ids) process.kill(id, 'SIGKILL');
}

describe('a record', () => {
  it('is signed where its entry is anchored, and not before', async () => {
    const signer = await open(sourceOf('first'));
    await expect(signer.sign(messageAt(1), { entry: 1 })).rejects.toMatchObject({ code: 'not_anchored' });
    await anchorAt('first', 1);
    const signature = await signer.sign(messageAt(1), { entry: 1 });
    expect(await verifierOf(signer.publicKey)(messageAt(1), signature)).toBe(true);
    await expect(signer.sign(messageAt(2), { entry: 2 })).rejects.toMatchObject({ code: 'not_anchored' });
    // Another record than the entry says, under its number.
    await expect(signer.sign(messageAt(3), { entry: 1 })).rejects.toMatchObject({ code: 'not_anchored' });
  });

  it('is signed without an entry only where it is worth nothing', async () => {
    const signer = await open();
    for (const type of freeTypesOf(role)) await signer.sign(messageOf(type, 'free'));
    await signer.check();
    await expect(signer.sign(messageAt(1))).resolves.toBeDefined();
    await expect(signer.sign(messageAt(9))).rejects.toMatchObject({ code: 'not_anchored' });
    // What central management signs besides, quota control does not.
    const module = freeTypesOf('central').find((type) => !freeTypesOf(role).includes(type)) ?? '';
    await expect(signer.sign(messageOf(module, 'bound'))).rejects.toMatchObject({ code: 'not_anchored' });
  });
});

describe('a proof', () => {
  it('is made once for a group that was anchored together', async () => {
    await anchorAt('group', 8);
    const asked: string[] = [];
    const signer = await open(sourceOf('group'), noting(asked));
    await Promise.all([5, 6, 7, 8].map((entry) => signer.sign(messageAt(entry), { entry })));
    expect(asked.filter((name) => name === 'prove')).toHaveLength(1);
    // Older ones, such as a crash left, and later ones.
    await signer.sign(messageAt(2), { entry: 2 });
    await anchorAt('group', 20);
    await Promise.all([9, 14, 20].map((entry) => signer.sign(messageAt(entry), { entry })));
    expect(asked.filter((name) => name === 'prove')).toHaveLength(3);
  });

  it('goes on in the next frame where one is too small', async () => {
    await anchorAt('frames', 40);
    const asked: string[] = [];
    const size = journal.entries[0]?.length ?? 0;
    const signer = await open(sourceOf('frames'), noting(asked, { frameBytes: 1024 + 10 * (size + 12) }));
    const signature = await signer.sign(messageAt(3), { entry: 3 });
    expect(await verifierOf(signer.publicKey)(messageAt(3), signature)).toBe(true);
    expect(asked.filter((name) => name === 'prove')).toHaveLength(4);
  });

  it('is made while the anchor goes up', async () => {
    await anchorAt('rising', 1);
    const signer = await open(sourceOf('rising'));
    let anchored = 1;
    const rising = (async () => {
      for (; anchored < 60; anchored++) await anchorAt('rising', anchored + 1);
    })();
    for (let entry = 1; entry <= 60; entry++) {
      while (anchored < entry) await new Promise(setImmediate);
      await signer.sign(messageAt(entry), { entry });
    }
    await rising;
  });

  it('is made anew where the device was killed, by all who sign meanwhile together', async () => {
    await anchorAt('killed', 30);
    const asked: string[] = [];
    const signer = await open(sourceOf('killed'), noting(asked));
    await signer.sign(messageAt(10), { entry: 10 });
    killDevice();
    const signatures = await Promise.all(
      [10, 11, 12, 30].map((entry) => signer.sign(messageAt(entry), { entry })),
    );
    expect(signatures).toHaveLength(4);
    expect(asked.filter((name) => name === 'prove').length).toBeLessThanOrEqual(3);
    expect(await makeDeviceAnchor(device, 'killed').read()).toEqual(headAt(journal, 30));
  });
});

describe('a key', () => {
  it('agrees on secrets as ECDH does, and refuses what is no point', async () => {
    const { agreement } = await open();
    if (agreement === undefined) throw new Error('quota control has a key-agreement key');
    const peer = createECDH('prime256v1');
    const point = new Uint8Array(peer.generateKeys());
    expect(toHex(await agreement.deriveSharedSecret(point))).toBe(
      peer.computeSecret(agreement.publicKey.point).toString('hex'),
    );
    const off = Uint8Array.from(point, (byte, at) => (at === 64 ? byte ^ 1 : byte));
    await expect(agreement.deriveSharedSecret(off)).rejects.toMatchObject({ code: 'point_invalid' });
  });

  it('is audited: one that signs what is not anchored is unfit', async () => {
    const signer = await open();
    await signer.audit();
    expect(signer.description).toMatchObject({ manufacturer: expect.stringContaining('simulator') });
    await device.call('generate', {
      label: 'signing-loose',
      algorithm: 'ES256',
      use: 'sign',
      anchored: false,
      free: [],
    });
    const loose = await openDeviceSigner(device, {
      signingKey: 'signing-loose',
      release: () => Promise.resolve(),
    });
    await expect(loose.audit()).rejects.toMatchObject({
      code: 'key_unfit',
      message: expect.stringContaining('CKA_RINGMINT_ANCHORED'),
    });
  });

  it('is the one that is expected, or none', async () => {
    const release = () => Promise.resolve();
    const other = { signingKey: 'signing', expectedKeyId: new Uint8Array(32), release };
    await expect(openDeviceSigner(device, other)).rejects.toMatchObject({ code: 'key_missing' });
    await expect(openDeviceSigner(device, { signingKey: 'none', release })).rejects.toMatchObject({
      code: 'key_missing',
    });
    const closed = await openDeviceSigner(device, { signingKey: 'signing', release });
    await closed.close();
    await expect(closed.check()).rejects.toMatchObject({ code: 'signer_closed' });
  });
});

describe('an anchor', () => {
  it('goes up from where it is, the same once more changes nothing, and no other way is taken', async () => {
    const anchor = makeDeviceAnchor(device, 'steps');
    expect(await anchor.read()).toBeUndefined();
    await anchor.advance(undefined, headAt(journal, 3));
    await anchor.advance(undefined, headAt(journal, 3));
    await expect(anchor.advance(headAt(journal, 2), headAt(journal, 4))).rejects.toMatchObject({
      code: 'anchor_moved',
      message: expect.stringContaining('another copy of quota'),
    });
    expect(await anchor.read()).toEqual(headAt(journal, 3));
  });
});

/** A second device, which is broken in some way. */
async function makeOther(name: string): Promise<Home> {
  const other = homeAt(join(folder, name));
  mkdirSync(other.folder(role), { recursive: true });
  return other;
}

describe('a device', () => {
  it('that is not there, or has another PIN, says what to do', async () => {
    const other = await makeOther('other');
    await expect(openRoleDevice(other, role)).rejects.toMatchObject({
      code: 'device_missing',
      message: expect.stringContaining('ringmint store propose-anchor --role quota'),
    });
    await (await makeRoleDevice(other, role)).close();
    const path = join(other.device(role), 'pin');
    const pin = readFileSync(path, 'utf8');
    writeFileSync(path, 'another PIN', { mode: 0o600 });
    await expect(openRoleDevice(other, role)).rejects.toMatchObject({
      code: 'pin_incorrect',
      message: expect.stringContaining(path),
    });
    writeFileSync(path, pin, { mode: 0o600 });
    await (await openRoleDevice(other, role)).close();
    rmSync(path);
    await expect(openRoleDevice(other, role)).rejects.toMatchObject({ code: 'pin_missing' });
  });

  it('that was zeroised, or whose flash was put back, signs nothing, and says what to do', async () => {
    const other = await makeOther('broken');
    const made = await makeRoleDevice(other, role);
    const flash = join(other.device(role), 'flash.bin');
    const anchor = makeDeviceAnchor(made, 'journal');
    await anchor.advance(undefined, headAt(journal, 1));
    const older = readFileSync(flash);
    for (let at = 1; at < 40; at++) await anchor.advance(headAt(journal, at), headAt(journal, at + 1));
    await made.close();
    const newest = readFileSync(flash);
    writeFileSync(flash, older);
    await expect(openRoleDevice(other, role)).rejects.toMatchObject({
      code: 'device_failed',
      message: expect.stringMatching(/Bring|bring back its newest copy.*propose-anchor --role quota/s),
    });
    writeFileSync(flash, newest);
    const again = await openRoleDevice(other, role);
    expect(await makeDeviceAnchor(again, 'journal').read()).toEqual(headAt(journal, 40));
    await again.call('zeroise', { serial: again.information.serial });
    await expect(makeDeviceAnchor(again, 'journal').read()).rejects.toMatchObject({
      code: 'device_zeroised',
      message: expect.stringContaining('propose-anchor'),
    });
    await again.close();
    await expect(openRoleDevice(other, role)).rejects.toMatchObject({ code: 'device_zeroised' });
  });

  it('is opened while whoever started its process ends that', async () => {
    const other = await makeOther('ending');
    await (await makeRoleDevice(other, role)).close();
    for (const pauseMs of [0, 8, 16]) {
      const starter = await openDevice({ folder: other.device(role) });
      const opened = openRoleDevice(other, role);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const [one] = await Promise.all([opened, starter.close()]);
      expect((await one.call('counters', {})).triesLeft).toBe(one.information.limits.pinTries);
      await one.close();
    }
  });

  it('is one connection for all in a process that ask it, and ends with the last of them', async () => {
    const other = await makeOther('shared');
    const first = await makeRoleDevice(other, role);
    const [second, third] = await Promise.all([openRoleDevice(other, role), openRoleDevice(other, role)]);
    await first.close();
    await second.close();
    expect((await third.call('info', {})).state).toBe('ready');
    await third.close();
    await expect.poll(() => processesOf(other.device(role)), { timeout: 5_000 }).toEqual([]);
  });
});
