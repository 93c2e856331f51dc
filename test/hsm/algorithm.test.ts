/** Each algorithm on a real token: generated, signed, and verified by node:crypto from what is published. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pkcs11js from 'pkcs11js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { algorithmOfKey, algorithms } from '../../hsm/algorithm.ts';
import { publicKeyOf, rsaPublicKey, verifierOf } from '../../hsm/public-key.ts';
import type { PublicKey } from '../../hsm/signer.ts';
import { openToken, provisionToken } from '../../hsm/token-signer.ts';
import { messageOf, provision, temporaryFolder } from './temporary-token.ts';

describe('the table of algorithms', () => {
  it('has the numbers that pkcs11js has', () => {
    const known = pkcs11js as unknown as Record<string, number>;
    for (const { mechanisms } of algorithms) {
      for (const { name, type } of mechanisms)
        if (known[name] !== undefined) expect(type, name).toBe(known[name]);
    }
    expect(algorithms.find(({ name }) => name === 'PS256')?.mechanisms[0]?.parameter).toEqual({
      type: pkcs11js.CK_PARAMS_RSA_PSS,
      hashAlg: pkcs11js.CKM_SHA256,
      mgf: pkcs11js.CKG_MGF1_SHA256,
      saltLen: 32,
    });
    expect(algorithms.map(({ keyType }) => keyType)).toEqual([
      pkcs11js.CKK_EC,
      pkcs11js.CKK_EC,
      0x40,
      pkcs11js.CKK_RSA,
    ]);
  });

  it('knows a curve by its object identifier and by its name, and no other curve', () => {
    const printable = (name: string): Uint8Array => Buffer.from([0x13, name.length, ...Buffer.from(name)]);
    for (const { name, keyType, curve } of algorithms) expect(algorithmOfKey(keyType, curve)).toBe(name);
    expect(algorithmOfKey(0x40, printable('edwards25519'))).toBe('EdDSA');
    expect(algorithmOfKey(0x03, printable('secp384r1'))).toBe('ES384');
    expect(algorithmOfKey(0x03, printable('edwards25519'))).toBeUndefined();
    expect(algorithmOfKey(0x03, Buffer.from('06052b8104000a', 'hex'))).toBeUndefined(); // secp256k1
    expect(algorithmOfKey(0x1f, undefined)).toBeUndefined();
  });
});

describe('the id of a key', () => {
  // RFC 9679 §3: the required parameters of the COSE_Key, written out by hand.
  const b64 = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');
  const digest = (hex: string): Uint8Array =>
    new Uint8Array(createHash('sha256').update(hex, 'hex').digest());

  it('is the thumbprint of an Ed25519 key', () => {
    const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const key = publicKeyOf(new Uint8Array(b64(x)));
    expect(key).toMatchObject({ algorithm: 'EdDSA' });
    expect(key.keyId).toEqual(digest(`a3010120062 15820${b64(x).toString('hex')}`.replace(' ', '')));
  });

  it('is the thumbprint of a P-384 key', () => {
    const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
    const key = publicKeyOf(new Uint8Array(Buffer.concat([Buffer.of(4), b64(x), b64(y)])));
    expect(key).toMatchObject({ algorithm: 'ES384' });
    expect(key.keyId).toEqual(
      digest(`a401022002215830${b64(x).toString('hex')}225830${b64(y).toString('hex')}`),
    );
  });

  it('is the thumbprint of an RSA key', () => {
    const { n, e } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    const key = rsaPublicKey(new Uint8Array(b64(n)), new Uint8Array(b64(e)));
    expect(key.keyId).toEqual(digest(`a3010320590100${b64(n).toString('hex')}2143${b64(e).toString('hex')}`));
  });
});

describe('a token', () => {
  it.each(algorithms.map(({ name }) => name))(
    'makes a key for %s, signs with it, and gives signatures that are right outside',
    async (algorithm) => {
      const folder = temporaryFolder();
      // The directory of a token whose own keys are on P-256; a second token is made in it.
      const directory = await provision(join(folder, 'token'));
      const address = { ...directory.address, uri: 'pkcs11:token=second' };
      const [made] = await provisionToken({
        address,
        environment: directory.environment,
        soPin: { kind: 'file', path: join(directory.path, 'so-pin') },
        keys: [{ label: 'own', kind: 'signing', algorithm }],
      });
      expect(made).toMatchObject({ algorithm });
      const token = await openToken({ address, environment: directory.environment, signingKey: 'own' });
      onTestFinished(() => token.close());
      expect(token.publicKey).toEqual(made);
      const verify = verifierOf(made as PublicKey);
      // What is not hashed outside goes in as it is, and SoftHSM does not take an empty message.
      if (algorithm === 'EdDSA')
        await expect(token.sign(new Uint8Array())).rejects.toMatchObject({ code: 'request_refused' });
      const messages = [
        new Uint8Array(algorithm === 'EdDSA' ? 1 : 0),
        messageOf('a'),
        new Uint8Array(readFileSync(process.execPath).subarray(0, 100_000)),
      ];
      for (const message of messages) {
        const signature = await token.sign(message);
        expect(await verify(message, signature)).toBe(true);
        expect(await verify(messageOf('other'), signature)).toBe(false);
        signature[0] = (signature[0] ?? 0) ^ 1;
        expect(await verify(message, signature)).toBe(false);
      }
      const many = await Promise.all(Array.from({ length: 40 }, (_, i) => token.sign(messageOf(i))));
      for (const [i, signature] of many.entries()) expect(await verify(messageOf(i), signature)).toBe(true);
    },
    60_000,
  );
});
