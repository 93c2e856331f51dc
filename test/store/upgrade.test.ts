/** A SQLite ledger of an earlier version is brought up when it is opened: all of it, or it stays what it was. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import type { DatabaseOptions } from '../../src/store/sqlite/database.ts';
import { schemaVersion, upgradeFrom } from '../../src/store/sqlite/schema.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { approving } from './central-contract.ts';
import { account, allocated, bytes, commitOne, day, issuer, noon, settling, units } from './intents.ts';
import {
  digestOf,
  fillOlder,
  fixedRandom,
  makeOlderFile,
  olderLedgers,
  stateOf,
  toldEntry,
  writeTold,
} from './older-ledger.ts';

describe.each(olderLedgers)('a SQLite ledger of version $version', (older) => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ringmint-upgrade-'));
    path = join(folder, 'ledger.db');
    await makeOlderFile(path, older);
    expect(digestOf(path)).toBe(older.digest);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = (changed: Partial<DatabaseOptions> = {}): Store =>
    openSqliteStore({ path, role: 'quota', create: false, random: randomBytes, ...changed });
  /** Without what is only written differently: comments, and the quotes that a renamed table gets. */
  const schemaOf = (file: string): unknown => {
    const db = new Database(file, { readonly: true });
    const rows = db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all();
    db.close();
    return (rows as { sql: string | null }[]).map((row) => ({
      ...row,
      sql: row.sql?.replaceAll(/--.*|\s|"/g, ''),
    }));
  };

  it('is served as it was, keeps every entry, and settles what it has issued', async () => {
    let store = open();
    const fresh = join(folder, 'fresh.db');
    const other = openSqliteStore({ path: fresh, role: 'quota', create: true, random: fixedRandom });
    await fillOlder(other, older.version);
    expect(toHex((await store.head()).hash)).toBe(older.head);
    expect(await stateOf(store)).toEqual(await stateOf(other));
    await Promise.all([store.close(), other.close()]);
    expect(schemaOf(path)).toEqual(schemaOf(fresh));

    store = open();
    const retired = settling('r', 110n, { units: units(1, 0), to: account('a') });
    expect(await commitOne(store, retired)).toMatchObject({ ok: true });
    expect(await commitOne(store, settling('t', 40n, { from: account('a') }))).toMatchObject({ ok: true });
    await store.close();
    store = open();
    expect(await store.position(issuer, 'EUR', noon(day))).toMatchObject({
      issued: 200n,
      ...older.after,
      returns: false,
    });
    expect(await store.findSpent(units(1, 0))).toEqual([bytes(16, 'id r')]);
    await store.close();
  });

  it('is whole and of the version before wherever a crash cuts it short', async () => {
    const statements = upgradeFrom(older.version)
      .replaceAll(/--.*/g, '')
      .split(/;\s*(?:\n|$)/)
      .filter((one) => one.trim() !== '');
    expect(statements.length).toBeGreaterThanOrEqual(schemaVersion - older.version);
    const db = new Database(path);
    db.pragma('foreign_keys = OFF');
    // A cache that overflows writes pages before the commit: what a crash then finds on the disk.
    db.pragma('cache_size = 2');
    db.exec('BEGIN EXCLUSIVE');
    const crashed = join(folder, 'crashed.db');
    for (const [done, statement] of statements.entries()) {
      db.exec(statement);
      for (const suffix of ['', '-wal'])
        if (existsSync(path + suffix)) copyFileSync(path + suffix, crashed + suffix);
      expect(digestOf(crashed), `after statement ${done + 1}`).toBe(older.digest);
      const store = open({ path: crashed });
      expect((await store.head()).sequence).toBe(older.entries);
      await store.close();
      for (const suffix of ['', '-wal', '-shm', '.lock']) rmSync(crashed + suffix, { force: true });
    }
    db.close();
    expect(digestOf(path)).toBe(older.digest);
  });

  it('is whole and of the version before after kill -9 in the middle', async () => {
    const program = `
      const Database = require('better-sqlite3');
      const db = new Database(process.argv[1]);
      db.pragma('foreign_keys = OFF');
      db.pragma('cache_size = 2');
      db.exec('BEGIN EXCLUSIVE');
      db.exec(process.argv[2]);
      db.pragma('user_version = ${schemaVersion}');
      process.kill(process.pid, 'SIGKILL');`;
    const ended = spawnSync(process.execPath, ['-e', program, path, upgradeFrom(older.version)], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    expect([ended.signal, ended.stderr]).toEqual(['SIGKILL', '']);
    expect(digestOf(path)).toBe(older.digest);
    await open().close();
  });

  it('is whole and of the version before where the disk is full, and is brought up when there is room', async () => {
    const db = new Database(path);
    const pages = Number(db.pragma('page_count', { simple: true }));
    db.close();
    let failures = 0;
    for (let room = 0; failures === room; room++) {
      try {
        await open({ maxPages: pages + room }).close();
      } catch (error) {
        expect(error).toMatchObject({ code: 'store_full' });
        expect(digestOf(path), `with room for ${room} pages`).toBe(older.digest);
        failures++;
      }
    }
    expect(failures).toBeGreaterThan(0);
    expect(digestOf(path)).not.toBe(older.digest);
  });

  it.each([
    ['is not whole', 'UPDATE quota SET reserved = 0', 'store_corrupt', 'quota'],
    ['refers to what is gone', "UPDATE quota_slot SET currency = 'USD'", 'store_corrupt', 'quota'],
    ['is of another role', '', 'store_foreign', 'central'],
  ])('stays as it is where it %s', (_title, sql, code, role) => {
    const db = new Database(path);
    db.exec(`PRAGMA foreign_keys = OFF; ${sql}`);
    db.close();
    const before = digestOf(path);
    expect(() => open({ role })).toThrow(expect.objectContaining({ code }));
    expect(digestOf(path)).toBe(before);
  });
});

it("central management's SQLite ledger of version 4 keeps what it was told that came back", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-upgrade-'));
  const path = join(folder, 'ledger.db');
  const open = (): Store => openSqliteStore({ path, role: 'central', create: true, random: randomBytes });
  const made = await allocated(open());
  await commitOne(made, approving(1, 800n));
  const entry = await toldEntry(made, 300n);
  await made.close();
  writeTold(path, entry, 300n);
  const db = new Database(path);
  db.exec('DROP INDEX intent_settled');
  db.pragma('user_version = 4');
  db.close();
  const store = open();
  expect(await store.position(issuer, 'EUR', noon(day))).toMatchObject({ returned: 300n, available: 500n });
  expect((await store.head()).hash).toEqual(entry.hash);
  expect(await commitOne(store, approving(2, 501n))).toMatchObject({ code: 'quota_exceeded' });
  await store.close();
  rmSync(folder, { recursive: true });
});
