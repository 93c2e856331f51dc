/** Writes the extract of a system's ledger, for an auditor: beside the running system, or while it is stopped. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Type } from 'typebox';
import type { LedgerExtractReport } from '../cli/appliance.ts';
import { encodeExtract, type LedgerContent } from '../journal/extract.ts';
import type { Clock } from '../kit/clock.ts';
import { readPostgresLedger } from '../store/postgres/extract.ts';
import { readSqliteLedger } from '../store/sqlite/extract.ts';
import { ApplianceError } from './appliance-error.ts';
import { applianceSchema, readConfiguration, storeChoice } from './configuration.ts';
import { type Home, homeAt, type Role } from './home.ts';
import { holderOf } from './key-holder.ts';
import { syncFolder } from './private-file.ts';
import { readAddressFile } from './role-store.ts';

export interface LedgerExtraction {
  readonly home: string;
  readonly role: Role;
  /** Path of the file. */
  readonly out: string;
  readonly progress: (entries: number) => void;
}

/** Frames are small: so many bytes are written at once. */
const pieceBytes = 1024 * 1024;
const progressEvery = 1_000;

/** The file is whole under its name, or not there: what a crash or a full disk leaves is a file that ends in `.new`, which the next one replaces. */
export async function extractLedger(
  { home: folder, role, out, progress }: LedgerExtraction,
  clock: Clock,
): Promise<LedgerExtractReport> {
  const home = homeAt(folder);
  const { issuer } = await readConfiguration(home.appliance, applianceSchema);
  const { name } = holderOf(role, issuer);
  // Before the ledger is read: whatever is of a later moment may be missing in it.
  const madeMs = clock.nowMs();
  const beside = `${out}.new`;
  try {
    const written = await readLedger(home, role, async (content) => {
      const file = await open(beside, 'w', 0o600);
      try {
        let entries = 0;
        const counted: LedgerContent = {
          ...content,
          entries: counting(content.entries, () => {
            if (++entries % progressEvery === 0) progress(entries);
          }),
        };
        let bytes = 0;
        let pieces: Uint8Array[] = [];
        let held = 0;
        for await (const frame of encodeExtract({ role, name, madeMs }, counted)) {
          pieces.push(frame);
          held += frame.length;
          if (held < pieceBytes) continue;
          await file.appendFile(Buffer.concat(pieces));
          bytes += held;
          pieces = [];
          held = 0;
        }
        await file.appendFile(Buffer.concat(pieces));
        await file.sync();
        return { entries, bytes: bytes + held };
      } finally {
        await file.close();
      }
    });
    await rename(beside, out);
    await syncFolder(dirname(out));
    return { role, name, file: out, ...written };
  } catch (error) {
    await rm(beside, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' || code === 'EROFS')
      throw new ApplianceError(
        'file_unwritable',
        `cannot write \`${out}\` (${code}): name another file with \`--out\``,
      );
    throw error;
  }
}

async function* counting<T>(items: AsyncIterable<T> | Iterable<T>, count: () => void): AsyncGenerator<T> {
  for await (const item of items) {
    count();
    yield item;
  }
}

export async function readLedger<T>(
  home: Home,
  role: Role,
  use: (content: LedgerContent) => Promise<T>,
): Promise<T> {
  const { store } = await readConfiguration(home.config(role), Type.Object({ store: storeChoice }));
  if (store === undefined || store.kind === 'sqlite')
    return readSqliteLedger({ path: home.ledger(role), role }, use);
  return readPostgresLedger({ url: await readAddressFile(store.urlFile), role }, use);
}
