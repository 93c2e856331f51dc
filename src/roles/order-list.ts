/**
 * The orders that issuance has taken on, in the order of its journal, a page at a time: for whoever looks after them.
 *
 * A page costs what it looks at, and never more than a bounded share of the ledger: where a filter lets little through, it is short, or
 * empty, and says where to go on.
 */
import { assert } from '../kit/result.ts';
import { decodeRequest, type Request, sumLots } from '../records/request.ts';
import type { Intent, Store } from '../store/store.ts';
import type { Ledger } from './ledger.ts';
import { asRecord, readDeniedOf } from './order-outcomes.ts';
import type { ReadTurns } from './read-turns.ts';

/** `open`: it has no outcome yet. It is on its way, or waits for its caller to send it again. */
export type OrderState = 'issued' | 'denied' | 'open';

export interface ListedOrder {
  /** The caller's, 16 bytes. */
  readonly id: Uint8Array;
  readonly requestId: Uint8Array;
  readonly issuer: string;
  readonly state: OrderState;
  readonly currency: string;
  /** Minor units. */
  readonly amount: bigint;
  readonly units: number;
  /** When its request was made. */
  readonly createdMs: number;
  /** Why it was denied; empty otherwise. */
  readonly reasons: readonly string[];
}

/** An order's place: the journal's number of its request, and its number in that, from 0; -1 is before the first. */
export interface OrderPlace {
  readonly sequence: number;
  readonly order: number;
}

export interface OrderQuery {
  readonly after: OrderPlace;
  readonly most: number;
  readonly state?: OrderState;
  readonly currency?: string;
  /** Only of this issuer. */
  readonly issuer?: string;
  /** Only of requests that were made then or later. */
  readonly sinceMs?: number;
}

export interface OrderPage {
  readonly orders: readonly ListedOrder[];
  /** Where the next page begins. */
  readonly next: OrderPlace;
  /** Whether the journal has more. */
  readonly more: boolean;
}

export interface OrderList {
  page(query: OrderQuery): Promise<OrderPage>;
  /** The orders of one request; none where it is not known. */
  ofRequest(requestId: Uint8Array): Promise<readonly ListedOrder[]>;
  /** The order with this id; none where it is not known. */
  ofId(id: Uint8Array): Promise<readonly ListedOrder[]>;
  /** Where those made since then begin. */
  placeSince(sinceMs: number): Promise<OrderPlace>;
}

/** What one page looks at: requests, and orders in them. */
const requestsAtOnce = 50;
const ordersAtOnce = 5_000;
/** Requests that were listed last: their orders do not change but for `open`, and a page often ends in the middle of one. */
const remembered = 4;

/** `ledger` is asked when something is read, and not before. */
export function makeOrderList(ledger: () => Ledger, turns: ReadTurns): OrderList {
  const decided = new Map<number, readonly ListedOrder[]>();

  async function ordersAt(sequence: number, id: Uint8Array): Promise<readonly ListedOrder[]> {
    const known = decided.get(sequence);
    if (known !== undefined) return known;
    const { store } = ledger();
    const intent = await store.findIntent('request', id);
    assert(intent !== undefined, 'a request of the journal is in the store');
    const listed = listOf(intent, await outcomeOf(store, id));
    if (listed.some(({ state }) => state === 'open')) return listed;
    decided.set(sequence, listed);
    for (const oldest of decided.keys()) {
      if (decided.size <= remembered) break;
      decided.delete(oldest);
    }
    return listed;
  }

  async function readPage({ after, most, state, currency, issuer, sinceMs }: OrderQuery): Promise<OrderPage> {
    const orders: ListedOrder[] = [];
    let place = after;
    let looked = 0;
    // From the request of the last one on: some of its orders may be left.
    const requests = await ledger()
      .store.reads()
      .intentsAfter('request', after.sequence - 1, requestsAtOnce + 1);
    for (const { sequence, id } of requests.slice(0, requestsAtOnce)) {
      const listed = await ordersAt(sequence, id);
      for (let order = sequence === after.sequence ? after.order + 1 : 0; order < listed.length; order++) {
        if (orders.length === most || looked === ordersAtOnce) return { orders, next: place, more: true };
        looked++;
        place = { sequence, order };
        const one = listed[order] as ListedOrder;
        if (
          (state === undefined || one.state === state) &&
          (currency === undefined || one.currency === currency) &&
          (issuer === undefined || one.issuer === issuer) &&
          (sinceMs === undefined || one.createdMs >= sinceMs)
        )
          orders.push(one);
      }
      // Between two requests whoever issues has a turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { orders, next: place, more: requests.length > requestsAtOnce };
  }

  async function readRequest(requestId: Uint8Array): Promise<readonly ListedOrder[]> {
    const { store } = ledger();
    const intent = await store.findIntent('request', requestId);
    return intent === undefined ? [] : listOf(intent, await outcomeOf(store, requestId));
  }

  return {
    page: (query) => turns(() => readPage(query)),
    ofRequest: (requestId) => turns(() => readRequest(requestId)),
    ofId: (id) =>
      turns(async () => {
        const [placed] = await ledger().store.findOrders([id]);
        return placed === undefined
          ? []
          : (await readRequest(placed.intentId)).slice(placed.index, placed.index + 1);
      }),
    async placeSince(sinceMs) {
      // The lowest id of that millisecond (RFC 9562 §5.7).
      const id = new Uint8Array(16);
      new DataView(id.buffer).setBigUint64(0, BigInt(sinceMs) << 16n);
      const { store } = ledger();
      const first = await store.reads().firstSince('request', id);
      return {
        sequence: first ?? (await store.head()).sequence,
        order: first === undefined ? lastOrder : -1,
      };
    },
  };
}

/** Behind every order that a request can have. */
const lastOrder = 0xffff;

/** The currency, or the denial of the whole request. */
async function outcomeOf(store: Store, requestId: Uint8Array): Promise<Intent | undefined> {
  return (await store.findIntent('currency', requestId)) ?? (await store.findIntent('denial', requestId));
}

function listOf(intent: Intent, outcome: Intent | undefined): readonly ListedOrder[] {
  const decoded = decodeRequest(asRecord(intent.toBeSigned));
  assert(decoded.ok, 'a stored request decodes');
  const request: Request = decoded.value.record;
  // What is not signed is not handed out yet, and may never be.
  const without =
    outcome === undefined || outcome.signed === null ? undefined : readDeniedOf(outcome, request.orders);
  return request.orders.map(({ id, lots }, order): ListedOrder => {
    const { total, count } = sumLots(lots);
    const denied = without?.get(order);
    return {
      id,
      requestId: request.id,
      issuer: request.issuer,
      state: without === undefined ? 'open' : denied === undefined ? 'issued' : 'denied',
      currency: request.currency.code,
      amount: total,
      units: count,
      createdMs: intent.createdMs,
      reasons: denied?.reasons ?? [],
    };
  });
}
