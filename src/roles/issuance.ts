/**
 * Issuance: gathers the orders that arrive together into one signed request, obtains a credential from central management, forwards
 * it to quota control, and signs the currency over the root that the control bit names.
 *
 * Every step is found again by an order's id: a retry after any crash goes on from what is stored, and
 * a finished issue gives the same records for ever. An order is in one request only, for ever.
 */
import { mapKey, sha256, toHex } from '../kit/bytes.ts';
import type { RandomBytes } from '../kit/clock.ts';
import { assert, quote, type Result, refuse, succeed } from '../kit/result.ts';
import { amountLimit, unitLimit } from '../records/claims.ts';
import { type Draft, decodeDraft, encodingOf } from '../records/draft.ts';
import { isoTime } from '../records/key-ring.ts';
import { encodeRequest, type Lot, type Order, type Request, sumLots, sumOrders } from '../records/request.ts';
import { makeRequestId } from '../records/request-id.ts';
import type { Intent, PlacedOrder } from '../store/store.ts';
import { type Batch, type IssuanceOutcome, outcomeOf } from './batch.ts';
import { type CarriageDependencies, makeCarriage } from './carriage.ts';
import { type Closings, makeClosings } from './closings.ts';
import { atMost, gather } from './gathering.ts';
import { finishIntent, finishLeft, sameBody } from './intent.ts';
import { finishDenial } from './kept-denial.ts';
import { makeVouching, type Vouching } from './vouching.ts';

export type { IssuanceOutcome, IssuanceStep } from './batch.ts';
export type { IssuancePeers } from './carriage.ts';

export interface IssuanceDependencies extends CarriageDependencies {
  readonly requestLifetimeSeconds: number;
  /** What a draft without `redeemUntil` gets, in seconds from its request. */
  readonly defaultRedemptionSeconds: number;
  readonly random: RandomBytes;
}

/** An order's request, carried through, and the order's number in it. */
export interface PlacedBatch {
  readonly batch: Batch;
  readonly order: number;
}

export interface Issuance {
  /** Issues what `draftBytes` (JSON or CBOR, with an id) asks for, or gives the denial. */
  issue(draftBytes: Uint8Array): Promise<Result<IssuanceOutcome>>;
  /** The same, of many drafts: what each came to, when all have come to something; those that went together have the same batch. `settled` is called at each. */
  place(drafts: readonly Uint8Array[], settled?: () => void): Promise<readonly Result<PlacedBatch>[]>;
  /** What became of requests, for central management. */
  readonly closings: Closings;
  /** Whether units that are retired are its own, for central management too. */
  readonly vouching: Vouching;
  /** Signs what a crash left between commit and signature; gives their count. */
  finishUnsigned(): Promise<number>;
}

/** Requests on their way at once: while some wait for the other systems, the next one is gathered and signed. */
const requestsAtOnce = 3;

/** A draft that is fit to be an order. */
interface NewOrder {
  /** Of its id. */
  readonly key: string;
  readonly order: Order;
  readonly currency: Draft['currency'];
  readonly redeemUntil: number | undefined;
  readonly reservation: Uint8Array | undefined;
  readonly total: bigint;
  readonly units: number;
  readonly bodyHash: Uint8Array;
}

/** The orders of one call that no call before it has on its way. */
interface Call {
  readonly orders: NewOrder[];
  /** Of each of them, in their order; there before anything is awaited. */
  answers: Promise<readonly Result<PlacedBatch>[]>;
}

/** An order that is on its way: in which call, and where in it. */
interface Asked {
  readonly call: Call;
  readonly index: number;
}

export function makeIssuance(dependencies: IssuanceDependencies): Issuance {
  const { issuer, ledger, signer, clock, random } = dependencies;
  const { store } = ledger;
  const carry = makeCarriage(dependencies);
  /** Orders, by their keys, that were asked for and have no answer yet. */
  const asked = new Map<string, Asked>();
  /** Requests, by id in hex, that are being carried through. */
  const underway = new Map<string, Promise<Result<Batch>>>();

  const findOrders = gather((ids: readonly Uint8Array[]) => store.findOrders(ids), { room: atMost(10_000) });
  const placeNew = gather(issueTogether, {
    room: roomOfRequest,
    keyOf: ({ currency, redeemUntil, reservation }) =>
      `${currency.code} ${redeemUntil ?? ''} ${reservation === undefined ? '' : toHex(reservation)}`,
    rounds: requestsAtOnce,
  });

  async function issue(draftBytes: Uint8Array): Promise<Result<IssuanceOutcome>> {
    const [placed] = await place([draftBytes]);
    assert(placed !== undefined, 'every draft has its answer');
    return placed.ok ? succeed(outcomeOf(placed.value.batch, placed.value.order)) : placed;
  }

  /** One promise for all orders of a call, and not some for each: those were a seventh of what issuance allocated. */
  async function place(
    drafts: readonly Uint8Array[],
    settled: () => void = () => undefined,
  ): Promise<readonly Result<PlacedBatch>[]> {
    const placed = new Array<Result<PlacedBatch>>(drafts.length);
    const call: Call = { orders: [], answers: Promise.resolve([]) };
    const waiting: { readonly draft: number; readonly one: Asked; readonly isOwn: boolean }[] = [];
    for (const [draft, bytes] of drafts.entries()) {
      const before = call.orders.length;
      const taken = takeOn(bytes, call);
      if (taken.ok) waiting.push({ draft, one: taken.value, isOwn: call.orders.length > before });
      else {
        placed[draft] = taken;
        settled();
      }
    }
    call.answers = answerAll(call.orders, settled).finally(() => {
      for (const { key } of call.orders) asked.delete(key);
    });
    const own = await call.answers;
    for (const { draft, one, isOwn } of waiting) {
      const answers = isOwn ? own : await one.call.answers;
      placed[draft] = answers[one.index] as Result<PlacedBatch>;
      if (!isOwn) settled();
    }
    return placed;
  }

  /** The order of a draft: of this call, unless it is on its way already. */
  function takeOn(draftBytes: Uint8Array, call: Call): Result<Asked> {
    const decoded = decodeDraft(draftBytes);
    if (!decoded.ok) return decoded;
    const made = orderOf(decoded.value, sha256(encodingOf(decoded.value, draftBytes)));
    if (!made.ok) return made;
    const { key, bodyHash } = made.value;
    // INVARIANT: of one id one order is on its way at a time, so that no two requests ever hold it.
    const before = asked.get(key);
    if (before === undefined) {
      const one = { call, index: call.orders.length };
      call.orders.push(made.value);
      asked.set(key, one);
      return succeed(one);
    }
    const same = sameBody(before.call.orders[before.index] as NewOrder, bodyHash);
    return same.ok ? succeed(before) : same;
  }

  /** What each order came to: one that is in a request comes to what that does, the others go into new ones. */
  async function answerAll(
    orders: readonly NewOrder[],
    settled: () => void,
  ): Promise<readonly Result<PlacedBatch>[]> {
    const found = await findOrders(orders.map(({ order }) => order.id));
    const answers = new Array<Result<PlacedBatch>>(orders.length);
    const fresh: number[] = [];
    /** Of each request that some of them are in, which they are. */
    const byRequest = new Map<string, { readonly index: number; readonly placed: PlacedOrder }[]>();
    for (const [index, made] of orders.entries()) {
      const placed = found[index];
      if (placed === undefined) {
        fresh.push(index);
        continue;
      }
      const same = sameBody(placed, made.bodyHash);
      if (same.ok) {
        const key = mapKey(placed.intentId);
        const those = byRequest.get(key);
        if (those === undefined) byRequest.set(key, [{ index, placed }]);
        else those.push({ index, placed });
      } else {
        answers[index] = same;
        settled();
      }
    }
    const placeFresh = async (): Promise<void> => {
      const outcomes = await placeNew(
        fresh.map((index) => orders[index] as NewOrder),
        settled,
      );
      for (const [i, index] of fresh.entries()) answers[index] = outcomes[i] as Result<PlacedBatch>;
    };
    const resumed = [...byRequest.values()].map(async (those) => {
      const batch = await resume((those[0] as (typeof those)[number]).placed.intentId);
      for (const { index, placed } of those) {
        answers[index] = batch.ok ? succeed({ batch: batch.value, order: placed.index }) : batch;
        settled();
      }
    });
    // All of it, whatever fails: an order has to be known as asked for until its request is through.
    for (const one of await Promise.allSettled([placeFresh(), ...resumed]))
      if (one.status === 'rejected') throw one.reason;
    return answers;
  }

  function orderOf(draft: Draft, bodyHash: Uint8Array): Result<NewOrder> {
    const { id, currency, redeemUntil, reservation, total, purpose, origin, destination } = draft;
    if (id === undefined) {
      return refuse(
        'id_missing',
        'the draft has no id: `ringmint request` writes one, so that a retry cannot issue twice',
        'id',
      );
    }
    const lots: Lot[] = [];
    for (const [index, lot] of draft.lots.entries()) {
      if (!('commitment' in lot.owner)) {
        return refuse(
          'owner_not_committed',
          `owner ${quote(lot.owner.name)} is a name: issuance takes commitments only, which \`ringmint request\` makes`,
          `lots[${index}].owner`,
        );
      }
      lots.push({ value: lot.value, count: lot.count, owner: lot.owner.commitment });
    }
    return succeed({
      key: mapKey(id),
      order: { id, lots, purpose, origin, destination },
      currency,
      redeemUntil,
      reservation,
      total,
      units: sumLots(lots).count,
      bodyHash,
    });
  }

  /** Step 1: a new request with these orders. A crash after its commit leaves a request without a signature, which a retry of any of them signs. */
  async function issueTogether(made: readonly NewOrder[]): Promise<Result<PlacedBatch>[]> {
    const [first] = made;
    assert(first !== undefined, 'a round has an order');
    const issuedAt = clock.nowSeconds();
    // Before it is stored: central management decides on no such request, and the orders would be in it for ever.
    if (first.redeemUntil !== undefined && first.redeemUntil <= issuedAt) {
      const past = refuse(
        'draft_field_invalid',
        `redeemUntil: a day after now, ${isoTime(issuedAt)}, is accepted, not ${isoTime(first.redeemUntil)}`,
        'redeemUntil',
      );
      return made.map(() => past);
    }
    const orders = made.map(({ order }) => order);
    const request: Request = {
      id: makeRequestId(clock, random),
      issuer,
      issuedAt,
      expiresAt: issuedAt + dependencies.requestLifetimeSeconds,
      currency: first.currency,
      total: sumOrders(orders).total,
      orders,
      redeemUntil: first.redeemUntil ?? issuedAt + dependencies.defaultRedemptionSeconds,
      ...(first.reservation === undefined ? {} : { reservation: first.reservation }),
    };
    const toBeSigned = encodeRequest(request, signer.publicKey.keyId);
    const [committed] = await ledger.commit([
      {
        kind: 'request',
        id: request.id,
        issuer,
        bodyHash: sha256(toBeSigned),
        createdMs: clock.nowMs(),
        context: random(32),
        toBeSigned,
        orders: made.map(({ order: { id }, bodyHash }) => ({ id, bodyHash })),
      },
    ]);
    if (!committed.ok) return made.map(() => committed);
    const batch = await carryOnce(committed.value.intent, request);
    return made.map((_, order) => (batch.ok ? succeed({ batch: batch.value, order }) : batch));
  }

  async function resume(requestId: Uint8Array): Promise<Result<Batch>> {
    const known = underway.get(toHex(requestId));
    if (known !== undefined) return known;
    const intent = await store.findIntent('request', requestId);
    assert(intent !== undefined, 'a placed order has its request');
    return carryOnce(intent);
  }

  /** However many ask for it at once, a request is carried through once at a time. */
  function carryOnce(intent: Intent, request?: Request): Promise<Result<Batch>> {
    const key = toHex(intent.id);
    const known = underway.get(key);
    if (known !== undefined) return known;
    const carried = carry(intent, request).finally(() => underway.delete(key));
    underway.set(key, carried);
    return carried;
  }

  return {
    issue,
    place,
    closings: makeClosings({
      issuer,
      ledger,
      signer,
      clock,
      async carryOn(request) {
        const carried = await carryOnce(request);
        return carried.ok ? undefined : carried;
      },
    }),
    vouching: makeVouching(issuer, store),
    async finishUnsigned() {
      const denials = (await store.unsigned()).filter(({ kind }) => kind === 'denial');
      for (const denial of denials) await finishDenial(ledger, denial);
      return (
        denials.length + (await finishLeft(ledger, signer, (intent) => finishIntent(ledger, signer, intent)))
      );
    },
  };
}

/** What goes into one request: at most 65,536 units, and a sum that a record can name. */
function roomOfRequest(): (made: NewOrder) => boolean {
  let units = 0;
  let total = 0n;
  return (made) => {
    units += made.units;
    total += made.total;
    return units <= unitLimit && total <= amountLimit;
  };
}
