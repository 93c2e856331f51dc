/** Carries the chunks of a bulk issue through, a few at once, from whatever an earlier run left in the folder. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../kit/clock.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../../kit/result.ts';
import { formatAmount } from '../../records/amount.ts';
import { decodeDraft, encodeDraft } from '../../records/draft.ts';
import { formatUuid } from '../../records/request-id.ts';
import type { Operator } from '../appliance.ts';
import { type CommittedLot, makeChunkOrder, orderId } from './chunk-order.ts';
import type { BulkFolder, RefusedOrder } from './folder.ts';
import type { BulkManifest } from './manifest.ts';
import type { ChunkSummary, PayeeChunk } from './payee-chunks.ts';
import type { Progress } from './progress.ts';
import { type Answer, sendOrder } from './sending.ts';
import { verifyChunk } from './verification.ts';

/** Orders on their way at once: while one is signed by a system, the next is derived by another, and this program prepares a third. */
const ordersAtOnce = 3;
/** The window of the rule that caps the requests of a minute, and a little more. */
const frequencyWindowMs = 61_000;

export interface ChunkRunOptions {
  readonly manifest: BulkManifest;
  readonly folder: BulkFolder;
  readonly operator: Operator;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly patienceMs: number;
  /** Whether orders that were refused for ever are sent again under new ids. */
  readonly again: boolean;
  /** The trust bundle, where the files are to be verified. */
  readonly bundle: Uint8Array | undefined;
}

export interface FailedChunk {
  /** `undefined` where the CSV could not be read further. */
  readonly chunk: ChunkSummary | undefined;
  readonly refusal: Refusal;
  /** Whether it came to nothing at this run, and not at an earlier one. */
  readonly isNew: boolean;
}

/** The chunks that came to nothing, by their number; after one of them no further order is begun, and those on their way end. */
export async function runChunks(
  chunks: AsyncIterable<Result<PayeeChunk>>,
  options: ChunkRunOptions,
): Promise<FailedChunk[]> {
  const { manifest, folder, again, bundle } = options;
  const failed: FailedChunk[] = [];
  const faults: unknown[] = [];
  const underway = new Set<Promise<void>>();
  const isStopped = (): boolean => failed.some(({ isNew }) => isNew) || faults.length > 0;

  const carry = async (chunk: PreparedChunk): Promise<void> => {
    try {
      const carried = await carryChunk(chunk, options, isStopped);
      if (!carried.ok) failed.push({ chunk: chunk.summary, refusal: carried, isNew: true });
    } catch (error) {
      faults.push(error);
    }
  };

  for await (const read of chunks) {
    const chunk = read.ok ? checkChunk(read.value, manifest) : read;
    if (!chunk.ok) {
      failed.push({ chunk: undefined, refusal: chunk, isNew: true });
      break;
    }
    const state = folder.state(chunk.value.number);
    if (state.issued && bundle === undefined) continue;
    if (state.refused && !again) {
      const known = await folder.readRefused(chunk.value.number, state.attempt);
      if (!known.ok || !isTemporary(known.value)) {
        // That an earlier run was denied it stands in no other chunk's way.
        const refusal = known.ok ? refuse(known.value.code, known.value.message) : known;
        failed.push({ chunk: withoutRows(chunk.value), refusal, isNew: false });
        continue;
      }
    }
    while (underway.size >= ordersAtOnce) await Promise.race(underway);
    if (isStopped()) break;
    const prepared = await prepareChunk(chunk.value, options);
    if (!prepared.ok) {
      failed.push({ chunk: withoutRows(chunk.value), refusal: prepared, isNew: true });
      break;
    }
    const carried = carry(prepared.value).finally(() => underway.delete(carried));
    underway.add(carried);
  }
  await Promise.all(underway);
  if (faults.length > 0) throw faults[0];
  return failed.toSorted((a, b) => (a.chunk?.number ?? 0) - (b.chunk?.number ?? 0));
}

/** The chunk, if it is the one that was read before anything was sent, and that was confirmed. */
function checkChunk(chunk: PayeeChunk, { chunks }: BulkManifest): Result<PayeeChunk, 'bulk_changed'> {
  if (chunks[chunk.number - 1]?.hash === chunk.hash) return succeed(chunk);
  return refuse(
    'bulk_changed',
    `the CSV was changed in lines ${chunk.firstLine} to ${chunk.lastLine} while it was read: put it back as it was, and give the same command again`,
  );
}

/** Of these a minute later is a reason to ask again, and nobody has to say so. */
function isTemporary({ reasons }: Pick<RefusedOrder, 'reasons'>): boolean {
  return reasons.length === 1 && reasons[0] === 'frequency_cap';
}

function withoutRows({ number, firstLine, lastLine, payees, total, hash }: PayeeChunk): ChunkSummary {
  return { number, firstLine, lastLine, payees, total, hash };
}

/** What is kept of a chunk while its order is on its way: the draft's 45 bytes a payee, and not the rows. */
interface PreparedChunk {
  readonly summary: ChunkSummary;
  readonly attempt: number;
  readonly draft: Uint8Array;
  /** For the verification, where there is to be one. */
  readonly lots: readonly CommittedLot[] | undefined;
}

/** Makes the chunk's order, and writes it into the folder: openings first, then what is sent. */
async function prepareChunk(
  chunk: PayeeChunk,
  { manifest, folder, bundle }: ChunkRunOptions,
): Promise<Result<PreparedChunk>> {
  const { number } = chunk;
  const state = folder.state(number);
  const attempt = state.refused ? state.attempt + 1 : state.attempt;
  const order = makeChunkOrder(manifest, chunk);
  const draft = encodeDraft({ ...order.terms, lots: order.lots, id: orderId(manifest, number, attempt) });
  if (!state.issued) {
    const written = await folder.prepare(number, attempt, draft, order.openings);
    if (!written.ok) return written;
  }
  const lots = bundle === undefined ? undefined : order.lots;
  return succeed({ summary: withoutRows(chunk), attempt, draft, lots });
}

/** Sends a prepared order until its currency is in the folder, or it is known that there will be none. */
async function carryChunk(
  { summary, lots, ...prepared }: PreparedChunk,
  options: ChunkRunOptions,
  isStopped: () => boolean,
): Promise<Result<null>> {
  const { manifest, folder, progress, bundle, clock } = options;
  const { number, payees } = summary;
  let { attempt, draft } = prepared;
  while (!folder.state(number).issued) {
    const answer = await sendOrder(draft, {
      ...options,
      isStopped,
      waiting: () => progress.note('waits for a system that is away or busy'),
    });
    if (answer.kind === 'failed') return answer.refusal;
    progress.note('');
    if (answer.kind === 'issued') {
      // A crash before this: the same id gives the same currency again.
      const written = await folder.writeCurrency(number, answer.currency);
      if (!written.ok) return written;
      progress.add(payees);
      break;
    }
    const refused = refusedOrder(formatUuid(orderId(manifest, number, attempt)), answer, manifest);
    const written = await folder.writeRefused(number, attempt, refused, answer.denial);
    if (!written.ok) return written;
    if (!isTemporary(refused) || isStopped()) return refuse(refused.code, refused.message);
    progress.note('waits for a minute: the rules cap the requests of one');
    await sleep(frequencyWindowMs);
    attempt++;
    draft = withId(draft, orderId(manifest, number, attempt));
    const again = await folder.prepare(number, attempt, draft, undefined);
    if (!again.ok) return again;
  }
  if (bundle === undefined || lots === undefined) return succeed(null);
  return verifyChunk(folder.currencyFile(number), lots, { bundle, at: clock.nowSeconds() });
}

function withId(draft: Uint8Array, id: Uint8Array): Uint8Array {
  const decoded = decodeDraft(draft);
  assert(decoded.ok, 'a draft that was made here decodes');
  return encodeDraft({ ...decoded.value, id });
}

function refusedOrder(
  id: string,
  { code, message, denied }: Extract<Answer, { kind: 'refused' }>,
  { terms }: BulkManifest,
): RefusedOrder {
  const wouldPass = denied?.wouldPass ?? null;
  return {
    id,
    code,
    message,
    reasons: denied?.reasons ?? [],
    wouldPass: wouldPass === null ? null : formatAmount(wouldPass, terms.currency),
  };
}
