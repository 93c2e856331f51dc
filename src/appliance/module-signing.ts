/** What signs modules: central management's key, since it is central management that decides by a module. */
import { openToken } from '../../hsm/token-signer.ts';
import type { ModuleKey } from '../cli/appliance.ts';
import { toHex } from '../kit/bytes.ts';
import { systemClock } from '../kit/clock.ts';
import { currentKey } from '../records/key-ring.ts';
import { ApplianceError } from './appliance-error.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt } from './home.ts';
import { accessHsm, readSigning } from './hsm-access.ts';
import { readInventory } from './key-inventory.ts';
import { holderOf } from './role-token.ts';
import { readTrustBundle } from './trust.ts';

/**
 * Opens central management's current key. The type in the protected header keeps what it signs here apart from its records. The role may
 * be serving at the same time, and has its log open: who signed a module is in the module.
 */
export async function openModuleSigner(homePath: string, projectFolder: string): Promise<ModuleKey> {
  const home = homeAt(homePath);
  const role = 'central';
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const key = currentKey(
    await readTrustBundle(home),
    holderOf(role, configuration.issuer),
    systemClock.nowSeconds(),
  );
  const place = (await readInventory(home, role)).find(
    ({ keyId }) => key !== undefined && keyId === toHex(key.keyId),
  );
  const hsm = (await readSigning(home, role)).hsms.find(({ name }) => name === place?.hsm);
  if (key === undefined || place === undefined || hsm === undefined)
    throw new ApplianceError('key_unavailable', 'central management has no valid key in its HSMs');
  const { address, environment } = accessHsm(hsm, { home, role, configuration, projectFolder });
  const token = await openToken({
    address,
    environment,
    signingKey: place.label,
    expectedKeyId: key.keyId,
    processes: 1,
    sessions: 1,
  });
  return { publicKey: key, sign: (message) => token.sign(message), close: () => token.close() };
}
