import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SetupError } from '../../../hsm/ci/setup-error.js';
import { checkTemplate, readTemplate } from '../../../hsm/ci/template.js';
import { temporaryFolder } from './cli-process.ts';

function refusalOf(value: unknown): string {
  try {
    checkTemplate(value, 't.json');
  } catch (error) {
    if (error instanceof SetupError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

const withKey = (key: object) => ({ version: 1, roles: [{ name: 'a', keys: [key] }] });
const withRole = (role: object) => ({ version: 1, roles: [role] });

test('fills in what a template may leave out', () => {
  expect(checkTemplate(withRole({ name: 'issuance' }), 't.json')).toEqual({
    roles: [
      {
        name: 'issuance',
        label: 'issuance',
        keys: [{ name: 'signing', label: 'signing', id: '01', type: 'ec-p256', usage: ['sign'] }],
      },
    ],
  });
  expect(checkTemplate(withKey({ name: 'k', type: 'aes-256' }), 't.json').roles[0]?.keys[0]?.usage).toEqual([
    'decrypt',
  ]);
  expect(checkTemplate(withRole({ name: 'a', keys: [] }), 't.json').roles[0]?.keys).toEqual([]);
});

test('accepts labels of 32 and 64 characters, and ids of 32 bytes', () => {
  const keys = [{ name: 'k', type: 'ed25519', label: 'x'.repeat(64), id: 'ab'.repeat(32) }];
  expect(refusalOf(withRole({ name: 'a', label: 'x'.repeat(32), keys }))).toBe('accepted');
  expect(refusalOf(withRole({ name: 'a', label: 'x'.repeat(33), keys }))).toContain('roles[0].label');
});

test.each([
  ['no object', [], 't.json: the template: `[]` is not accepted: an object with version, roles is'],
  ['no version', { roles: [{ name: 'a' }] }, 't.json: version: it is missing: 1 is'],
  ['another version', { version: 2, roles: [] }, 't.json: version: `2` is not accepted: 1 is'],
  ['no roles', { version: 1, roles: [] }, 't.json: roles: a list of 0: 1 to 64 are accepted'],
  [
    'an unknown field',
    { version: 1, roles: [{ name: 'a' }], keys: [] },
    '`keys` is no field of it: version, roles',
  ],
  [
    'an unknown field of a role',
    withRole({ name: 'a', pin: '1234' }),
    't.json: roles[0]: `pin` is no field of it',
  ],
  [
    'a name in capitals',
    withRole({ name: 'Issuer' }),
    't.json: roles[0].name: `"Issuer"` is not accepted: a name of',
  ],
  ['a name with a slash', withRole({ name: '../a' }), 't.json: roles[0].name: `"../a"`'],
  ['a name that is a number', withRole({ name: 7 }), 't.json: roles[0].name: `7`'],
  ['a name of 33 characters', withRole({ name: 'a'.repeat(33) }), 't.json: roles[0].name'],
  ['a label that ends with a blank', withRole({ name: 'a', label: 'x ' }), 't.json: roles[0].label: `"x "`'],
  ['a label beyond ASCII', withRole({ name: 'a', label: 'é' }), 'printable ASCII'],
  ['a key without a name', withKey({ type: 'ec-p256' }), 't.json: roles[0].keys[0].name: it is missing'],
  [
    'a weak RSA key',
    withKey({ name: 'k', type: 'rsa-1024' }),
    '`"rsa-1024"` is not accepted: ec-p256, ec-p384, ed25519',
  ],
  [
    'a type from the prototype',
    withKey({ name: 'k', type: 'toString' }),
    'roles[0].keys[0].type: `"toString"`',
  ],
  [
    'a usage that the type lacks',
    withKey({ name: 'k', type: 'ed25519', usage: ['derive'] }),
    'roles[0].keys[0].usage[0]: `"derive"` is not accepted: sign, for a key of type ed25519',
  ],
  [
    'a usage twice',
    withKey({ name: 'k', type: 'ec-p256', usage: ['sign', 'sign'] }),
    '`sign` is there twice',
  ],
  ['no usage', withKey({ name: 'k', type: 'ec-p256', usage: [] }), 'a list of 0: 1 to 3'],
  [
    'an id of half a byte',
    withKey({ name: 'k', type: 'ec-p256', id: 'abc' }),
    'roles[0].keys[0].id: `"abc"`',
  ],
  ['an id that is a number', withKey({ name: 'k', type: 'ec-p256', id: 1 }), 'roles[0].keys[0].id: `1`'],
  [
    'two roles of one name',
    { version: 1, roles: [{ name: 'a' }, { name: 'a' }] },
    't.json: roles: `a` is there twice as name',
  ],
  [
    'two tokens of one label',
    { version: 1, roles: [{ name: 'a' }, { name: 'b', label: 'a' }] },
    '`a` is there twice as label',
  ],
  [
    'names that give one variable twice',
    { version: 1, roles: [{ name: 'a', keys: [{ name: 'b', type: 'ed25519' }] }, { name: 'a-b' }] },
    '`SOFTHSM_A_B_URI` is there twice as a variable',
  ],
])('refuses %s, and names the field, the value and what is accepted', (_what, value, message) => {
  const refusal = refusalOf(value);
  expect(refusal).toContain('template_invalid t.json: ');
  expect(refusal).toContain(message);
});

test('names the file that is missing or is not JSON', () => {
  const file = join(temporaryFolder(), 'roles.json');
  expect(() => readTemplate(file)).toThrow(
    expect.objectContaining({ code: 'template_unreadable', message: expect.stringContaining(file) }),
  );
  writeFileSync(file, '{ "version": 1, }');
  expect(() => readTemplate(file)).toThrow(
    expect.objectContaining({ code: 'template_invalid', message: expect.stringContaining('is not JSON') }),
  );
});
