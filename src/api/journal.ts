/** A system's journal for its operator, a page at a time: bytes and hashes, so that an auditor can follow it over the network. */
import { type Static, Type } from 'typebox';
import { fromHex, toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import type { JournalReader, ListedEntry } from '../roles/journal-reader.ts';
import { decodeCursor, encodeCursor, type ListIdentity } from './cursor.ts';
import { hashSchema } from './field-schemas.ts';
import { afterSchema, limitSchema, linkToNext, type Page, pageHeaders, pageSchema } from './paging.ts';
import { storeProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

const entrySchema = Type.Object({
  sequence: Type.Integer({ minimum: 1, description: 'dense, from 1' }),
  kind: Type.String({ pattern: '^[a-z-]{1,32}$' }),
  subject: Type.String({
    maxLength: 200,
    description:
      'an id as a UUID or, where it is longer, in hex; of an allocation the issuer and the currency',
  }),
  createdMs: Type.Integer(),
  hash: Type.Unsafe<string>({
    ...hashSchema,
    description: 'SHA-256 of the hash before and the entry; before the first entry of the genesis',
  }),
  bytes: Type.String({
    description: 'base64; docs/FORMATS.md, Journal',
    pattern: '^[A-Za-z0-9+/]*={0,2}$',
  }),
  withheld: Type.Boolean({
    description:
      'of a request and a retirement: `bytes` have an empty context, since what is there opens commitments, and `hash` is not of these bytes; an extract of the ledger has all of it',
  }),
});

export const journalRoute = defineRoute({
  method: 'GET',
  path: '/journal',
  operationId: 'listJournal',
  summary: 'the journal of this system, a page at a time, in its order',
  description:
    'Whoever keeps `hash` of the last entry can tell whether anything before it was altered since. A page ends after `limit` entries or 1 MiB of them. Entries do not change: the answer to one address changes only while its page is not full. Of several processes on one PostgreSQL each has a journal of its own.',
  peers: ['operator'],
  query: Type.Object({ after: afterSchema, limit: limitSchema }, { additionalProperties: false }),
  answer: {
    type: 'application/json',
    description: 'a page of the journal',
    schema: Type.Object({
      journal: Type.String({ pattern: '^[0-9a-f]{32}$', description: 'id of the journal' }),
      entries: Type.Array(entrySchema),
      ...pageSchema,
    }),
    headers: pageHeaders,
    tagged: true,
    // One entry may be as large as a message between systems.
    limit: 64 * 1024 * 1024,
  },
  problems: ['cursor_invalid', ...storeProblems],
});

export function addJournal(server: Server, journal: JournalReader): void {
  const identity: ListIdentity = {
    list: 'journal',
    filters: [],
    hashAt: (sequence) => journal.hashAt(sequence),
  };
  addRoute(server, journalRoute, async ({ query: { after, limit = 100 } }) => {
    const place =
      after === undefined ? succeed({ sequence: 0, order: -1 }) : await decodeCursor(after, identity);
    if (!place.ok) return place;
    const { entries, more } = await journal.page(place.value.sequence, limit);
    const sequence = entries.at(-1)?.sequence ?? place.value.sequence;
    const next = await encodeCursor({ sequence, order: -1 }, identity);
    return succeed({
      json: { journal: toHex(await journal.id()), entries: entries.map(entryJson), next, more },
      headers: linkToNext(journalRoute.path, { limit }, { next, more }),
    });
  });
}

function entryJson({ hash: after, bytes, ...entry }: ListedEntry) {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return { ...entry, hash: toHex(after), bytes: base64 };
}

export interface JournalPage extends Page<ListedEntry> {
  /** Hex. */
  readonly journal: string;
}

export function journalPageFromJson({
  journal,
  entries,
  next,
  more,
}: Static<typeof journalRoute.answer.schema>): Result<JournalPage, 'peer_fault'> {
  const items: ListedEntry[] = [];
  for (const { hash: after, bytes, ...entry } of entries) {
    const read = fromHex(after);
    if (read === undefined) return refuse('peer_fault', 'the hash of a journal entry cannot be read');
    items.push({ ...entry, hash: read, bytes: new Uint8Array(Buffer.from(bytes, 'base64')) });
  }
  return succeed({ journal, items, next, more });
}
