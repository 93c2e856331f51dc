/** Lists from the caller's side: page after page, each asked for when the one before has been taken. */
import { type Result, succeed } from '../kit/result.ts';
import type { ListedEntry } from '../roles/journal-reader.ts';
import type { ListedOrder, OrderState } from '../roles/order-list.ts';
import type { Reservation } from '../roles/reservations.ts';
import { type Exchange, exchangeJson } from './exchange.ts';
import { journalPageFromJson, journalRoute } from './journal.ts';
import { orderListRoute, orderPageFromJson } from './order-list.ts';
import type { Page } from './paging.ts';
import { reservationFromJson } from './reservation-json.ts';
import { reservationListRoute } from './reservations.ts';

interface PageQuery {
  /** `next` of an earlier page. */
  readonly after?: string;
  /** Of one page. */
  readonly limit?: number;
}

export type JournalQuery = PageQuery;

export interface OrderListQuery extends PageQuery {
  readonly state?: OrderState;
  readonly currency?: string;
  /** Such as 2026-11-20T08:00:00Z. */
  readonly since?: string;
  /** A UUID: of this request only. */
  readonly request?: string;
  /** A UUID: this order only. */
  readonly id?: string;
}

/** Gives where to ask, at each page. */
type Where = () => Result<Exchange>;

export function listOrders(where: Where, query: OrderListQuery): AsyncGenerator<Result<ListedOrder>> {
  return iterate(query, async (page) => {
    const to = where();
    if (!to.ok) return to;
    const answer = await exchangeJson(orderListRoute, to.value, { query: { ...page } });
    return answer.ok ? orderPageFromJson(answer.value) : answer;
  });
}

export function listJournal(where: Where, query: JournalQuery): AsyncGenerator<Result<ListedEntry>> {
  return iterate(query, async (page) => {
    const to = where();
    if (!to.ok) return to;
    const answer = await exchangeJson(journalRoute, to.value, { query: { ...page } });
    return answer.ok ? journalPageFromJson(answer.value) : answer;
  });
}

export function listReservations(where: Where): AsyncGenerator<Result<Reservation>> {
  return iterate<Reservation, PageQuery>({}, async (page) => {
    const to = where();
    if (!to.ok) return to;
    const answer = await exchangeJson(reservationListRoute, to.value, { query: { ...page } });
    if (!answer.ok) return answer;
    const { reservations, next } = answer.value;
    return succeed({
      items: reservations.map(reservationFromJson),
      next: next ?? '',
      more: next !== null,
    });
  });
}

async function* iterate<T, Query extends PageQuery>(
  query: Query,
  ask: (query: Query) => Promise<Result<Page<T>>>,
): AsyncGenerator<Result<T>> {
  for (let page = query; ; ) {
    const asked = await ask(page);
    if (!asked.ok) {
      yield asked;
      return;
    }
    const { items, next, more } = asked.value;
    for (const item of items) yield succeed(item);
    if (!more) return;
    page = { ...page, after: next };
  }
}
