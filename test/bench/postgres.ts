/** The same work with the three ledgers on SQLite, and on PostgreSQL. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../../src/api/client.ts';
import { homeAt, type Role, roles } from '../../src/appliance/home.ts';
import type { Workplace } from '../flow/ringmint.ts';
import { type PostgresServer, skipReason, startPostgres } from '../store/postgres-server.ts';
import {
  batchesPerSecond,
  issue,
  show,
  singlesPerSecond,
  time,
  whileUp,
  withAppliance,
} from './appliance.ts';
import { median, type Row } from './figure.ts';

export interface Figures {
  readonly lone: number;
  readonly singles: number;
  readonly batches: number;
}

export async function measureIssuing(client: Client): Promise<Figures> {
  await singlesPerSecond(client, 3, 3);
  const lone: number[] = [];
  for (let i = 0; i < 40; i++) lone.push(await time(() => issue(client, 1)));
  return {
    lone: median(lone),
    singles: await singlesPerSecond(client, 15, 6),
    batches: await batchesPerSecond(client, 9),
  };
}

/** Moves the ledger of a system, which is stopped, into a database of its own. */
export async function moveToPostgres(place: Workplace, server: PostgresServer, role: Role): Promise<void> {
  const address = join(place.folder, `${role}.url`);
  writeFileSync(address, server.url(server.makeDatabase()), { mode: 0o600 });
  const moved = await place.run(
    ...['store', 'migrate', '--role', role, '--to-file', address, '--series', `${role}-1`, '--json'],
  );
  if (moved.code !== 0) throw new Error(moved.err);
  const path = homeAt(place.home).config(role);
  const { anchor, series } = moved.json();
  const store = { kind: 'postgres', urlFile: address, series, anchor };
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), store }));
}

export async function benchPostgres(): Promise<Row[]> {
  if (skipReason !== undefined)
    return [{ what: 'PostgreSQL end to end', figure: `not measured: ${skipReason}` }];
  console.error('SQLite and PostgreSQL');
  const server = startPostgres();
  try {
    return await withAppliance(async (place) => {
      const sqlite = await whileUp(place, measureIssuing);
      for (const role of roles) await moveToPostgres(place, server, role);
      const postgres = await whileUp(place, measureIssuing);
      const beside = (what: string, pick: (figures: Figures) => number, unit: string): Row => ({
        what,
        figure: `${show(pick(sqlite))}${unit} on SQLite, ${show(pick(postgres))}${unit} on PostgreSQL`,
      });
      return [
        beside('a lone request, p50', ({ lone }) => lone, ' ms'),
        beside('orders/s of one unit, six calls at once', ({ singles }) => singles, ''),
        beside('units/s in batches, three at once', ({ batches }) => batches, ''),
      ];
    });
  } finally {
    server.remove();
  }
}
