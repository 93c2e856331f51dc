/**
 * `ringmint bulk`: issues to every payee of a CSV of any length. The CSV is read twice: to check all of it and to add it up before
 * anything is sent, and then chunk by chunk.
 */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../kit/bytes.ts';
import type { Clock, RandomBytes } from '../../kit/clock.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { formatAmount } from '../../records/amount.ts';
import { unitLimit } from '../../records/claims.ts';
import { encodeReservationDraft, longestReservationSeconds } from '../../records/reservation-draft.ts';
import { decodeTrustBundle } from '../../records/trust-bundle.ts';
import type { Appliance, Operator } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { makeFolder, readInput } from '../file.ts';
import { type PayeeTermOptions, readPayeeTerms } from '../payee-terms.ts';
import type { Terminal } from '../terminal.ts';
import { confirmTotal } from '../total-confirmation.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import { reservationId } from './chunk-order.ts';
import { type FailedChunk, runChunks } from './chunk-run.ts';
import { type BulkFolder, openBulkFolder, readManifest, writeManifest } from './folder.ts';
import { type BulkManifest, type BulkTerms, compareWithManifest, sumChunks } from './manifest.ts';
import { type ChunkOptions, type ChunkSummary, readPayeeChunks, refuseUnreadable } from './payee-chunks.ts';
import { grouped, startProgress } from './progress.ts';
import { describeFailures, describeIssued } from './report.ts';

export interface BulkArguments extends PayeeTermOptions {
  readonly file: string;
  readonly out: string;
  readonly home: string;
  readonly confirmAmount: string | undefined;
  readonly chunk: string;
  readonly patience: string;
  readonly again: boolean;
  readonly reserve: boolean;
  readonly verify: boolean;
}

export interface BulkContext {
  readonly appliance: Appliance;
  readonly terminal: Terminal;
  readonly stdin: StandardInput;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export async function runBulk(context: BulkContext, given: BulkArguments): Promise<ExitCode> {
  const { appliance, terminal } = context;
  const terms = await readTerms(given);
  if (!terms.ok) return terminal.refuse(terms);
  const patience = readWhole('--patience', given.patience, 0, 86_400);
  if (!patience.ok) return terminal.refuse(patience);
  const made = await makeFolder(given.out);
  if (!made.ok) return terminal.refuse(made);
  const release = await appliance.lock(join(given.out, 'bulk.lock'));
  if (release === undefined) {
    return terminal.refuse(
      refuse(
        'bulk_in_use',
        `another command works in ${quote(given.out)}: give this one again when it is done`,
      ),
    );
  }
  try {
    const manifest = await settleManifest(terms.value, given, context);
    if (!manifest.ok) return terminal.refuse(manifest);
    return await issueAll(manifest.value, { ...given, patienceMs: patience.value * 1000 }, context);
  } finally {
    release();
  }
}

/** The trust bundle of the appliance, whose root key names it. */
function readBundle(home: string): Promise<Result<Uint8Array>> {
  return readInput(join(home, 'trust.cbor'), 1024 * 1024);
}

async function readTerms(given: BulkArguments): Promise<Result<BulkTerms>> {
  const terms = readPayeeTerms(given);
  if (!terms.ok) return terms;
  const chunkPayees = readWhole('--chunk', given.chunk, 1, unitLimit);
  if (!chunkPayees.ok) return chunkPayees;
  const bundle = await readBundle(given.home);
  if (!bundle.ok) return bundle;
  const decoded = decodeTrustBundle(bundle.value);
  if (!decoded.ok) return decoded;
  const rootKeyId = toHex(decoded.value.record.rootKey.keyId);
  return succeed({
    ...terms.value,
    chunkPayees: chunkPayees.value,
    rootKeyId,
    ...(given.reserve ? { reserve: true } : {}),
  });
}

function readWhole(name: string, text: string, least: number, most: number): Result<number, 'usage'> {
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && value >= least && value <= most) return succeed(value);
  return refuse('usage', `${name} ${quote(text)}: a whole number from ${least} to ${most} is accepted`);
}

/** The manifest of an earlier run, if this is the same bulk issue; else a new one, once its total was confirmed. */
async function settleManifest(
  terms: BulkTerms,
  given: BulkArguments,
  { terminal, stdin, clock, random }: BulkContext,
): Promise<Result<BulkManifest>> {
  const before = await readManifest(given.out);
  if (!before.ok) return before;
  const chunks = await readSummaries(given.file, terms, terminal);
  if (!chunks.ok) return chunks;
  const { payees, total } = sumChunks(chunks.value);
  const { currency } = terms;
  const asked = {
    total,
    currency,
    summary: `${given.file}: ${grouped(payees)} payees, ${formatAmount(total, currency)} ${currency.code}, in ${chunks.value.length} requests`,
  };
  if (before.value !== undefined) {
    const same = compareWithManifest(before.value, { terms, chunks: chunks.value });
    if (!same.ok) return same;
    // It was confirmed when the manifest was written; what is given once more has to be right all the same.
    const confirmed =
      given.confirmAmount === undefined
        ? succeed(null)
        : await confirmTotal(asked, given.confirmAmount, { terminal, stdin });
    return confirmed.ok ? succeed(before.value) : confirmed;
  }
  const confirmed = await confirmTotal(asked, given.confirmAmount, { terminal, stdin });
  if (!confirmed.ok) return confirmed;
  const manifest = { seed: random(32), createdMs: clock.nowMs(), terms, chunks: chunks.value };
  // A crash before this leaves an empty folder; after it, everything that is sent follows from what is written.
  const written = await writeManifest(given.out, manifest);
  return written.ok ? succeed(manifest) : written;
}

/** The first reading: every row is checked before anything is sent. */
async function readSummaries(
  file: string,
  options: ChunkOptions,
  terminal: Terminal,
): Promise<Result<ChunkSummary[]>> {
  const chunks: ChunkSummary[] = [];
  let payees = 0;
  try {
    for await (const chunk of readPayeeChunks(
      createReadStream(file, { highWaterMark: readBytes }),
      options,
    )) {
      if (!chunk.ok) return chunk;
      // Without its rows, of which there may be more than memory.
      const { rows, ...summary } = chunk.value;
      chunks.push(summary);
      payees += rows.length;
      terminal.status(`reads ${file}: ${grouped(payees)} payees`);
    }
  } catch (error) {
    return refuseUnreadable(file, error);
  }
  return succeed(chunks);
}

const readBytes = 256 * 1024;

async function issueAll(
  manifest: BulkManifest,
  given: BulkArguments & { readonly patienceMs: number },
  { appliance, terminal, clock }: BulkContext,
): Promise<ExitCode> {
  const folder = await openBulkFolder(given.out);
  const bundle = given.verify ? await readBundle(given.home) : undefined;
  if (bundle?.ok === false) return terminal.refuse(bundle);
  const startedMs = clock.nowMs();
  const before = sumIssued(manifest, folder).payees;
  const { payees } = sumChunks(manifest.chunks);
  const operator = await appliance.connect(given.home);
  if (manifest.terms.reserve !== undefined && before < payees) {
    const kept = await keepTotal(manifest, operator);
    if (!kept.ok) {
      await operator.close();
      return terminal.refuse(kept);
    }
  }
  const progress = startProgress(terminal, clock, payees, before);
  let failed: FailedChunk[];
  try {
    const source = createReadStream(given.file, { highWaterMark: readBytes });
    failed = await runChunks(readPayeeChunks(source, manifest.terms), {
      manifest,
      folder,
      operator,
      clock,
      progress,
      patienceMs: given.patienceMs,
      again: given.again,
      bundle: bundle?.value,
    });
  } finally {
    progress.stop();
    await operator.close();
  }
  const issued = sumIssued(manifest, folder);
  const state = { manifest, folder, issued, verified: given.verify };
  if (failed.length > 0) return describeFailures(terminal, state, failed);
  return describeIssued(terminal, state, { units: issued.payees - before, ms: clock.nowMs() - startedMs });
}

/** Before the first order, and again at each run: the id is the same, so that it is kept once. */
function keepTotal(manifest: BulkManifest, operator: Operator): Promise<Result<unknown>> {
  const { currency } = manifest.terms;
  const { total } = sumChunks(manifest.chunks);
  const asked = { id: reservationId(manifest), currency, total, seconds: longestReservationSeconds };
  return operator.makeReservation(encodeReservationDraft(asked));
}

function sumIssued({ chunks }: BulkManifest, folder: BulkFolder): ReturnType<typeof sumChunks> {
  return sumChunks(chunks.filter(({ number }) => folder.state(number).issued));
}
