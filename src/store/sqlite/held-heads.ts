/** Heads of the other systems' journals, which this one holds as a witness. They are in no journal of its own: each is signed by its system. */
import type Database from 'better-sqlite3';
import { standingOf } from '../../journal/standing.ts';
import { assert } from '../../kit/result.ts';
import { decodeJournalHead } from '../../records/journal-head.ts';
import { type HeadHolding, type HeldHead, StoreError } from '../store.ts';
import { bytesOf } from './row.ts';

interface HeldRow {
  role: string;
  name: string;
  signed: Buffer;
  held_ms: bigint;
  contradiction: Buffer | null;
}

export class HeldHeads {
  private readonly path: string;
  private readonly statements: ReturnType<typeof prepare>;

  /** Throws `store_corrupt` where a row is not what it was. */
  constructor(db: Database.Database, path: string) {
    this.path = path;
    this.statements = prepare(db);
    this.all();
  }

  /** Runs in a transaction of the caller's. */
  hold(signed: Uint8Array, heldMs: number): HeadHolding {
    const decoded = decodeJournalHead(signed);
    assert(decoded.ok, 'a head is held once it is verified');
    const shown = decoded.value.record;
    const held = this.find(shown.role, shown.name);
    if (held === undefined) return this.put({ record: shown, signed, heldMs, contradiction: null });
    // INVARIANT: a contradiction stays, with both heads, until an operator releases them.
    if (held.contradiction !== null) return { standing: 'forked', held };
    switch (standingOf(held.record, shown)) {
      case 'ahead':
        return this.put({ record: shown, signed, heldMs, contradiction: null });
      case 'same':
        // The later of two over the same: its key may be a newer one.
        if (shown.issuedAt < held.record.issuedAt) return { standing: 'held', held };
        return this.put({ record: shown, signed, heldMs, contradiction: null });
      case 'behind':
        return { standing: 'behind', held };
      case 'forked':
        return { ...this.put({ ...held, contradiction: signed }), standing: 'forked' };
    }
  }

  all(): HeldHead[] {
    return (this.statements.all.all() as HeldRow[]).map((row) => this.headOf(row));
  }

  release(role: string, name: string): boolean {
    return this.statements.release.run(role, name).changes > 0;
  }

  private find(role: string, name: string): HeldHead | undefined {
    const row = this.statements.find.get(role, name) as HeldRow | undefined;
    return row === undefined ? undefined : this.headOf(row);
  }

  private put(held: HeldHead): HeadHolding {
    const { record, signed, heldMs, contradiction } = held;
    this.statements.put.run(record.role, record.name, signed, heldMs, contradiction);
    return { standing: 'held', held };
  }

  private headOf({ role, name, signed, held_ms, contradiction }: HeldRow): HeldHead {
    const decoded = decodeJournalHead(bytesOf(signed));
    if (!decoded.ok || decoded.value.record.role !== role || decoded.value.record.name !== name)
      throw new StoreError(
        'store_corrupt',
        `\`${this.path}\` is not whole: what it holds as head of ${role} ${name} is none; restore a backup`,
      );
    return {
      record: decoded.value.record,
      signed: decoded.value.bytes,
      heldMs: Number(held_ms),
      contradiction: contradiction === null ? null : bytesOf(contradiction),
    };
  }
}

function prepare(db: Database.Database) {
  return {
    all: db.prepare('SELECT * FROM held_head ORDER BY role, name'),
    find: db.prepare('SELECT * FROM held_head WHERE role = ? AND name = ?'),
    put: db.prepare(`INSERT INTO held_head (role, name, signed, held_ms, contradiction) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (role, name) DO UPDATE SET signed = excluded.signed, held_ms = excluded.held_ms,
        contradiction = excluded.contradiction`),
    release: db.prepare('DELETE FROM held_head WHERE role = ? AND name = ?'),
  };
}
