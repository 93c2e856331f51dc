import pkcs11js from 'pkcs11js';
import { expect, test } from 'vitest';
import { returnValue } from '../../hsm/ckr.ts';

test('names every return value of its table as pkcs11js does', () => {
  const named = Object.entries(pkcs11js).filter(([name]) => name.startsWith('CKR_'));
  const known = named.filter(([, value]) => returnValue(Number(value)).name.startsWith('CKR_'));
  expect(known.length).toBeGreaterThan(15);
  for (const [name, value] of known) expect(returnValue(Number(value)).name).toBe(name);
});

test.each([
  ['CKR_PIN_INCORRECT', 'pin_incorrect'],
  ['CKR_PIN_LOCKED', 'pin_locked'],
] as const)('starts nothing again after %s: trying would lock a real token', (name, code) => {
  expect(returnValue(pkcs11js[name])).toEqual({ name, code, recovery: 'none' });
});

test.each(['CKR_OBJECT_HANDLE_INVALID', 'CKR_DEVICE_REMOVED', 'CKR_TOKEN_NOT_PRESENT'] as const)(
  'takes %s for a token that has gone, which costs the process',
  (name) => {
    expect(returnValue(pkcs11js[name])).toMatchObject({ code: 'token_missing', recovery: 'process' });
  },
);

test('gives up the process for a value that it does not know', () => {
  expect(returnValue(0x80001234)).toEqual({
    name: 'CKR 0x80001234',
    code: 'device_error',
    recovery: 'process',
  });
});
