/** What the check at open and the commit have to find; fails against the store as it is in db0218f. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { allocated, commitOne, newIntent, take } from './intents.ts';

describe('the SQLite store, altered behind its back', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringmint-integrity-'));
    path = join(folder, 'ledger.db');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const open = (at = path): Store =>
    openSqliteStore({ path: at, role: 'quota', create: true, random: randomBytes });

  it.each([
    ['a quota that was raised', 'UPDATE quota SET allocated = 1000000'],
    ['a daily limit that was raised', 'UPDATE quota SET day_limit = 1000000'],
    ['a quota that nobody allocated', "INSERT INTO quota VALUES ('evil', 'EUR', 1000, 0, 0, 1000)"],
    [
      'an intent that is gone, its quota given back',
      'DELETE FROM intent WHERE sequence = 3; UPDATE quota SET reserved = reserved - 5',
    ],
    ['an intent that is gone', "DELETE FROM intent WHERE kind = 'credential'"],
    ['an intent whose entry is gone', 'DELETE FROM journal WHERE sequence = 5'],
    ['a journal that is gone', 'DELETE FROM journal'],
    ['a day that was begun anew', 'UPDATE quota_day SET used = 0'],
    [
      'an amount lowered in both places',
      'UPDATE intent SET take_amount = 1 WHERE sequence = 3; UPDATE quota SET reserved = reserved - 4',
    ],
    ['a spent credential forgotten', 'UPDATE intent SET spends = NULL WHERE sequence = 2'],
    ['another body hash', 'UPDATE intent SET body_hash = zeroblob(32) WHERE sequence = 2'],
  ])('is not served with %s', async (_title, sql) => {
    const store = await allocated(open());
    for (let i = 0; i < 3; i++)
      await commitOne(store, newIntent(i, { ...take(5n), spends: new Uint8Array(16).fill(i) }));
    await commitOne(store, newIntent('plain', { kind: 'credential' }));
    await store.close();
    const db = new Database(path);
    db.exec(`DROP TRIGGER journal_keep; DROP TRIGGER journal_hold; PRAGMA foreign_keys = OFF; ${sql}`);
    db.close();
    expect(() => open()).toThrow(expect.objectContaining({ code: 'store_corrupt' }));
  });

  it('takes no quota of another issuer: it could never be settled, and the store would not open again', async () => {
    const store = await allocated(open());
    const intent = newIntent(1, { ...take(5n), issuer: 'other' });
    await expect(Promise.resolve().then(() => commitOne(store, intent))).rejects.toThrow('invariant');
    await store.close();
    await open().close();
  });

  it('keeps the write-ahead log to its owner as well', async () => {
    const store = await allocated(open());
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it('says by a code that the folder is not there', () => {
    expect(() => open(join(folder, 'none', 'ledger.db'))).toThrow(
      expect.objectContaining({ name: 'StoreError' }),
    );
  });
});
