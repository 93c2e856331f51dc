import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manufactureDevice, openChip } from '../../../firmware-sim/device-folder.ts';
import { boot } from '../../../firmware-sim/firmware/boot.ts';
import { type FolderLock, isLockFile, lockFolder } from '../../../firmware-sim/folder-lock.ts';
import { cleanUp, makeDevice, temporaryFolder } from './temporary-device.ts';

cleanUp();

const profile = 'corvus-e';
const whole = ['device.json', 'die.bin', 'flash.bin'];

function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !isLockFile(name))
    .sort();
}

/** Boots what is in the folder. */
function kindOf(folder: string): string {
  const { chip, profile: found, close } = openChip(folder);
  const { kind } = boot(chip, found);
  close();
  return kind;
}

describe('making a device', () => {
  it('makes its files, for their owner only, in a folder that it makes', async () => {
    const folder = join(temporaryFolder(), 'a', 'b');
    const made = await manufactureDevice({ folder, profile });
    expect(made).toMatchObject({ ok: true, value: { serial: expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(filesIn(folder)).toEqual(whole);
    for (const name of whole) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(kindOf(folder)).toBe('running');
  });

  it('refuses a profile that there is not, and a folder with a device or with anything else', async () => {
    const folder = temporaryFolder();
    expect(await manufactureDevice({ folder, profile: 'none' })).toMatchObject({ code: 'profile_unknown' });
    const device = await makeDevice(profile);
    const before = readFileSync(join(device, 'die.bin'), 'hex');
    expect(await manufactureDevice({ folder: device, profile })).toMatchObject({ code: 'device_exists' });
    // Without its description a device is still somebody's.
    rmSync(join(device, 'device.json'));
    expect(await manufactureDevice({ folder: device, profile })).toMatchObject({ code: 'folder_foreign' });
    expect(readFileSync(join(device, 'die.bin'), 'hex')).toBe(before);
    writeFileSync(join(folder, 'thesis.txt'), '');
    expect(await manufactureDevice({ folder, profile })).toMatchObject({
      code: 'folder_foreign',
      message: expect.stringContaining('`thesis.txt`'),
    });
    expect(readdirSync(folder)).toEqual(['thesis.txt']);
    await expect(manufactureDevice({ folder: join(folder, 'thesis.txt'), profile })).rejects.toThrow(
      'EEXIST',
    );
  });

  it('keeps a PIN that lies in the folder already', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'pin'), 'secret');
    expect(await manufactureDevice({ folder, profile })).toMatchObject({ ok: true });
    expect(readFileSync(join(folder, 'pin'), 'utf8')).toBe('secret');
  });

  it('of two at once makes one device', async () => {
    const folder = temporaryFolder();
    const made = await Promise.all([1, 2, 3].map(() => manufactureDevice({ folder, profile })));
    const codes = made.map((one) => (one.ok ? 'made' : one.code));
    expect(codes.filter((code) => code === 'made')).toHaveLength(1);
    for (const code of codes)
      expect(['made', 'device_in_use', 'device_exists', 'folder_foreign']).toContain(code);
    expect(kindOf(folder)).toBe('running');
  });

  it('that crashes anywhere leaves no device, or the whole one, and can be done again', async () => {
    const finished = await makeDevice(profile);
    /** What a crash leaves, in the order in which it is written. */
    const stages: readonly (readonly [string, (making: string, folder: string) => void])[] = [
      ['an empty `making`', () => undefined],
      ['half a file', (making) => writeFileSync(join(making, 'flash.bin.partial'), 'half')],
      [
        'memories',
        (making) => {
          for (const name of ['flash.bin', 'die.bin']) cpSync(join(finished, name), join(making, name));
        },
      ],
      ['all files', (making) => cpSync(join(finished, 'device.json'), join(making, 'device.json'))],
      [
        'one file moved',
        (making, folder) => renameSync(join(making, 'flash.bin'), join(folder, 'flash.bin')),
      ],
      ['two files moved', (making, folder) => renameSync(join(making, 'die.bin'), join(folder, 'die.bin'))],
    ];
    for (let reached = 0; reached < stages.length; reached++) {
      const folder = join(temporaryFolder(), 'device');
      const making = join(folder, 'making');
      mkdirSync(making, { recursive: true });
      for (const [, write] of stages.slice(0, reached + 1)) write(making, folder);
      const what = stages[reached]?.[0];
      expect(() => openChip(folder), what).toThrow('no device');
      expect(await manufactureDevice({ folder, profile }), what).toMatchObject({ ok: true });
      expect(filesIn(folder), what).toEqual(whole);
      expect(kindOf(folder), what).toBe('running');
    }
    const folder = join(temporaryFolder(), 'device');
    cpSync(finished, folder, {
      recursive: true,
      filter: (path) => !isLockFile(path.split('/').at(-1) ?? ''),
    });
    mkdirSync(join(folder, 'making'));
    expect(await manufactureDevice({ folder, profile })).toMatchObject({ code: 'device_exists' });
    expect(kindOf(folder)).toBe('running');
  });
});

describe('the lock of a folder', () => {
  it('is had by one of many that want it at once, and by the next when that lets go', async () => {
    const folder = temporaryFolder();
    for (let round = 0; round < 25; round++) {
      const locks = await Promise.all(Array.from({ length: 6 }, () => lockFolder(folder)));
      const had = locks.filter((lock) => lock !== undefined);
      expect(had, `round ${round}`).toHaveLength(1);
      expect(await lockFolder(folder)).toBeUndefined();
      await had[0]?.release();
    }
    // What holders leave is cleared away by the next.
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('of a holder that was killed is taken over, whatever else lies there', async () => {
    const folder = temporaryFolder();
    symlinkSync('lock-0123456789abcdef', join(folder, 'lock.41'));
    symlinkSync('lock-fedcba9876543210', join(folder, 'lock.7'));
    writeFileSync(join(folder, 'lock-0123456789abcdef'), 'no socket');
    const lock = await lockFolder(folder);
    expect(lock).toBeDefined();
    expect(existsSync(join(folder, 'lock.41'))).toBe(false);
    expect(await lockFolder(folder)).toBeUndefined();
    await lock?.release();
  });

  it('is not had by whoever had been asleep since it looked', async () => {
    for (const holders of [1, 2, 3]) {
      const folder = temporaryFolder();
      await (await lockFolder(folder))?.release();
      let last: FolderLock | undefined;
      // While it sleeps others have the folder one after the other, and clear away the numbers before theirs.
      const sleeper = await lockFolder(folder, {
        sleep: async () => {
          for (let count = 0; count < holders; count++) {
            await last?.release();
            last = await lockFolder(folder);
            expect(last).toBeDefined();
          }
        },
      });
      expect(sleeper, `${holders} holders`).toBeUndefined();
      // The last of them has it still.
      expect(await lockFolder(folder)).toBeUndefined();
      await last?.release();
    }
  });

  it('is not had by whoever was taken for dead, and whose socket was removed', async () => {
    const folder = temporaryFolder();
    const lock = await lockFolder(folder, {
      sleep: async () => {
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
      },
    });
    expect(lock).toBeUndefined();
    expect(await lockFolder(folder)).toBeDefined();
  });
});
