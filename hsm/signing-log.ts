/**
 * What was signed, one JSON line a signature, each with the hash of the one before it: nothing can be taken out, added or
 * altered without its showing.
 *
 * ```
 * {"number":7,"at":"2026-11-21T08:00:00.000Z","key":"…","purpose":"control-bit","intent":"…","digest":"…","outcome":"signed","ms":2,"previous":"…"}
 * ```
 *
 * `previous` is SHA-256 over the line before, without its end; 64 zeros in the first line. A line is written before its signature is
 * let out. A crash leaves at most a torn last line, of a signature that nobody has: the next start takes it away and says so in a
 * line of its own. A power cut may take the last second of lines: the journals of the stores are what survives it.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { SignerError } from './signer.ts';

export interface SignedEntry {
  /** The key id, in hex. */
  readonly key: string;
  readonly purpose: string;
  readonly intent: string;
  /** SHA-256 of the message, in hex. */
  readonly digest: string;
  /** `signed`, or the code of what went wrong. */
  readonly outcome: string;
  readonly ms: number;
  readonly currency?: string;
  /** In minor units. */
  readonly amount?: string;
}

export interface LoggedEntry extends SignedEntry {
  readonly number: number;
  readonly at: string;
  readonly previous: string;
}

export interface SigningLog {
  /** How many lines there are, and the hash of the last. */
  readonly head: { readonly number: number; readonly hash: string };
  /** Resolves when the line is written; throws `log_unwritable`, and then nothing is signed until the log is opened anew. */
  append(entry: SignedEntry): Promise<void>;
  /** Writes what is left, and waits until it is on the disk. */
  close(): Promise<void>;
}

const start = '0'.repeat(64);
const newline = 0x0a;
const syncEveryMs = 1_000;

/** Where the chain of lines stands. */
class Chain {
  number = 0;
  hash = start;

  /** Holds a line against the one before it; throws `log_broken` where it does not follow. */
  take(line: string): LoggedEntry {
    let entry: LoggedEntry;
    const number = this.number + 1;
    try {
      entry = JSON.parse(line) as LoggedEntry;
    } catch {
      throw broken(number, 'is no JSON');
    }
    if (entry.number !== number) throw broken(number, `has the number ${entry.number}`);
    if (entry.previous !== this.hash) throw broken(number, 'does not follow from the one before it');
    this.goOn(line);
    return entry;
  }

  /** The line that comes next. */
  add({ key, purpose, intent, digest, outcome, ms, ...amount }: SignedEntry, at: string): string {
    const entry = { number: this.number + 1, at, key, purpose, intent, digest, outcome, ms, ...amount };
    const line = JSON.stringify({ ...entry, previous: this.hash });
    this.goOn(line);
    return line;
  }

  get head(): { number: number; hash: string } {
    return { number: this.number, hash: this.hash };
  }

  private goOn(line: string): void {
    this.number++;
    this.hash = createHash('sha256').update(line).digest('hex');
  }
}

/** Walks the lines of a log, and gives its head; throws `log_broken` at the first that does not follow from the one before. */
export function* readSigningLog(text: string): Generator<LoggedEntry, { number: number; hash: string }> {
  const chain = new Chain();
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const line of lines) yield chain.take(line);
  return chain.head;
}

function broken(number: number, why: string): SignerError {
  return new SignerError(
    'log_broken',
    `line ${number} of the signing log ${why}: it was altered, or lines were taken out; keep it, and find out who did`,
  );
}

/** Opens the log, makes it where there is none, and holds all of it against its hashes. Throws `log_broken`, `log_unwritable`. */
export async function openSigningLog(
  path: string,
  { now, seen }: { readonly now: () => Date; readonly seen?: (entry: LoggedEntry) => void },
): Promise<SigningLog> {
  let file: FileHandle;
  try {
    file = await open(path, 'a+', 0o600);
  } catch (error) {
    throw unwritable(path, error);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile())
      throw new SignerError('log_unwritable', `the signing log \`${path}\` is no file: a file is accepted`);
    const chain = new Chain();
    const torn = await readLines(file, (line) => {
      const entry = chain.take(line);
      seen?.(entry);
    });
    const log = new AppendingLog(path, file, chain, now);
    if (torn > 0) {
      await file.truncate(stat.size - torn);
      await log.append({
        key: '',
        purpose: 'log',
        intent: '',
        digest: '',
        outcome: `torn line of ${torn} bytes`,
        ms: 0,
      });
    }
    return log;
  } catch (error) {
    await file.close();
    throw error instanceof SignerError ? error : unwritable(path, error);
  }
}

/** Gives every whole line; returns how many bytes of one are left at the end. */
async function readLines(file: FileHandle, take: (line: string) => void): Promise<number> {
  let rest = Buffer.alloc(0);
  for await (const chunk of file.createReadStream({ autoClose: false, start: 0 })) {
    const data = Buffer.concat([rest, chunk as Buffer]);
    let from = 0;
    for (let end = data.indexOf(newline); end !== -1; end = data.indexOf(newline, from)) {
      take(data.toString('utf8', from, end));
      from = end + 1;
    }
    rest = data.subarray(from);
  }
  return rest.length;
}

class AppendingLog implements SigningLog {
  private readonly path: string;
  private readonly file: FileHandle;
  private readonly now: () => Date;
  private readonly chain: Chain;
  private waiting: { line: string; resolve: () => void; reject: (error: SignerError) => void }[] = [];
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failed: SignerError | undefined;
  private closing: Promise<void> | undefined;

  constructor(path: string, file: FileHandle, chain: Chain, now: () => Date) {
    this.path = path;
    this.file = file;
    this.chain = chain;
    this.now = now;
  }

  get head(): { number: number; hash: string } {
    return this.chain.head;
  }

  append(entry: SignedEntry): Promise<void> {
    if (this.failed !== undefined) return Promise.reject(this.failed);
    if (this.closing !== undefined)
      return Promise.reject(new SignerError('signer_closed', 'the signing log is closed'));
    const line = this.chain.add(entry, this.now().toISOString());
    return new Promise((resolve, reject) => {
      this.waiting.push({ line, resolve, reject });
      this.writing ??= this.write();
    });
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    await this.writing;
    clearTimeout(this.timer);
    if (this.failed === undefined) await this.file.datasync();
    await this.file.close();
  }

  /** Writes all that waits, in one go. */
  private async write(): Promise<void> {
    while (this.waiting.length > 0) {
      const lines = this.waiting;
      this.waiting = [];
      try {
        await this.file.appendFile(`${lines.map(({ line }) => line).join('\n')}\n`);
      } catch (error) {
        // What is in the file now nobody knows: the next start takes a torn line away.
        this.failed = unwritable(this.path, error);
        for (const { reject } of [...lines, ...this.waiting.splice(0)]) reject(this.failed);
        break;
      }
      for (const { resolve } of lines) resolve();
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.file.datasync().catch((error: unknown) => {
          this.failed = unwritable(this.path, error);
        });
      }, syncEveryMs).unref();
    }
    this.writing = undefined;
  }
}

function unwritable(path: string, error: unknown): SignerError {
  return new SignerError(
    'log_unwritable',
    `the signing log \`${path}\` cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)}): nothing is signed without it`,
  );
}
