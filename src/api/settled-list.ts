/** Quota control's resource for central management: what was settled of a quota, with what its owners signed. */
import { Type } from 'typebox';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import {
  type ListSettled,
  type SettledItem,
  type SettledItems,
  settledCursorLimit,
  settledLimit,
} from '../roles/settled-list.ts';
import { messageLimit } from './message.ts';
import { storeProblems, witnessProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';
import { encodeSerials, isSerials, serialsOf } from './unit-serial.ts';

export const settledRoute = defineRoute({
  method: 'GET',
  path: '/quota/settlements',
  operationId: 'listSettlements',
  summary: `the first ${settledLimit} settlements of a quota after a cursor, each with what its owner signed and its receipt`,
  description:
    'In the order in which they were settled, by whichever process. It ends before a settlement whose receipt is being signed.',
  peers: ['central'],
  query: Type.Object(
    {
      issuer: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
      currency: Type.String({ pattern: '^[A-Z]{3}$' }),
      after: Type.Optional(
        Type.String({
          maxLength: settledCursorLimit,
          description: 'the cursor of an earlier answer: what comes after it; from the beginning without it',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: {
    type: 'application/cbor',
    description:
      'an array of the settlements, the next cursor, and whether there may be more; each settlement an array of its kind, the evidence that is kept of it, the serials of its units, and the receipt',
    limit: messageLimit,
  },
  problems: ['cursor_invalid', ...storeProblems, ...witnessProblems],
});

export function addSettledList(server: Server, list: ListSettled): void {
  addRoute(server, settledRoute, async ({ query }) => {
    const listed = await list(query);
    return listed.ok ? succeed({ bytes: encodeSettled(listed.value) }) : listed;
  });
}

function encodeSettled({ items, next, more }: SettledItems): Uint8Array {
  const told = items.map(({ kind, evidence, units, receipt }) => [
    kind,
    evidence,
    encodeSerials(units),
    receipt,
  ]);
  return encodeCbor([told, next, more]);
}

/** Reads what quota control answers. */
export function decodeSettled(bytes: Uint8Array): Result<SettledItems, 'peer_fault'> {
  const decoded = decodeCbor(bytes);
  const [told, next, more] =
    decoded.ok && Array.isArray(decoded.value) ? (decoded.value as readonly CborValue[]) : [];
  const items = Array.isArray(told) ? told.flatMap((item) => readItem(item) ?? []) : [];
  if (
    Array.isArray(told) &&
    told.length === items.length &&
    items.length <= settledLimit &&
    typeof next === 'string' &&
    next.length <= settledCursorLimit &&
    typeof more === 'boolean'
  )
    return succeed({ items, next, more });
  return refuse('peer_fault', 'the answer of quota control has settlements with what their owners signed');
}

function readItem(value: CborValue): SettledItem | undefined {
  const [kind, evidence, units, receipt, ...rest] = Array.isArray(value)
    ? (value as readonly CborValue[])
    : [];
  return (kind === 'retirement' || kind === 'transfer') &&
    evidence instanceof Uint8Array &&
    isSerials(units) &&
    receipt instanceof Uint8Array &&
    rest.length === 0
    ? { kind, evidence, units: serialsOf(units), receipt }
    : undefined;
}
