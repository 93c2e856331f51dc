/**
 * A role's current key for a command: what is signed with it is no record of the role's, and the role may be serving at the same time. So
 * it is logged in a chain of its own, which one command at a time writes.
 */
import { guardSigner } from '../../hsm/guarded-signer.ts';
import type { TokenSigner } from '../../hsm/token-signer.ts';
import { toHex } from '../kit/bytes.ts';
import { systemClock } from '../kit/clock.ts';
import { currentKey } from '../records/key-ring.ts';
import type { VerificationKey } from '../records/signature.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { lockFile } from '../store/sqlite/file-lock.ts';
import { ApplianceError } from './appliance-error.ts';
import { accessHsm, type HsmAccess, type HsmSurroundings, readSigning } from './hsm-access.ts';
import { openHsmKey } from './hsm-opening.ts';
import { holderOf } from './key-holder.ts';
import { type KeyPlace, readInventory } from './key-inventory.ts';

export interface CommandSigner {
  readonly key: VerificationKey;
  readonly token: TokenSigner;
  /** Signs, and logs it under `purpose`; throws SignerError. */
  sign(message: Uint8Array, purpose: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Opens the role's current key. Throws `key_unavailable`, `keys_in_use` where another command signs with it just now, and SignerError. */
export async function openCommandSigner(
  surroundings: HsmSurroundings,
  bundle: TrustBundle,
): Promise<CommandSigner> {
  const { home, role, configuration } = surroundings;
  const key = currentKey(bundle, holderOf(role, configuration.issuer), systemClock.nowSeconds());
  const id = key === undefined ? '' : toHex(key.keyId);
  const place = (await readInventory(home, role)).find(({ keyId }) => keyId === id);
  const hsm = (await readSigning(home, role)).hsms.find(({ name }) => name === place?.hsm);
  if (key === undefined || place === undefined || hsm === undefined)
    throw new ApplianceError('key_unavailable', `${role} has no valid key in its HSMs`);
  return openLoggedKey(surroundings, { key, place, access: accessHsm(hsm, surroundings) });
}

/** Opens any key of the role, current or not yet published; throws as `openCommandSigner` does. */
export async function openLoggedKey(
  { home, role }: HsmSurroundings,
  {
    key,
    place,
    access,
  }: { readonly key: VerificationKey; readonly place: KeyPlace; readonly access: HsmAccess },
): Promise<CommandSigner> {
  const log = home.commandLog(role);
  const release = lockFile(`${log}.lock`);
  if (release === undefined)
    throw new ApplianceError(
      'keys_in_use',
      `another command signs with the key of ${role} just now: give this one again when it is done`,
    );
  try {
    const token = await openHsmKey(access, {
      signingKey: place.label,
      expectedKeyId: key.keyId,
      processes: 1,
      sessions: 1,
    });
    const signer = await guardSigner(token, {
      log,
      limits: {},
      now: () => new Date(systemClock.nowMs()),
    }).catch(async (error: unknown) => {
      await token.close();
      throw error;
    });
    return {
      key,
      token,
      sign: (message, purpose) => signer.sign(message, { purpose, intent: '', keyId: key.keyId }),
      async close() {
        await signer.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}
