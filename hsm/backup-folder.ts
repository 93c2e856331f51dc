/**
 * A backup of a token in a folder: its files as they were, and a manifest with the hash of each.
 *
 * ```
 * FOLDER/               0700
 *   tokens/             0700, SoftHSM's files, 0600: private objects are encrypted under the PIN, which is not here
 *   token-object  softhsm2.conf  provisioned.json     as in the token's directory
 *   manifest.json       0600, written last: a folder without it is no backup
 * ```
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BackupError } from './backup-error.ts';
import { synchronise, writePrivate } from './durable-file.ts';
import type { TokenFiles } from './token-snapshot.ts';

/** What the manifest says of a file. */
export interface BackupFile {
  /** Below the folder, with `/` between its parts. */
  readonly path: string;
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
}

export const manifestName = 'manifest.json';

/** Throws `backup_exists` where there is something at `folder` that is not an empty folder. */
export function assertVacant(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new BackupError(
      'backup_exists',
      `\`${folder}\` cannot be looked into (${(error as NodeJS.ErrnoException).code}): a new folder, or an empty one, is accepted`,
    );
  }
  if (names.length > 0)
    throw new BackupError(
      'backup_exists',
      `\`${folder}\` holds ${names.slice(0, 3).join(', ')}: a new folder, or an empty one, is accepted`,
    );
}

export function describeFiles(files: TokenFiles): BackupFile[] {
  return [...files].map(([path, bytes]) => ({ path, size: bytes.length, sha256: hashOf(bytes) }));
}

/**
 * Writes the files and then the manifest into `folder`, which is there and empty; all of it is on the disk before the call returns. A crash
 * leaves a folder without a manifest. Where it fails, such as on a full disk, the folder is empty again.
 */
export function writeBackup(folder: string, files: TokenFiles, manifest: string): void {
  const tops = new Set<string>([manifestName, `${manifestName}.new`]);
  try {
    const folders = new Set<string>([folder]);
    for (const [path, bytes] of files) {
      tops.add(path.split('/')[0] ?? path);
      const target = join(folder, path);
      makeFolders(folder, path, folders);
      writePrivate(target, bytes, 'wx');
    }
    // The deepest first: a folder's names last, when what they name is there.
    for (const made of [...folders].reverse()) synchronise(made);
    // Until the rename this is no backup; after it, all of it is on the disk already.
    writePrivate(join(folder, `${manifestName}.new`), Buffer.from(manifest), 'wx');
    renameSync(join(folder, `${manifestName}.new`), join(folder, manifestName));
    synchronise(folder);
    synchronise(dirname(folder));
  } catch (error) {
    // It was empty, so that all of these are ours.
    for (const name of tops) rmSync(join(folder, name), { recursive: true, force: true });
    throw error;
  }
}

/**
 * The text of the manifest that the command `madeBy` wrote; throws `backup_incomplete` where there is none, and `backup_altered` where it is
 * no manifest by its size.
 */
export function readManifestText(folder: string, madeBy: string): string {
  const bytes = readPart(folder, manifestName, { most: 2 ** 20, madeBy });
  if (bytes === undefined)
    throw new BackupError(
      'backup_altered',
      `\`${join(folder, manifestName)}\` is no file of at most ${2 ** 20} bytes: a manifest that \`${madeBy}\` wrote is accepted`,
    );
  return Buffer.from(bytes).toString('utf8');
}

/**
 * The files that the manifest lists, each with the size and hash that it says. What is given out is what was hashed. Throws
 * `backup_incomplete` where one is lacking, and `backup_altered` where one is another, or one more is there.
 */
export function readBackup(folder: string, listed: readonly BackupFile[]): TokenFiles {
  const files = new Map<string, Uint8Array>();
  for (const { path, size, sha256 } of listed) {
    const bytes = readPart(folder, path, { most: size, madeBy: 'ringmint keys backup' });
    if (bytes?.length !== size || hashOf(bytes) !== sha256)
      throw new BackupError(
        'backup_altered',
        `\`${join(folder, path)}\` is not the file that was backed up: one of ${size} bytes with the SHA-256 \`${sha256}\` is accepted`,
      );
    files.set(path, bytes);
  }
  const more = pathsIn(folder, '').find((path) => path !== manifestName && !files.has(path));
  if (more !== undefined)
    throw new BackupError(
      'backup_altered',
      `\`${join(folder, more)}\` is not in the manifest: only the files that were backed up are accepted`,
    );
  return files;
}

/** Writes the files into `folder`, which is there and holds none of them, for its owner only. */
export function unpackBackup(folder: string, files: TokenFiles): void {
  const folders = new Set<string>([folder]);
  for (const [path, bytes] of files) {
    makeFolders(folder, path, folders);
    writeFileSync(join(folder, path), bytes, { mode: 0o600, flag: 'wx' });
  }
}

/** A file of at most `most` bytes; `undefined` where it has more, or is none. */
function readPart(
  folder: string,
  path: string,
  { most, madeBy }: { readonly most: number; readonly madeBy: string },
): Uint8Array | undefined {
  try {
    // Looked at first: what was put in its place may be a pipe, or larger than the memory.
    const entry = statSync(join(folder, path));
    return entry.isFile() && entry.size <= most ? readFileSync(join(folder, path)) : undefined;
  } catch (error) {
    throw new BackupError(
      'backup_incomplete',
      `cannot read \`${join(folder, path)}\` (${(error as NodeJS.ErrnoException).code}): a whole folder that \`${madeBy}\` made is accepted`,
    );
  }
}

function pathsIn(folder: string, below: string): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    return entry.isDirectory() ? pathsIn(folder, path) : [path];
  });
}

/** Makes the folders above `path` that are not in `made`, from the top down. */
function makeFolders(folder: string, path: string, made: Set<string>): void {
  let above = folder;
  for (const part of path.split('/').slice(0, -1)) {
    above = join(above, part);
    if (made.has(above)) continue;
    mkdirSync(above, { mode: 0o700 });
    chmodSync(above, 0o700);
    made.add(above);
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
