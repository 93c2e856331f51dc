/** A key that signs modules: an HSM's part is played by node:crypto, another implementation than the one that verifies. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { ModuleSigner } from '../../vm/signed-module.ts';

export interface Key extends ModuleSigner {
  readonly privateKey: KeyObject;
}

export function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return {
    privateKey,
    publicKey: { point: new Uint8Array(point) },
    sign: async (message) =>
      new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  };
}
