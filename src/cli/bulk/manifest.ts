/**
 * What a bulk issue is about, written down before anything of it is sent, and never changed: the terms, the chunks as they were
 * read, and the secret from which the ids of its orders and the blindings of its owners follow.
 *
 * INVARIANT: the orders of a bulk issue follow from its manifest and its CSV. Whatever else is lost, the same command makes the
 * same orders again, and the systems issue each once.
 */
import { fromHex, sha256, toHex, utf8 } from '../../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { formatAmount } from '../../records/amount.ts';
import type { Currency } from '../../records/claims.ts';
import type { PayeeTerms } from '../payee-terms.ts';
import type { ChunkSummary } from './payee-chunks.ts';

/** What the options of the command say. */
export interface BulkTerms extends PayeeTerms {
  readonly chunkPayees: number;
  /** Id of the root key, hex: under another appliance the same ids would be issued a second time. */
  readonly rootKeyId: string;
  /** Whether the whole total is kept before the first order, and each order is issued of it. */
  readonly reserve?: true;
}

export interface BulkManifest {
  /** 32 random bytes; with the CSV they open every owner commitment. */
  readonly seed: Uint8Array;
  /** When it was made: the time in the orders' ids. */
  readonly createdMs: number;
  readonly terms: BulkTerms;
  readonly chunks: readonly ChunkSummary[];
}

/** The manifest's file is JSON, and small: some 200 bytes a chunk. */
export const manifestSizeLimit = 256 * 1024 * 1024;
const kind = 'ringmint.bulk';
const version = 1;

export function sumChunks(chunks: readonly ChunkSummary[]): { payees: number; total: bigint } {
  let payees = 0;
  let total = 0n;
  for (const chunk of chunks) {
    payees += chunk.payees;
    total += chunk.total;
  }
  return { payees, total };
}

export function encodeManifest(manifest: BulkManifest): string {
  const { payees, total } = sumChunks(manifest.chunks);
  const body = {
    kind,
    version,
    seed: toHex(manifest.seed),
    createdMs: manifest.createdMs,
    terms: manifest.terms,
    payees,
    total: formatAmount(total, manifest.terms.currency),
    chunks: manifest.chunks.map(({ number, firstLine, lastLine, payees: count, total: sum, hash }) => ({
      number,
      firstLine,
      lastLine,
      payees: count,
      total: String(sum),
      hash,
    })),
  };
  return `${JSON.stringify({ ...body, check: checkOf(body) }, null, 1)}\n`;
}

/** Reads a manifest back. One flipped bit in the seed would make every order a new one, so a wrong sum is `bulk_damaged`. */
export function decodeManifest(bytes: Uint8Array, path: string): Result<BulkManifest, 'bulk_damaged'> {
  const damaged = refuse(
    'bulk_damaged',
    `${quote(path)} is not as it was written: put the right one back from a copy; without it nothing can be told of what was issued here`,
  );
  let json: Omit<BulkManifest, 'seed' | 'chunks'> & {
    kind: string;
    version: number;
    seed: string;
    chunks: (Omit<ChunkSummary, 'total'> & { total: string })[];
    check: string;
  };
  try {
    json = JSON.parse(new TextDecoder().decode(bytes)) as typeof json;
  } catch {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return damaged;
  }
  const { check, ...body } = json ?? {};
  if (check !== checkOf(body) || body.kind !== kind || body.version !== version) return damaged;
  // From here on it is what `encodeManifest` made.
  return succeed({
    seed: fromHex(json.seed) ?? new Uint8Array(),
    createdMs: json.createdMs,
    terms: json.terms,
    chunks: json.chunks.map((chunk) => ({ ...chunk, total: BigInt(chunk.total) })),
  });
}

function checkOf(body: object): string {
  return toHex(sha256(utf8(JSON.stringify(body))));
}

/** Holds the command and its CSV against the manifest: another CSV or another option is another bulk issue, and needs a folder of its own. */
export function compareWithManifest(
  { terms, chunks }: BulkManifest,
  given: { readonly terms: BulkTerms; readonly chunks: readonly ChunkSummary[] },
): Result<null, 'bulk_changed'> {
  const changed = compareTerms(terms, given.terms) ?? compareChunks(chunks, given.chunks, terms.currency);
  if (changed === undefined) return succeed(null);
  return refuse(
    'bulk_changed',
    `${changed}: the same CSV with the same options is accepted here; another bulk issue needs a folder of its own`,
  );
}

function compareTerms(written: BulkTerms, given: BulkTerms): string | undefined {
  const valuesOf = ({
    currency,
    origin,
    destination,
    purpose,
    chunkPayees,
    rootKeyId,
    reserve,
  }: BulkTerms) => ({
    '--currency': currency.code,
    '--origin': origin,
    '--destination': destination,
    '--purpose': purpose,
    '--chunk': String(chunkPayees),
    '--reserve': String(reserve === true),
    'the root key of the appliance': rootKeyId,
  });
  const before = Object.entries(valuesOf(written));
  const now = valuesOf(given);
  const different = before.find(([name, value]) => now[name as keyof typeof now] !== value);
  if (different === undefined) return undefined;
  const [name, value] = different;
  return `${name} was ${quote(value)} and is ${quote(now[name as keyof typeof now])}`;
}

function compareChunks(
  written: readonly ChunkSummary[],
  given: readonly ChunkSummary[],
  currency: Currency,
): string | undefined {
  for (const [i, chunk] of written.entries()) {
    if (chunk.hash === given[i]?.hash) continue;
    return `the CSV is not as it was in lines ${chunk.firstLine} to ${chunk.lastLine}`;
  }
  if (written.length === given.length) return undefined;
  const [before, now] = [sumChunks(written), sumChunks(given)];
  return `the CSV had ${before.payees} payees and has ${now.payees}, ${formatAmount(now.total, currency)} ${currency.code}`;
}
