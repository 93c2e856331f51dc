/** The orders that issuance has taken on, a page at a time: for its operator, and for the issuer whose orders they are. */
import { type Static, Type } from 'typebox';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { formatUuid, parseUuid } from '../records/request-id.ts';
import type { JournalReader } from '../roles/journal-reader.ts';
import type { ListedOrder, OrderList } from '../roles/order-list.ts';
import { decodeCursor, encodeCursor, type ListIdentity } from './cursor.ts';
import { minorUnitsSchema, reasonSchema, uuidPattern } from './field-schemas.ts';
import { reportLimit } from './message.ts';
import { afterSchema, limitSchema, linkToNext, type Page, pageHeaders, pageSchema } from './paging.ts';
import { storeProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

const stateSchema = Type.Union([Type.Literal('issued'), Type.Literal('denied'), Type.Literal('open')], {
  description:
    '`open`: it has no outcome yet; it is on its way, or waits for the same draft to be sent again',
});

const orderSchema = Type.Object({
  id: Type.String({ pattern: uuidPattern, description: "the draft's id" }),
  request: Type.String({ pattern: uuidPattern, description: 'the request that it went with' }),
  issuer: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
  state: stateSchema,
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  amount: minorUnitsSchema,
  units: Type.Integer({ minimum: 1 }),
  createdMs: Type.Integer({ description: 'when its request was made' }),
  reasons: Type.Array(reasonSchema, {
    description: 'codes of why it was denied; none otherwise',
  }),
});

export const orderListRoute = defineRoute({
  method: 'GET',
  path: '/orders',
  operationId: 'listOrders',
  summary: 'the orders that were taken on, a page at a time, in the order of the journal',
  description:
    'For the issuer of this system as well as for its operator; each sees their own. A page looks at 50 requests and 5,000 orders at most, whatever its filters let through. Of several processes on one PostgreSQL each lists what it has taken on.',
  peers: ['operator', 'issuance'],
  query: Type.Object(
    {
      after: afterSchema,
      limit: limitSchema,
      state: Type.Optional(stateSchema),
      currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code' })),
      since: Type.Optional(
        Type.String({
          pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,3})?Z$',
          description:
            'of requests that were made then or later, such as 2026-11-20T08:00:00Z; found by their ids, which begin with the time',
        }),
      ),
      request: Type.Optional(
        Type.String({
          pattern: uuidPattern,
          description: 'of this request only, all at once; nothing else may be given with it',
        }),
      ),
      id: Type.Optional(
        Type.String({
          pattern: uuidPattern,
          description: 'of this order only, or none; nothing else may be given with it',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  answer: {
    type: 'application/json',
    description: 'a page of orders',
    schema: Type.Object({ orders: Type.Array(orderSchema), ...pageSchema }),
    headers: pageHeaders,
    tagged: true,
    // A request has at most 65,536 orders, of some 300 bytes each.
    limit: 8 * reportLimit,
  },
  problems: ['cursor_invalid', ...storeProblems],
});

type Query = Static<NonNullable<typeof orderListRoute.query>>;

export interface OrderListSources {
  readonly orders: OrderList;
  readonly journal: JournalReader;
}

export function addOrderList(server: Server, { orders, journal }: OrderListSources): void {
  addRoute(server, orderListRoute, async ({ query, peer }) => {
    const issuer = peer.role === 'operator' ? undefined : peer.name;
    const { state, currency, since, limit = 100 } = query;
    const identity: ListIdentity = {
      list: 'orders',
      filters: [state, currency, since, issuer],
      hashAt: (sequence) => journal.hashAt(sequence),
    };
    if (query.request !== undefined || query.id !== undefined)
      return listOne(query, issuer, { orders, journal }, identity);
    const sinceMs = since === undefined ? undefined : Date.parse(since);
    if (sinceMs !== undefined && Number.isNaN(sinceMs))
      return refuse(
        'parameter_invalid',
        `since \`${since}\` is no time: such as 2026-11-20T08:00:00Z is accepted`,
        'since',
      );
    const place =
      query.after !== undefined
        ? await decodeCursor(query.after, identity)
        : succeed(sinceMs === undefined ? { sequence: 0, order: -1 } : await orders.placeSince(sinceMs));
    if (!place.ok) return place;
    const page = await orders.page({
      after: place.value,
      most: limit,
      ...(state === undefined ? {} : { state }),
      ...(currency === undefined ? {} : { currency }),
      ...(issuer === undefined ? {} : { issuer }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
    });
    const next = await encodeCursor(page.next, identity);
    const { more } = page;
    return succeed({
      json: { orders: page.orders.map(orderJson), next, more },
      headers: linkToNext(orderListRoute.path, { limit, state, currency, since }, { next, more }),
    });
  });
}

async function listOne(
  { request, id, ...others }: Query,
  issuer: string | undefined,
  { orders, journal }: OrderListSources,
  identity: ListIdentity,
) {
  const [given, of] = request === undefined ? (['id', id] as const) : (['request', request] as const);
  const beside = given === 'id' ? others : { ...others, id };
  const other = Object.entries(beside).find(([, value]) => value !== undefined)?.[0];
  if (other !== undefined)
    return refuse('parameter_invalid', `${other} is given with ${given}: either of them is accepted`, other);
  const bytes = parseUuid(of ?? '') ?? new Uint8Array(16);
  const listed = await (given === 'id' ? orders.ofId(bytes) : orders.ofRequest(bytes));
  const own = listed.filter((order) => issuer === undefined || order.issuer === issuer);
  const next = await encodeCursor({ sequence: (await journal.head()).sequence, order: -1 }, identity);
  return succeed({ json: { orders: own.map(orderJson), next, more: false } });
}

function orderJson(order: ListedOrder): Static<typeof orderSchema> {
  const { id, requestId, amount, reasons, ...rest } = order;
  return {
    ...rest,
    id: formatUuid(id),
    request: formatUuid(requestId),
    amount: String(amount),
    reasons: [...reasons],
  };
}

export function orderPageFromJson({
  orders,
  next,
  more,
}: Static<typeof orderListRoute.answer.schema>): Result<Page<ListedOrder>, 'peer_fault'> {
  const items: ListedOrder[] = [];
  for (const { id, request, amount, ...order } of orders) {
    const read = parseUuid(id);
    const requestId = parseUuid(request);
    if (read === undefined || requestId === undefined)
      return refuse('peer_fault', 'the id of a listed order cannot be read');
    items.push({ ...order, id: read, requestId, amount: BigInt(amount) });
  }
  return succeed({ items, next, more });
}
