/**
 * Keys for the liars: real P-256 signatures by node:crypto behind the interface of a signer, which take a twentieth of what a token takes; or
 * the tokens themselves. Each key follows from its name, so that a failure repeats.
 */
import { createECDH } from 'node:crypto';
import type { KeyAgreement, Signer } from '../../hsm/signer.ts';
import type { TokenSigner } from '../../hsm/token-signer.ts';
import { equalBytes } from '../../src/kit/bytes.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeTrustBundle, type TrustBundle } from '../../src/records/trust-bundle.ts';
import { byOpenssl } from '../records/openssl.ts';
import { testKey } from '../records/samples.ts';
import { issuer, openTokens, otherIssuer } from '../roles/authorities.ts';

export const startMs = Date.parse('2026-11-20T12:00:00Z');

export type Holder = 'central' | 'issuance' | 'quota' | 'other' | 'revoked';

export interface LiarKeys {
  readonly of: Readonly<Record<Holder, Signer>>;
  readonly agreement: KeyAgreement;
  readonly bundle: TrustBundle;
  readonly bundleBytes: Uint8Array;
  close(): Promise<void>;
}

/** A signer without a token; its signatures are as real. */
export function makeSigner(name: string): Signer {
  const key = byOpenssl(testKey(name));
  return {
    publicKey: key.key,
    sign: async (message) => key.sign(message),
    holds: (keyId) => equalBytes(keyId, key.key.keyId),
    check: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

function makeAgreement(name: string): KeyAgreement {
  const { key, secret } = testKey(name);
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(secret);
  return {
    publicKey: key,
    deriveSharedSecret: async (point) => new Uint8Array(ecdh.computeSecret(point)),
  };
}

/** Keys in memory; with `tokens`, those of SoftHSM but for the revoked one; with a token of quota control's, that one. */
export async function openKeys(
  where: 'memory' | 'tokens',
  quotaToken?: Pick<TokenSigner, keyof Signer | 'agreement'>,
): Promise<LiarKeys> {
  const tokens = where === 'tokens' ? await openTokens() : undefined;
  const memory = {
    central: makeSigner('central'),
    issuance: makeSigner('issuance'),
    quota: makeSigner('quota'),
    other: makeSigner('other issuance'),
  };
  const quota = quotaToken ?? tokens?.of.quota;
  const of: LiarKeys['of'] = {
    ...(tokens?.of ?? memory),
    quota: quota ?? memory.quota,
    revoked: makeSigner('revoked'),
  };
  const agreement = quota === undefined ? makeAgreement('agreement') : quota.agreement;
  if (agreement === undefined) throw new Error('quota control has an agreement key');
  const { bundle, bundleBytes } = makeBundle(of, agreement);
  return {
    of,
    agreement,
    bundle,
    bundleBytes,
    close: async () => tokens?.close(),
  };
}

/** Every key valid for a year, but for one of each authority that is revoked. */
function makeBundle(of: LiarKeys['of'], agreement: KeyAgreement): Pick<LiarKeys, 'bundle' | 'bundleBytes'> {
  const root = testKey('root');
  const valid = {
    notBefore: startMs / 1000 - 86_400,
    notAfter: startMs / 1000 + 365 * 86_400,
    revokedAt: null,
  };
  const key = (signer: { readonly publicKey: Signer['publicKey'] }) => {
    if (signer.publicKey.algorithm !== 'ES256') throw new Error('the keys here are on P-256');
    return { algorithm: 'ES256', keyId: signer.publicKey.keyId, point: signer.publicKey.point } as const;
  };
  const bundle: TrustBundle = {
    issuedAt: valid.notBefore,
    expiresAt: valid.notAfter,
    revocationEpoch: 1,
    rootKey: root.key,
    keys: [
      { role: 'central', name: 'central', key: key(of.central), ...valid },
      { role: 'issuance', name: issuer, key: key(of.issuance), ...valid },
      { role: 'issuance', name: issuer, key: key(of.revoked), ...valid, revokedAt: startMs / 1000 - 3_600 },
      { role: 'issuance', name: otherIssuer, key: key(of.other), ...valid },
      { role: 'quota', name: 'quota', key: key(of.quota), ...valid },
      { role: 'quota-agreement', name: 'quota', key: key(agreement), ...valid },
    ],
    approval: null,
  };
  const toBeSigned = encodeTrustBundle(bundle, root.key.keyId);
  return { bundle, bundleBytes: attachSignature(toBeSigned, root.sign(toBeSigned)) };
}
