/** One change of the keys at a time: two at once would each publish a bundle without the other's key. */
import type { Clock } from '../kit/clock.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { lockFile } from '../store/sqlite/file-lock.ts';
import { ApplianceError } from './appliance-error.ts';
import { type ApplianceConfiguration, applianceSchema, readConfiguration } from './configuration.ts';
import { type Home, homeAt } from './home.ts';
import { type Root, readRoot, readTrustBundleFile } from './trust.ts';

export interface KeyManagement {
  readonly projectFolder: string;
  readonly clock: Clock;
}

/** What a change has before it. */
export interface Situation extends KeyManagement {
  readonly home: Home;
  readonly configuration: ApplianceConfiguration;
  readonly bundle: TrustBundle;
  /** The bundle's signed bytes. */
  readonly signedBundle: Uint8Array;
  readonly root: Root;
}

/**
 * Runs `change` while no other command changes the keys, with the root at hand: nothing is made that it could not publish. Throws
 * `keys_in_use`, `root_missing`, `root_invalid` and what reading the appliance throws.
 */
export async function holdKeys<T>(
  { home: path, rootFolder }: { readonly home: string; readonly rootFolder: string | undefined },
  management: KeyManagement,
  change: (situation: Situation) => Promise<T>,
): Promise<T> {
  const home = homeAt(path);
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  const release = lockFile(`${home.trustBundle}.lock`);
  if (release === undefined)
    throw new ApplianceError(
      'keys_in_use',
      'another command changes the keys just now: give this one again when it is done',
    );
  try {
    const { bundle, bytes } = await readTrustBundleFile(home);
    const root = await readRoot(rootFolder ?? home.root, bundle);
    return await change({ ...management, home, configuration, bundle, signedBundle: bytes, root });
  } finally {
    release();
  }
}
