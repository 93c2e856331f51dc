/** A reservation as answers show it. */
import { type Static, Type } from 'typebox';
import { assert } from '../kit/result.ts';
import { formatUuid, parseUuid } from '../records/request-id.ts';
import { leftOf, type Reservation } from '../roles/reservations.ts';
import { minorUnitsSchema } from './field-schemas.ts';

export const uuidPattern = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';

const uuidSchema = Type.String({ pattern: uuidPattern });

export const reservationSchema = Type.Object({
  id: uuidSchema,
  issuer: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  amount: minorUnitsSchema,
  used: minorUnitsSchema,
  left: minorUnitsSchema,
  expiresMs: Type.Integer({ minimum: 0 }),
  state: Type.Union(
    [Type.Literal('open'), Type.Literal('used'), Type.Literal('released'), Type.Literal('expired')],
    { description: '`used`: up to the last minor unit' },
  ),
});

export const reservationsQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({
        pattern: uuidPattern,
        description: 'ids above this one: `next` of an earlier answer',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })),
  },
  { additionalProperties: false },
);

/** `next` is null where there is no more. */
export const reservationsSchema = Type.Object({
  reservations: Type.Array(reservationSchema),
  next: Type.Union([uuidSchema, Type.Null()], {
    description: 'as `after` it gives what comes after this page; null at the end',
  }),
});

export type ReservationsJson = Static<typeof reservationsSchema>;

export function reservationJson(reservation: Reservation): Static<typeof reservationSchema> {
  const { id, issuer, currency, amount, used, expiresMs, state } = reservation;
  return {
    id: formatUuid(id),
    issuer,
    currency,
    amount: String(amount),
    used: String(used),
    left: String(leftOf(reservation)),
    expiresMs,
    state,
  };
}

/** A page of at most `limit`. */
export function reservationsJson(found: readonly Reservation[], limit: number): ReservationsJson {
  const last = found.length < limit ? undefined : found.at(-1);
  return {
    reservations: found.map(reservationJson),
    next: last === undefined ? null : formatUuid(last.id),
  };
}

/** Reads back what fits its schema. */
export function reservationFromJson({
  id,
  amount,
  used,
  left: _left,
  ...rest
}: Static<typeof reservationSchema>): Reservation {
  return { ...rest, id: uuidOf(id), amount: BigInt(amount), used: BigInt(used) };
}

export function uuidOf(text: string): Uint8Array {
  const id = parseUuid(text);
  assert(id !== undefined, 'the schema lets UUIDs through only');
  return id;
}

/** Where a page begins. */
export function pageOf({ after, limit = 100 }: Static<typeof reservationsQuery>): {
  readonly after: Uint8Array;
  readonly limit: number;
} {
  return { after: after === undefined ? new Uint8Array(16) : uuidOf(after), limit };
}
