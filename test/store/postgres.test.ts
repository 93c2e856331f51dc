/** The PostgreSQL store against a real server. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { describeStore } from './contract.ts';
import { toldEntry } from './older-ledger.ts';
import { type PostgresServer, skipReason, startPostgres } from './postgres-server.ts';

const title = skipReason === undefined ? 'PostgreSQL' : `PostgreSQL (SKIPPED: ${skipReason})`;

describe.skipIf(skipReason !== undefined)(title, () => {
  let server: PostgresServer;
  beforeAll(() => {
    server = startPostgres();
  });
  afterAll(() => server.remove());

  // Emptied and used again: that a database is made or dropped waits for a checkpoint each time.
  const free: string[] = [];
  const open = (database: string, role: string, create: boolean): Promise<Store> =>
    openPostgresStore({ url: server.url(database), role, series: 'main', create, random: randomBytes });

  describeStore(
    'the PostgreSQL',
    async (role = 'quota') => {
      const database = free.pop() ?? server.makeDatabase();
      const under = {
        store: await open(database, role, true),
        async reopen() {
          await under.store.close();
          under.store = await open(database, role, false);
        },
        async tell(total: bigint) {
          const { sequence, bytes, hash } = await toldEntry(under.store, total);
          await under.store.close();
          server.sql(
            `INSERT INTO ringmint.journal (series, sequence, bytes, hash)
                VALUES (1, ${sequence}, '\\x${toHex(bytes)}', '\\x${toHex(hash)}');
              UPDATE ringmint.quota SET retired = ${total}, returned = ${total}`,
            database,
          );
          under.store = await open(database, role, false);
        },
        async remove() {
          await under.store.close();
          server.sql('DROP SCHEMA ringmint CASCADE', database);
          free.push(database);
        },
      };
      return under;
    },
    0.2,
  );
});
