/** The payees of a CSV of any length, chunk by chunk: no more than one chunk is in memory. */
import { sha256, toHex, utf8 } from '../../kit/bytes.ts';
import { type Refusal, type Result, refuse, succeed } from '../../kit/result.ts';
import { amountLimit, type Currency } from '../../records/claims.ts';
import { makePayeeReader, type Payee } from '../../records/payees.ts';

/** What is known of a chunk once it was read, and what says at the second reading that it is still the same. */
export interface ChunkSummary {
  /** From 1. */
  readonly number: number;
  /** Where its first row begins, and its last. */
  readonly firstLine: number;
  readonly lastLine: number;
  readonly payees: number;
  /** Minor units; what one request can name. */
  readonly total: bigint;
  /** SHA-256, hex, over line, owner and amount of each payee: quotes and line ends do not count. */
  readonly hash: string;
}

export interface PayeeChunk extends ChunkSummary {
  readonly rows: readonly Payee[];
}

export interface ChunkOptions {
  readonly currency: Currency;
  readonly chunkPayees: number;
}

/** Reads the chunks one by one; a refusal names its line and is the last that comes. */
export async function* readPayeeChunks(
  source: AsyncIterable<Uint8Array>,
  { currency, chunkPayees }: ChunkOptions,
): AsyncGenerator<Result<PayeeChunk>> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const reader = makePayeeReader(currency);
  let number = 0;
  let rows: Payee[] = [];
  let total = 0n;
  const cut = (): PayeeChunk => {
    const chunk = summarise(++number, rows, total);
    rows = [];
    total = 0n;
    return chunk;
  };
  for await (const bytes of pieces(source)) {
    const text = decode(decoder, bytes, reader.line);
    if (!text.ok) return yield text;
    const payees = bytes === undefined ? endOf(reader, text.value) : reader.push(text.value);
    if (!payees.ok) return yield payees;
    for (const payee of payees.value) {
      if (rows.length === chunkPayees || total + payee.value > amountLimit) yield succeed(cut());
      rows.push(payee);
      total += payee.value;
    }
  }
  if (rows.length > 0) yield succeed(cut());
}

/** The pieces of the file, and then `undefined` for its end. */
async function* pieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array | undefined> {
  yield* source;
  yield undefined;
}

function endOf(reader: ReturnType<typeof makePayeeReader>, text: string): Result<Payee[]> {
  const pushed = reader.push(text);
  if (!pushed.ok) return pushed;
  const last = reader.end();
  return last.ok ? succeed([...pushed.value, ...last.value]) : last;
}

function decode(
  decoder: InstanceType<typeof TextDecoder>,
  bytes: Uint8Array | undefined,
  line: number,
): Result<string, 'draft_not_text'> {
  try {
    return succeed(bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true }));
  } catch {
    // A fatal decoder throws a TypeError for bytes that are no UTF-8, such as the first two of UTF-16.
    return refuse('draft_not_text', `the file is no text in UTF-8, from line ${line} on: save it as UTF-8`);
  }
}

function summarise(number: number, rows: readonly Payee[], total: bigint): PayeeChunk {
  let text = '';
  for (const { line, owner, value } of rows)
    text += `${line},${value},${'name' in owner ? owner.name : toHex(owner.commitment)}\n`;
  return {
    number,
    firstLine: rows[0]?.line ?? 0,
    lastLine: rows.at(-1)?.line ?? 0,
    payees: rows.length,
    total,
    hash: toHex(sha256(utf8(text))),
    rows,
  };
}

/** A stream of a file that cannot be read ends with an error that has a code; anything else is a bug. */
export function refuseUnreadable(path: string, error: unknown): Refusal<'file_unreadable'> {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return refuse(
    'file_unreadable',
    `cannot read \`${path}\` (${code}): the path of a readable file is accepted`,
  );
}
