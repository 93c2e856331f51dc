/** Files that commands read and write: sizes checked before reading, written whole or not at all. */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fromHex } from '../kit/bytes.ts';
import { assert, quote, type Result, refuse, succeed } from '../kit/result.ts';

export type FileCode =
  | 'file_unreadable'
  | 'file_empty'
  | 'too_large'
  | 'disk_full'
  | 'file_unwritable'
  | 'file_exists';

/** Reads at most `limit` bytes; a larger file is refused without reading it. */
export async function readInput(path: string, limit: number): Promise<Result<Uint8Array, FileCode>> {
  try {
    const entry = await stat(path);
    const { size } = entry;
    if (!entry.isFile())
      return refuse('file_unreadable', `${quote(path)} is no regular file: the path of one is accepted`);
    if (size > limit)
      return refuse('too_large', `${quote(path)} has ${size} bytes: at most ${limit} are accepted`);
    const file = await open(path, 'r');
    try {
      const bytes = await file.readFile();
      if (bytes.length === 0) return refuse('file_empty', `${quote(path)} is empty`);
      return succeed(new Uint8Array(bytes));
    } finally {
      await file.close();
    }
  } catch (error) {
    return refuse(
      'file_unreadable',
      `cannot read ${quote(path)} (${errorCode(error)}): the path of a readable file is accepted`,
    );
  }
}

/** Reads each; the first that is refused is the answer. */
export async function readInputs(
  paths: readonly string[],
  limit: number,
): Promise<Result<readonly Uint8Array[], FileCode>> {
  const read: Uint8Array[] = [];
  for (const path of paths) {
    const bytes = await readInput(path, limit);
    if (!bytes.ok) return bytes;
    read.push(bytes.value);
  }
  return succeed(read);
}

/** Makes the folder and those above it, on the disk before the call returns. */
export async function makeFolder(path: string): Promise<Result<null, FileCode>> {
  try {
    const first = await mkdir(path, { recursive: true });
    if (first !== undefined) {
      const top = dirname(resolve(first));
      for (let made = resolve(path); made !== top; made = dirname(made)) await syncFolder(dirname(made));
    }
    return succeed(null);
  } catch (error) {
    return refuse(
      'file_unwritable',
      `cannot make the folder ${quote(path)} (${errorCode(error)}): name another with \`--out\``,
    );
  }
}

/**
 * Writes a file that only its owner reads: currency is money to whoever holds it. Text may come in parts.
 *
 * A power cut at any moment leaves the file as it was before, or whole; after the call, whole.
 */
export async function writeOutput(
  path: string,
  data: Uint8Array | string | Iterable<string>,
): Promise<Result<null, FileCode>> {
  const beside = `${path}.new`;
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      if (typeof data === 'string' || data instanceof Uint8Array) await file.writeFile(data);
      else for (const part of data) await file.appendFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
    // The name too, and not only the bytes: what is sent after this goes by what the file says.
    await syncFolder(dirname(path));
    return succeed(null);
  } catch (error) {
    await rm(beside, { force: true });
    return refuseWriting(path, error, '; nothing is issued twice');
  }
}

/**
 * Writes a file that only its owner reads, where none is; refuses one that is there as `file_exists`, and never writes over it.
 *
 * On the disk when the call returns. A power cut in it may leave a part of the file under its name, which nobody was told of yet.
 */
export async function writeNewFile(path: string, data: Uint8Array | string): Promise<Result<null, FileCode>> {
  let made = false;
  try {
    const file = await open(path, 'wx', 0o600);
    made = true;
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(dirname(path));
    return succeed(null);
  } catch (error) {
    if (made) await rm(path, { force: true });
    if (errorCode(error) === 'EEXIST')
      return refuse('file_exists', `${quote(path)} is there already: a new file is accepted (\`--out\`)`);
    return refuseWriting(path, error);
  }
}

/** `ofAgain`: what to know of the same command given again. Throws what is no error of the file, but of the parts that are written. */
function refuseWriting(path: string, error: unknown, ofAgain = ''): Result<never, FileCode> {
  if (errorCode(error) === 'unknown') throw error;
  if (errorCode(error) === 'ENOSPC')
    return refuse(
      'disk_full',
      `no room for ${quote(path)}: free some space, then give the same command again${ofAgain}`,
    );
  return refuse(
    'file_unwritable',
    `cannot write ${quote(path)} (${errorCode(error)}): name another file with \`--out\``,
  );
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

/** Writes records, in hex, to a folder, which is made where there is none: each under its name. Gives their paths; the first that cannot be written is the answer. */
export async function writeRecords(
  folder: string,
  records: readonly { readonly name: string; readonly hex: string }[],
): Promise<Result<readonly string[], FileCode>> {
  const made = await makeFolder(folder);
  if (!made.ok) return made;
  const paths: string[] = [];
  for (const { name, hex } of records) {
    const path = join(folder, name);
    const bytes = fromHex(hex);
    assert(bytes !== undefined, 'what a system answered with fits its schema');
    const written = await writeOutput(path, bytes);
    if (!written.ok) return written;
    paths.push(path);
  }
  return succeed(paths);
}
