/** `ringmint device` with real devices: processes of their own, in folders of a test. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DeviceClient, openDevice } from '../../firmware-sim/client.ts';
import { profiles } from '../../firmware-sim/profiles.ts';
import { deviceAdministration } from '../../src/appliance/device-administration.ts';
import { describeFault } from '../../src/appliance/fault.ts';
import { homeAt } from '../../src/appliance/home.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { ringmint, type Said } from './session.ts';

let folder: string;
let before: string;
/** Of the device `aster`: keeps its process up, as a running system does, so that every command reaches it there. */
let running: DeviceClient;
/** The same of the others: a process that starts for each command would take most of the time here. */
const held: DeviceClient[] = [];
let serial: string;

const device = (...words: string[]): Promise<Said> =>
  ringmint(['device', ...words], {
    appliance: { devices: () => Promise.resolve(deviceAdministration), describeFault },
  });

beforeAll(async () => {
  before = process.cwd();
  folder = mkdtempSync(join(tmpdir(), 'ringmint device-'));
  process.chdir(folder);
  for (const [name, pin] of [
    ['one.pin', 'correct horse'],
    ['two.pin', 'battery'],
    ['short.pin', 'abc'],
    ['long.pin', 'x'.repeat(65)],
  ] as const)
    writeFileSync(name, `${pin}\n`, { mode: 0o600 });
  const made = await device('init', '--device', 'aster', '--pin', 'file:one.pin', '--json');
  expect(made.code).toBe(0);
  serial = String(made.json()['serial']);
  running = await openDevice({ folder: join(folder, 'aster') });
  await running.login('correct horse');
});

async function hold(name: string): Promise<void> {
  held.push(await openDevice({ folder: join(folder, name) }));
}

afterAll(async () => {
  for (const client of [running, ...held]) await client.close();
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

async function refused(said: Promise<Said>, code: string, exit: number, says = ''): Promise<void> {
  const { err, code: ended, out } = await said;
  expect({ err, ended, out }).toEqual({ err: expect.stringContaining(`[${code}]\n`), ended: exit, out: '' });
  expect(err).toContain(says);
}

describe('a device that is made', () => {
  test('is in a folder of its own, ready, and says in every form that it is a simulator', async () => {
    expect(statSync('aster').mode & 0o777).toBe(0o700);
    expect(existsSync(join('aster', 'pin'))).toBe(false);
    const shown = await device('info', '--device', 'aster');
    expect(shown.out).toContain(`aster-1 of Aster Devices, serial ${serial}`);
    expect(shown.out).toContain('it is a simulator: whoever can read its folder has its keys');
    const said = await device('info', '--device', 'aster', '--json');
    expect(said.json()).toMatchObject({
      ok: true,
      simulator: true,
      state: 'ready',
      reason: '',
      profile: 'aster-1',
      limits: { anchors: 64, pinTries: 8 },
    });
    await expect(
      device('counters', '--device', 'aster', '--json').then((said) => said.json()),
    ).resolves.toMatchObject({ triesLeft: 8, alarms: 0, alarmLimit: 8, endurance: 100_000 });
  });

  test('is made of each vendor, and not of another one; the models are listed with what they can do', async () => {
    const listed = (await device('profiles', '--json')).json()['profiles'] as { name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(profiles.map(({ name }) => name));
    for (const { name, vendor } of profiles) {
      expect((await device('profiles')).out).toContain(`${name.padEnd(12)} ${vendor}`);
      const made = await device('init', '--device', `of ${name}`, '--profile', name, '--pin', 'file:one.pin');
      expect({ code: made.code, err: made.err }).toEqual({ code: 0, err: '' });
      expect(made.out).toContain(vendor);
      await hold(`of ${name}`);
    }
    await refused(
      device('init', '--device', 'other', '--profile', 'aster-2', '--pin', 'file:one.pin'),
      'profile_unknown',
      2,
      '`aster-1`, `borealis-s`',
    );
    expect(existsSync('other')).toBe(false);
  });

  test('is not made where there is one, or something else, nor with a PIN that cannot be one: nothing is left then', async () => {
    await refused(device('init', '--device', 'aster', '--pin', 'file:one.pin'), 'device_exists', 2);
    mkdirSync('full');
    writeFileSync('full/letter', 'something else');
    await refused(
      device('init', '--device', 'full', '--pin', 'file:one.pin'),
      'folder_foreign',
      2,
      '`letter`',
    );
    await refused(
      device('init', '--device', 'one.pin', '--pin', 'file:one.pin'),
      'folder_unwritable',
      2,
      'one.pin',
    );
    await refused(
      device('init', '--device', 'new', '--pin', 'file:short.pin'),
      'argument_invalid',
      2,
      '3 bytes: 4 to 64',
    );
    await refused(
      device('init', '--device', 'new', '--pin', 'file:long.pin'),
      'argument_invalid',
      2,
      '65 bytes',
    );
    await refused(device('init', '--device', 'new', '--pin', 'file:none.pin'), 'pin_missing', 5);
    await refused(
      device('init', '--device', 'new', '--pin', 'hunter2'),
      'pin_missing',
      5,
      'file:PATH, credential:NAME, env:NAME or prompt',
    );
    writeFileSync('open.pin', 'everybody', { mode: 0o644 });
    await refused(device('init', '--device', 'new', '--pin', 'file:open.pin'), 'pin_exposed', 5);
    await refused(device('init', '--device', 'new'), 'usage', 2, '--pin SOURCE');
    expect(existsSync('new')).toBe(false);
  });

  test('which a crash left without a PIN is made ready by the same command', async () => {
    const { manufactureDevice } = await import('../../firmware-sim/device-folder.ts');
    expect(await manufactureDevice({ folder: join(folder, 'cut'), profile: 'delphin-t' })).toMatchObject({
      ok: true,
    });
    await hold('cut');
    expect((await device('info', '--device', 'cut')).out).toContain('state       blank');
    expect((await device('pin', '--device', 'cut')).out).toContain('it has no PIN yet');
    // Another model is not what is there.
    await refused(device('init', '--device', 'cut', '--pin', 'file:one.pin'), 'device_exists', 2);
    expect(
      (await device('init', '--device', 'cut', '--profile', 'delphin-t', '--pin', 'file:one.pin')).code,
    ).toBe(0);
    expect((await device('info', '--device', 'cut')).out).toContain('state       ready');
  });

  test('is named by one option, and looked for where that says', async () => {
    for (const words of [
      ['info'],
      ['info', '--device', 'aster', '--role', 'quota'],
      ['info', '--device', ''],
      ['counters'],
      ['pin'],
      ['tamper', 'mesh'],
      ['flash', 'dump'],
      ['zeroise', '--serial', serial],
      ['attest'],
      ['init', '--pin', 'file:one.pin'],
    ])
      await refused(device(...words), 'usage', 2, '`--device FOLDER` or `--role ROLE`');
    await refused(device('info', '--device', 'nowhere'), 'device_missing', 5, 'ringmint device init');
    await refused(device('info', '--role', 'quota', '--home', 'nowhere'), 'home_missing', 2);
    for (const words of [
      ['info', '--role', 'bank'],
      ['tamper', 'fire', '--device', 'aster'],
      ['tamper', '--device', 'aster'],
      ['flash', 'write', '--device', 'aster'],
      ['pin', 'guess', '--device', 'aster'],
      ['zeroise', '--device', 'aster'],
      ['info', '--device', 'aster', '--colour'],
      ['attest', 'aster'],
    ]) {
      const said = await device(...words);
      expect({ words, code: said.code, out: said.out }).toEqual({ words, code: 2, out: '' });
      expect(said.err).not.toBe('');
    }
    const said = await device('info', '--device', 'nowhere', '--json');
    expect({ code: said.code, json: said.json() }).toMatchObject({
      code: 5,
      json: { ok: false, code: 'device_missing' },
    });
  });
});

describe('an attestation', () => {
  test('is written with its nonce, and checked offline by the root of its vendor, whichever that is', async () => {
    for (const where of ['aster', 'of borealis-s', 'of corvus-e', 'of delphin-t']) {
      const written = await device('attest', '--device', where, '--out', 'said.cbor', '--json');
      expect({ err: written.err, code: written.code }).toEqual({ err: '', code: 0 });
      const nonce = String(written.json()['nonce']);
      const checked = await device('attest', '--check', 'said.cbor', '--nonce', nonce, '--json');
      expect(checked.json()).toMatchObject({
        authentic: true,
        fresh: true,
        simulator: true,
        state: 'ready',
        profile: written.json()['profile'],
      });
    }
    const unasked = await device('attest', '--check', 'said.cbor');
    expect(unasked.out).toContain('authentic: delphin-t of Delphin Tokens');
    expect(unasked.out).toContain('when it said so is not known');
  });

  test('is held against what is expected: nonce, serial, model and image', async () => {
    const nonce = '00112233445566778899aabbccddeeff';
    await device('attest', '--device', 'aster', '--out', 'own.cbor', '--nonce', nonce);
    const check = (...words: string[]): Promise<Said> => device('attest', '--check', 'own.cbor', ...words);
    const { measurement } = (await check('--json')).json();
    const right = [
      '--nonce',
      nonce,
      '--serial',
      serial,
      '--profile',
      'aster-1',
      '--measurement',
      '00'.repeat(32),
      '--measurement',
      String(measurement),
    ];
    expect(await check(...right)).toMatchObject({ code: 0 });
    await refused(check('--nonce', `${nonce}00`), 'nonce_mismatch', 4);
    await refused(check('--serial', '00'.repeat(16)), 'device_mismatch', 4);
    await refused(check('--profile', 'corvus-e'), 'profile_mismatch', 4);
    await refused(check('--measurement', '00'.repeat(32)), 'measurement_mismatch', 4);
    expect((await check('--serial', '00'.repeat(16), '--json')).json()).toMatchObject({
      ok: false,
      authentic: false,
    });
    for (const words of [
      ['--nonce', '00112233445566'],
      ['--nonce', 'no hex'],
      ['--nonce', '00'.repeat(65)],
      ['--serial', '00'],
      ['--measurement', '0'],
    ])
      await refused(check(...words), 'usage', 2, 'hexadecimal digits');
    await refused(device('attest', '--device', 'aster', '--nonce', 'short'), 'usage', 2);
    for (const words of [
      ['--serial', serial],
      ['--profile', 'aster-1'],
      ['--measurement', '00'.repeat(32)],
    ])
      await refused(device('attest', '--device', 'aster', ...words), 'usage', 2, '--check FILE');
    for (const words of [
      ['--device', 'aster'],
      ['--role', 'quota'],
      ['--out', 'file'],
    ])
      await refused(check(...words), 'usage', 2, 'asks no device');
  });

  test('that was altered, or is none, is not authentic', async () => {
    await device('attest', '--device', 'aster', '--out', 'good.cbor');
    const good = decodeCbor(new Uint8Array(readFileSync('good.cbor')));
    if (!good.ok) throw new Error(good.message);
    const items = good.value as CborValue[];
    const check = (changed: readonly CborValue[]): Promise<Said> => {
      writeFileSync('bad.cbor', encodeCbor([...changed]));
      return device('attest', '--check', 'bad.cbor');
    };
    const flip = (at: number): CborValue[] =>
      items.map((item, index) => {
        if (index !== at || !(item instanceof Uint8Array)) return item;
        const other = Uint8Array.from(item);
        other[other.length - 1] = (other[other.length - 1] ?? 0) ^ 1;
        return other;
      });
    await refused(check(flip(2)), 'nonce_mismatch', 4);
    await refused(check(flip(3)), 'statement_invalid', 4);
    await refused(check(flip(4)), 'endorsement_invalid', 4);
    await refused(check(items.with(1, 'borealis-s')), 'endorsement_malformed', 4);
    await refused(check(items.with(1, 'nobody-1')), 'profile_unknown', 2);
    await refused(check(items.with(3, new Uint8Array(3))), 'statement_malformed', 4);
    for (const bad of [
      items.slice(0, 4),
      [...items, 1],
      items.with(0, 'ringmint.other.v1'),
      items.with(2, 'nonce'),
    ])
      await refused(check(bad), 'file_unknown', 2);
    writeFileSync('text', 'an attestation');
    await refused(device('attest', '--check', 'text'), 'not_cbor', 2);
    await refused(device('attest', '--check', 'nowhere.cbor'), 'file_unreadable', 2);
    writeFileSync('large', new Uint8Array(70_000));
    await refused(device('attest', '--check', 'large'), 'too_large', 2);
    await refused(device('attest', '--device', 'aster', '--out', 'nowhere/file'), 'file_unwritable', 2);
  });
});

describe('a PIN', () => {
  test('is changed by whoever has it; a wrong one costs a try, which is told, and the right one gives it back', async () => {
    const change = (...words: string[]): Promise<Said> =>
      device('pin', 'change', '--device', 'of corvus-e', ...words);
    await refused(change('--pin', 'file:two.pin', '--new-pin', 'file:one.pin'), 'pin_incorrect', 5, '2 of 3');
    expect((await device('pin', '--device', 'of corvus-e')).out).toContain('2 of 3 tries left');
    await refused(
      change('--pin', 'file:one.pin', '--new-pin', 'file:short.pin'),
      'argument_invalid',
      2,
      '4 to 16',
    );
    await refused(change('--pin', 'file:one.pin'), 'usage', 2, '--new-pin SOURCE');
    await refused(change('--new-pin', 'file:two.pin'), 'pin_missing', 5, 'no terminal');
    expect((await change('--pin', 'file:one.pin', '--new-pin', 'file:two.pin')).code).toBe(0);
    expect((await device('pin', 'status', '--device', 'of corvus-e', '--json')).json()).toMatchObject({
      triesLeft: 3,
      pinTries: 3,
      state: 'ready',
    });
    await refused(change('--pin', 'file:one.pin', '--new-pin', 'file:one.pin'), 'pin_incorrect', 5);
    await refused(device('pin', '--device', 'aster', '--pin', 'file:one.pin'), 'usage', 2, 'pin change');
  });

  test('that is wrong too often locks the device for good, and says what is left to do', async () => {
    const guess = (): Promise<Said> =>
      device(
        'pin',
        'change',
        '--device',
        'of delphin-t',
        '--pin',
        'file:two.pin',
        '--new-pin',
        'file:one.pin',
      );
    let last = await guess();
    for (let tries = 1; tries < 8 && !last.err.includes('pin_locked'); tries++) last = await guess();
    expect(last).toMatchObject({ code: 5, err: expect.stringContaining('[pin_locked]') });
    expect((await device('pin', '--device', 'of delphin-t')).out).toContain(
      '0 of 5 tries left; it is locked for good',
    );
    expect((await device('info', '--device', 'of delphin-t')).out).toContain('state       locked');
    const { serial: own } = (await device('info', '--device', 'of delphin-t', '--json')).json();
    expect((await device('zeroise', '--device', 'of delphin-t', '--serial', String(own))).code).toBe(0);
  });

  test("of a system's device is made, kept in its folder, and changed there; a change that a crash cut is found out", async () => {
    const home = homeAt(join(folder, 'appliance'));
    mkdirSync(home.folder('quota'), { recursive: true });
    writeFileSync(
      home.appliance,
      JSON.stringify({
        version: 1,
        issuer: 'demo',
        host: '127.0.0.1',
        ports: { central: 0, issuance: 0, quota: 0 },
        module: 'auto',
      }),
    );
    const of = ['--role', 'quota', '--home', home.path];
    await refused(device('info', ...of), 'device_missing', 5);
    const made = await device('init', ...of, '--profile', 'corvus-e', '--json');
    const file = join(home.device('quota'), 'pin');
    expect(made.json()).toMatchObject({
      ok: true,
      pinFile: file,
      folder: home.device('quota'),
      state: 'ready',
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const first = readFileSync(file, 'utf8');
    held.push(await openDevice({ folder: home.device('quota') }));
    expect((await device('pin', 'change', ...of)).out).toContain(file);
    const second = readFileSync(file, 'utf8');
    expect(second).not.toBe(first);
    expect(second).toMatch(/^[0-9a-f]{16}$/);
    // Cut before the device had the new one, and after.
    writeFileSync(`${file}.changed`, 'never was its PIN', { mode: 0o600 });
    expect((await device('pin', 'change', ...of)).code).toBe(0);
    const third = readFileSync(file, 'utf8');
    writeFileSync(`${file}.changed`, third, { mode: 0o600 });
    writeFileSync(file, second, { mode: 0o600 });
    expect((await device('pin', 'change', ...of)).code).toBe(0);
    expect(existsSync(`${file}.changed`)).toBe(false);
    const client = await openDevice({ folder: home.device('quota') });
    try {
      await client.login(readFileSync(file, 'utf8'));
    } finally {
      await client.close();
    }
    expect((await device('pin', ...of)).out).toContain('3 of 3 tries left');
  });
});

describe('the flash of a device', () => {
  test('is shown sector by sector while the device is in use, with the records of its store', async () => {
    const hash = new Uint8Array(32).fill(7);
    await running.call('advance', { name: 'journal', from: null, to: { sequence: 1, hash } });
    for (let i = 1; i < 4; i++)
      await running.call('advance', {
        name: 'journal',
        from: { sequence: i, hash },
        to: { sequence: i + 1, hash },
      });
    const dumped = await device('flash', 'dump', '--device', 'aster', '--out', 'flash.bin', '--json');
    const json = dumped.json() as {
      sectors: { holds: string; used: number }[];
      records: { slot: string; kind: string; version: string; committed: boolean }[];
      bytes: number;
    };
    const { sectors = 0, sectorBytes = 0 } = profiles.find(({ name }) => name === 'aster-1')?.flash ?? {};
    expect(json.bytes).toBe(sectors * sectorBytes);
    const bytes = readFileSync('flash.bin');
    expect(bytes.length).toBe(json.bytes);
    expect(bytes.equals(readFileSync(join('aster', 'flash.bin')).subarray(0, bytes.length))).toBe(true);
    expect(statSync('flash.bin').mode & 0o777).toBe(0o600);
    expect(new Set(json.sectors.map(({ holds }) => holds))).toEqual(
      new Set(['certificate', 'image', 'slot A', 'slot B']),
    );
    expect(json.sectors[0]).toMatchObject({ holds: 'certificate' });
    expect(json.sectors[0]?.used).toBeGreaterThan(100);
    const changes = json.records.filter(({ kind }) => kind === 'change');
    expect(changes.length).toBeGreaterThanOrEqual(4);
    expect(json.records.every(({ committed }) => committed)).toBe(true);
    const newest = Math.max(...json.records.map(({ version }) => Number(version)));
    expect((await device('counters', '--device', 'aster', '--json')).json()['version']).toBe(String(newest));
    const text = await device('flash', 'dump', '--device', 'aster');
    expect(text.out).toContain(`${sectors} sectors of ${sectorBytes} bytes`);
    expect(text.out).toMatch(/0x[0-9a-f]{6} {2}change +version \d+, \d+ bytes/);
    await refused(
      device('flash', 'dump', '--device', 'aster', '--out', 'nowhere/flash.bin'),
      'file_unwritable',
      2,
    );
  });
});

describe('the end of a device', () => {
  test('is asked for by its own serial, in any case of the letters, and is for good', async () => {
    const { serial: own } = (await device('info', '--device', 'of borealis-s', '--json')).json();
    await refused(device('zeroise', '--device', 'of borealis-s', '--serial', serial), 'serial_mismatch', 2);
    await refused(device('zeroise', '--device', 'of borealis-s', '--serial', ''), 'serial_mismatch', 2);
    expect((await device('info', '--device', 'of borealis-s')).out).toContain('state       ready');
    const ended = await device('zeroise', '--device', 'of borealis-s', '--serial', String(own).toUpperCase());
    expect({ code: ended.code, out: ended.out }).toMatchObject({
      code: 0,
      out: expect.stringContaining('state       zeroised'),
    });
    await refused(device('attest', '--device', 'of borealis-s'), 'device_zeroised', 5);
    await refused(
      device(
        'pin',
        'change',
        '--device',
        'of borealis-s',
        '--pin',
        'file:one.pin',
        '--new-pin',
        'file:two.pin',
      ),
      'device_zeroised',
      5,
    );
    await refused(
      device('init', '--device', 'of borealis-s', '--profile', 'borealis-s', '--pin', 'file:one.pin'),
      'device_exists',
      2,
    );
    expect((await device('pin', '--device', 'of borealis-s')).out).toContain('it takes no PIN any more');
    const dumped = (await device('flash', 'dump', '--device', 'of borealis-s', '--json')).json();
    expect(dumped['records']).toEqual([]);
  });

  test('comes by its sensors', async () => {
    for (const event of ['mesh', 'removal']) {
      rmSync('scrap', { recursive: true, force: true });
      await device('init', '--device', 'scrap', '--profile', 'corvus-e', '--pin', 'file:two.pin');
      const ended = await device('tamper', event, '--device', 'scrap', '--json');
      expect(ended.json()).toMatchObject({
        ok: true,
        state: 'zeroised',
        reason: expect.stringContaining(event),
      });
      expect((await device('info', '--device', 'scrap', '--json')).json()).toMatchObject({
        state: 'zeroised',
      });
    }
  });

  test('of its files is told by a code: a flash that is cut off, a description that is none', async () => {
    await device('init', '--device', 'broken', '--profile', 'corvus-e', '--pin', 'file:two.pin');
    truncateSync(join('broken', 'flash.bin'), 5_000);
    await refused(device('info', '--device', 'broken'), 'device_lost', 5);
    writeFileSync(join('broken', 'device.json'), '{"profile":"nobody-1"}');
    await refused(device('info', '--device', 'broken'), 'device_lost', 5);
    writeFileSync(join('broken', 'device.json'), 'not JSON');
    await refused(device('info', '--device', 'broken'), 'device_lost', 5);
  });

  test('is not that of another: the one that was running all the while is as it was', async () => {
    expect((await running.call('read-anchor', { name: 'journal' })).head).toMatchObject({ sequence: 4 });
    expect((await device('info', '--device', 'aster')).out).toContain('state       ready');
  });
});

test('every command has an example, and says what it takes', async () => {
  for (const name of [
    'profiles',
    'init',
    'info',
    'attest',
    'pin',
    'counters',
    'tamper',
    'zeroise',
    'flash',
  ]) {
    const { out, code } = await device(name, '--help');
    expect({ name, code }).toEqual({ name, code: 0 });
    expect(out).toContain(`$ ringmint device ${name}`);
    expect(out).toContain('--json');
  }
  expect((await device('--help')).out).toContain('attest');
});
