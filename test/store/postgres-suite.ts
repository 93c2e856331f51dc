/** A PostgreSQL server for the tests of one file, with a database of its own for each; beside postgres-server.ts, which runs without a test runner too. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { type PostgresServer, skipReason, startPostgres } from './postgres-server.ts';

export interface PostgresSuite {
  /** There while a test runs. */
  readonly server: PostgresServer;
  /** Name of the test's database, which is removed after it. */
  readonly database: string;
  /** Opens a store in it, of quota control and made where there is none; it is closed after the test. */
  open(changed?: Partial<PostgresStoreOptions>): Promise<Store>;
  closeStores(): Promise<void>;
  /** Goes on in another database, which is empty. */
  changeDatabase(): void;
}

/** Describes tests that need a server; where there is none, they are skipped, and their title says why. */
export function describePostgres(title: string, body: (suite: PostgresSuite) => void): void {
  const shown = skipReason === undefined ? title : `${title} (SKIPPED: ${skipReason})`;
  describe.skipIf(skipReason !== undefined)(shown, () => {
    let server: PostgresServer;
    let database: string;
    const stores: Store[] = [];
    beforeAll(() => {
      server = startPostgres();
    });
    afterAll(() => server.remove());
    beforeEach(() => {
      database = server.makeDatabase();
    });
    const closeStores = async (): Promise<void> => {
      for (const store of stores.splice(0)) await store.close();
    };
    afterEach(async () => {
      await closeStores();
      server.sql(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    });
    body({
      closeStores,
      changeDatabase() {
        database = server.makeDatabase();
      },
      get server() {
        return server;
      },
      get database() {
        return database;
      },
      async open(changed = {}) {
        const store = await openPostgresStore({
          url: server.url(database),
          role: 'quota',
          series: 'main',
          create: true,
          random: randomBytes,
          ...changed,
        });
        stores.push(store);
        return store;
      },
    });
  });
}
