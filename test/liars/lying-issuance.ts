/**
 * An issuance that lies, between a real central management and a real quota control. It has its key, a revoked one of its name, every record
 * that it was given, those of another issuer too, and the line to both: it drops, repeats, swaps and races as it likes.
 *
 * What holds: whatever verifies offline as authentic is under a control bit that quota control has signed, counted and not exceeded; every
 * control bit is for orders that central management approved, once a request and once a credential; and so Σ authentic ≤ Σ quota. A
 * reservation is used by its own issuer, while it is open, up to what is left of it, and what is taken and held is never above the total.
 */
import { decodeEntry } from '../../src/audit/entry.ts';
import { equalBytes, sha256, toHex } from '../../src/kit/bytes.ts';
import { refuse, succeed } from '../../src/kit/result.ts';
import { leastRemaining } from '../../src/quota/bucket.ts';
import { claim } from '../../src/records/claims.ts';
import { decodeClosing, encodeClosing } from '../../src/records/closing.ts';
import { decodeCurrencyRecord, encodeCurrencyRecord } from '../../src/records/currency.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { decodePresentation, encodePresentation, type Presentation } from '../../src/records/presentation.ts';
import {
  decodeRequest,
  encodeRequest,
  type Order,
  type Request,
  sumOrders,
} from '../../src/records/request.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { select } from '../../src/records/selection.ts';
import type { Issuance } from '../../src/roles/issuance.ts';
import type { LastWord } from '../../src/roles/last-word.ts';
import type { QuotaControl } from '../../src/roles/quota-control.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { issuer, otherIssuer } from '../roles/authorities.ts';
import { flipped, signAs, withClaims } from './forgery.ts';
import { House, limits } from './house.ts';
import { LyingReservations } from './lying-reservations.ts';
import { type Grant, grantOf, mintHonestly, mints } from './minting.ts';
import { Observer } from './observer.ts';
import { ReservationBook } from './reservation-book.ts';
import { Seen, type World, type WorldOptions } from './sequences.ts';

/** A request that central management has approved, in whole or in part. */
interface Approved {
  readonly request: Request;
  readonly bytes: Uint8Array;
  readonly credential: Uint8Array;
  readonly seed: Uint8Array;
  readonly issuer: string;
}

const allocated = 9_000n;
const dayLimit = 400n;
const none = 'nothing to do it with';

class LyingIssuance implements World {
  readonly actions: World['actions'];
  readonly told: readonly string[] = [];
  private readonly house: House;
  private readonly options: WorldOptions;
  private readonly draw: Draw;
  private readonly observer: Observer;
  private central!: ReturnType<House['makeCentral']>;
  private quotaControl!: QuotaControl;
  private other!: Issuance;
  private readonly book = new ReservationBook();
  private readonly reservations: LyingReservations;
  private readonly orders = new Seen<Order>();
  private readonly requests = new Seen<{ request: Request; bytes: Uint8Array }>();
  private readonly approved = new Seen<Approved>();
  /** Of those, what names a reservation. */
  private readonly kept = new Seen<Approved>(20);
  private readonly presented = new Seen<Uint8Array>();
  private readonly grants: Grant[] = [];
  private readonly othersGrants = new Seen<Grant>();
  private readonly ofRequest = new Map<string, Uint8Array>();
  private readonly credentials = new Set<string>();
  /** Of central management's journal. */
  private read = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.draw = options.draw;
    this.house = new House({ ...options, allocated, dayLimit });
    this.observer = new Observer({ ...options, clock: this.house.clock });
    const { keys, draw } = options;
    this.reservations = new LyingReservations({ house: this.house, keys, draw, book: this.book });
    this.actions = [
      ['asks', 14, () => this.ask((request) => request)],
      ['asks under an id that it used', 2, () => this.ask((request) => ({ ...request, id: this.usedId() }))],
      [
        'asks for an order that is in another request',
        3,
        () => this.ask((request) => this.usedOrder(request)),
      ],
      [
        'asks in the name of another issuer',
        1,
        () => this.ask((request) => ({ ...request, issuer: otherIssuer })),
      ],
      ['asks with times that are off', 2, () => this.ask((request) => this.offTimes(request))],
      ['asks with a total of its own', 1, () => this.ask((request) => request, { total: 1n })],
      ['asks with a revoked key', 1, () => this.askRevoked()],
      ['asks the same again', 2, () => this.askAgain()],
      ['asks twice at once', 2, () => this.askTwice()],
      ['redeems', 16, () => this.redeem()],
      ['redeems again', 2, () => this.redeemAgain()],
      [
        'redeems with another seed',
        3,
        () => this.redeem((honest) => ({ ...honest, seed: this.draw.bytes(32) })),
      ],
      ['redeems for another request', 4, () => this.redeem((honest) => this.swapped(honest, 'request'))],
      [
        'redeems with the credential of another request',
        3,
        () => this.redeem((honest) => this.swapped(honest, 'credential')),
      ],
      ['redeems for a changed request', 3, () => this.redeemChanged()],
      ['redeems as another issuer', 1, () => this.redeem((honest) => honest, otherIssuer)],
      ['redeems what a bit of was flipped', 2, () => this.redeemFlipped()],
      ['redeems of a reservation', 6, () => this.redeemKept()],
      ['redeems when the reservation ends', 3, () => this.redeemLate()],
      ['redeems at once', 12, () => (this.draw.chance(3) ? this.raceForRoom() : this.race())],
      ['signs', 16, () => this.mint()],
      ['lets time pass', 4, async () => this.wait()],
      ['central asks what became of requests', 3, () => this.resolve()],
      ['another issuer issues', 1, () => this.othersIssue()],
      ...this.reservations.actions,
    ];
  }

  async open(): Promise<this> {
    const { house } = this;
    for (const role of ['central', 'quota', 'other'] as const) await house.open(role);
    this.quotaControl = house.makeQuotaControl();
    const reservations = house.makeReservations();
    this.reservations.open(reservations);
    this.central = house.makeCentral(
      {
        quotaPositions: async () => succeed(await this.quotaControl.positions()),
        quotaChanges: async () => succeed([]),
        lastWords: async (name, ids, close) =>
          succeed(
            name === issuer
              ? await Promise.all(ids.map((id) => this.lieOf(id)))
              : await this.other.closings.lastWords(ids, close),
          ),
      },
      house.clock,
      async (id) => succeed(await reservations.find(id)),
    );
    // What the honest issuer sends and gets, the liar sees.
    this.other = house.makeIssuance('other', {
      submitRequest: async (bytes) => {
        const answer = await this.central.submit(bytes, otherIssuer);
        this.learn(bytes, answer.ok ? answer.value.credential : null, new Uint8Array(32), otherIssuer);
        return answer;
      },
      redeemCredential: async (bytes) => {
        const answer = await this.quotaControl.redeem(bytes, otherIssuer);
        this.presented.add(bytes);
        if (answer.ok) this.addOthers(answer.value);
        return answer;
      },
    });
    return this;
  }

  private lastOthers: Request | undefined;

  private addOthers(bytes: Uint8Array): void {
    if (this.lastOthers === undefined) return;
    const grant = grantOf(bytes, this.lastOthers, new Uint8Array(32));
    this.othersGrants.add(grant);
    this.book.take(grant.bit);
  }

  /** Central management's answer, of which it keeps everything. */
  private learn(bytes: Uint8Array, credential: Uint8Array | null, seed: Uint8Array, whose = issuer): void {
    const decoded = decodeRequest(bytes);
    if (!decoded.ok) return;
    const request = decoded.value.record;
    if (whose === otherIssuer) this.lastOthers = request;
    for (const order of request.orders) this.orders.add(order);
    this.requests.add({ request, bytes });
    if (credential === null) return;
    const approved = { request, bytes, credential, seed, issuer: whose };
    this.approved.add(approved);
    if (request.reservation !== undefined) this.kept.add(approved);
  }

  /** Central management looks at what expired; whatever it is told, quota control's own bound holds. */
  private async resolve(): Promise<string> {
    const round = await this.central.resolution.run();
    return round.ok ? (round.value > 0 ? 'resolved' : 'nothing resolved') : round.code;
  }

  /** Its last word on a request of its own: mostly that nothing was issued, whatever was. */
  private async lieOf(requestId: Uint8Array): Promise<LastWord> {
    const { draw } = this;
    const { issuance, other, revoked } = this.options.keys.of;
    const by = draw.pick([issuance, issuance, issuance, other, revoked]);
    const issuedAt = this.house.clock.nowSeconds();
    const id = draw.chance(10) ? (this.requests.pick(draw)?.request.id ?? requestId) : requestId;
    const closing = encodeClosing({ requestId: id, issuer, issuedAt }, by.publicKey.keyId);
    const record = {
      ...{
        requestId: id,
        issuer,
        issuedAt,
        epoch: 1,
        sequence: 1,
        root: draw.bytes(32),
        count: 1,
        total: 1n,
      },
      currency: { code: 'EUR', exponent: 2 },
      controlBitHash: draw.bytes(32),
    };
    return draw.pick<() => Promise<LastWord>>([
      async () => succeed(await signAs(by, encodeCurrencyRecord(record, by.publicKey.keyId))),
      async () => succeed(await signAs(by, closing)),
      async () => succeed(await signAs(by, closing)),
      async () => succeed(flipped(await signAs(by, closing), draw)),
      async () => succeed(null),
      async () => refuse('request_underway', 'a lie'),
    ])();
  }

  private makeOrder(): Order {
    const { draw } = this;
    const value = BigInt(1 + draw.below(40));
    const lot = { value, count: 1 + draw.below(3), owner: draw.bytes(32) };
    const tooMuch = { value: limits.ceiling + 1n, count: 1, owner: draw.bytes(32) };
    return {
      id: makeRequestId(this.house.clock, (length) => draw.bytes(length)),
      lots: [draw.chance(12) ? tooMuch : lot],
      purpose: 'lie',
      origin: 'DE',
      destination: 'DE',
    };
  }

  private makeRequest(): Request {
    const reservation = this.reservations.named();
    const orders =
      reservation === undefined
        ? Array.from({ length: 1 + this.draw.below(3) }, () => this.makeOrder())
        : this.makeOrdersOf(reservation);
    return this.requestOf(orders, reservation);
  }

  private requestOf(orders: readonly Order[], reservation?: Uint8Array): Request {
    const now = this.house.clock.nowSeconds();
    return {
      ...(reservation === undefined ? {} : { reservation }),
      id: makeRequestId(this.house.clock, (length) => this.draw.bytes(length)),
      issuer,
      issuedAt: now,
      expiresAt: now + 600,
      currency: { code: 'EUR', exponent: 2 },
      total: sumOrders(orders).total,
      orders,
      redeemUntil: now + 300 * 86_400,
    };
  }

  /** For all of the reservation, or for a part of it. */
  private makeOrdersOf(reservation: Uint8Array): Order[] {
    const orders = Array.from({ length: 1 + this.draw.below(2) }, () => this.makeOrder());
    const { total } = this.reservations.known(reservation) ?? {};
    const [first] = orders;
    if (first === undefined || total === undefined || !this.draw.chance(30)) return orders;
    return [{ ...first, lots: [{ value: total, count: 1, owner: this.draw.bytes(32) }] }];
  }

  private usedId(): Uint8Array {
    return this.requests.pick(this.draw)?.request.id ?? this.draw.bytes(16);
  }

  private usedOrder(request: Request): Request {
    const used = this.orders.pick(this.draw);
    const orders = used === undefined ? request.orders : [used];
    return { ...request, orders, total: sumOrders(orders).total };
  }

  private offTimes(request: Request): Request {
    const by = this.draw.pick([-100_000, -700, 61, 7_200, 400 * 86_400]);
    return { ...request, issuedAt: request.issuedAt + by, expiresAt: request.expiresAt + by };
  }

  private async sign(
    request: Request,
    { total, by = 'issuance' }: { total?: bigint; by?: 'issuance' | 'revoked' } = {},
  ): Promise<Uint8Array> {
    const signer = this.options.keys.of[by];
    const honest = encodeRequest(request, signer.publicKey.keyId);
    return signAs(signer, total === undefined ? honest : withClaims(honest, [[claim.total, total]]));
  }

  private async submit(bytes: Uint8Array): Promise<string> {
    const answer = await this.central.submit(bytes, issuer);
    if (!answer.ok) return answer.code;
    this.learn(bytes, answer.value.credential, this.draw.bytes(32));
    return answer.value.credential === null ? 'denied' : 'approved';
  }

  private async ask(
    change: (request: Request) => Request,
    how: Parameters<LyingIssuance['sign']>[1] = {},
  ): Promise<string> {
    return this.submit(await this.sign(change(this.makeRequest()), how));
  }

  private async askRevoked(): Promise<string> {
    const outcome = await this.ask((request) => request, { by: 'revoked' });
    if (outcome === 'approved' || outcome === 'denied') throw new Broken('a revoked key counts for nothing');
    return outcome;
  }

  private async askAgain(): Promise<string> {
    const before = this.requests.pick(this.draw);
    return before === undefined ? none : this.submit(before.bytes);
  }

  /** Two requests of one id, or one twice. */
  private async askTwice(): Promise<string> {
    const request = this.makeRequest();
    const bytes = await this.sign(request);
    const orders = [this.makeOrder()];
    const second = this.draw.chance(50)
      ? bytes
      : await this.sign({ ...request, orders, total: sumOrders(orders).total });
    const outcomes = await Promise.all([this.submit(bytes), this.submit(second)]);
    return outcomes.sort().join(' and ');
  }

  private async redeem(
    change: (honest: Presentation) => Presentation = (honest) => honest,
    peer = issuer,
  ): Promise<string> {
    const given = this.approved.pick(this.draw);
    if (given === undefined) return none;
    return this.present(change(this.presentationOf(given)), peer);
  }

  private presentationOf({ credential, bytes: request, seed }: Approved): Presentation {
    return { credential, request, seed };
  }

  private swapped(honest: Presentation, part: 'request' | 'credential'): Presentation {
    const other = this.approved.pick(this.draw);
    return other === undefined ? honest : { ...honest, [part]: this.presentationOf(other)[part] };
  }

  /** Another request under the same id, signed as well, with the credential of the first. */
  private async redeemChanged(): Promise<string> {
    const given = this.approved.pick(this.draw);
    if (given === undefined) return none;
    const { request, credential, seed } = given;
    const orders = request.orders.map((order) => ({
      ...order,
      lots: order.lots.map((lot) => ({ ...lot, value: lot.value + 1n })),
    }));
    const changed = this.draw.pick<Request>([
      { ...request, issuer, orders, total: sumOrders(orders).total },
      { ...request, issuer, id: this.draw.bytes(16) },
      { ...request, issuer, redeemUntil: request.redeemUntil + 86_400 },
      { ...request, issuer, orders: [...request.orders].reverse() },
      { ...request, issuer, currency: { code: 'CHF', exponent: 2 } },
      { ...request, issuer, reservation: this.reservations.pick()?.id ?? this.draw.bytes(16) },
    ]);
    return this.present({ credential, seed, request: await this.sign(changed) }, issuer);
  }

  /** What was approved of a reservation. A while later that has mostly expired, or is used: so more often something new is. */
  private async keptOne(
    reservation = this.draw.chance(60) ? this.reservations.own() : undefined,
  ): Promise<Approved | undefined> {
    if (reservation === undefined) return this.kept.pick(this.draw);
    await this.submit(await this.sign(this.requestOf(this.makeOrdersOf(reservation), reservation)));
    return this.kept.last;
  }

  private async redeemKept(): Promise<string> {
    const given = await this.keptOne();
    if (given === undefined) return none;
    if (this.draw.chance(15)) this.house.clock.advanceMs(120_000);
    if (!this.draw.chance(25)) return this.present(this.presentationOf(given), issuer);
    // Both were approved before either of them took anything.
    const second = (await this.keptOne(given.request.reservation)) ?? given;
    await this.present(this.presentationOf(given), issuer);
    return this.present(this.presentationOf(second), issuer);
  }

  /** What was approved of a reservation, at the last moment of that one or right after it. */
  private async redeemLate(): Promise<string> {
    const { clock } = this.house;
    const given = await this.keptOne();
    const ends = this.reservations.known(given?.request.reservation)?.expiresAt;
    if (given === undefined || ends === undefined || ends - clock.nowSeconds() > 400) return none;
    const early = this.draw.below(2);
    clock.advanceMs(Math.max(0, ends - early - clock.nowSeconds()) * 1_000);
    return this.present(this.presentationOf(given), issuer);
  }

  private async redeemFlipped(): Promise<string> {
    const given = this.approved.pick(this.draw);
    if (given === undefined) return none;
    const honest = this.presentationOf(given);
    const part = this.draw.pick(['credential', 'request'] as const);
    return this.present({ ...honest, [part]: flipped(honest[part], this.draw) }, issuer);
  }

  private async redeemAgain(): Promise<string> {
    const bytes = this.presented.pick(this.draw);
    if (bytes === undefined) return none;
    const decoded = decodePresentation(bytes);
    if (!decoded.ok) throw new Error(decoded.message);
    return this.present(decoded.value, issuer);
  }

  private async race(): Promise<string> {
    const given = this.approved.pick(this.draw);
    if (given === undefined) return none;
    const honest = this.presentationOf(given);
    const others = Array.from({ length: 1 + this.draw.below(3) }, () =>
      this.draw.pick<Presentation>([
        honest,
        { ...honest, seed: this.draw.bytes(32) },
        this.swapped(honest, 'request'),
        this.presentationOf(this.approved.pick(this.draw) ?? given),
        this.presentationOf(this.approved.pick(this.draw) ?? given),
      ]),
    );
    const outcomes = await Promise.all([honest, ...others].map((one) => this.present(one, issuer)));
    return [...new Set(outcomes)].sort().join(' and ');
  }

  /** Orders each of which there is room for, and not for two: quota control looks at the room before it takes of it. */
  private async raceForRoom(): Promise<string> {
    const position = await this.house.store('quota').position(issuer, 'EUR', this.house.clock.nowMs());
    if (position === undefined) return none;
    const { available } = position;
    const today = leastRemaining(position) ?? available;
    const half = (today < available ? today : available) / 2n;
    const made = Array.from({ length: 2 + this.draw.below(2) }, async () => {
      const order = {
        ...this.makeOrder(),
        lots: [{ value: half + 1n, count: 1, owner: this.draw.bytes(32) }],
      };
      const seed = this.draw.bytes(32);
      const bytes = await this.sign(this.requestOf([order]));
      const answer = await this.central.submit(bytes, issuer);
      const credential = answer.ok ? answer.value.credential : null;
      this.learn(bytes, credential, seed);
      return credential === null ? [] : [{ credential, request: bytes, seed }];
    });
    const honest = (await Promise.all(made)).flat();
    const outcomes = await Promise.all(honest.map((one) => this.present(one, issuer)));
    return outcomes.length < 2 ? none : [...new Set(outcomes)].sort().join(' and ');
  }

  private async present(presentation: Presentation, peer: string): Promise<string> {
    const { credential, request: requestBytes, seed } = presentation;
    const bytes = encodePresentation({ credential, request: requestBytes, seed });
    this.presented.add(bytes);
    const answer = await this.quotaControl.redeem(bytes, peer);
    if (!answer.ok) return answer.code;
    const request = decodeRequest(requestBytes);
    if (!request.ok) throw new Broken(`control bit: for a request that does not decode: ${request.message}`);
    const known = this.ofRequest.get(toHex(request.value.record.id));
    if (known !== undefined && equalBytes(known, answer.value)) return 'the same control bit';
    await this.checkGrant(answer.value, request.value.record, requestBytes, seed);
    return request.value.record.reservation === undefined
      ? 'a control bit'
      : 'a control bit of a reservation';
  }

  /** Each control bit is one, for orders that central management approved, and no more than they are. */
  private async checkGrant(
    bytes: Uint8Array,
    request: Request,
    requestBytes: Uint8Array,
    seed: Uint8Array,
  ): Promise<void> {
    const id = toHex(request.id);
    if (this.ofRequest.has(id)) throw new Broken(`one control bit a request: ${id} has two`);
    this.ofRequest.set(id, bytes);
    const grant = grantOf(bytes, request, seed);
    const credential = await this.house.credentialOf(request.id);
    if (credential === undefined) throw new Broken(`approved: ${id} has no credential`);
    const { requestHash, approved, id: credentialId } = credential;
    if (!equalBytes(requestHash, sha256(requestBytes)))
      throw new Broken('approved: the control bit is for another request than the credential');
    if (this.credentials.has(toHex(credentialId))) throw new Broken('a credential works once');
    this.credentials.add(toHex(credentialId));
    const numbers = [...request.orders.keys()];
    const allowed = new Set(select(numbers, approved));
    const taken = select(numbers, grant.bit.orders) ?? [];
    if (taken.length === 0 || taken.some((number) => !allowed.has(number)))
      throw new Broken('approved: the control bit is for orders that were denied');
    const { total, count } = sumOrders(select(request.orders, grant.bit.orders) ?? []);
    if (grant.bit.total !== total || grant.bit.count !== count)
      throw new Broken(`total: a control bit for ${grant.bit.total}, of orders of ${total}`);
    this.book.take(grant.bit, request.reservation);
    this.grants.push(grant);
    if (this.draw.chance(50)) this.observer.judge(await mintHonestly(grant, this.options.keys));
  }

  private async mint(): Promise<string> {
    const { draw, grants } = this;
    const grant =
      grants.length === 0 ? undefined : grants[grants.length - 1 - draw.below(Math.min(grants.length, 12))];
    if (grant === undefined) return none;
    const other = (draw.chance(50) ? this.othersGrants.pick(draw) : undefined) ?? draw.pick(grants);
    const how = draw.pick(Object.keys(mints));
    const file = await mints[how]?.({ grant, other, keys: this.options.keys, draw });
    return `${how}, ${this.observer.judge(file ?? new Uint8Array())}`;
  }

  private wait(): string {
    this.house.clock.advanceMs(
      this.draw.pick([1_000, 20_000, 120_000, 301_000, 3_600_000, 40_000_000, 40_000_000]),
    );
    return 'later';
  }

  private async othersIssue(): Promise<string> {
    const order = this.makeOrder();
    const answer = await this.other.issue(
      encodeDraft({
        ...order,
        currency: { code: 'EUR', exponent: 2 },
        total: sumOrders([order]).total,
        lots: order.lots.map(({ owner, ...lot }) => ({ ...lot, owner: { commitment: owner } })),
      }),
    );
    return answer.ok ? 'answered' : answer.code;
  }

  async check(): Promise<void> {
    const position = await this.house.store('quota').position(issuer, 'EUR', this.house.clock.nowMs());
    this.book.check(position, this.house.clock.nowSeconds());
    if (position === undefined) return;
    const { issued } = position;
    const authentic = this.observer.sums.get(issuer) ?? 0n;
    if (authentic > issued)
      throw new Broken(
        `Σ authentic ≤ Σ quota: ${authentic} is authentic, ${issued} was taken of ${allocated}`,
      );
    if ((this.observer.sums.get(otherIssuer) ?? 0n) > 0n)
      throw new Broken('another issuer: its units are authentic with the signature of this one');
    const [day] = position.limits;
    if (day === undefined || day.used > dayLimit) throw new Broken('the limit of the day');
    await this.checkFreed();
  }

  /** INVARIANT: what central management frees, it frees by a word that this issuance signed, of that very request, after its credential expired. */
  private async checkFreed(): Promise<void> {
    const store = this.house.store('central');
    for (const { bytes, sequence } of await store.journal(this.read + 1, 1_000)) {
      this.read = sequence;
      const entry = decodeEntry(bytes);
      if (!('entry' in entry) || entry.entry.kind !== 'resolution') continue;
      const { id, word, issuer: of } = entry.entry;
      const closing = decodeClosing(word);
      const decoded = closing.ok ? closing : decodeCurrencyRecord(word);
      if (!decoded.ok) throw new Broken(`freed: by ${decoded.message}`);
      const { record } = decoded.value;
      const moments = { madeAt: record.issuedAt, seenAt: this.house.clock.nowSeconds() };
      const key = this.house.keyRing.checkKey(decoded.value.keyId, { role: 'issuance', name: of }, moments);
      if (!key.ok || !equalBytes(record.requestId, id))
        throw new Broken(`freed: request ${toHex(id)} by a word that is not issuance's on it`);
      const credential = await this.house.credentialOf(id);
      if (credential === undefined || credential.expiresAt >= this.house.clock.nowSeconds())
        throw new Broken(`freed: request ${toHex(id)} before its credential expired`);
    }
  }

  /** All that it could sign, signed: exactly what quota control has counted, and every bit of it is in its journal. */
  async finish(): Promise<void> {
    const store = this.house.store('quota');
    const days = new Map<number, bigint>();
    for (const grant of this.grants) {
      this.observer.judge(await mintHonestly(grant, this.options.keys));
      const day = Math.floor(grant.bit.issuedAt / 86_400);
      days.set(day, (days.get(day) ?? 0n) + grant.bit.total);
    }
    for (const batch of this.observer.batches.values()) {
      const intent = await store.findIntent('control-bit', batch.bit.requestId);
      if (intent === undefined || !equalBytes(intent.toBeSigned, batch.toBeSigned))
        throw new Broken('journal: units are authentic under a control bit that quota control has not');
    }
    for (const [day, sum] of days)
      if (sum > dayLimit) throw new Broken(`the limit of the day: ${sum} on day ${day}`);
    const position = await store.position(issuer, 'EUR', this.house.clock.nowMs());
    const authentic = this.observer.sums.get(issuer) ?? 0n;
    if (position?.issued !== authentic)
      throw new Broken(`quota control counts ${position?.issued}, and ${authentic} is authentic`);
    this.book.check(
      await store.position(otherIssuer, 'EUR', this.house.clock.nowMs()),
      this.house.clock.nowSeconds(),
    );
    await this.check();
  }

  remove(): Promise<void> {
    return this.house.remove();
  }
}

export function openLyingIssuance(options: WorldOptions): Promise<World> {
  return new LyingIssuance(options).open();
}
