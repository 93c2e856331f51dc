import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A new folder, in memory where there is a file system for that: what a cut or a lie leaves there follows from the calls that were made,
 * and waiting for a disk adds nothing to it. SQLite runs with WAL and FULL all the same.
 */
export function makeMemoryFolder(name: string): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `ringmint-${name}-`));
}
