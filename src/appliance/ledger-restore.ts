/**
 * `ringmint store restore`: a backup put where a system's configuration says that its ledger is. A ledger that is there is moved into a
 * folder of its own where that is asked for, and never deleted.
 *
 * What is put back is an older copy wherever its system signed after the backup: the system does not start on it then, and the report says so.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BackupError } from '../../hsm/backup-error.ts';
import { synchronise } from '../../hsm/durable-file.ts';
import type { JournalEnd, JudgedLedger, LedgerRestoreReport } from '../cli/store-administration.ts';
import { type Clock, systemRandom } from '../kit/clock.ts';
import { quote } from '../kit/result.ts';
import { isoTime } from '../records/key-ring.ts';
import { openPostgresDump, type PostgresDump } from '../store/postgres/dump.ts';
import { loadLedger } from '../store/postgres/load.ts';
import { movedFile } from '../store/sqlite/database.ts';
import type { LedgerTable } from '../store/sqlite/dump.ts';
import { lockLedger } from '../store/sqlite/file-lock.ts';
import { bringUp, type LedgerFile, removeLedgerFile } from '../store/sqlite/ledger-file.ts';
import { StoreError } from '../store/store.ts';
import { ApplianceError } from './appliance-error.ts';
import { type Home, homeAt, type Role } from './home.ts';
import { checkCopy, endOf, sameEnds } from './ledger-backup.ts';
import { nameJournals } from './ledger-journals.ts';
import { ledgerFileName } from './ledger-manifest.ts';
import { assertSameBytes, type CheckedLedger, judgeLedgerFile, openChecked } from './ledger-verification.ts';
import { readLedgerPlace } from './role-store.ts';

export interface LedgerRestoreOptions {
  readonly home: string;
  /** What `ringmint store backup` made. */
  readonly folder: string;
  /** Moves a ledger that is there into a folder beside it. */
  readonly setAside: boolean;
  readonly progress: (line: string) => void;
  /** Told before anything is written, of what a start will find. */
  readonly foresee: (foreseen: JudgedLedger) => void;
}

export interface RestoreSurroundings {
  readonly projectFolder: string;
  readonly clock: Clock;
}

/** Throws `ledger_exists`, `store_in_use`, what is wrong with the backup, and then the place is as it was. */
export async function restoreLedger(
  options: LedgerRestoreOptions,
  { projectFolder, clock }: RestoreSurroundings,
): Promise<LedgerRestoreReport> {
  const home = homeAt(options.home);
  const checked = await openChecked(options.folder, options.progress);
  const { file, role } = checked;
  try {
    const place = await readLedgerPlace(home, role);
    const foreseen = await judgeLedgerFile(file, role, home, projectFolder);
    options.foresee(foreseen);
    const setAside =
      place.kind === 'sqlite'
        ? await restoreFile(place.path, checked, options, clock)
        : await restoreRows({ ...place, role }, home, file, options.progress);
    return { ...foreseen, setAside };
  } finally {
    file.close();
  }
}

/** Into an empty database, all journals, in one transaction that checks it. */
async function restoreRows(
  { url, series, role }: { readonly url: string; readonly series: string; readonly role: Role },
  home: Home,
  file: LedgerFile,
  progress: (line: string) => void,
): Promise<null> {
  const named = await nameJournals(file, role, home);
  const all = named.map(({ number, series: name, id }) => ({ number, name: name ?? series, id }));
  assertNames(all, series);
  await assertEmpty({ url, series, role });
  await loadLedger(
    { series: all, rows: (table) => file.rows(table as LedgerTable) },
    { url, role, random: systemRandom, progress: (rows) => progress(`  ${rows} rows`) },
  );
  return null;
}

/** A process is served from the series of its name: no other journal may be there under that. */
function assertNames(all: readonly { readonly name: string }[], series: string): void {
  const names = all.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new BackupError(
      'backup_foreign',
      `the backup has another journal of the name ${quote(twice)} than appliance.json: a backup of this appliance is accepted, so look at \`--home\``,
    );
  if (!names.includes(series))
    throw new BackupError(
      'backup_foreign',
      `the backup has the series ${names.map(quote).join(', ')}, and config.json names ${quote(series)}: one of the backup's is accepted`,
    );
}

/** A ledger there is not moved aside: another database costs nothing, and whoever made this one can rename its schema. */
async function assertEmpty(place: {
  readonly url: string;
  readonly series: string;
  readonly role: Role;
}): Promise<void> {
  let dump: PostgresDump;
  try {
    dump = await openPostgresDump({ ...place, exclusive: false, several: true });
  } catch (error) {
    if (error instanceof StoreError && error.code === 'store_missing') return;
    throw error;
  }
  await dump.close();
  throw new ApplianceError(
    'ledger_exists',
    `there is a ledger at \`${dump.shown}\`: an empty database is accepted, so make one, and name it in the file with the address`,
  );
}

/** Gives the folder that a ledger which was there is in now. */
async function restoreFile(
  path: string,
  { role, manifest, file }: CheckedLedger,
  { folder, setAside, progress }: LedgerRestoreOptions,
  clock: Clock,
): Promise<string | null> {
  if (manifest === undefined)
    throw new ApplianceError(
      'backup_expected',
      `\`${folder}\` is no backup: a folder that \`ringmint store backup\` made is accepted`,
    );
  if (file.journals.length > 1)
    throw new StoreError(
      'store_several_series',
      `the backup has ${file.journals.length} journals, one of each process, and the file \`${path}\` has one: name an empty PostgreSQL database in config.json, as it was`,
    );
  if (!existsSync(dirname(path)))
    throw new ApplianceError('home_missing', `no folder \`${dirname(path)}\` of ${role} to restore into`);
  const release = lockLedger(path);
  const beside = `${path}.restoring`;
  try {
    // INVARIANT: under the lock, so that what another restore has left at `beside` is nobody's.
    removeLedgerFile(beside);
    assertMayReplace(path, setAside);
    progress('  copying the backup to its place');
    closeSync(openSync(beside, 'wx', 0o600));
    // A crash from here on leaves `beside`, which no system opens; the ledger that is there is as it was.
    copyFileSync(join(folder, ledgerFileName), beside);
    synchronise(beside);
    await assertSameBytes(beside, manifest);
    progress('  checking the copy');
    bringUp(beside);
    synchronise(beside);
    assertSame(checkCopy(beside, role), file);
    // A crash in it leaves a place without a ledger (`store_missing`), with the old one in its folder: the same command goes on.
    const aside = moveAside(path, clock);
    if (aside !== null) progress(`  what was there is in \`${aside}\``);
    renameSync(beside, path);
    synchronise(dirname(path));
    progress('  checking the ledger in its place');
    assertSame(checkCopy(path, role), file);
    return aside;
  } catch (error) {
    removeLedgerFile(beside);
    throw error;
  } finally {
    release();
  }
}

/** The database first: without it nothing is served, and a log that is left would be taken for one of the next database. */
function partsOf(path: string): string[] {
  return [path, `${path}-wal`, `${path}-shm`, `${path}-journal`, movedFile(path)];
}

/** Throws `ledger_exists` where something is there that is not to be moved aside. */
export function assertMayReplace(path: string, setAside: boolean): void {
  const there = partsOf(path).find((part) => existsSync(part));
  if (there === undefined || setAside) return;
  throw new ApplianceError(
    'ledger_exists',
    `there is a ledger, \`${there}\`: an empty place is accepted, or \`--set-aside\`, which moves it into a folder beside and deletes nothing`,
  );
}

/** Gives the folder that is made for what is there; null where nothing is. */
export function moveAside(path: string, clock: Clock): string | null {
  const parts = partsOf(path).filter((part) => existsSync(part));
  if (parts.length === 0) return null;
  const stamp = isoTime(clock.nowSeconds()).replaceAll(/[^0-9TZ]/g, '');
  const folder = makeNewFolder(join(dirname(path), `set-aside-${stamp}`));
  // A second name for each, and only then the first one taken away: a crash never leaves a database apart from its log.
  for (const part of parts) linkSync(part, join(folder, basename(part)));
  synchronise(folder);
  for (const part of parts) unlinkSync(part);
  synchronise(dirname(path));
  return folder;
}

function makeNewFolder(path: string): string {
  for (let n = 1; ; n++) {
    const folder = n === 1 ? path : `${path}-${n}`;
    try {
      mkdirSync(folder, { mode: 0o700 });
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function assertSame(copied: readonly JournalEnd[], { journals }: LedgerFile): void {
  if (!sameEnds(copied, journals.map(endOf)))
    throw new StoreError(
      'store_io',
      'what was copied does not read as what was written: nothing was decided',
    );
}
