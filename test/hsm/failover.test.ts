/** Two real SoftHSM tokens as one signer: one is lost and comes back. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type HeldKey, makeFailoverSigner } from '../../hsm/failover.ts';
import type { SigningRequest } from '../../hsm/signer.ts';
import type { TokenDirectory } from '../../hsm/token-directory.ts';
import type { TokenSigner } from '../../hsm/token-signer.ts';
import {
  eventually,
  isValid,
  messageOf,
  open,
  pointOf,
  provision,
  temporaryFolder,
} from './temporary-token.ts';

const requestFor = (keyId: Uint8Array): SigningRequest => ({ purpose: 'test', intent: '1', keyId });

const always = (hsm: string, token: TokenSigner): HeldKey => ({ hsm, token, notBefore: 0, notAfter: 1 });

function take(directory: TokenDirectory): () => void {
  const tokens = join(directory.path, 'tokens');
  renameSync(tokens, `${tokens}.away`);
  return () => renameSync(`${tokens}.away`, tokens);
}

test('new records go to the second HSM while the first is out, those of the first wait, and it comes back', async () => {
  const folder = temporaryFolder();
  const directories = [await provision(join(folder, 'a')), await provision(join(folder, 'b'))] as const;
  const [a, b] = [await open(directories[0], { timeoutMs: 3_000 }), await open(directories[1])];
  const signer = makeFailoverSigner([always('a', a), always('b', b)], () => 0);
  onTestFinished(() => signer.close());
  const keys = { a: a.publicKey.keyId, b: b.publicKey.keyId };
  expect(signer.publicKeys.map(({ keyId }) => keyId)).toEqual([keys.a, keys.b]);
  expect(signer.publicKey.keyId).toEqual(keys.a);

  const bring = take(directories[0]);
  // The record that was on its way, and the next: then it is known.
  for (let i = 0; i < 2; i++)
    await expect(signer.sign(messageOf('a'), requestFor(keys.a))).rejects.toMatchObject({
      name: 'SignerError',
    });
  expect(signer.publicKey.keyId).toEqual(keys.b);
  const other = await signer.sign(messageOf('b'), requestFor(signer.publicKey.keyId));
  expect(isValid(pointOf(b), messageOf('b'), other)).toBe(true);
  await signer.check();
  // What names the first key is never signed by the second.
  await expect(signer.sign(messageOf('a'), requestFor(keys.a))).rejects.toMatchObject({
    name: 'SignerError',
  });

  bring();
  // Nothing but what new records do brings it back: the canary that goes along with them.
  await eventually(async () => Buffer.from(signer.publicKey.keyId).equals(keys.a));
  const waited = await signer.sign(messageOf('a'), requestFor(keys.a));
  expect(isValid(pointOf(a), messageOf('a'), waited)).toBe(true);
});

test('refuses a record that names a key of none, and two HSMs with one key', async () => {
  const directory = await provision(temporaryFolder());
  const token = await open(directory);
  const signer = makeFailoverSigner([always('a', token)], () => 0);
  await expect(signer.sign(messageOf('a'), requestFor(new Uint8Array(32)))).rejects.toMatchObject({
    code: 'key_missing',
  });
  expect(() => makeFailoverSigner([always('a', token), always('b', token)], () => 0)).toThrow(
    expect.objectContaining({ code: 'key_ambiguous' }),
  );
});
