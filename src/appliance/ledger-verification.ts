/** `ringmint store verify`: a backup, or the ledger of a system, checked whole, and held against what is known of its journal elsewhere. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError } from '../../hsm/backup-error.ts';
import type { JudgedLedger, LedgerVerificationReport } from '../cli/store-administration.ts';
import { type LedgerFile, openLedgerFile } from '../store/sqlite/ledger-file.ts';
import { type Home, homeAt, type Role, roles } from './home.ts';
import { endOf, hashFile, sameEnds } from './ledger-backup.ts';
import { nameJournals } from './ledger-journals.ts';
import { type LedgerManifest, ledgerFileName, readLedgerManifest } from './ledger-manifest.ts';
import { judgeStandings } from './ledger-standing.ts';

export interface LedgerVerificationOptions {
  readonly home: string;
  /** A backup's folder, or a ledger file. */
  readonly path: string;
  readonly progress: (line: string) => void;
}

/** Throws `backup_incomplete`, `backup_altered`, `backup_foreign`, and what is wrong with the ledger in it. */
export async function verifyLedger(
  { home, path, progress }: LedgerVerificationOptions,
  projectFolder: string,
): Promise<LedgerVerificationReport> {
  const { file, role, manifest } = await openChecked(path, progress);
  try {
    const { standings, ...ledger } = await judgeLedgerFile(file, role, homeAt(home), projectFolder);
    return { path, ...ledger, madeAt: manifest?.madeAt ?? null, standings };
  } finally {
    file.close();
  }
}

export interface CheckedLedger {
  readonly file: LedgerFile;
  readonly role: Role;
  /** Of a backup. */
  readonly manifest: LedgerManifest | undefined;
}

/** What is at `path`, every entry of it checked, and of a backup its bytes too. The caller closes the file. */
export async function openChecked(path: string, progress: (line: string) => void): Promise<CheckedLedger> {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  const manifest = isFolder ? readLedgerManifest(path) : undefined;
  const ledger = isFolder ? join(path, ledgerFileName) : path;
  if (manifest !== undefined) {
    progress('  comparing the bytes with the manifest');
    await assertSameBytes(ledger, manifest);
  }
  progress('  checking every entry, every order, every quota');
  const file = openLedgerFile(ledger);
  try {
    const role = roles.find((known) => known === file.role);
    if (role === undefined)
      throw new BackupError('backup_foreign', `\`${ledger}\` is of \`${file.role}\`, which is no system`);
    if (manifest !== undefined) assertSameLedger(file, manifest, ledger);
    return { file, role, manifest };
  } catch (error) {
    file.close();
    throw error;
  }
}

export async function judgeLedgerFile(
  file: LedgerFile,
  role: Role,
  home: Home,
  projectFolder: string,
): Promise<JudgedLedger> {
  const journals = await nameJournals(file, role, home);
  const standings = await judgeStandings({ role, journals }, home, projectFolder);
  return { role, journals: journals.map(endOf), standings };
}

/** Throws `backup_altered` where the file is not the one that the manifest was written for. */
export async function assertSameBytes(path: string, { size, sha256 }: LedgerManifest): Promise<void> {
  if (!existsSync(path))
    throw new BackupError('backup_incomplete', `\`${path}\` is not there: a whole backup is accepted`);
  if (statSync(path).size === size && (await hashFile(path)) === sha256) return;
  throw new BackupError(
    'backup_altered',
    `\`${path}\` is not the file that was backed up: one of ${size} bytes with the SHA-256 \`${sha256}\` is accepted`,
  );
}

function assertSameLedger(file: LedgerFile, manifest: LedgerManifest, path: string): void {
  if (file.role !== manifest.role || !sameEnds(file.journals.map(endOf), manifest.journals))
    throw new BackupError('backup_altered', `\`${path}\` is another ledger than its manifest says`);
}
