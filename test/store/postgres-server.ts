/**
 * A PostgreSQL server of a test's own, in a temporary folder: real, durable, on a Unix socket only. It ends with the process that
 * started it, however that ends, and its folder is removed.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PostgresServer {
  readonly folder: string;
  readonly port: number;
  readonly superuser: string;
  /** The address of a database, as the superuser or `user`. */
  url(database: string, user?: string): string;
  /** Runs SQL as the superuser; gives the rows as text. */
  sql(text: string, database?: string): string;
  makeDatabase(): string;
  /** A folder that the server may write. */
  makeFolder(path: string): void;
  start(): void;
  stop(mode: 'fast' | 'immediate'): void;
  /** Ends the server and removes its folder. */
  remove(): void;
}

/** The folder of `initdb` and `pg_ctl`: what scripts/prepare has found, or where Debian and others put it. */
export function findPostgres(): string | undefined {
  const named = process.env['RINGMINT_POSTGRES'];
  const versions = (folder: string): string[] =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((version) => Number(version) >= 15)
          .map((version) => join(folder, version, 'bin'))
      : [];
  const candidates = [
    ...(named === undefined ? [] : [named]),
    ...versions('/usr/lib/postgresql'),
    ...versions(join(import.meta.dirname, '../../.postgres/usr/lib/postgresql')),
    ...(process.env['PATH'] ?? '').split(':'),
  ];
  return candidates.find((folder) => folder !== '' && existsSync(join(folder, 'initdb')));
}

export const skipReason =
  findPostgres() === undefined
    ? 'there is no PostgreSQL server here; `scripts/prepare` fetches one, or install the package postgresql'
    : undefined;

/** PostgreSQL refuses to run as root: there the server runs as another user. */
const user = process.getuid?.() === 0 ? serverUser() : undefined;

function serverUser(): { name: string; uid: number; gid: number } {
  for (const name of ['postgres', 'nobody']) {
    const found = spawnSync('id', ['-u', name], { encoding: 'utf8' });
    if (found.status !== 0) continue;
    const gid = spawnSync('id', ['-g', name], { encoding: 'utf8' });
    return { name, uid: Number(found.stdout), gid: Number(gid.stdout) };
  }
  throw new Error('there is neither a user `postgres` nor `nobody` to run the server as');
}

function asServerUser(program: string, args: readonly string[], cwd: string): string {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    env: {
      PATH: process.env['PATH'] ?? '',
      LC_ALL: 'C',
      LD_LIBRARY_PATH: process.env['RINGMINT_POSTGRES_LIBRARIES'] ?? '',
    },
  });
}

/** `settings` go into postgresql.conf. */
export function startPostgres(settings = ''): PostgresServer {
  const bin = findPostgres();
  if (bin === undefined) throw new Error('no PostgreSQL server is installed');
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-pg-'));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  // Where its sockets are in the folder, a port is only a name.
  const port = 20_000 + Math.floor(Math.random() * 40_000);
  const superuser = 'ringmint';
  asServerUser(
    join(bin, 'initdb'),
    ['-D', data, '-U', superuser, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-instructions'],
    folder,
  );
  appendFileSync(
    join(data, 'postgresql.conf'),
    `listen_addresses = ''\nunix_socket_directories = '${folder}'\nport = ${port}\nfsync = on\nmax_connections = 50\nshared_buffers = 64MB\n${settings}\n`,
  );
  let running = false;
  const server: PostgresServer = {
    folder,
    port,
    superuser,
    url: (database, name = superuser) => `postgres://${name}@localhost:${port}/${database}?host=${folder}`,
    sql(text, database = 'postgres') {
      return asServerUser(
        join(bin, 'psql'),
        [
          '-h',
          folder,
          '-p',
          String(port),
          '-U',
          superuser,
          '-d',
          database,
          '-qAt',
          '-v',
          'ON_ERROR_STOP=1',
          '-c',
          text,
        ],
        folder,
      ).trim();
    },
    makeDatabase() {
      const name = `ledger_${Math.random().toString(36).slice(2)}`;
      server.sql(`CREATE DATABASE ${name}`);
      return name;
    },
    makeFolder(path) {
      mkdirSync(path, { mode: 0o700 });
      if (user !== undefined) chownSync(path, user.uid, user.gid);
    },
    start() {
      asServerUser(
        join(bin, 'pg_ctl'),
        ['-D', data, '-w', '-t', '60', '-l', join(folder, 'log'), 'start'],
        folder,
      );
      running = true;
      watch(bin, data, folder);
    },
    stop(mode) {
      asServerUser(join(bin, 'pg_ctl'), ['-D', data, '-w', '-m', mode, 'stop'], folder);
      running = false;
    },
    remove() {
      if (running) server.stop('immediate');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  server.start();
  return server;
}

/** A shell that waits for this process to be gone, then ends the server and removes its folder. Nothing but the end of its input wakes it. */
function watch(bin: string, data: string, folder: string): void {
  const watcher = spawn(
    'sh',
    [
      '-c',
      'read -r line; [ -d "$2" ] || exit 0; kill -QUIT "$(head -1 "$1/postmaster.pid")" 2>/dev/null; sleep 1; rm -rf -- "$2"',
      bin,
      data,
      folder,
    ],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true },
  );
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void }).unref?.();
}
