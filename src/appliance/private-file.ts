/** Files that nobody else may read, on the disk before the call returns and never half-written. */
import { chmod, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ApplianceError } from './appliance-error.ts';

/** Writes beside the file and renames: a crash leaves the old file or the new one. `step` is told of each step before it is made. */
export async function writeFileDurably(
  path: string,
  data: string | Uint8Array,
  mode: 0o600 | 0o644,
  step: (name: string) => void = () => undefined,
): Promise<void> {
  const beside = `${path}.new`;
  step('open');
  const file = await open(beside, 'w', mode);
  try {
    step('write');
    await file.writeFile(data);
    step('sync');
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(beside, mode);
  step('rename');
  await rename(beside, path);
  step('sync folder');
  await syncFolder(dirname(path));
}

/** The names in it are on the disk when the call returns. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes the folder, or takes the one that is there, for its owner only; its parent has to be there. Throws `folder_unwritable`. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    // Not recursive: below /proc that would never end (Node 20).
    await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await chmod(path, 0o700);
  } catch (error) {
    throw new ApplianceError(
      'folder_unwritable',
      `cannot make the folder \`${path}\` (${(error as NodeJS.ErrnoException).code}): a folder whose parent is there and can be written is accepted`,
    );
  }
}
