/** Heads of the other systems' journals, which this one holds as a witness. They are in no journal of its own: each is signed by its system. */
import type Database from 'better-sqlite3';
import { type HeldHeadRow, heldHeadOf, readShownHead } from '../held-head.ts';
import type { HeadHolding, HeldHead } from '../store.ts';
import { type Prepared, prepareWhenUsed } from './prepared.ts';

const sql = {
  all: 'SELECT * FROM held_head ORDER BY role, name, journal',
  find: 'SELECT * FROM held_head WHERE role = ? AND name = ? ORDER BY journal',
  put: `INSERT INTO held_head (role, name, journal, signed, held_ms, contradiction) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (role, name, journal) DO UPDATE SET signed = excluded.signed, held_ms = excluded.held_ms,
        contradiction = excluded.contradiction`,
  release: 'DELETE FROM held_head WHERE role = ? AND name = ? AND (? IS NULL OR journal = ?)',
} as const;

export class HeldHeads {
  private readonly path: string;
  private readonly statements: Prepared<typeof sql>;

  /** Throws `store_corrupt` where a row is not what it was. */
  constructor(db: Database.Database, path: string) {
    this.path = path;
    this.statements = prepareWhenUsed(db, sql);
    this.all();
  }

  /** Runs in a transaction of the caller's. */
  hold(signed: Uint8Array, heldMs: number, several?: readonly Uint8Array[]): HeadHolding {
    const { shown, decide } = readShownHead(signed, heldMs, several);
    const { holding, write } = decide(this.find(shown.record.role, shown.record.name));
    if (write !== undefined)
      this.statements.put.run(
        write.record.role,
        write.record.name,
        write.record.journalId,
        write.signed,
        write.heldMs,
        write.contradiction,
      );
    return holding;
  }

  all(): HeldHead[] {
    return (this.statements.all.all() as HeldHeadRow[]).map((row) => heldHeadOf(row, this.path));
  }

  release(role: string, name: string, journal?: Uint8Array): boolean {
    return this.statements.release.run(role, name, journal ?? null, journal ?? null).changes > 0;
  }

  private find(role: string, name: string): HeldHead[] {
    return (this.statements.find.all(role, name) as HeldHeadRow[]).map((row) => heldHeadOf(row, this.path));
  }
}
