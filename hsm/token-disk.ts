/**
 * SoftHSM's files, waited for. It writes an object's file without fsync (2.6.1, File.cpp: fclose and no more), and answers CKR_OK where the
 * disk took nothing; after a power cut what it said was done may not be there. So whoever needs that waits for the files by himself.
 */
import { closeSync, fstatSync, fsync as fsyncWith, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SignerError } from './signer.ts';

const fsync = promisify(fsyncWith);

/** The token's own file, which each login empties and writes anew, and the count by which processes see that objects came or went. */
const notObjects: ReadonlySet<string> = new Set(['token.object', 'generation']);

/** The disk of the SoftHSM that `environment` configures; throws `anchor_unsupported` where it does not say where its files are. */
export function softhsmDisk(environment: NodeJS.ProcessEnv): TokenDisk {
  const path = environment['SOFTHSM2_CONF'];
  // As SimpleConfigLoader.cpp reads it: up to `#`, and `=` between name and value.
  const folder =
    path === undefined
      ? undefined
      : /^\s*directories\.tokendir\s*=\s*([^#\n]*?)\s*(?:#|$)/m.exec(readFileSync(path, 'utf8'))?.[1];
  if (folder === undefined || folder === '')
    throw new SignerError(
      'anchor_unsupported',
      'an anchor on SoftHSM needs to know where its files are, to wait until they are on the disk: set SOFTHSM2_CONF to a file with `directories.tokendir` in the `environment` of the HSM',
    );
  return new TokenDisk(folder);
}

export class TokenDisk {
  private readonly folder: string;

  /** `folder` holds a folder for each token. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Calls `write`, which changes one object, and waits until the object is on the disk. `file` is what this gave for the object before, and
   * undefined the first time: then all files are compared. Throws an error that costs the process where the disk did not take it,
   * since the module would go on with what it has in memory.
   */
  async change(write: () => void, file?: string): Promise<string | undefined> {
    if (file !== undefined) {
      write();
      await waitFor(file);
      return file;
    }
    const before = this.readFiles();
    write();
    const after = this.readFiles();
    const changed = [...after].filter(([path, bytes]) => before.get(path)?.equals(bytes) !== true);
    if (changed.length === 0) throw new Error(`the module changed no file in \`${this.folder}\``);
    for (const [path] of changed) await waitForAny(path);
    if (changed.some(([path]) => !before.has(path))) await this.synchroniseFolders();
    // A key that is made at the same time changes files too: then it is looked for again the next time.
    const [only, ...others] = changed;
    return only !== undefined && others.length === 0 && before.has(only[0]) ? only[0] : undefined;
  }

  /** Waits until everything is on the disk. */
  async synchronise(): Promise<void> {
    for (const path of this.readFiles().keys()) await synchronise(path);
    await this.synchroniseFolders();
  }

  /** Files of objects, by path. */
  private readFiles(): Map<string, Buffer> {
    const files = new Map<string, Buffer>();
    for (const token of this.tokens()) {
      for (const name of readdirSync(token)) {
        if (notObjects.has(name) || name.endsWith('.lock')) continue;
        const path = join(token, name);
        try {
          files.set(path, readFileSync(path));
        } catch (error) {
          // Somebody destroyed an object between the list and the read.
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        }
      }
    }
    return files;
  }

  private async synchroniseFolders(): Promise<void> {
    for (const token of this.tokens()) await synchronise(token);
  }

  private tokens(): string[] {
    return readdirSync(this.folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(this.folder, entry.name)] : [],
    );
  }
}

/** Waits until the file is on the disk; throws where it is empty, for then the disk was full as SoftHSM wrote it. */
async function waitFor(path: string): Promise<void> {
  if ((await synchronise(path)) === 0)
    throw new Error(`\`${path}\` is empty after it was written: is the disk full?`);
}

/** The same of a file that may be another process's, which empties it and writes it anew at this moment. */
async function waitForAny(path: string): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    if ((await synchronise(path)) > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await waitFor(path);
}

/** Gives the size. Only the wait itself leaves this thread: each turn of its event loop may be a long one beside signatures. */
async function synchronise(path: string): Promise<number> {
  const file = openSync(path, 'r');
  try {
    await fsync(file);
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}
