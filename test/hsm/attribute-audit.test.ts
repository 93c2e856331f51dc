/** The audit of a key's attributes, on keys that were really made otherwise. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bothKinds, open, pinFileOf, provision, softhsm, temporaryFolder } from './temporary-token.ts';

const maker = fileURLToPath(new URL('./unfit-key.ts', import.meta.url));

test('finds nothing in the keys that Ringmint makes', async () => {
  const token = await open(await provision(temporaryFolder(), bothKinds), { agreementKey: 'agreement' });
  await token.audit();
});

test.each([
  ['CKA_EXTRACTABLE=true', ['CKA_EXTRACTABLE true', 'CKA_NEVER_EXTRACTABLE false']],
  ['CKA_SENSITIVE=false', ['CKA_SENSITIVE false', 'CKA_ALWAYS_SENSITIVE false']],
  ['CKA_DERIVE=true', ['CKA_DERIVE true']],
  ['CKA_DECRYPT=true', ['CKA_DECRYPT true']],
  ['CKA_UNWRAP=true', ['CKA_UNWRAP true']],
  ['CKA_SIGN_RECOVER=true', ['CKA_SIGN_RECOVER true']],
])('finds a key with %s', async (attribute, found) => {
  const directory = await provision(temporaryFolder());
  execFileSync(
    process.execPath,
    ['--import', 'tsx', maker, softhsm, 'test token', pinFileOf(directory), 'unfit', attribute],
    { env: { ...process.env, ...directory.environment } },
  );
  const token = await open(directory, { signingKey: 'unfit' });
  const audit = token.audit();
  await expect(audit).rejects.toMatchObject({ code: 'key_unfit' });
  for (const what of found) await expect(audit).rejects.toThrow(what);
  await expect(audit).rejects.toThrow('where');
  const { message } = await audit.then(
    () => new Error('nothing'),
    (error: Error) => error,
  );
  expect(message.split(';')).toHaveLength(found.length);
});

test('names the other tokens that its process could reach', async () => {
  const directory = await provision(temporaryFolder());
  const alone = await open(directory);
  expect(alone.others).toEqual([]);
  const { provisionToken } = await import('../../hsm/token-signer.ts');
  await provisionToken({
    address: { ...directory.address, uri: 'pkcs11:token=another%20role' },
    environment: directory.environment,
    soPin: { kind: 'file', path: `${directory.path}/so-pin` },
    keys: [],
  });
  expect((await open(directory)).others).toEqual(['another role']);
  // A token shows its public keys to whoever asks.
  expect(alone.keyIds).toEqual([alone.publicKey.keyId]);
});
