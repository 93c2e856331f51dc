/** Paths of sockets in a folder, however long the folder's path is. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** Of sun_path (unix(7)), without the zero at its end; a longer path would be cut off without a word. */
const addressLimit = process.platform === 'linux' ? 107 : 103;

export interface SocketFolder {
  /** What a socket of this name in the folder is bound to and connected with, until `close`. */
  addressOf(name: string): string;
  close(): void;
}

/** Throws an error of the file system where there is no such folder, and one that says so where its path is too long for this system. */
export function openSocketFolder(folder: string): SocketFolder {
  // The longest name that is used in it.
  const longest = 64;
  if (Buffer.byteLength(join(folder, 'x'.repeat(longest))) <= addressLimit)
    return { addressOf: (name) => join(folder, name), close: () => undefined };
  if (process.platform !== 'linux') {
    throw new Error(
      `a folder with a path of ${Buffer.byteLength(folder)} bytes: at most ${addressLimit - longest - 1} are accepted on ${process.platform}`,
    );
  }
  const descriptor = openSync(folder, 'r');
  return {
    addressOf: (name) => `/proc/self/fd/${descriptor}/${name}`,
    close: () => closeSync(descriptor),
  };
}
