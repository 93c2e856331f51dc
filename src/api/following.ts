/** A system's events from the caller's side: one after another, over as many connections as it takes. */
import type { Static } from 'typebox';
import { type Result, succeed } from '../kit/result.ts';
import type { JournalEvent } from '../roles/journal-event.ts';
import type { ReceivedEvent } from './event-reading.ts';
import {
  eventFromJson,
  eventsRoute,
  haltedEventSchema,
  journalEventSchema,
  openEventSchema,
} from './events.ts';
import { type Exchange, exchangeEvents, readJson } from './exchange.ts';

export type SystemEvent =
  | { readonly kind: 'entry'; readonly entry: JournalEvent }
  /** The stream has begun, or goes on: after this entry. */
  | { readonly kind: 'open'; readonly open: Static<typeof openEventSchema> }
  /** The system is about to end: a witness has proven that its journal is not the newest. */
  | { readonly kind: 'halted'; readonly code: string; readonly message: string };

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
  let aliveMs = performance.now();
  for (;;) {
    const to = where();
    if (!to.ok) return yield to;
    const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': String(last) };
    for await (const received of exchangeEvents(eventsRoute, to.value, { headers, ended })) {
      if (ended.aborted) return;
      if (!received.ok) {
        if (!passingCodes.includes(received.code) || performance.now() - aliveMs > patienceMs)
          return yield received;
        break;
      }
      aliveMs = performance.now();
      const read = readEvent(received.value, to.value.peerName);
      if (read.ok && read.value.kind === 'open') last = read.value.open.sequence;
      if (read.ok && read.value.kind === 'entry') last = read.value.entry.sequence;
      yield read;
      if (!read.ok) return;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function readEvent({ event, data }: ReceivedEvent, peerName: string): Result<SystemEvent> {
  const bytes = new TextEncoder().encode(data);
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
