/**
 * Issuance's resource for callers with many orders: drafts in one message, what each came to in another. Orders of one message go
 * together as far as they can, and so do those of messages that are sent at once.
 */
import { Type } from 'typebox';
import { utf8 } from '../kit/bytes.ts';
import { type CborValue, CborWriter, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { encodeCurrencyFile, fileSizeLimit } from '../records/currency-file.ts';
import { draftSizeLimit } from '../records/draft.ts';
import type { Batch } from '../roles/batch.ts';
import type { Issuance, PlacedBatch } from '../roles/issuance.ts';
import type { EventSink } from './event-stream.ts';
import { type Exchange, exchangeEvents, readJson } from './exchange.ts';
import { issuancesRoute } from './issuances.ts';
import { messageLimit } from './message.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

/** The most drafts of one message. */
const draftsLimit = 16_384;

export const ordersRoute = defineRoute({
  method: 'POST',
  path: '/orders',
  operationId: 'issueMany',
  summary: 'issues what many drafts ask for, each by itself',
  description:
    'Each draft has an id, its idempotency key. One that is refused or denied holds no other up; the same message sent again gets the same currency. A fault of this system is answered as a problem of the whole call: what was issued is found again by sending the same drafts.',
  peers: ['operator'],
  body: {
    types: ['application/cbor'],
    limit: draftSizeLimit,
    description: `an array of 1 to ${draftsLimit} drafts, each as a byte string`,
  },
  answer: {
    type: 'application/cbor',
    description:
      'an array of two: currency files, each with the units of orders that are next to each other in a batch; and for each draft, in order, ["issued", number of the file, number of the first unit in the file, count], ["denied", [reason, …], minor units that would pass or null] or ["refused", code, message, field or null]',
    limit: fileSizeLimit + messageLimit,
    events:
      'how far the call is, then the same answer: events `progress` with { "done": drafts that have an outcome, "of": drafts }, at most four a second; `part` with some of the answer in base64; at the end `answer` with its size, { "bytes": … }, or `problem` with problem details. A caller that leaves holds nothing up: the same message, sent again, gets the answer',
  },
  problems: [
    ...issuancesRoute.problems.filter((code) => code !== 'idempotency_key_mismatch'),
    'streams_exhausted',
  ],
});

export type OrderOutcome =
  | { readonly kind: 'issued'; readonly file: number; readonly first: number; readonly count: number }
  | { readonly kind: 'denied'; readonly reasons: readonly string[]; readonly wouldPass: bigint | null }
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly message: string;
      readonly field: string | null;
    };

export interface OrdersAnswer {
  /** Currency files. */
  readonly files: readonly Uint8Array[];
  /** One for each draft, in order. */
  readonly outcomes: readonly OrderOutcome[];
}

export function addOrders(server: Server, issuance: Issuance): void {
  addRoute(server, ordersRoute, async ({ body, wantsEvents }) => {
    const drafts = decodeDrafts(body);
    if (!drafts.ok) return drafts;
    if (wantsEvents)
      return succeed({ isAnswer: true, stream: (sink) => answerInEvents(drafts.value, issuance, sink) });
    const placed = await issuance.place(drafts.value);
    return succeed({ bytes: encodeOrdersAnswer(answerOf(placed)) });
  });
}

const progressEveryMs = 250;
/** Of the answer, in one event. */
const partBytes = 48 * 1024;

async function answerInEvents(
  drafts: readonly Uint8Array[],
  issuance: Issuance,
  sink: EventSink,
): Promise<void> {
  let done = 0;
  const placed = issuance.place(drafts, () => done++);
  const tell = (): Promise<void> =>
    sink.send({ event: 'progress', data: JSON.stringify({ done, of: drafts.length }) });
  let timer: NodeJS.Timeout | undefined;
  try {
    // The next one says more: none waits for a slow reader.
    timer = setInterval(() => void (sink.hasRoom && tell()), progressEveryMs);
    await tell();
    await placed;
  } finally {
    clearInterval(timer);
  }
  if (sink.ended.aborted) return;
  await tell();
  const answer = encodeOrdersAnswer(answerOf(await placed));
  for (let at = 0; at < answer.length && !sink.ended.aborted; at += partBytes) {
    const part = answer.subarray(at, at + partBytes);
    const base64 = Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('base64');
    await sink.send({ event: 'part', data: base64 });
  }
  await sink.send({ event: 'answer', data: JSON.stringify({ bytes: answer.length }) });
}

/** The same call from the caller's side, with its progress. */
export async function issueInEvents(
  to: Exchange,
  body: Uint8Array,
  progress: (done: number, of: number) => void,
): Promise<Result<{ readonly bytes: Uint8Array }>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const received of exchangeEvents(ordersRoute, to, { body })) {
    if (!received.ok) return received;
    const { event, data } = received.value;
    if (event === 'progress') {
      const read = readJson(progressSchema, utf8(data), to.peerName);
      if (!read.ok) return read;
      progress(read.value.done, read.value.of);
    } else if (event === 'part') {
      const part = new Uint8Array(Buffer.from(data, 'base64'));
      size += part.length;
      parts.push(part);
      if (size > ordersRoute.answer.limit) return notAnAnswer(`at most ${ordersRoute.answer.limit} bytes`);
    } else if (event === 'answer') {
      if (data !== JSON.stringify({ bytes: size })) break;
      return succeed({ bytes: new Uint8Array(Buffer.concat(parts, size)) });
    }
  }
  return notAnAnswer('all parts of it');
}

const count = Type.Integer({ minimum: 0, maximum: draftsLimit });
const progressSchema = Type.Object({ done: count, of: count });

/** The body of a call with these drafts. */
export function encodeDrafts(drafts: readonly Uint8Array[]): Uint8Array {
  return encodeCbor(drafts);
}

function decodeDrafts(bytes: Uint8Array): Result<readonly Uint8Array[]> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  const drafts: readonly CborValue[] = Array.isArray(decoded.value) ? decoded.value : [];
  if (
    drafts.length < 1 ||
    drafts.length > draftsLimit ||
    !drafts.every((draft) => draft instanceof Uint8Array)
  )
    return refuse('record_malformed', `an array of 1 to ${draftsLimit} drafts as byte strings is accepted`);
  return succeed(drafts as readonly Uint8Array[]);
}

function answerOf(placed: readonly Result<PlacedBatch>[]): OrdersAnswer {
  const files: Uint8Array[] = [];
  const outcomes: OrderOutcome[] = [];
  const byBatch = new Map<Batch, { readonly order: number; readonly draft: number }[]>();
  for (const [draft, one] of placed.entries()) {
    if (!one.ok) {
      const { code, message, field = null } = one;
      outcomes[draft] = { kind: 'refused', code, message, field };
      continue;
    }
    const { batch, order } = one.value;
    const denied = batch.denied.get(order);
    if (denied !== undefined) {
      outcomes[draft] = { kind: 'denied', reasons: denied.reasons, wouldPass: denied.wouldPass };
      continue;
    }
    const members = byBatch.get(batch);
    if (members === undefined) byBatch.set(batch, [{ order, draft }]);
    else members.push({ order, draft });
  }
  for (const [{ issued }, members] of byBatch)
    if (issued !== undefined) addIssued(issued, members, files, outcomes);
  return { files, outcomes };
}

/** A file for each run of units that are next to each other: what is between two runs is of other callers. */
function addIssued(
  { places, partOf }: NonNullable<Batch['issued']>,
  members: { readonly order: number; readonly draft: number }[],
  files: Uint8Array[],
  outcomes: OrderOutcome[],
): void {
  let run: { first: number; count: number } | undefined;
  const endRun = (): void => {
    if (run !== undefined) files.push(encodeCurrencyFile(partOf(run.first, run.count)));
    run = undefined;
  };
  for (const { order, draft } of members.sort((a, b) => a.order - b.order)) {
    const place = places[order] ?? { first: 0, count: 0 };
    // The same draft twice in one message is one order.
    if (run !== undefined && place.first > run.first + run.count) endRun();
    run ??= { first: place.first, count: 0 };
    run.count = Math.max(run.count, place.first + place.count - run.first);
    outcomes[draft] = {
      kind: 'issued',
      file: files.length,
      first: place.first - run.first,
      count: place.count,
    };
  }
  endRun();
}

/** The answer to a call: files, and the outcome of each draft. */
export function encodeOrdersAnswer({ files, outcomes }: OrdersAnswer): Uint8Array {
  const writer = new CborWriter().array(2).array(files.length);
  for (const file of files) writer.byteString(file);
  writer.array(outcomes.length);
  for (const outcome of outcomes) {
    if (outcome.kind === 'issued')
      writer.array(4).text(outcome.kind).integer(outcome.file).integer(outcome.first).integer(outcome.count);
    else writer.encoded(encodeCbor(outcomeValue(outcome)));
  }
  return writer.finish();
}

function outcomeValue(outcome: Exclude<OrderOutcome, { kind: 'issued' }>): CborValue {
  return outcome.kind === 'denied'
    ? [outcome.kind, outcome.reasons, outcome.wouldPass]
    : [outcome.kind, outcome.code, outcome.message, outcome.field];
}

/** Reads the answer to a call with `count` drafts; refuses as `peer_fault` whatever `encodeOrdersAnswer` does not make of so many. */
export function decodeOrdersAnswer(bytes: Uint8Array, count: number): Result<OrdersAnswer, 'peer_fault'> {
  const decoded = decodeCbor(bytes);
  const [files, items, ...rest] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  if (!Array.isArray(files) || !Array.isArray(items) || rest.length > 0 || items.length !== count)
    return notAnAnswer('files, and an outcome of each draft');
  if (!files.every((file) => file instanceof Uint8Array)) return notAnAnswer('files as byte strings');
  const outcomes: OrderOutcome[] = [];
  for (const item of items as readonly CborValue[]) {
    const outcome = readOutcome(item, files.length);
    if (outcome === undefined) return notAnAnswer('issued, denied or refused with what belongs to it');
    outcomes.push(outcome);
  }
  return succeed({ files: files as Uint8Array[], outcomes });
}

function readOutcome(item: CborValue, files: number): OrderOutcome | undefined {
  if (!Array.isArray(item)) return undefined;
  const [kind, a, b, c, ...rest] = item as readonly CborValue[];
  if (rest.length > 0) return undefined;
  if (kind === 'issued') {
    if (!isCount(a) || a >= files || !isCount(b) || !isCount(c) || c < 1) return undefined;
    return { kind, file: a, first: b, count: c };
  }
  if (kind === 'denied') {
    if (
      !Array.isArray(a) ||
      !a.every((reason) => typeof reason === 'string' && /^[a-z_]{1,64}$/.test(reason))
    )
      return undefined;
    if (b !== null && !isCount(b)) return undefined;
    return c === undefined ? { kind, reasons: a, wouldPass: b === null ? null : BigInt(b) } : undefined;
  }
  if (kind !== 'refused' || typeof a !== 'string' || !/^[a-z_]{1,64}$/.test(a)) return undefined;
  if (typeof b !== 'string' || (c !== null && typeof c !== 'string')) return undefined;
  return { kind, code: a, message: b, field: c };
}

function isCount(value: CborValue | undefined): value is number {
  return typeof value === 'number' && value >= 0;
}

function notAnAnswer(expected: string) {
  return refuse('peer_fault', `the issuance system's answer cannot be read: ${expected} is expected`);
}
