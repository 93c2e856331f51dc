/** The resources of reservations: at issuance for its callers, and at quota control for the issuers and for the operator. */
import { Type } from 'typebox';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { isSign1 } from '../records/cose.ts';
import { decodeReservationReceipt } from '../records/reservation.ts';
import { decodeReservationDraft, decodeReservationId } from '../records/reservation-draft.ts';
import type { IssuerReservations } from '../roles/issuer-reservations.ts';
import type { Reservations } from '../roles/reservations.ts';
import { reportLimit } from './message.ts';
import {
  deviceProblems,
  draftProblems,
  peerProblems,
  recordProblems,
  storeProblems,
  witnessProblems,
} from './problem-code.ts';
import {
  pageOf,
  reservationJson,
  reservationSchema,
  reservationsJson,
  reservationsQuery,
  reservationsSchema,
  uuidOf,
  uuidPattern,
} from './reservation-json.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

/** A record of a reservation has some 400 bytes, and so has what a caller sends. */
const reservationLimit = 4 * 1024;

const receiptAnswer = {
  type: 'application/cose',
  description: "quota control's receipt, COSE_Sign1",
  limit: reservationLimit,
} as const;

const standingAnswer = {
  type: 'application/json',
  description: 'the reservation as it is then',
  schema: reservationSchema,
  limit: reportLimit,
} as const;

const pageAnswer = {
  type: 'application/json',
  description: 'a page of reservations, by their ids, which begin with the time that they were made at',
  schema: reservationsSchema,
  limit: reportLimit,
} as const;

const commonProblems = [...recordProblems, ...deviceProblems, ...storeProblems, ...witnessProblems] as const;

const reserveProblems = [
  'request_id_conflict',
  'request_not_yet_valid',
  'reservation_time_invalid',
  'reservation_expired',
  'reservations_too_many',
  'quota_missing',
  'quota_exceeded',
  'quota_frozen',
] as const;

export const makeReservationRoute = defineRoute({
  method: 'POST',
  path: '/reservations',
  operationId: 'makeReservation',
  summary: 'has a part of the quota kept for orders to come, which name it as `reservation`',
  description:
    'The id is the idempotency key: the same again gets the same receipt for ever. Of a reservation only the total is kept: limits over windows count when it is used.',
  peers: ['operator', 'issuance'],
  body: {
    types: ['application/json'],
    limit: reservationLimit,
    description:
      '`id` (UUID), `currency`, `total` (text) and `seconds`: how long it lasts, a day where it is left out',
  },
  answer: receiptAnswer,
  problems: [...commonProblems, ...peerProblems, ...reserveProblems, ...draftProblems, 'issuer_mismatch'],
});

const releaseReservationRoute = defineRoute({
  method: 'POST',
  path: '/reservations/release',
  operationId: 'releaseReservation',
  summary: 'gives back what is left of a reservation; one that has ended stays as it is',
  peers: ['operator', 'issuance'],
  body: {
    types: ['application/json'],
    limit: reservationLimit,
    description: '`id` (UUID) of the reservation',
  },
  answer: standingAnswer,
  problems: [
    ...commonProblems,
    ...peerProblems,
    ...draftProblems,
    'currency_unknown',
    'request_id_conflict',
    'issuer_mismatch',
    'reservation_unknown',
  ],
});

const ownReservationsRoute = defineRoute({
  method: 'GET',
  path: '/reservations',
  operationId: 'listReservations',
  summary: "the issuer's reservations, a page at a time, as quota control has them",
  peers: ['operator', 'issuance'],
  query: reservationsQuery,
  answer: pageAnswer,
  problems: [...storeProblems, ...peerProblems, 'not_permitted'],
});

export function addIssuerReservations(server: Server, reservations: IssuerReservations): void {
  addRoute(server, makeReservationRoute, async ({ body }) => {
    const draft = decodeReservationDraft(body);
    if (!draft.ok) return draft;
    const receipt = await reservations.reserve(draft.value);
    return receipt.ok ? succeed({ bytes: receipt.value }) : receipt;
  });
  addRoute(server, releaseReservationRoute, async ({ body }) => {
    const id = decodeReservationId(body);
    if (!id.ok) return id;
    const released = await reservations.release(id.value);
    return released.ok ? succeed({ json: reservationJson(released.value) }) : released;
  });
  addRoute(server, ownReservationsRoute, async ({ query }) => {
    const page = pageOf(query);
    const found = await reservations.list(page);
    return found.ok ? succeed({ json: reservationsJson(found.value, page.limit) }) : found;
  });
}

export const reserveRoute = defineRoute({
  method: 'POST',
  path: '/reservations',
  operationId: 'reserveQuota',
  summary: 'keeps a part of a quota for its issuer, whose signed request it is',
  description: 'The id in the record is the idempotency key: the same bytes get the same receipt for ever.',
  peers: ['issuance'],
  body: {
    types: ['application/cose'],
    limit: reservationLimit,
    description: 'a reservation request, signed by the issuer',
  },
  answer: receiptAnswer,
  problems: [...commonProblems, ...reserveProblems, 'issuer_mismatch'],
});

export const releaseRoute = defineRoute({
  method: 'POST',
  path: '/reservations/release',
  operationId: 'releaseQuota',
  summary: 'gives back what is left of a reservation; one that has ended stays as it is',
  peers: ['issuance', 'operator'],
  body: {
    types: ['application/cose', 'application/json'],
    limit: reservationLimit,
    description: "a release that the reservation's issuer signed, or of an operator `id` (UUID)",
  },
  answer: standingAnswer,
  problems: [...commonProblems, ...draftProblems, 'issuer_mismatch', 'reservation_unknown'],
});

export const reservationListRoute = defineRoute({
  method: 'GET',
  path: '/reservations',
  operationId: 'listQuotaReservations',
  summary: 'reservations, a page at a time; an issuer sees its own only',
  peers: ['operator', 'central', 'issuance'],
  query: Type.Object(
    {
      ...reservationsQuery.properties,
      id: Type.Optional(
        Type.String({
          pattern: uuidPattern,
          description: 'of this one only; nothing else counts then',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: pageAnswer,
  problems: storeProblems,
});

export function addReservations(server: Server, reservations: Reservations): void {
  addRoute(server, reserveRoute, async ({ body, peer }) => {
    const receipt = await reservations.reserve(body, peer.name);
    return receipt.ok ? succeed({ bytes: receipt.value }) : receipt;
  });
  addRoute(server, releaseRoute, async ({ body, peer }) => {
    const released = await releaseBy(reservations, body, peer);
    return released.ok ? succeed({ json: reservationJson(released.value) }) : released;
  });
  addRoute(server, reservationListRoute, async ({ query, peer }) => {
    const issuer = peer.role === 'issuance' ? peer.name : undefined;
    const page = pageOf(query);
    if (query.id !== undefined) {
      const found = await reservations.find(uuidOf(query.id));
      const shown = found !== undefined && (issuer ?? found.issuer) === found.issuer ? [found] : [];
      return succeed({ json: reservationsJson(shown, 2) });
    }
    const found = await reservations.list({ ...page, ...(issuer === undefined ? {} : { issuer }) });
    return succeed({ json: reservationsJson(found, page.limit) });
  });
}

/** An issuer by what it signed; an operator by its certificate. */
function releaseBy(
  reservations: Reservations,
  body: Uint8Array,
  peer: { readonly role: string; readonly name: string },
): ReturnType<Reservations['release']> {
  if (isSign1(body)) return reservations.release(body, peer.name);
  if (peer.role !== 'operator')
    return Promise.resolve(refuse('not_permitted', 'a release that the issuer has signed is accepted'));
  const id = decodeReservationId(body);
  return id.ok ? reservations.releaseAs(`operator ${peer.name}`, id.value) : Promise.resolve(id);
}

/** A receipt as quota control answered it; that it is the right one, its reader verifies. */
export function readReceipt(bytes: Uint8Array): Result<Uint8Array, 'peer_fault'> {
  const decoded = decodeReservationReceipt(bytes);
  if (decoded.ok) return succeed(bytes);
  return refuse('peer_fault', `the quota system answered no reservation: ${decoded.message}`);
}
