/**
 * `ringmint store backup`: the ledger of one system as one SQLite file with a manifest, while the system runs or stands still.
 *
 * Both databases have one form of backup, so that there is one check and one restore, and so that a backup of either can be put into either.
 *
 * A crash leaves a folder FOLDER.new-…, which is no backup by its name; FOLDER is there whole, or not at all.
 */

import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { BackupError } from '../../hsm/backup-error.ts';
import { assertVacant, manifestName } from '../../hsm/backup-folder.ts';
import { synchronise, writePrivate } from '../../hsm/durable-file.ts';
import type { JournalEnd, LedgerBackupReport } from '../cli/store-administration.ts';
import type { JournalHead } from '../journal/chain.ts';
import { toHex } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { openPostgresDump } from '../store/postgres/dump.ts';
import { movedFile } from '../store/sqlite/database.ts';
import { copyLedger, type LedgerPage, openLedgerFile, writeLedgerFile } from '../store/sqlite/ledger-file.ts';
import { StoreError } from '../store/store.ts';
import { ApplianceError } from './appliance-error.ts';
import { homeAt, type Role } from './home.ts';
import { type LedgerManifest, ledgerFileName } from './ledger-manifest.ts';
import { type LedgerPlace, readLedgerPlace } from './role-store.ts';

export interface LedgerBackupOptions {
  readonly home: string;
  readonly role: Role;
  /** A new folder, or an empty one. */
  readonly out: string;
  readonly progress: (line: string) => void;
}

/** Throws `backup_exists`, and what is wrong with the ledger or the disk; then nothing is left at `out` or beside it. */
export async function backUpLedger(options: LedgerBackupOptions, clock: Clock): Promise<LedgerBackupReport> {
  const { role, out, progress } = options;
  const place = await readLedgerPlace(homeAt(options.home), role);
  assertVacant(out);
  const folder = makeFolderBeside(out);
  try {
    const path = join(folder, ledgerFileName);
    progress(`  copying the ledger of ${role}, as it is at this moment`);
    // SQLite makes the file with the rights of the process: for its owner only, from the first byte on.
    closeSync(openSync(path, 'wx', 0o600));
    const madeAt = clock.nowSeconds();
    await writeCopy(place, role, path, progress);
    synchronise(path);
    progress('  checking the copy: every entry, every order, every quota');
    const manifest: LedgerManifest = {
      version: 2,
      kind: 'ledger',
      role,
      journals: checkCopy(path, role),
      madeAt,
      size: statSync(path).size,
      sha256: await hashFile(path),
    };
    writePrivate(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, 'wx');
    synchronise(folder);
    publish(folder, out);
    return { folder: out, ...manifest };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function makeFolderBeside(out: string): string {
  try {
    // For its owner only (0700).
    return mkdtempSync(`${resolve(out)}.new-`);
  } catch (error) {
    throw new ApplianceError(
      'folder_unwritable',
      `cannot make a folder beside \`${out}\` (${(error as NodeJS.ErrnoException).code}): a folder whose parent is there and can be written is accepted`,
    );
  }
}

async function writeCopy(
  place: LedgerPlace,
  role: Role,
  path: string,
  progress: (line: string) => void,
): Promise<void> {
  if (place.kind === 'sqlite') {
    if (existsSync(movedFile(place.path)))
      throw new StoreError(
        'store_foreign',
        `the ledger of \`${place.path}\` was moved: correct \`store\` in config.json`,
      );
    return copyLedger(place.path, path);
  }
  const { url, series } = place;
  const dump = await openPostgresDump({ url, role, series, exclusive: false, several: true });
  try {
    if (dump.movedTo !== null)
      throw new ApplianceError(
        'configuration_invalid',
        `the ledger of ${role} at \`${dump.shown}\` was moved to \`${dump.movedTo}\`: correct \`store\` in its config.json`,
      );
    await writeLedgerFile(path, { role, storeId: dump.storeId }, counting(dump.pages(), progress));
  } finally {
    await dump.close();
  }
}

/** Tells how many rows came, every hundred thousand. */
export async function* counting<Page extends { readonly table: string; readonly rows: readonly unknown[] }>(
  pages: AsyncIterable<Page>,
  progress: (line: string) => void,
): AsyncGenerator<Page & Pick<LedgerPage, 'table'>> {
  let rows = 0;
  for await (const page of pages) {
    const before = rows;
    rows += page.rows.length;
    if (Math.floor(rows / 100_000) > Math.floor(before / 100_000)) progress(`  ${rows} rows`);
    yield page as Page & Pick<LedgerPage, 'table'>;
  }
}

/** Gives where each journal of it ends, every entry checked. */
export function checkCopy(path: string, role: Role): JournalEnd[] {
  const file = openLedgerFile(path);
  try {
    if (file.role !== role)
      throw new BackupError('backup_foreign', `\`${path}\` is a ledger of ${file.role}, and not of ${role}`);
    return file.journals.map(endOf);
  } finally {
    file.close();
  }
}

export function endOf({
  series,
  id,
  head,
}: {
  readonly series: string | null;
  readonly id: Uint8Array;
  readonly head: JournalHead;
}): JournalEnd {
  return { series, journalId: toHex(id), head: { sequence: head.sequence, hash: toHex(head.hash) } };
}

export function sameEnds(some: readonly JournalEnd[], others: readonly JournalEnd[]): boolean {
  return isDeepStrictEqual(some, others);
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** All of it is on the disk already. A folder that is not empty is not replaced. */
function publish(folder: string, out: string): void {
  try {
    renameSync(folder, out);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    throw new BackupError(
      'backup_exists',
      `something was put at \`${out}\` meanwhile: a new folder, or an empty one, is accepted`,
    );
  }
  synchronise(dirname(resolve(out)));
}
