/** A lock that a process holds until it ends, however it ends: the operating system gives it back after kill -9. */
import Database from 'better-sqlite3';
import { StoreError } from '../store.ts';

/** Takes the lock that is the file at `path`, which is made where there is none; `undefined` where another process holds it. */
export function lockFile(path: string): (() => void) | undefined {
  const lock = new Database(path);
  lock.pragma('busy_timeout = 0');
  try {
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error;
    return undefined;
  }
  return () => void lock.close();
}

/** Takes the lock that whoever serves the ledger at `path` holds; throws `store_in_use` where another process has it. */
export function lockLedger(path: string): () => void {
  const release = lockFile(`${path}.lock`);
  if (release === undefined)
    throw new StoreError('store_in_use', `another process serves \`${path}\`: stop it first`);
  return release;
}
