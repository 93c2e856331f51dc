/** What the check at open and the commit have to find; fails against the store as it is in db0218f. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { fillFollowing } from './central-contract.ts';
import {
  account,
  allocated,
  commitOne,
  issue,
  issuer,
  newIntent,
  releaseOf,
  reserving,
  settling,
  take,
  taking,
  terms,
  units,
} from './intents.ts';

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
    ['a limit that is gone', "UPDATE quota SET limits = x'80'"],
    ['limits that cannot be read', "UPDATE quota SET limits = x'00'"],
    ['a quota that is frozen', 'UPDATE quota SET frozen = 1'],
    ['a version that was raised', 'UPDATE quota SET version = 7'],
    ['a clock that was put back', 'UPDATE quota SET clock_ms = clock_ms - 1'],
    [
      'a take at an earlier moment',
      'UPDATE intent SET take_ms = take_ms - 172800000 WHERE sequence = 4; DELETE FROM quota_slot',
    ],
    [
      'a quota that nobody allocated',
      "INSERT INTO quota SELECT 'evil', currency, 1, 1000, 0, 0, 0, limits, 0, 0, 0, 0, 0, 0, 0 FROM quota",
    ],
    ['a change that nobody approved', 'INSERT INTO quota_change VALUES (zeroblob(32), 1, NULL, NULL, NULL)'],
    ['a stop that nobody ordered', "INSERT INTO quota_stop VALUES (zeroblob(16), 1, 'r', 'me', 0, NULL)"],
    [
      'an intent that is gone, its quota given back',
      'DELETE FROM intent WHERE sequence = 3; UPDATE quota SET reserved = reserved - 5',
    ],
    ['an intent that is gone', "DELETE FROM intent WHERE kind = 'credential'"],
    ['an intent whose entry is gone', 'DELETE FROM journal WHERE sequence = 5'],
    ['a journal that is gone', 'DELETE FROM journal'],
    ['a day that was begun anew', 'DELETE FROM quota_slot'],
    ['a day of which less was used', 'UPDATE quota_slot SET used = used - 1'],
    ['a slot in the time to come', 'UPDATE quota_slot SET slot = slot + 1'],
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

  it.each([
    [
      'an amount that was raised',
      'UPDATE reservation SET amount = amount + 1 WHERE used = 30',
      'is not what',
    ],
    ['less used of it', 'UPDATE reservation SET used = 29 WHERE used = 30', 'is not what the journal has'],
    ['a later end', 'UPDATE reservation SET expires_ms = expires_ms + 1 WHERE used = 30', 'is not what'],
    [
      'one that was released open again',
      "UPDATE reservation SET state = 'open' WHERE state = 'released'",
      'not what',
    ],
    ['one that is open released', "UPDATE reservation SET state = 'released' WHERE used = 30", 'is not what'],
    ['one that is gone', 'DELETE FROM reservation WHERE used = 30', 'is gone'],
    [
      'one that nobody made',
      "INSERT INTO reservation SELECT zeroblob(16), issuer, currency, 9, 0, expires_ms, 'open' FROM reservation LIMIT 1",
      'is not what the journal has',
    ],
    ['less held', 'UPDATE quota SET held = held - 1', 'are held, where its reservations have 70'],
    ['more held', 'UPDATE quota SET held = held + 1', 'are held, where its reservations have 70'],
    [
      'a take of the open quota that was of a reservation',
      'UPDATE intent SET take_reservation = NULL WHERE take_reservation IS NOT NULL',
      'is not what the journal has',
    ],
    ['what an intent reserves gone', 'UPDATE intent SET reserves = NULL WHERE sequence = 2', 'is not what'],
  ])('is not served with a reservation altered: %s', async (_title, sql, finding) => {
    const store = await allocated(open(), 1_000n, 600n);
    await store.commit([reserving('a', 100n), taking('a', 30n, { of: 'a' }), reserving('b', 50n)]);
    await store.release(releaseOf('b'));
    await store.close();
    const db = new Database(path);
    db.exec(`PRAGMA foreign_keys = OFF; ${sql}`);
    db.close();
    expect(() => open()).toThrow(
      expect.objectContaining({ code: 'store_corrupt', message: expect.stringContaining(finding) }),
    );
  });

  it.each([
    [
      'a unit forgotten, so that it could be spent again',
      'DELETE FROM spent_unit WHERE position = 1',
      'unit 1.1.1 of entry 4 is not spent by it',
    ],
    [
      'a unit spent by another retirement',
      'UPDATE spent_unit SET intent_id = zeroblob(16) WHERE position = 0',
      'unit 1.1.0 of entry 4 is not spent by it',
    ],
    [
      'a unit spent that nobody presented',
      'INSERT INTO spent_unit VALUES (1, 1, 9, zeroblob(16))',
      '4 units are spent, where the journal has 3',
    ],
    ['another epoch', 'UPDATE spent_unit SET epoch = 2 WHERE position = 0', 'unit 1.1.0 of entry 4'],
    ['another serial', 'UPDATE spent_unit SET serial = 2 WHERE position = 0', 'unit 1.1.0 of entry 4'],
    ['another unit', 'UPDATE spent_unit SET position = 7 WHERE position = 0', 'unit 1.1.0 of entry 4'],
    [
      'a balance that was raised',
      'UPDATE account SET amount = amount + 1 WHERE amount = 30',
      'demo-issuer/EUR has 31, where the journal has 30',
    ],
    [
      'a balance of another account',
      'UPDATE account SET id = zeroblob(32) WHERE amount = 30',
      'where the journal has 0',
    ],
    ['a balance that is gone', 'DELETE FROM account WHERE amount = 30', 'demo-issuer/EUR is gone'],
    [
      'a balance made up',
      `INSERT INTO account VALUES (zeroblob(32), 'demo-issuer', 'EUR', 5)`,
      'demo-issuer/EUR has 5, where the journal has 0',
    ],
    ['a balance of another currency', `UPDATE account SET currency = 'USD'`, 'demo-issuer/USD has 30'],
    ['a balance of another issuer', `UPDATE account SET issuer = 'other'`, 'other/EUR has 30'],
    ['more retired', 'UPDATE quota SET retired = 51', '51 of the quota `demo-issuer/EUR` are retired'],
    ['more given back', 'UPDATE quota SET returned = 41', '41 of the quota `demo-issuer/EUR` are returned'],
    ['less in accounts', 'UPDATE quota SET credited = 29', '29 of the quota `demo-issuer/EUR` are credited'],
    [
      'terms by which nothing comes back',
      'UPDATE quota SET returns = 0',
      'is not what the journal has allocated',
    ],
    ['a settlement forgotten', 'UPDATE intent SET settles = NULL WHERE sequence = 4', 'intent 4 is not'],
    ['a settlement that cannot be read', `UPDATE intent SET settles = x'80'`, 'cannot be read'],
    [
      'a settlement of another amount',
      // The last byte but one of the amount 60 (0x183c), of which the journal says otherwise.
      `UPDATE intent SET settles = CAST(replace(settles, x'183c', x'183d') AS BLOB) WHERE sequence = 4`,
      'intent 4 is not what the journal has',
    ],
  ])('finds, and says so, %s', async (_title, sql, finding) => {
    const store = open();
    await store.allocate({
      issuer,
      currency: 'EUR',
      terms: { ...terms(1_000n, 600n), returns: true },
      createdMs: 1,
    });
    await issue(store, 1, 100n);
    await commitOne(store, newIntent('between'));
    for (const intent of [
      settling(1, 60n, { units: units(1, 0, 1), to: account('a') }),
      settling(2, 10n, { units: units(1, 2), returned: 10n }),
      settling(3, 30n, { from: account('a'), returned: 30n }),
    ])
      expect(await commitOne(store, intent)).toMatchObject({ ok: true });
    await store.close();
    await open().close();
    const db = new Database(path);
    db.exec(`PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; ${sql}`);
    db.close();
    expect(() => open()).toThrow(
      expect.objectContaining({ code: 'store_corrupt', message: expect.stringContaining(finding) }),
    );
  });

  it.each([
    ['more came back', 'UPDATE quota SET returned = 120', '120 of the quota `demo-issuer/EUR` are returned'],
    ['less is retired', 'UPDATE quota SET retired = 119', '119 of the quota `demo-issuer/EUR` are retired'],
    ['less in accounts', 'UPDATE quota SET credited = 0', '0 of the quota `demo-issuer/EUR` are credited'],
    [
      'a unit forgotten',
      'DELETE FROM spent_unit WHERE position = 2',
      'unit 1.1.2 of entry 7 is not spent by it',
    ],
    ['a balance raised', 'UPDATE account SET amount = 231', 'has 231, where the journal has 230'],
    ['a settlement forgotten', 'UPDATE intent SET settles = NULL WHERE sequence = 7', 'intent 7 is not'],
    ['more approved', 'UPDATE quota SET issued = 901', 'is not the sum of what was taken'],
  ])('finds in what central management follows %s', async (_title, sql, finding) => {
    const openCentral = (): Store =>
      openSqliteStore({ path, role: 'central', create: true, random: randomBytes });
    await (await fillFollowing(openCentral())).close();
    await openCentral().close();
    const db = new Database(path);
    db.exec(`PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; ${sql}`);
    db.close();
    expect(openCentral).toThrow(
      expect.objectContaining({ code: 'store_corrupt', message: expect.stringContaining(finding) }),
    );
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
