/** What happens in a system, as server-sent events: read from its journal, so that whoever was cut off goes on without a gap. */
import { type Static, Type } from 'typebox';
import { toHex } from '../kit/bytes.ts';
import { refuse, succeed } from '../kit/result.ts';
import type { JournalEvent } from '../roles/journal-event.ts';
import type { JournalReader } from '../roles/journal-reader.ts';
import type { WitnessedLedger } from '../roles/witnessed-ledger.ts';
import { eventStreamType } from './event-stream.ts';
import { hashSchema, minorUnitsSchema, reasonSchema } from './field-schemas.ts';
import { reportLimit } from './message.ts';
import type { Peer } from './peer.ts';
import { storeProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

const count = Type.Integer({ minimum: 0 });

/** The data of an event that is of a journal entry. */
export const journalEventSchema = Type.Object({
  sequence: Type.Integer({ minimum: 1 }),
  hash: hashSchema,
  kind: Type.String({ pattern: '^[a-z-]{1,32}$' }),
  subject: Type.String({ maxLength: 200 }),
  createdMs: Type.Integer(),
  signed: Type.Union([Type.Boolean(), Type.Null()]),
  issuer: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
  currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$' })),
  amount: Type.Optional(minorUnitsSchema),
  orders: Type.Optional(count),
  issued: Type.Optional(count),
  denied: Type.Optional(count),
  units: Type.Optional(count),
  flagged: Type.Optional(count),
  outcomes: Type.Optional(
    Type.Array(
      Type.Object({
        id: Type.String({ maxLength: 36 }),
        state: Type.Union([Type.Literal('issued'), Type.Literal('denied')]),
        reasons: Type.Array(reasonSchema),
      }),
    ),
  ),
  reason: Type.Optional(Type.String({ maxLength: 200 })),
  by: Type.Optional(Type.String({ maxLength: 200 })),
  version: Type.Optional(count),
  allocated: Type.Optional(minorUnitsSchema),
  frozen: Type.Optional(Type.Boolean()),
  lifts: Type.Optional(count),
});

export const openEventSchema = Type.Object({
  journal: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  sequence: Type.Integer({ minimum: 0 }),
  hash: hashSchema,
});

export const haltedEventSchema = Type.Object({ code: Type.String(), message: Type.String() });

const text = `Server-sent events (WHATWG HTML, §9.2). Each has a line of JSON as its data:

- \`open\`, first: the journal's id, and the number and hash that the stream begins after.
- One for each entry of the journal, named as its kind: at issuance \`request\` and \`currency\` (what each order came to, where they are at most 100); at central management \`credential\` and \`denial\` (to the operator \`flagged\`, how many orders passed with a flag of the rules); at quota control \`control-bit\` (what was taken of a quota), \`allocation\`, \`quota-change\` (also a start: \`lifts\`), \`stop\`, \`retirement\` and \`transfer\`. A reader passes over kinds that it does not know. Its id is the entry's number. An entry is told when it is signed, or as \`signed\`: false after five seconds without.
- \`halted\`: a witness has proven that the journal is not the newest; the system is about to end.

A comment comes after 15 seconds without an event. A stream ends when the system stops or takes a new trust bundle, and where its reader takes nothing for 30 seconds: connect again with Last-Event-ID.

The operator sees all, an issuer's system what is of that issuer, and what concerns everybody. Of several processes on one PostgreSQL each tells of its own journal. Data of an entry: ${JSON.stringify(journalEventSchema)}`;

export const eventsRoute = defineRoute({
  method: 'GET',
  path: '/events',
  operationId: 'followEvents',
  summary: 'what happens in this system, as it happens',
  peers: ['operator', 'issuance'],
  query: Type.Object(
    {
      after: Type.Optional(
        Type.Integer({
          minimum: 0,
          description: 'number of the journal entry to begin after: 0 for all; from now on without it',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  headers: Type.Object({
    'last-event-id': Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}$',
        description: 'id of the last event that was received; counts before `after`',
      }),
    ),
  }),
  answer: { type: eventStreamType, description: text, limit: reportLimit },
  problems: ['cursor_invalid', 'streams_exhausted', ...storeProblems],
});

export interface EventSources {
  readonly journal: JournalReader;
  readonly own: WitnessedLedger;
}

/** A reader that was cut off waits so long before it comes again. */
const retryMs = 2_000;

export function addEvents(server: Server, { journal, own }: EventSources): void {
  let telling = false;
  /** From the first stream on, and once: a promise keeps whoever waits for it. */
  function tellHalt(): void {
    if (telling) return;
    telling = true;
    void own.halted.then(({ code, message }) =>
      server.streams.endAll({ event: 'halted', data: JSON.stringify({ code, message }) }),
    );
  }
  addRoute(server, eventsRoute, async ({ query, headers, peer }) => {
    const last = headers['last-event-id'];
    const head = await journal.head();
    const begin = last === undefined ? (query.after ?? head.sequence) : Number(last);
    const hash = await journal.hashAt(begin);
    if (hash === undefined)
      return refuse(
        'cursor_invalid',
        `event \`${begin}\` is not of this journal, which ends at ${head.sequence}: the id of an event that this system sent is accepted`,
        last === undefined ? 'after' : 'last-event-id',
      );
    const id = toHex(await journal.id());
    tellHalt();
    return succeed({
      isAnswer: false,
      retryMs,
      async stream(sink) {
        const open: Static<typeof openEventSchema> = { journal: id, sequence: begin, hash: toHex(hash) };
        await sink.send({ id: begin, event: 'open', data: JSON.stringify(open) });
        let sequence = begin;
        while (!sink.ended.aborted) {
          for (const event of await journal.feed.next(sequence, sink.ended)) {
            sequence = event.sequence;
            if (isFor(event, peer))
              await sink.send({
                id: sequence,
                event: event.kind,
                data: JSON.stringify(eventJson(asTold(event, peer))),
              });
          }
        }
      },
    });
  });
}

function isFor({ issuer, kind, lifts }: JournalEvent, peer: Peer): boolean {
  if (peer.role === 'operator' || issuer === peer.name) return true;
  return issuer === null && (kind === 'stop' || lifts !== undefined);
}

/** Of what is flagged nobody is to be warned. */
function asTold({ flagged, ...event }: JournalEvent, { role }: Peer): JournalEvent {
  return flagged === undefined || role !== 'operator' ? event : { ...event, flagged };
}

function eventJson({
  amount,
  allocated,
  outcomes,
  ...event
}: JournalEvent): Static<typeof journalEventSchema> {
  return {
    ...event,
    ...(amount === undefined ? {} : { amount: String(amount) }),
    ...(allocated === undefined ? {} : { allocated: String(allocated) }),
    ...(outcomes === undefined
      ? {}
      : { outcomes: outcomes.map(({ reasons, ...outcome }) => ({ ...outcome, reasons: [...reasons] })) }),
  };
}

export function eventFromJson(json: Static<typeof journalEventSchema>): JournalEvent {
  const { amount, allocated, ...event } = json;
  return {
    ...event,
    ...(amount === undefined ? {} : { amount: BigInt(amount) }),
    ...(allocated === undefined ? {} : { allocated: BigInt(allocated) }),
  };
}
