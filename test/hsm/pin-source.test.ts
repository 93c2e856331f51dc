/** Where PINs come from, and that nothing else is taken for one. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatPinSource, type PinSource, parsePinSource, readPin } from '../../hsm/pin-source.ts';
import { temporaryFolder } from './temporary-token.ts';

const nowhere = { environment: {}, ask: undefined };

describe('a PIN source', () => {
  it.each<[string, PinSource]>([
    ['/run/pin', { kind: 'file', path: '/run/pin' }],
    ['file:/run/pin', { kind: 'file', path: '/run/pin' }],
    ['file:///run/pin', { kind: 'file', path: '/run/pin' }],
    ['file:pin', { kind: 'file', path: 'pin' }],
    ['credential:issuance.pin', { kind: 'credential', name: 'issuance.pin' }],
    ['env:ISSUANCE_PIN', { kind: 'env', name: 'ISSUANCE_PIN' }],
    ['prompt', { kind: 'prompt' }],
  ])('is read: %s', (text, source) => {
    expect(parsePinSource(text)).toEqual(source);
    expect(parsePinSource(formatPinSource(source))).toEqual(source);
  });

  it.each([
    '',
    '1234',
    'file:',
    'file://host/pin',
    '|/bin/pin',
    'credential:',
    'credential:..',
    'credential:a/b',
    'env:1',
    'env:',
    'pin:1',
  ])('is refused: %j', (text) => {
    expect(() => parsePinSource(text)).toThrow(expect.objectContaining({ code: 'pin_missing' }));
  });

  it('gives what is in a file of one line, without its end', () => {
    const path = join(temporaryFolder(), 'pin');
    for (const [text, pin] of [
      ['1234', '1234'],
      ['1234\n', '1234'],
      ['12 34 \r\n', '12 34 '],
    ] as const) {
      writeFileSync(path, text, { mode: 0o600 });
      expect(readPin({ kind: 'file', path }, nowhere)).toBe(pin);
    }
  });

  it.each([
    ['nothing', ''],
    ['an empty line', '\n'],
    ['two lines', '12\n34\n'],
    ['too much', 'x'.repeat(257)],
    ['a zero byte', '12\0'],
  ])('gives no PIN from a file with %s', (_, text) => {
    const path = join(temporaryFolder(), 'pin');
    writeFileSync(path, text, { mode: 0o600 });
    expect(() => readPin({ kind: 'file', path }, nowhere)).toThrow(
      expect.objectContaining({ code: 'pin_missing' }),
    );
  });

  it('gives no PIN from a file that others may read, and says which mode it wants', () => {
    const path = join(temporaryFolder(), 'pin');
    writeFileSync(path, '1234', { mode: 0o600 });
    for (const mode of [0o644, 0o640, 0o604, 0o666]) {
      chmodSync(path, mode);
      expect(() => readPin({ kind: 'file', path }, nowhere)).toThrow(
        expect.objectContaining({ code: 'pin_exposed' }),
      );
    }
    chmodSync(path, 0o400);
    expect(readPin({ kind: 'file', path }, nowhere)).toBe('1234');
  });

  it('gives no PIN where the file is not there, or is a folder', () => {
    const folder = temporaryFolder();
    expect(() => readPin({ kind: 'file', path: join(folder, 'none') }, nowhere)).toThrow('ENOENT');
    mkdirSync(join(folder, 'd'), { mode: 0o700 });
    expect(() => readPin({ kind: 'file', path: join(folder, 'd') }, nowhere)).toThrow('EISDIR');
  });

  it('finds a systemd credential in its directory, and says how to have one', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'pin'), '1234\n', { mode: 0o400 });
    const source = { kind: 'credential', name: 'pin' } as const;
    expect(readPin(source, { environment: { CREDENTIALS_DIRECTORY: folder }, ask: undefined })).toBe('1234');
    expect(() => readPin(source, nowhere)).toThrow('LoadCredentialEncrypted=pin');
  });

  it('takes a variable, or asks; and says so where it can do neither', () => {
    expect(readPin({ kind: 'env', name: 'P' }, { environment: { P: '1234' }, ask: undefined })).toBe('1234');
    expect(() => readPin({ kind: 'env', name: 'P' }, nowhere)).toThrow(
      'the environment variable `P` holds no PIN',
    );
    expect(readPin({ kind: 'prompt' }, { environment: {}, ask: () => '1234' })).toBe('1234');
    expect(() => readPin({ kind: 'prompt' }, { environment: {}, ask: () => '' })).toThrow('what was typed');
    expect(() => readPin({ kind: 'prompt' }, nowhere)).toThrow('there is no terminal');
  });
});
