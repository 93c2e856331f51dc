/**
 * The folder of a bulk issue. What is in it is the whole state: a run that ends at any moment leaves files that are whole, and the
 * next one goes on from them.
 *
 * ```
 * bulk.json               the manifest, before anything else
 * bulk.lock               held by the command that runs
 * 00001.owners.json       what opens the owners' commitments: before the draft
 * 00001.draft.cbor        what is sent: before it is sent (00001-2.draft.cbor with the second id, and so on)
 * 00001.currency.cbor     the currency: the chunk is done
 * 00001.refused.json      why this id will never be issued, and 00001.denial.cose, which shows it
 * ```
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes } from '../../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { draftSizeLimit } from '../../records/draft.ts';
import { readInput, writeOutput } from '../file.ts';
import { type BulkManifest, decodeManifest, encodeManifest, manifestSizeLimit } from './manifest.ts';

/** Why the id of an attempt will never be issued. */
export interface RefusedOrder {
  readonly id: string;
  readonly code: string;
  readonly message: string;
  /** Of a denial: its reasons, and the amount that would pass, where that is known. */
  readonly reasons: readonly string[];
  readonly wouldPass: string | null;
}

export interface ChunkState {
  readonly issued: boolean;
  /** The attempt that was begun last; 1 where none was. */
  readonly attempt: number;
  /** Whether that attempt came to nothing for ever. */
  readonly refused: boolean;
}

const untouched: ChunkState = { issued: false, attempt: 1, refused: false };
const chunkFile =
  /^(\d{5,})(?:-(\d+))?\.(owners\.json|draft\.cbor|currency\.cbor|refused\.json|denial\.cose)$/;

export interface BulkFolder {
  readonly path: string;
  currencyFile(chunk: number): string;
  state(chunk: number): ChunkState;
  /** Before an attempt is sent: openings, which are the same at each attempt, then its draft, on the disk. */
  prepare(
    chunk: number,
    attempt: number,
    draft: Uint8Array,
    openings: (() => Iterable<string>) | undefined,
  ): Promise<Result<null>>;
  writeCurrency(chunk: number, bytes: Uint8Array): Promise<Result<null>>;
  writeRefused(
    chunk: number,
    attempt: number,
    order: RefusedOrder,
    denial?: Uint8Array,
  ): Promise<Result<null>>;
  readRefused(chunk: number, attempt: number): Promise<Result<RefusedOrder>>;
}

/** The manifest of the folder; `undefined` in a new folder. A folder with other files and none is refused: it may have lost it. */
export async function readManifest(path: string): Promise<Result<BulkManifest | undefined>> {
  const names = await readdir(path);
  const file = join(path, 'bulk.json');
  if (names.includes('bulk.json')) {
    const bytes = await readInput(file, manifestSizeLimit);
    return bytes.ok ? decodeManifest(bytes.value, file) : bytes;
  }
  const other = names.find((name) => !/^bulk\.(lock|lock-journal|json\.new)$/.test(name));
  if (other === undefined) return succeed(undefined);
  return refuse(
    'file_exists',
    `${quote(path)} holds ${quote(other)} and no bulk.json: a new folder, an empty one or that of a bulk issue is accepted`,
  );
}

export function writeManifest(path: string, manifest: BulkManifest): Promise<Result<null>> {
  return writeOutput(join(path, 'bulk.json'), encodeManifest(manifest));
}

/** Looks at what is there; from then on whoever holds the folder's lock writes to it through this alone. */
export async function openBulkFolder(path: string): Promise<BulkFolder> {
  const files = new Set<string>();
  const states = new Map<number, ChunkState>();
  for (const name of await readdir(path)) {
    const match = chunkFile.exec(name);
    if (match === null) continue;
    files.add(name);
    const [, number = '', attempt = '1', what] = match;
    note(states, Number(number), Number(attempt), what === 'currency.cbor' ? 'issued' : what);
  }
  const nameOf = (chunk: number, attempt: number, what: string): string =>
    `${String(chunk).padStart(5, '0')}${attempt === 1 ? '' : `-${attempt}`}.${what}`;
  const write = async (name: string, data: Uint8Array | string | Iterable<string>): Promise<Result<null>> => {
    const written = await writeOutput(join(path, name), data);
    if (written.ok) files.add(name);
    return written;
  };

  return {
    path,
    currencyFile: (chunk) => join(path, nameOf(chunk, 1, 'currency.cbor')),
    state: (chunk) => states.get(chunk) ?? untouched,
    async prepare(chunk, attempt, draft, openings) {
      const draftName = nameOf(chunk, attempt, 'draft.cbor');
      if (files.has(draftName)) {
        const before = await readInput(join(path, draftName), draftSizeLimit);
        if (!before.ok) return before;
        if (equalBytes(before.value, draft)) return succeed(null);
        return refuse(
          'bulk_damaged',
          `${quote(join(path, draftName))} is not the draft that the CSV gives: put the right one back from a copy, or take it away to have it made again`,
        );
      }
      const owners = nameOf(chunk, 1, 'owners.json');
      if (openings !== undefined && !files.has(owners)) {
        const written = await write(owners, openings());
        if (!written.ok) return written;
      }
      const written = await write(draftName, draft);
      if (written.ok) note(states, chunk, attempt, 'draft.cbor');
      return written;
    },
    async writeCurrency(chunk, bytes) {
      const written = await write(nameOf(chunk, 1, 'currency.cbor'), bytes);
      if (written.ok) note(states, chunk, 1, 'issued');
      return written;
    },
    async writeRefused(chunk, attempt, order, denial) {
      if (denial !== undefined) {
        const written = await write(nameOf(chunk, attempt, 'denial.cose'), denial);
        if (!written.ok) return written;
      }
      // A crash before this: the id is sent again, and gets the same answer.
      const written = await write(
        nameOf(chunk, attempt, 'refused.json'),
        `${JSON.stringify(order, null, 1)}\n`,
      );
      if (written.ok) note(states, chunk, attempt, 'refused.json');
      return written;
    },
    async readRefused(chunk, attempt) {
      const file = join(path, nameOf(chunk, attempt, 'refused.json'));
      const bytes = await readInput(file, 1024 * 1024);
      if (!bytes.ok) return bytes;
      try {
        return succeed(JSON.parse(new TextDecoder().decode(bytes.value)) as RefusedOrder);
      } catch {
        // Written whole or not at all, so it was changed since.
        return refuse('bulk_damaged', `${quote(file)} is not as it was written`);
      }
    },
  };
}

function note(
  states: Map<number, ChunkState>,
  chunk: number,
  attempt: number,
  what: string | undefined,
): void {
  const before = states.get(chunk) ?? untouched;
  if (what === 'issued') states.set(chunk, { ...before, issued: true });
  else if (attempt > before.attempt)
    states.set(chunk, { ...before, attempt, refused: what === 'refused.json' });
  else if (attempt === before.attempt && what === 'refused.json')
    states.set(chunk, { ...before, refused: true });
}
