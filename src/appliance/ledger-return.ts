/**
 * `ringmint store migrate --to-sqlite`: a ledger with one series, from PostgreSQL into the SQLite file of its system's folder.
 *
 * ```
 *   copy beside the place, checked ── database marked as moved ── renamed into its place
 *                                  ^                           ^
 *   a crash leaves:  served there  |  served nowhere           |  served here, when config.json says so
 * ```
 *
 * The same command again goes on from each of them. INVARIANT: the file is in its place only when the database is refused.
 */
import { closeSync, existsSync, openSync, renameSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { synchronise } from '../../hsm/durable-file.ts';
import type { LedgerReturnReport } from '../cli/store-administration.ts';
import { equalBytes } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { quote } from '../kit/result.ts';
import { openPostgresDump, type PostgresDump } from '../store/postgres/dump.ts';
import { movedFile } from '../store/sqlite/database.ts';
import { lockLedger } from '../store/sqlite/file-lock.ts';
import { openLedgerFile, removeLedgerFile, writeLedgerFile } from '../store/sqlite/ledger-file.ts';
import { StoreError } from '../store/store.ts';
import { ApplianceError } from './appliance-error.ts';
import { homeAt, type Role } from './home.ts';
import { counting } from './ledger-backup.ts';
import { assertMayReplace, moveAside } from './ledger-restore.ts';
import { firstAnchor, readLedgerPlace } from './role-store.ts';

export interface LedgerReturnOptions {
  readonly home: string;
  readonly role: Role;
  /** Moves a SQLite ledger that is there, such as one that was moved to PostgreSQL, into a folder beside it. */
  readonly setAside: boolean;
  readonly progress: (line: string) => void;
}

/** Throws `store_several_series`, `store_in_use`, `ledger_exists`, and what is wrong with either database. */
export async function returnLedger(
  { home: homePath, role, setAside, progress }: LedgerReturnOptions,
  clock: Clock,
): Promise<LedgerReturnReport> {
  const home = homeAt(homePath);
  const place = await readLedgerPlace(home, role);
  if (place.kind !== 'postgres')
    throw new ApplianceError(
      'configuration_invalid',
      `the config.json of ${role} names no PostgreSQL ledger: the one that it is served from is accepted`,
    );
  const path = home.ledger(role);
  const destination = resolve(path);
  const release = lockLedger(path);
  try {
    const dump = await openPostgresDump({ ...place, role, exclusive: true, several: false });
    try {
      const { movedTo, shown } = dump;
      if (movedTo !== null && movedTo !== destination)
        throw new StoreError(
          'store_foreign',
          `\`${shown}\` was moved to ${quote(movedTo)}: that one is accepted`,
        );
      const report = {
        role,
        from: shown,
        to: destination,
        anchor: place.anchor,
        config: configOf(place.anchor),
      };
      if (movedTo === destination && (await isThere(path, dump))) return { ...report, setAside: null };
      assertMayReplace(path, setAside);
      const beside = `${path}.restoring`;
      removeLedgerFile(beside);
      try {
        progress(`  copying the ledger of ${role}, checked there first`);
        closeSync(openSync(beside, 'wx', 0o600));
        await writeLedgerFile(beside, { role, storeId: dump.storeId }, counting(dump.pages(), progress));
        synchronise(beside);
        progress('  checking the copy');
        if (!(await isThere(beside, dump)))
          throw new StoreError('store_io', 'the copy does not read as what was copied: nothing was moved');
        await dump.markMoved(destination);
        const aside = moveAside(path, clock);
        renameSync(beside, path);
        synchronise(dirname(path));
        return { ...report, setAside: aside };
      } catch (error) {
        removeLedgerFile(beside);
        throw error;
      }
    } finally {
      await dump.close();
    }
  } finally {
    release();
  }
}

/** Whether the ledger at `path`, all of it checked, is the one of the database, up to its last entry or further. */
async function isThere(path: string, dump: PostgresDump): Promise<boolean> {
  if (!existsSync(path) || existsSync(movedFile(path))) return false;
  const file = openLedgerFile(path);
  try {
    const { sequence, hash } = await dump.head();
    const [journal] = file.journals;
    const own = journal?.hashAt(sequence);
    return (
      journal !== undefined &&
      equalBytes(journal.id, dump.storeId) &&
      own !== undefined &&
      equalBytes(own, hash)
    );
  } finally {
    file.close();
  }
}

function configOf(anchor: string): LedgerReturnReport['config'] {
  return { kind: 'sqlite', ...(anchor === firstAnchor ? {} : { anchor }) };
}
