/**
 * `ringmint keys backup`: the keys of one system, out of its SoftHSM token and into a folder, while the system runs or stands still. They
 * come encrypted under the token's PIN, and the PIN does not come along.
 *
 * A crash leaves a folder without a manifest: no drill takes it, and no other backup is written into it.
 */
import { join, resolve, sep } from 'node:path';
import { BackupError } from '../../hsm/backup-error.ts';
import { assertVacant, describeFiles, writeBackup } from '../../hsm/backup-folder.ts';
import { readSnapshot, type TokenFiles } from '../../hsm/token-snapshot.ts';
import type { BackupOptions, BackupReport } from '../cli/appliance.ts';
import type { Clock } from '../kit/clock.ts';
import { ApplianceError } from './appliance-error.ts';
import type { BackupManifest } from './backup-manifest.ts';
import { type Home, homeAt, type Role } from './home.ts';
import { readSigning } from './hsm-access.ts';
import { readInventory } from './key-inventory.ts';
import { findHsm } from './key-making.ts';
import { makePrivateFolder } from './private-file.ts';
import { tokenLabel } from './token-label.ts';

/** Throws `backup_unsupported`, `backup_exists`, `backup_unsettled`, and what is wrong with the home, its configuration or the token. */
export async function backUpKeys(options: BackupOptions, clock: Clock): Promise<BackupReport> {
  const { role } = options;
  const home = homeAt(options.home);
  const hsm = await chooseHsm(home, role, options.hsm);
  const token = home.token(role);
  if (`${resolve(options.out)}${sep}`.startsWith(`${resolve(token)}${sep}`))
    throw new BackupError(
      'backup_exists',
      `\`${options.out}\` is in the token's own folder: another folder is accepted`,
    );
  assertVacant(options.out);
  const { keys, files } = await readKeysAndFiles(home, role, hsm);
  await makePrivateFolder(options.out);
  const manifest: BackupManifest = {
    version: 1,
    role,
    hsm,
    tokenLabel: tokenLabel(role),
    madeAt: clock.nowSeconds(),
    keys,
    files: describeFiles(files),
  };
  writeBackup(options.out, files, `${JSON.stringify(manifest, null, 2)}\n`);
  return {
    folder: options.out,
    role,
    hsm,
    keys,
    files: files.size,
    pinFile: join(token, 'pin'),
  };
}

/** The name of the HSM, whose files are this machine's. */
async function chooseHsm(home: Home, role: Role, name: string | undefined): Promise<string> {
  const hsm = await findHsm(home, role, name);
  if (hsm.kind === 'softhsm') return hsm.name;
  const own = (await readSigning(home, role)).hsms.filter(({ kind }) => kind === 'softhsm');
  if (hsm.kind === 'firmware-sim')
    throw new BackupError(
      'backup_unsupported',
      `the keys in \`${hsm.name}\` never leave their device: where it is lost, another one gets new ones (\`ringmint keys rotate ${role}\`)`,
    );
  throw new BackupError(
    'backup_unsupported',
    `the keys in \`${hsm.name}\` do not leave it through PKCS#11: back them up in the way of its vendor${own.length === 0 ? '' : `; here \`--hsm ${own.map((known) => known.name).join(', ')}\` is accepted`}`,
  );
}

/**
 * The keys that are written down as being in the HSM, and the files that hold every one of them: a key is in the token before it is
 * written down. Read again where `ringmint keys rotate` came in between, so that the newest key is not in the files and out of the manifest.
 */
async function readKeysAndFiles(
  home: Home,
  role: Role,
  hsm: string,
): Promise<{ keys: BackupManifest['keys']; files: TokenFiles }> {
  for (let keys = await readKeys(home, role, hsm); ; ) {
    const files = await readSnapshot(home.token(role));
    const after = await readKeys(home, role, hsm);
    if (JSON.stringify(after) === JSON.stringify(keys)) return { keys, files };
    keys = after;
  }
}

async function readKeys(home: Home, role: Role, hsm: string): Promise<BackupManifest['keys']> {
  const places = (await readInventory(home, role)).filter((place) => place.hsm === hsm);
  if (places.length === 0)
    throw new ApplianceError(
      'key_unavailable',
      `${role} has no key in \`${hsm}\`: there is nothing to back up`,
    );
  return places.map(({ label, kind, keyId }) => ({ label, kind, keyId }));
}
