/** What signs modules: central management's key, since it is central management that decides by a module. */
import type { ModuleKey } from '../cli/appliance.ts';
import { openCommandSigner } from './command-signer.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt } from './home.ts';
import { readTrustBundle } from './trust.ts';

/** Opens central management's current key. The type in the protected header keeps what it signs here apart from its records. */
export async function openModuleSigner(homePath: string, projectFolder: string): Promise<ModuleKey> {
  const home = homeAt(homePath);
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const bundle = await readTrustBundle(home);
  const signer = await openCommandSigner({ home, role: 'central', configuration, projectFolder }, bundle);
  return {
    publicKey: signer.key,
    sign: (message) => signer.sign(message, 'module'),
    close: () => signer.close(),
  };
}
