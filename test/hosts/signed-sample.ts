/** A module that somebody signed just now, with another implementation of ECDSA than the one that verifies. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { assemble } from '../../vm/index.ts';
import { encodeSignedModule, moduleKeyId, moduleToBeSigned } from '../../vm/signed-module.ts';
import type { SignedSample } from './checks.ts';

const text = 'level l C0 A8\nconstant k 41 C0 A8\nport a C0 A8\nat l\nconst r0 k\noutput a r0\nhalt';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function pointOf(key: KeyObject): Uint8Array {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return Buffer.concat([Uint8Array.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

export function signedSample(): SignedSample {
  const assembled = assemble(text);
  if (!assembled.ok) throw new Error(assembled.message);
  const [own, stranger] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  if (own === undefined || stranger === undefined) throw new Error('two keys were made');
  const point = pointOf(own.publicKey);
  const keyId = moduleKeyId(point);
  const signature = sign('sha256', moduleToBeSigned(assembled.bytes, keyId), {
    key: own.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  const signed = encodeSignedModule(assembled.bytes, keyId, new Uint8Array(signature));
  return { signed: hex(signed), point: hex(point), stranger: hex(pointOf(stranger.publicKey)) };
}
