/** A token from a backup in a private folder of its own, to be opened and thrown away: the one it was copied from is not touched. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { unpackBackup } from './backup-folder.ts';
import type { TokenAddress } from './messages.ts';
import type { PinSource } from './pin-source.ts';
import { formatPkcs11Uri } from './pkcs11-uri.ts';
import { assertUsable, configurationName, configurationOf } from './token-directory.ts';
import type { TokenFiles } from './token-snapshot.ts';

export interface RestoredToken {
  readonly address: TokenAddress;
  readonly environment: Readonly<Record<string, string>>;
  /** Whoever restored it calls this, when no process has the token open any more. */
  readonly remove: () => void;
}

/**
 * Puts the files into a new folder that only its owner can enter, below TMPDIR. Nothing is left where it fails; throws `token_missing` where
 * SoftHSM cannot have a token there. A kill leaves the folder: what is in it is encrypted under the PIN, which is not.
 */
export function restoreTemporarily(
  files: TokenFiles,
  {
    module,
    tokenLabel,
    pin,
  }: { readonly module: string; readonly tokenLabel: string; readonly pin: PinSource },
): RestoredToken {
  const folder = mkdtempSync(join(resolve(tmpdir()), 'ringmint-drill-'));
  const remove = (): void =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  try {
    assertUsable(folder, tokenLabel);
    unpackBackup(folder, files);
    // The one of the backup names the folder of the original.
    writeFileSync(join(folder, configurationName), configurationOf(folder), { mode: 0o600 });
  } catch (error) {
    remove();
    throw error;
  }
  return {
    address: { module, uri: formatPkcs11Uri({ token: tokenLabel }), pin },
    environment: { SOFTHSM2_CONF: join(folder, configurationName) },
    remove,
  };
}
