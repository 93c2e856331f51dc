/** The PostgreSQL store against a real server. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { describeStore } from './contract.ts';
import { type PostgresServer, skipReason, startPostgres } from './postgres-server.ts';

const title = skipReason === undefined ? 'PostgreSQL' : `PostgreSQL (SKIPPED: ${skipReason})`;

describe.skipIf(skipReason !== undefined)(title, () => {
  let server: PostgresServer;
  beforeAll(() => {
    server = startPostgres();
  });
  afterAll(() => server.remove());

  const open = (database: string, series = 'main', create = true): Promise<Store> =>
    openPostgresStore({ url: server.url(database), role: 'quota', series, create, random: randomBytes });

  describeStore(
    'the PostgreSQL',
    async () => {
      const database = server.makeDatabase();
      const under = {
        store: await open(database),
        async reopen() {
          await under.store.close();
          under.store = await open(database, 'main', false);
        },
        async remove() {
          await under.store.close();
          server.sql(`DROP DATABASE ${database} WITH (FORCE)`);
        },
      };
      return under;
    },
    0.2,
  );
});
