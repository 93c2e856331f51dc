/** Where a PostgreSQL database is: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, read strictly. */
import { readFileSync } from 'node:fs';
import { StoreError } from '../store.ts';

export interface Address {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** A folder begins with `/`: a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** Of TLS: undefined for none; the authority is the system's where `ca` is undefined. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  /** Without the password: for messages. */
  readonly shown: string;
}

/**
 * Reads an address, or throws `store_address_invalid`, never with the password in the message.
 *
 * `?host=/folder` names a Unix socket's folder; `?sslmode=verify-full` asks for TLS with the server's name checked, against the
 * authority in `?sslrootcert=/file` or the system's. Another host than this one is refused without it: `sslmode=require` checks
 * nobody's identity, so that whoever is in between could answer as the ledger.
 */
export function readAddress(text: string): Address {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid('it is no URL');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw invalid('it does not begin with `postgres://`');
  const known = new Set(['host', 'sslmode', 'sslrootcert']);
  for (const key of url.searchParams.keys())
    if (!known.has(key))
      throw invalid(`\`?${key}=\` is not known: host, sslmode and sslrootcert are accepted`);
  const database = decodeURIComponent(url.pathname.slice(1));
  const user = decodeURIComponent(url.username);
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  if (user === '' || database === '' || host === '') throw invalid('it lacks a user, a host or a database');
  const mode = url.searchParams.get('sslmode') ?? 'disable';
  if (mode !== 'disable' && mode !== 'verify-full')
    throw invalid('sslmode is something else than `verify-full` or `disable`');
  const local = host.startsWith('/') || ['localhost', '127.0.0.1', '[::1]'].includes(host);
  if (!local && mode === 'disable')
    throw invalid(
      'a server on another machine needs `?sslmode=verify-full`, with `&sslrootcert=FILE` for an authority of your own',
    );
  const port = url.port === '' ? 5432 : Number(url.port);
  return {
    user,
    password: decodeURIComponent(url.password),
    database,
    host: host.replaceAll(/^\[|\]$/g, ''),
    port,
    tls: mode === 'disable' ? undefined : { ca: readAuthority(url.searchParams.get('sslrootcert')) },
    shown: `postgres://${user}@${host}:${port}/${database}`,
  };
}

function readAuthority(path: string | null): string | undefined {
  if (path === null) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(`sslrootcert \`${path}\` cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function invalid(what: string): StoreError {
  return new StoreError(
    'store_address_invalid',
    `the database's address is not accepted: ${what}; \`postgres://USER:PASSWORD@HOST:PORT/DATABASE\` is`,
  );
}
