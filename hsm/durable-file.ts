/** Private files that are on the disk before the call returns. */
import { closeSync, fsyncSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a 0600 file and waits until its bytes are on the disk; `wx` refuses one that is there. */
export function writePrivate(path: string, data: string | Uint8Array, flag: 'w' | 'wx' = 'w'): void {
  const file = openSync(path, flag, 0o600);
  try {
    writeFileSync(file, data);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Waits until a file's bytes, or a directory's names, are on the disk. */
export function synchronise(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The same for a directory and all below it. */
export function synchroniseAll(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) synchroniseAll(path);
    else synchronise(path);
  }
  synchronise(directory);
}
