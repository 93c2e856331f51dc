/** An entry of a journal as an event: what it tells of the outcome, without the records and the secrets that are in it. */

import { decodeEntry, decodeIntentContent, type IntentContent } from '../journal/entry.ts';
import { toHex } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import { readToBeSigned } from '../records/cose.ts';
import { decodeChange } from '../records/quota-change.ts';
import { formatUuid } from '../records/request-id.ts';
import type { Order, ReadEntry, Store } from '../store/store.ts';
import { decodeDecisionContext } from './decision-context.ts';
import { type OrderOutcomes, readDeniedOf, readOutcomes } from './order-outcomes.ts';
import { nameSubject } from './subject.ts';

export interface OrderOutcome {
  /** UUID. */
  readonly id: string;
  readonly state: 'issued' | 'denied';
  readonly reasons: readonly string[];
}

export interface JournalEvent {
  readonly sequence: number;
  /** Of the journal up to this entry, hex. */
  readonly hash: string;
  readonly kind: string;
  /** An id as a UUID or, where it is longer, in hex; of an allocation the issuer and the currency. */
  readonly subject: string;
  readonly createdMs: number;
  /** Whether what it stands for was signed by the time it was told; null where nothing is to be. */
  readonly signed: boolean | null;
  /** Null of what concerns them all. */
  readonly issuer: string | null;
  readonly currency?: string;
  /** Minor units. */
  readonly amount?: bigint;
  /** How many callers' orders it is of. */
  readonly orders?: number;
  readonly issued?: number;
  readonly denied?: number;
  readonly units?: number;
  /** Of central management: orders that passed and that a rule flagged, where there are any. For its operator only. */
  readonly flagged?: number;
  /** What each order came to, where they are at most 100. */
  readonly outcomes?: readonly OrderOutcome[];
  readonly reason?: string;
  readonly by?: string;
  /** Of the quota that a change was made to, before it. */
  readonly version?: number;
  readonly allocated?: bigint;
  readonly frozen?: boolean;
  /** Number of the stop that a start lifts. */
  readonly lifts?: number;
}

/** What a system tells whoever follows it. */
export type SystemEvent =
  | { readonly kind: 'entry'; readonly entry: JournalEvent }
  /** It begins, or goes on, after this entry. */
  | {
      readonly kind: 'open';
      readonly open: { readonly journal: string; readonly sequence: number; readonly hash: string };
    }
  /** The system is about to end: a witness has proven that its journal is not the newest. */
  | { readonly kind: 'halted'; readonly code: string; readonly message: string };

type Told = Partial<Omit<JournalEvent, 'sequence' | 'hash' | 'kind' | 'subject' | 'createdMs' | 'signed'>>;

/** More are counted only: `GET /orders?request=…` has them. */
const outcomesTold = 100;

export async function eventOf(entry: ReadEntry, store: Store): Promise<JournalEvent> {
  const decoded = decodeEntry(entry.bytes);
  assert(decoded.ok, 'an entry of a checked journal decodes');
  const { kind, subject, createdMs, content } = decoded.value;
  const event = {
    sequence: entry.sequence,
    hash: toHex(entry.hash),
    kind,
    subject: nameSubject(subject),
    createdMs,
    signed: entry.signed,
    issuer: null,
  };
  switch (kind) {
    case 'allocation': {
      const [issuer = '', currency = ''] = event.subject.split('/');
      return { ...event, issuer, currency };
    }
    case 'quota-change':
      return { ...event, ...tellChange(content) };
    case 'stop':
      return { ...event, ...tellStop(content) };
    default:
      break;
  }
  const intent = entry.signed === null ? undefined : decodeIntentContent(content);
  // A kind that this version does not know says what every entry says.
  if (intent === undefined || !intent.ok) return event;
  const told = { ...event, issuer: intent.value.issuer, ...tellIntent(intent.value) };
  if (!(subject instanceof Uint8Array)) return told;
  if (kind === 'credential' || kind === 'denial') {
    const flagged = decodeDecisionContext(intent.value.context)?.flagged ?? 0;
    if (flagged > 0) return { ...told, flagged };
  }
  if (kind === 'currency') return { ...told, ...(await tellCurrency(intent.value, subject, store)) };
  // Central management's says how many it decides on; issuance keeps one of all orders of its request.
  if (kind === 'denial' && intent.value.decides === 0)
    return { ...told, ...(await tellDenial(intent.value, subject, store)) };
  return told;
}

function tellIntent({ orders, decides, take, settles, toBeSigned }: IntentContent): Told {
  const { amount } = readToBeSigned(toBeSigned);
  const worth = amount === undefined ? settles : { currency: amount.currency, amount: amount.minor };
  const count = take?.orders ?? (orders > 0 ? orders : decides);
  return {
    ...(worth === null ? {} : worth),
    ...(count > 0 ? { orders: count } : {}),
  };
}

async function tellCurrency(intent: IntentContent, requestId: Uint8Array, store: Store): Promise<Told> {
  const orders = await store.reads().ordersOf('request', requestId);
  const { controlBit, denied } = readOutcomes(intent.context, orders);
  return { ...tellOrders(orders, denied), units: controlBit.count };
}

async function tellDenial({ context }: IntentContent, requestId: Uint8Array, store: Store): Promise<Told> {
  const orders = await store.reads().ordersOf('request', requestId);
  return tellOrders(orders, readDeniedOf({ kind: 'denial', context }, orders));
}

function tellOrders(orders: readonly Order[], denied: OrderOutcomes['denied']): Told {
  return {
    orders: orders.length,
    issued: orders.length - denied.size,
    denied: denied.size,
    ...(orders.length > outcomesTold
      ? {}
      : {
          outcomes: orders.map(({ id }, order) => {
            const reasons = denied.get(order)?.reasons;
            return {
              id: formatUuid(id),
              state: reasons === undefined ? 'issued' : 'denied',
              reasons: reasons ?? [],
            };
          }),
        }),
  };
}

function tellChange(content: Uint8Array): Told {
  const decoded = decodeCbor(content);
  const [bytes] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  const change = bytes instanceof Uint8Array ? decodeChange(bytes) : undefined;
  if (change === undefined || !change.ok) return {};
  const { action, reason } = change.value;
  if (action.kind === 'start') return { reason, lifts: action.stop };
  if (action.kind !== 'terms') return { reason };
  const { issuer, currency, version, terms } = action;
  return { reason, issuer, currency, version, allocated: terms.allocated, frozen: terms.frozen };
}

function tellStop(content: Uint8Array): Told {
  const decoded = decodeCbor(content);
  const [reason, by] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  return typeof reason === 'string' && typeof by === 'string' ? { reason, by } : {};
}
