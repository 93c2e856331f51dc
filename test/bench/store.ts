/** Intents a second, committed and durable, all of one quota row: SQLite and PostgreSQL, in groups and with several processes. */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { allocated } from '../store/intents.ts';
import { skipReason, startPostgres } from '../store/postgres-server.ts';
import type { Row } from './figure.ts';

const seconds = 3;
const quota = 10n ** 12n;

/** Intents a second of all workers together. */
async function measure(kind: string, where: string, size: number, processes: number): Promise<number> {
  const workers = Array.from({ length: processes }, (_, i) => {
    const child = fork(
      join(import.meta.dirname, 'store-worker.ts'),
      [kind, where, `series ${i}`, String(size), String(seconds)],
      {
        execArgv: ['--import', 'tsx'],
      },
    );
    let ready: () => void = () => undefined;
    let finish: (accepted: number) => void = () => undefined;
    const readied = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const finished = new Promise<number>((resolve) => {
      finish = resolve;
    });
    child.on('message', (message: { ready?: true; accepted?: number }) => {
      if (message.ready === true) ready();
      if (message.accepted !== undefined) finish(message.accepted);
    });
    return { child, readied, finished };
  });
  await Promise.all(workers.map(({ readied }) => readied));
  for (const { child } of workers) child.send('go');
  const accepted = await Promise.all(workers.map(({ finished }) => finished));
  return accepted.reduce((sum, count) => sum + count, 0) / seconds;
}

export async function benchStores(): Promise<Row[]> {
  const rows: Row[] = [];
  const add = (what: string, size: number, processes: number, rate: number): void => {
    const of = processes === 1 ? '1 process' : `${processes} processes`;
    rows.push({
      what: `${what}, groups of ${size}, ${of} on one quota row`,
      figure: `${Math.round(rate).toLocaleString('en')} intents/s`,
    });
  };
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bench-'));
  const server = skipReason === undefined ? startPostgres() : undefined;
  try {
    for (const size of [1, 16, 256]) {
      const path = join(folder, `${size}.db`);
      const store = openSqliteStore({ path, role: 'quota', create: true, random: randomBytes });
      await (await allocated(store, quota, quota)).close();
      add('SQLite', size, 1, await measure('sqlite', path, size, 1));
    }
    for (const processes of server === undefined ? [] : [1, 2, 4]) {
      for (const size of [1, 16, 256]) {
        const url = server?.url(server.makeDatabase()) ?? '';
        const store = await openPostgresStore({
          url,
          role: 'quota',
          series: 'series 0',
          create: true,
          random: randomBytes,
        });
        await (await allocated(store, quota, quota)).close();
        add('PostgreSQL', size, processes, await measure('postgres', url, size, processes));
      }
    }
  } finally {
    server?.remove();
    rmSync(folder, { recursive: true });
  }
  return rows;
}
