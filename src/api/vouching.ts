/** Issuance's resource for central management: whether the units of retirements are units that it has issued. */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import type { ShownRetirement, Vouched, Vouching } from '../roles/vouching.ts';
import { messageLimit, reportLimit } from './message.ts';
import { recordProblems, storeProblems, witnessProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';
import { encodeSerials, isSerials, serialsOf } from './unit-serial.ts';

export const vouchingRoute = defineRoute({
  method: 'POST',
  path: '/vouchings',
  operationId: 'vouchForUnits',
  summary:
    'whether the units of each of these retirements are of this issuance, of the amount that is named, and their owner’s who signs',
  description: 'It only looks. Central management asks before it counts what came back to a quota.',
  peers: ['central'],
  body: {
    types: ['application/cbor'],
    limit: messageLimit,
    description:
      'an array of retirements, each an array of the signed retirement, a blinding for each unit, and the serial of each unit: epoch, sequence, index',
  },
  answer: {
    type: 'application/cbor',
    description: 'an array with, for each, null, or an array of a code and a message',
    limit: reportLimit,
  },
  problems: [...recordProblems, ...storeProblems, ...witnessProblems],
});

export function addVouching(server: Server, vouching: Vouching): void {
  addRoute(server, vouchingRoute, async ({ body }) => {
    const shown = decodeShown(body);
    if (!shown.ok) return shown;
    const vouched = await vouching.vouch(shown.value);
    return succeed({ bytes: encodeCbor(vouched.map((one) => (one.ok ? null : [one.code, one.message]))) });
  });
}

/** The body: [ [ retirement, [ blinding, … ], [ [ epoch, sequence, index ], … ] ], … ]. */
export function encodeShown(shown: readonly ShownRetirement[]): Uint8Array {
  return encodeCbor(
    shown.map(({ retirement, blindings, units }) => [retirement, blindings, encodeSerials(units)]),
  );
}

function decodeShown(bytes: Uint8Array): Result<readonly ShownRetirement[], 'not_cbor' | 'record_malformed'> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  const items = Array.isArray(decoded.value) ? (decoded.value as readonly CborValue[]) : undefined;
  const shown = items?.flatMap((item) => readShown(item) ?? []);
  if (shown !== undefined && shown.length === items?.length) return succeed(shown);
  return refuse(
    'record_malformed',
    'an array of retirements, each with its blindings of 32 bytes and the serials of its units, is accepted',
  );
}

function readShown(item: CborValue): ShownRetirement | undefined {
  const [retirement, blindings, units, ...rest] = Array.isArray(item) ? (item as readonly CborValue[]) : [];
  return retirement instanceof Uint8Array &&
    Array.isArray(blindings) &&
    blindings.every((one) => one instanceof Uint8Array && one.length === 32) &&
    isSerials(units) &&
    rest.length === 0
    ? { retirement, blindings, units: serialsOf(units) }
    : undefined;
}

/** Reads what issuance answers: a word for each of `count`. */
export function decodeVouched(bytes: Uint8Array, count: number): Result<readonly Vouched[], 'peer_fault'> {
  const decoded = decodeCbor(bytes);
  const items = decoded.ok && Array.isArray(decoded.value) ? (decoded.value as readonly CborValue[]) : [];
  const words = items.flatMap((item) => readWord(item) ?? []);
  if (items.length === count && words.length === count) return succeed(words);
  return refuse('peer_fault', 'the answer of issuance has null or a code for each retirement');
}

function readWord(item: CborValue): Vouched | undefined {
  if (item === null) return succeed(null);
  const [code, message] = Array.isArray(item) ? (item as readonly CborValue[]) : [];
  return typeof code === 'string' && typeof message === 'string' ? refuse(code, message) : undefined;
}
