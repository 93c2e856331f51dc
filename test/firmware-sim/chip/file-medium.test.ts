/** A memory and a latch as files: what is there after a process ended anyhow, and what a broken file is called. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFileMedium, openFileMedium } from '../../../firmware-sim/chip/file-medium.ts';
import { Flash } from '../../../firmware-sim/chip/flash.ts';
import { openFileLatch } from '../../../firmware-sim/chip/latch.ts';
import { MediumError } from '../../../firmware-sim/chip/medium-error.ts';
import { PowerCutError } from '../../../firmware-sim/chip/memory.ts';
import { Power } from '../../../firmware-sim/chip/power.ts';
import { geometry } from './geometry.ts';

const size = geometry.sectorBytes * geometry.sectors;
const word = new Uint8Array([1, 2, 3, 4]);
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'medium-'));
  path = join(folder, 'flash.bin');
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(): { flash: Flash; close: () => void } {
  const medium = openFileMedium(path, geometry);
  return { flash: new Flash({ geometry, power: new Power(), medium }), close: () => medium.close() };
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(MediumError);
    expect(error, 'firmware takes it for a power cut').toBeInstanceOf(PowerCutError);
    return (error as MediumError).code;
  }
  return undefined;
}

describe('a memory as a file', () => {
  it('is blank when it is made, private, and has the bytes and then the wear of each sector', () => {
    makeFileMedium(path, geometry);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const content = readFileSync(path);
    expect(content.length).toBe(size + 4 * geometry.sectors);
    expect(content.subarray(0, size).every((byte) => byte === 0xff)).toBe(true);
    const { flash, close } = open();
    flash.program(256, word);
    flash.erase(2);
    flash.erase(2);
    flash.program(516, word);
    close();
    const after = readFileSync(path);
    expect([...after.subarray(256, 260)]).toEqual([1, 2, 3, 4]);
    expect([...after.subarray(size)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
    const again = open();
    expect(again.flash.read(516, 4)).toEqual(word);
    expect(again.flash.wear(2)).toBe(2);
    again.close();
  });

  it('writes each operation at once: what another reads before any settle', () => {
    makeFileMedium(path, geometry);
    const { flash, close } = open();
    flash.program(0, word);
    const other = open();
    expect(other.flash.read(0, 4)).toEqual(word);
    other.close();
    flash.settle();
    flash.settle();
    close();
  });

  it('sticks the same bits after it was closed, as they follow from the wear', () => {
    makeFileMedium(path, geometry);
    const first = open();
    for (let erase = 0; erase < 60; erase++) first.flash.erase(1);
    const worn = first.flash.read(256, 256);
    first.close();
    const second = open();
    expect(second.flash.read(256, 256)).toEqual(worn);
    for (let page = 256; page < 512; page += 64) second.flash.program(page, new Uint8Array(64));
    const high = second.flash.read(256, 256);
    expect(high.some((byte) => byte !== 0)).toBe(true);
    second.close();
  });

  it('says what is wrong with a file', () => {
    expect(codeOf(open)).toBe('medium_missing');
    makeFileMedium(path, geometry);
    truncateSync(path, size);
    expect(codeOf(open)).toBe('medium_misshapen');
    truncateSync(path, 0);
    expect(codeOf(open)).toBe('medium_misshapen');
    writeFileSync(path, new Uint8Array(size + 4 * geometry.sectors + 1));
    expect(codeOf(open)).toBe('medium_misshapen');
    path = folder;
    expect(codeOf(open)).toBe('medium_unreadable');
  });

  it('is without power from the write on that the disk does not take', () => {
    makeFileMedium(path, geometry);
    // A limit on the size of files stands for a full disk: the write fails after the file was opened and read.
    const program = `
      import { openFileMedium } from './firmware-sim/chip/file-medium.ts';
      import { Flash } from './firmware-sim/chip/flash.ts';
      import { Power } from './firmware-sim/chip/power.ts';
      const geometry = ${JSON.stringify(geometry)};
      process.on('SIGXFSZ', () => {});
      const medium = openFileMedium(${JSON.stringify(path)}, geometry);
      const flash = new Flash({ geometry, power: new Power(), medium });
      flash.program(0, new Uint8Array(4));
      const codes = [];
      for (const run of [() => flash.program(768, new Uint8Array(4)), () => flash.program(4, new Uint8Array(4)), () => flash.read(0, 4)]) {
        try { run(); codes.push('done'); } catch (error) { codes.push(error.code ?? error.name); }
      }
      console.log(codes.join(' '));`;
    const { stdout, stderr } = spawnSync(
      'prlimit',
      ['--fsize=600', process.execPath, '--import', 'tsx', '--input-type=module', '-e', program],
      { cwd: join(import.meta.dirname, '../../..'), encoding: 'utf8' },
    );
    expect(stdout.trim(), stderr).toBe('medium_unwritable PowerCutError PowerCutError');
  });
});

describe('the latch as a file', () => {
  it('keeps the first cause, with and without power', () => {
    const latch = (): ReturnType<typeof openFileLatch> => openFileLatch(join(folder, 'latch'), new Power());
    expect(latch().read()).toBeUndefined();
    const first = latch();
    first.set('mesh');
    first.set('command');
    expect(first.read()).toBe('mesh');
    expect(latch().read()).toBe('mesh');
    latch().set('voltage');
    expect(latch().read()).toBe('mesh');
  });

  it('holds a cause or is not there: anything else is said, and not guessed', () => {
    const file = join(folder, 'latch');
    for (const text of ['', 'mesh', 'sun\n']) {
      writeFileSync(file, text);
      expect(
        codeOf(() => openFileLatch(file, new Power())),
        text,
      ).toBe('medium_misshapen');
    }
    expect(codeOf(() => openFileLatch(folder, new Power()))).toBe('medium_unreadable');
    const gone = openFileLatch(join(folder, 'no', 'latch'), new Power());
    expect(codeOf(() => gone.set('mesh'))).toBe('medium_unwritable');
  });
});
