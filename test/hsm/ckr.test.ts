import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';
import { expect, test } from 'vitest';
import { returnValue, returnValues } from '../../hsm/ckr.ts';

test('has every return value that pkcs11js knows, under the same name', () => {
  const named = Object.entries(pkcs11js).filter(([name]) => name.startsWith('CKR_'));
  expect(named.length).toBeGreaterThan(80);
  for (const [name, value] of named) {
    // Not failures, and the first of a range.
    if (name === 'CKR_OK' || name === 'CKR_VENDOR_DEFINED') continue;
    expect(returnValues.get(Number(value))?.name, name).toBe(name);
  }
});

test('has every return value that the four modules of test/hsm/modules/ were seen to give, or have in their sources', () => {
  const path = new URL('./modules/ckr-by-module.json', import.meta.url);
  const { codes } = JSON.parse(readFileSync(path, 'utf8')) as { codes: readonly { name: string }[] };
  expect(codes.length).toBeGreaterThan(80);
  const known = new Set([...returnValues.values()].map(({ name }) => name));
  // A vendor's own cost the process.
  const missing = codes.map(({ name }) => name).filter((name) => name !== 'CKR_OK' && !known.has(name));
  expect(missing.filter((name) => !/NSS|VENDOR|0x8|0xC/i.test(name))).toEqual([]);
});

test('lists no value twice, and none without a code', () => {
  const names = [...returnValues.values()].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { code, name } of returnValues.values()) expect(code, name).toMatch(/^[a-z]+(_[a-z]+)*$/);
});

test.each([
  ['CKR_PIN_INCORRECT', 'pin_incorrect'],
  ['CKR_PIN_LOCKED', 'pin_locked'],
  ['CKR_PIN_EXPIRED', 'pin_expired'],
] as const)('tries nothing again after %s: trying would lock a real token', (name, code) => {
  expect(returnValue(pkcs11js[name])).toMatchObject({ name, code, recovery: 'stop' });
});

test.each(['CKR_DEVICE_REMOVED', 'CKR_TOKEN_NOT_PRESENT'] as const)(
  'takes %s for a token that has gone, which costs the process',
  (name) => {
    expect(returnValue(pkcs11js[name])).toMatchObject({ code: 'token_missing', recovery: 'replace' });
  },
);

test('takes an invalid handle for a key that has gone, and opens the token anew', () => {
  for (const name of ['CKR_OBJECT_HANDLE_INVALID', 'CKR_KEY_HANDLE_INVALID'] as const)
    expect(returnValue(pkcs11js[name])).toMatchObject({ code: 'token_missing', recovery: 'reopen' });
});

test('blames nothing but the call for what is wrong with the call', () => {
  for (const name of ['CKR_DATA_LEN_RANGE', 'CKR_TEMPLATE_INCOMPLETE', 'CKR_ARGUMENTS_BAD'] as const)
    expect(returnValue(pkcs11js[name])).toMatchObject({ code: 'request_refused', recovery: 'refuse' });
});

test('gives up the process for a value that it does not know', () => {
  expect(returnValue(0x80001234)).toEqual({
    value: 0x80001234,
    name: 'CKR 0x80001234',
    failure: 'module',
    code: 'device_error',
    recovery: 'replace',
  });
});
