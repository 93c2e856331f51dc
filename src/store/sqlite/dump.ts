/** A SQLite ledger as rows, to be copied elsewhere: checked, and held by its lock so that nobody serves it meanwhile. */
import { existsSync, writeFileSync } from 'node:fs';
import { StoreError } from '../store.ts';
import { movedFile, openDatabase } from './database.ts';
import { lockLedger } from './file-lock.ts';
import { verifyWhole } from './integrity.ts';
import { withStoreErrors } from './sqlite-error.ts';

export const ledgerTables = [
  'journal',
  'intent',
  'caller_order',
  'quota',
  'quota_slot',
  'quota_change',
  'quota_stop',
  'held_head',
  'spent_unit',
  'account',
  'reservation',
  'resolution',
] as const;

export type LedgerTable = (typeof ledgerTables)[number];

export type DumpedRow = Readonly<Record<string, string | bigint | Uint8Array | null>>;

export interface LedgerDump {
  readonly storeId: Uint8Array;
  count(table: LedgerTable): number;
  rows(table: LedgerTable): IterableIterator<DumpedRow>;
  /** From now on the file is refused, with where the ledger is: serving both could issue twice. */
  markMoved(to: string): void;
  close(): void;
}

/** Throws `store_missing`, `store_in_use` or `store_corrupt`. */
export function openDump(path: string, role: string): LedgerDump {
  if (!existsSync(path)) throw new StoreError('store_missing', `no database at \`${path}\``);
  const release = lockLedger(path);
  return withStoreErrors(path, () => {
    try {
      const { db, storeId } = openDatabase({
        path,
        role,
        create: false,
        random: (length) => new Uint8Array(length),
      });
      try {
        verifyWhole(db, { role, storeId, path });
      } catch (error) {
        db.close();
        throw error;
      }
      return {
        storeId,
        count: (table) =>
          Number((db.prepare(`SELECT count(*) AS count FROM ${table}`).get() as { count: bigint }).count),
        rows: (table) => db.prepare(`SELECT * FROM ${table}`).iterate() as IterableIterator<DumpedRow>,
        markMoved: (to) => writeFileSync(movedFile(path), `${to}\n`, { mode: 0o600, flush: true }),
        close() {
          db.close();
          release();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  });
}
