/** SQLite's result codes (sqlite.org/rescode.html) as the store's own. */
import Database from 'better-sqlite3';
import { StoreError, type StoreErrorCode } from '../store.ts';

/** Runs `work`; what SQLite throws comes out as a StoreError, with the transaction undone. */
export function withStoreErrors<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    const { code, hint } = classify(error.code);
    throw new StoreError(code, `\`${path}\`: ${hint} (${error.code}: ${error.message})`);
  }
}

function classify(code: string): { code: StoreErrorCode; hint: string } {
  // What else has to be unique is looked up in the same transaction before it is written (src/store/commit-plan.ts).
  if (code === 'SQLITE_CONSTRAINT_UNIQUE')
    return {
      code: 'epoch_in_use',
      hint: 'a serial of this epoch is used by another record; nothing was written: each process needs an `epoch` of its own in its config.json',
    };
  const primary = code.split('_', 2).join('_');
  switch (primary) {
    case 'SQLITE_FULL':
      return {
        code: 'store_full',
        hint: 'the disk is full; nothing was written: free some space, then send the same again',
      };
    case 'SQLITE_CORRUPT':
    case 'SQLITE_CONSTRAINT':
      return {
        code: 'store_corrupt',
        hint: 'the database is damaged: restore a backup, and compare its journal with the heads that the other systems hold',
      };
    case 'SQLITE_NOTADB':
      return { code: 'store_foreign', hint: 'this is not a database of ours' };
    default:
      return { code: 'store_io', hint: 'the database cannot be read or written; nothing was decided' };
  }
}
