/** Issuance's resource for central management: its last word on requests whose credentials expired. */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import type { Closings } from '../roles/closings.ts';
import { type LastWord, type LastWordCode, lastWordLimit } from '../roles/last-word.ts';
import { reportLimit } from './message.ts';
import { deviceProblems, recordProblems, storeProblems, witnessProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

const idBytes = 16;
const codes: readonly LastWordCode[] = ['request_underway', 'request_unknown'];

export const closingsRoute = defineRoute({
  method: 'POST',
  path: '/closings',
  operationId: 'closeRequests',
  summary:
    'what was issued in each of these requests: the currency record, or the closing; a request that has neither is closed where that is asked for',
  description:
    'Issuance first carries a request on once more. From a closing on it issues nothing in that request, for ever; the same again gets the same.',
  peers: ['central'],
  body: {
    types: ['application/cbor'],
    limit: 64 * 1024,
    description: `an array of whether to close, and of at most ${lastWordLimit} request ids`,
  },
  answer: {
    type: 'application/cbor',
    description: 'an array with, for each, the signed record, null, or an array of a code and a message',
    limit: reportLimit,
  },
  problems: [...recordProblems, ...deviceProblems, ...storeProblems, ...witnessProblems],
});

export function addClosings(server: Server, closings: Closings): void {
  addRoute(server, closingsRoute, async ({ body }) => {
    const asked = decodeAsked(body);
    if (!asked.ok) return asked;
    const words = await closings.lastWords(asked.value.requestIds, asked.value.close);
    return succeed({
      bytes: encodeCbor(words.map((word) => (word.ok ? word.value : [word.code, word.message]))),
    });
  });
}

/** The body: [ close, [ request id, … ] ]. */
export function encodeAsked(requestIds: readonly Uint8Array[], close: boolean): Uint8Array {
  return encodeCbor([close, requestIds]);
}

function decodeAsked(
  bytes: Uint8Array,
): Result<{ close: boolean; requestIds: readonly Uint8Array[] }, 'not_cbor' | 'record_malformed'> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  const [close, ids, ...rest] = Array.isArray(decoded.value) ? (decoded.value as CborValue[]) : [];
  const requestIds = Array.isArray(ids) ? ids.filter((id) => id instanceof Uint8Array) : [];
  if (
    typeof close === 'boolean' &&
    Array.isArray(ids) &&
    ids.length <= lastWordLimit &&
    requestIds.length === ids.length &&
    requestIds.every((id) => id.length === idBytes) &&
    rest.length === 0
  )
    return succeed({ close, requestIds });
  return refuse(
    'record_malformed',
    `an array of true or false, and of at most ${lastWordLimit} request ids of ${idBytes} bytes, is accepted`,
  );
}

/** Reads what issuance answers: a word for each of `count`. */
export function decodeLastWords(bytes: Uint8Array, count: number): Result<readonly LastWord[], 'peer_fault'> {
  const decoded = decodeCbor(bytes);
  const items = decoded.ok && Array.isArray(decoded.value) ? (decoded.value as CborValue[]) : [];
  const words = items.flatMap((item) => readWord(item) ?? []);
  if (items.length === count && words.length === count) return succeed(words);
  return refuse('peer_fault', 'the answer of issuance has a signed record, null or a code for each request');
}

function readWord(item: CborValue): LastWord | undefined {
  if (item === null || item instanceof Uint8Array) return succeed(item);
  const [code, message] = Array.isArray(item) ? (item as CborValue[]) : [];
  const known = codes.find((one) => one === code);
  return known === undefined || typeof message !== 'string' ? undefined : refuse(known, message);
}
