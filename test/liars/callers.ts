/** Callers of an honest issuance: they place orders, ask again, and hold what they got against what they asked for. */
import { equalBytes, sha256, toHex } from '../../src/kit/bytes.ts';
import type { Clock } from '../../src/kit/clock.ts';
import { decodeControlBit } from '../../src/records/control-bit.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { decodeRequest, type Request, sumLots } from '../../src/records/request.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { decodeReservationReceipt } from '../../src/records/reservation.ts';
import { select } from '../../src/records/selection.ts';
import type { Issuance } from '../../src/roles/issuance.ts';
import type { AskedReservation, IssuerReservations } from '../../src/roles/issuer-reservations.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { issuer } from '../roles/authorities.ts';
import { limits } from './house.ts';
import { currencyOf, type Observer, partsOf } from './observer.ts';
import { Seen } from './sequences.ts';

interface Placed {
  readonly id: string;
  readonly amount: bigint;
  readonly draft: Uint8Array;
  /** SHA-256 of what was answered, where it was. */
  answer: string | undefined;
}

/** A request as issuance signed it, by whoever it was sent to. */
export interface SentRequest {
  readonly request: Request;
  readonly bytes: Uint8Array;
}

/** What a caller asked to be kept, and when at first. */
interface Keeping {
  readonly asked: AskedReservation;
  readonly atSeconds: number;
}

export class Callers {
  readonly sent = new Map<string, SentRequest>();
  readonly placed = new Seen<Placed>();
  readonly all: Placed[] = [];
  /** What callers were handed out. */
  readonly files = new Seen<Uint8Array>();
  private readonly orders = new Map<string, string>();
  /** The reservation that an order names, in hex. */
  private readonly named = new Map<string, string>();
  private readonly keepings = new Seen<Keeping>();
  /** Of those, what there is a receipt of. */
  private readonly kept = new Seen<Uint8Array>();
  private readonly currencies = new Map<string, string>();
  private readonly observer: Observer;
  private readonly issuance: () => Issuance;
  private readonly reservations: (() => IssuerReservations) | undefined;
  private readonly clock: Clock;
  private readonly draw: Draw;
  private readonly denialsLast: boolean;
  private readonly commitment: () => Uint8Array;
  private readonly got: (file: Uint8Array) => void;

  constructor(parts: {
    observer: Observer;
    issuance: () => Issuance;
    /** Without it no order names a reservation. */
    reservations?: () => IssuerReservations;
    clock: Clock;
    draw: Draw;
    /** Whether what was denied stays denied: a central management that lies may take it back. */
    denialsLast: boolean;
    /** Of an order's owner; of nobody without it. */
    commitment?: () => Uint8Array;
    /** Hears of each file that a caller is handed out. */
    got?: (file: Uint8Array) => void;
  }) {
    this.got = parts.got ?? (() => undefined);
    this.commitment = parts.commitment ?? (() => this.draw.bytes(32));
    this.denialsLast = parts.denialsLast;
    this.observer = parts.observer;
    this.issuance = parts.issuance;
    this.reservations = parts.reservations;
    this.clock = parts.clock;
    this.draw = parts.draw;
  }

  /** One to four orders at once; some of them above what an honest central management lets pass. */
  async place(): Promise<string> {
    const orders = Array.from({ length: 1 + this.draw.below(4) }, () => this.makeOrder());
    return this.ask(orders);
  }

  async again(): Promise<string> {
    const order = this.placed.pick(this.draw);
    return order === undefined ? 'nothing was placed' : this.ask([order]);
  }

  /** A part of the quota kept, or the same again. INVARIANT: the receipt that is handed out is of what was asked for. */
  async keep(): Promise<string> {
    const { draw, clock } = this;
    const before = draw.chance(30) ? this.keepings.pick(draw) : undefined;
    const keeping = before ?? {
      asked: {
        id: makeRequestId(clock, (length) => draw.bytes(length)),
        currency: { code: 'EUR', exponent: 2 },
        total: BigInt(1 + draw.below(draw.chance(10) ? 4_000 : 150)),
        seconds: draw.pick([90, 3_600, 86_400, 86_400]),
      },
      atSeconds: clock.nowSeconds(),
    };
    if (before === undefined) this.keepings.add(keeping);
    const { id, total, seconds } = keeping.asked;
    const got = await this.reservationsOf().reserve(keeping.asked);
    if (!got.ok) return got.code;
    const decoded = decodeReservationReceipt(got.value);
    if (!decoded.ok) throw new Broken(`receipt: ${decoded.message}`);
    const { record } = decoded.value;
    const isAsked =
      equalBytes(record.id, id) &&
      record.issuer === issuer &&
      record.total === total &&
      record.currency.code === 'EUR' &&
      record.expiresAt === keeping.atSeconds + seconds;
    if (!isAsked)
      throw new Broken(`receipt: ${record.total} for ${record.issuer}, and ${total} was asked to be kept`);
    if (before === undefined) this.kept.add(id);
    return 'kept';
  }

  /** Of one that was asked for. */
  keptId(): Uint8Array | undefined {
    return this.keepings.pick(this.draw)?.asked.id;
  }

  /** INVARIANT: what is said to have ended is the one that was to end. */
  async giveBack(): Promise<string> {
    const keeping = this.keepings.pick(this.draw);
    if (keeping === undefined) return 'nothing was kept';
    const got = await this.reservationsOf().release(keeping.asked.id);
    if (!got.ok) return got.code;
    if (!equalBytes(got.value.id, keeping.asked.id) || got.value.state === 'open')
      throw new Broken(`release: answered with one that is ${got.value.state}`);
    return got.value.state;
  }

  private reservationsOf(): IssuerReservations {
    if (this.reservations === undefined) throw new Error('these callers keep nothing');
    return this.reservations();
  }

  /** What issuance sends out, whoever gets it. INVARIANT: an order is in one request, which names the reservation that the order does. */
  sends(bytes: Uint8Array): SentRequest {
    const decoded = decodeRequest(bytes);
    if (!decoded.ok) throw new Broken(`request: ${decoded.message}`);
    const request = decoded.value.record;
    const id = toHex(request.id);
    const known = this.sent.get(id);
    if (known !== undefined && !equalBytes(known.bytes, bytes))
      throw new Broken('one request: issuance sends two under one id');
    for (const order of request.orders) {
      const key = toHex(order.id);
      if ((this.orders.get(key) ?? id) !== id) throw new Broken('one order one request');
      this.orders.set(key, id);
      const reservation = request.reservation === undefined ? undefined : toHex(request.reservation);
      if (this.named.get(key) !== reservation)
        throw new Broken('one reservation: an order is in a request of another one');
    }
    const sent = { request, bytes };
    this.sent.set(id, sent);
    return sent;
  }

  private makeOrder(): Placed {
    const id = makeRequestId(this.clock, (length) => this.draw.bytes(length));
    const owner = { commitment: this.commitment() };
    const amount = this.draw.chance(20) ? limits.ceiling + 1n : BigInt(2 + this.draw.below(60));
    const half = amount / 2n;
    const values = this.draw.chance(40) ? [half, amount - half] : [amount];
    const reservation = this.nameReservation();
    if (reservation !== undefined) this.named.set(toHex(id), toHex(reservation));
    const draft = encodeDraft({
      ...(reservation === undefined ? {} : { reservation }),
      id,
      currency: { code: 'EUR', exponent: 2 },
      total: amount,
      lots: values.map((value) => ({ value, count: 1, owner })),
      purpose: 'liars',
      origin: 'DE',
      destination: 'DE',
      redeemUntil: Math.floor(this.clock.nowSeconds() / 86_400) * 86_400 + 400 * 86_400,
    });
    const order: Placed = { id: toHex(id), amount, draft, answer: undefined };
    this.placed.add(order);
    this.all.push(order);
    return order;
  }

  /** Mostly none; or one that was asked for, whatever became of it, or that nobody ever made. */
  private nameReservation(): Uint8Array | undefined {
    const { draw } = this;
    if (this.reservations === undefined || draw.chance(70)) return undefined;
    if (draw.chance(5)) return draw.bytes(16);
    return draw.chance(80) ? this.kept.pick(draw) : this.keepings.pick(draw)?.asked.id;
  }

  private async ask(orders: readonly Placed[]): Promise<string> {
    const outcomes = await Promise.all(orders.map((order) => this.askOne(order)));
    return [...new Set(outcomes)].sort().join(' and ');
  }

  private async askOne(order: Placed): Promise<string> {
    const got = await this.issuance().issue(order.draft);
    if (!this.denialsLast && order.answer?.startsWith('denied') === true) order.answer = undefined;
    if (!got.ok) {
      if (order.answer !== undefined) throw new Broken(`an answer is never lost: ${got.code} after it`);
      return got.code;
    }
    const { kind, files } = got.value;
    const answer = `${kind} ${Object.values(files)
      .map((file) => toHex(sha256(file)))
      .join(' ')}`;
    if ((order.answer ?? answer) !== answer) throw new Broken('an answer is never lost: there are two');
    const isNew = order.answer === undefined;
    order.answer = answer;
    if (isNew && got.value.kind === 'issued') this.count(order, got.value.files.currency);
    return kind === 'issued' && this.named.has(order.id) ? 'issued of a reservation' : kind;
  }

  /** INVARIANT: what is handed out is authentic, worth what was asked for, and nobody else's. */
  private count(order: Placed, file: Uint8Array): void {
    const judged = this.observer.judge(file);
    if (judged !== 'authentic') throw new Broken(`authentic: a caller got what is ${judged}`);
    this.files.add(file);
    this.got(file);
    const { leaves, controlBit } = partsOf(file);
    const bit = decodeControlBit(controlBit);
    if (!bit.ok) throw new Broken(bit.message);
    const key = toHex(bit.value.record.requestId);
    const currency = currencyOf(file);
    if ((this.currencies.get(key) ?? currency) !== currency)
      throw new Broken('one batch: two currency records are handed out for one request');
    this.currencies.set(key, currency);
    const units = leaves.map((leaf) => toHex(sha256(leaf)));
    const batch = [...this.observer.batches.values()].find(({ units: all }) => all.has(units[0] ?? ''));
    const worth = units.reduce((sum, unit) => sum + (batch?.units.get(unit) ?? 0n), 0n);
    if (worth !== order.amount) throw new Broken(`amount: an order of ${order.amount} got ${worth}`);
    for (const unit of units) {
      if (this.owned.has(unit)) throw new Broken('one owner: two callers have one unit');
      this.owned.add(unit);
    }
  }

  private readonly owned = new Set<string>();

  /** Which orders have units that are authentic, by their numbers in their requests; each of them was asked for, in that request, with that amount. */
  issued(): { sent: SentRequest; numbers: readonly number[] }[] {
    const requests = new Set<string>();
    return [...this.observer.batches.values()].map(({ bit, sum, units }) => {
      const id = toHex(bit.requestId);
      const sent = this.sent.get(id);
      if (sent === undefined) throw new Broken('asked: units are authentic that nobody asked for');
      if (requests.has(id)) throw new Broken('one batch: a request has two batches that are authentic');
      requests.add(id);
      const numbers = select([...sent.request.orders.keys()], bit.orders);
      if (numbers === undefined) throw new Broken('asked: a batch is for orders that are not in its request');
      const lots = numbers.flatMap((number) => sent.request.orders[number]?.lots ?? []);
      const asked = sumLots(lots);
      if (sum > asked.total || units.size > asked.count)
        throw new Broken(`asked: ${sum} is authentic of orders of ${asked.total}`);
      return { sent, numbers };
    });
  }
}
