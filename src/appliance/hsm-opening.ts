/** Keys in the HSMs of a system, whatever kind these are: opened to sign with, or made. */

import { publicKeyOf } from '../../hsm/public-key.ts';
import { type PublicKey, SignerError } from '../../hsm/signer.ts';
import { generateKey, openToken, type TokenSigner } from '../../hsm/token-signer.ts';
import { freeTypesOf } from './device-key.ts';
import { JournalProof, type ProofSource } from './device-proof.ts';
import { openDeviceSigner } from './device-signer.ts';
import type { HsmAccess } from './hsm-access.ts';
import type { KeyPlace } from './key-inventory.ts';
import { openRoleDevice, type RoleDevice } from './role-device.ts';

export interface HsmKeyOptions {
  /** Labels, and the ids (RFC 9679 thumbprints, 32 bytes) that the keys must have. */
  readonly signingKey: string;
  readonly expectedKeyId: Uint8Array;
  readonly agreementKey?: string;
  readonly expectedAgreementKeyId?: Uint8Array;
  readonly processes: number;
  readonly sessions: number;
  /** The journal whose records it signs; none for what signs no records. */
  readonly source?: ProofSource;
}

/** Throws SignerError, such as `key_missing`. */
export async function openHsmKey(access: HsmAccess, options: HsmKeyOptions): Promise<TokenSigner> {
  const { source, ...keys } = options;
  if (access.kind === 'pkcs11') {
    const { address, environment, askPin } = access;
    return openToken({ address, environment, askPin, ...keys });
  }
  const device = await openRoleDevice(access.home, access.role);
  try {
    return await openDeviceSigner(device, {
      ...keys,
      ...(source === undefined ? {} : { proof: new JournalProof(device, source) }),
      release: () => device.close(),
    });
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** Makes one more key; gives its public key. Throws SignerError, such as `key_ambiguous`. */
export async function makeHsmKey(
  access: HsmAccess,
  key: { readonly label: string; readonly kind: KeyPlace['kind'] },
): Promise<PublicKey> {
  if (access.kind === 'pkcs11') {
    const { address, environment, askPin } = access;
    return generateKey({ address, environment, askPin, key });
  }
  const device = await openRoleDevice(access.home, access.role);
  try {
    return await makeDeviceKey(device, key);
  } finally {
    await device.close();
  }
}

/** On P-256; a signing key signs what is anchored and what is worth nothing. */
export async function makeDeviceKey(
  device: RoleDevice,
  { label, kind }: { readonly label: string; readonly kind: KeyPlace['kind'] },
): Promise<PublicKey> {
  const signs = kind === 'signing';
  const { point } = await device.call('generate', {
    label,
    algorithm: 'ES256',
    use: signs ? 'sign' : 'agree',
    anchored: signs,
    free: signs ? freeTypesOf(device.role) : [],
  });
  const made = publicKeyOf(point);
  if (made.algorithm !== 'ES256')
    throw new SignerError('key_unfit', `the device made \`${label}\` as another kind of key than on P-256`);
  return made;
}
