/** A system's events from the caller's side: one after another, over as many connections as it takes. */
import { utf8 } from '../kit/bytes.ts';
import { type Result, succeed } from '../kit/result.ts';
import type { SystemEvent } from '../roles/journal-event.ts';
import type { ReceivedEvent } from './event-reading.ts';
import {
  eventFromJson,
  eventsRoute,
  haltedEventSchema,
  journalEventSchema,
  openEventSchema,
} from './events.ts';
import { type Exchange, exchangeEvents, readJson } from './exchange.ts';

export interface EventQuery {
  /** Number of the journal entry to begin after; from now on without it. */
  readonly after?: number;
  /** Ends the connection, and with it the events. */
  readonly ended: AbortSignal;
  /** How long a system may be away before it is given up. */
  readonly patienceMs: number;
}

/** After these the same system may be asked again a little later. */
const passingCodes: readonly string[] = [
  'peer_unavailable',
  'server_stopping',
  'rate_limited',
  'streams_exhausted',
];
const pauseMs = 500;

/** Every event once: what was received counts, and not what a connection promised. A refusal is the last that it gives. */
export async function* followEvents(
  where: () => Result<Exchange>,
  { after, ended, patienceMs }: EventQuery,
): AsyncGenerator<Result<SystemEvent>> {
  let last = after;
  /** Since when nothing has come; undefined while something does. A system that was never there is not waited for. */
  let lostMs: number | undefined = Number.NEGATIVE_INFINITY;
  for (;;) {
    for await (const received of eventsFrom(where(), last, ended)) {
      if (ended.aborted) return;
      if (!received.ok) {
        lostMs ??= performance.now();
        if (!passingCodes.includes(received.code) || performance.now() - lostMs > patienceMs)
          return yield received;
        break;
      }
      lostMs = undefined;
      const { kind } = received.value;
      if (kind === 'open') last = received.value.open.sequence;
      if (kind === 'entry') last = received.value.entry.sequence;
      yield received;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** One connection's; the last one is a refusal. */
async function* eventsFrom(
  to: Result<Exchange>,
  last: number | undefined,
  ended: AbortSignal,
): AsyncGenerator<Result<SystemEvent>> {
  if (!to.ok) return yield to;
  const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': String(last) };
  for await (const received of exchangeEvents(eventsRoute, to.value, { headers, ended }))
    yield received.ok ? readEvent(received.value, to.value.peerName) : received;
}

function readEvent({ event, data }: ReceivedEvent, peerName: string): Result<SystemEvent> {
  const bytes = utf8(data);
  if (event === 'open') {
    const open = readJson(openEventSchema, bytes, peerName);
    return open.ok ? succeed({ kind: 'open', open: open.value }) : open;
  }
  if (event === 'halted') {
    const halted = readJson(haltedEventSchema, bytes, peerName);
    return halted.ok ? succeed({ kind: 'halted', ...halted.value }) : halted;
  }
  const entry = readJson(journalEventSchema, bytes, peerName);
  return entry.ok ? succeed({ kind: 'entry', entry: eventFromJson(entry.value) }) : entry;
}
