import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findModule } from '../../hsm/module-path.ts';
import { temporaryFolder } from './temporary-token.ts';

test('takes the path that is asked for before the environment', () => {
  const asked = join(temporaryFolder(), 'asked.so');
  writeFileSync(asked, '');
  expect(findModule(asked, { SOFTHSM2_MODULE: '/nowhere/other.so' }, '/nowhere')).toBe(asked);
});

test('takes SOFTHSM2_MODULE for `auto`', () => {
  const module = join(temporaryFolder(), 'module.so');
  writeFileSync(module, '');
  expect(findModule('auto', { SOFTHSM2_MODULE: module }, '/nowhere')).toBe(module);
});

test('refuses a path that is named but not there, rather than take another module', () => {
  const refusal = expect.objectContaining({
    code: 'module_missing',
    message: expect.stringContaining('`/nowhere/m.so`'),
  });
  expect(() => findModule('/nowhere/m.so', {}, '/nowhere')).toThrow(refusal);
  expect(() => findModule('auto', { SOFTHSM2_MODULE: '/nowhere/m.so' }, '/nowhere')).toThrow(refusal);
});

test('finds a module for `auto` with nothing named, an installed one or the unpacked one', () => {
  const folder = temporaryFolder();
  const unpacked = join(folder, '.softhsm', 'usr', 'lib', 'x86_64-linux-gnu', 'softhsm');
  mkdirSync(unpacked, { recursive: true });
  writeFileSync(join(unpacked, 'libsofthsm2.so'), '');
  expect(findModule('auto', {}, folder)).toMatch(/softhsm\/libsofthsm2\.so$/);
});
