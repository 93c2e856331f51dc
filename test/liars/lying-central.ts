/**
 * A central management that lies, between a real issuance and a real quota control: it has its key, every request that it was sent and every
 * credential that it made, and the lines between the other two lose, repeat and swap.
 *
 * What holds: Σ authentic ≤ Σ quota, by quota control's own numbers; nothing is issued that nobody asked issuance for, and no order twice; what
 * a caller is given is authentic, and whom it denied gets nothing; what is taken and held stays within the total, and an order of a reservation
 * takes of that, while it is open and up to what is left of it. It may approve anything, and cost quota.
 */
import { sha256, toHex } from '../../src/kit/bytes.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import { decodeControlBit } from '../../src/records/control-bit.ts';
import type { Credential } from '../../src/records/credential.ts';
import { encodeCredential } from '../../src/records/credential.ts';
import type { Decision } from '../../src/records/decision.ts';
import { type Denial, encodeDenial } from '../../src/records/denial.ts';
import { encryptedCredentialType } from '../../src/records/encryption.ts';
import { decodePresentation, encodePresentation } from '../../src/records/presentation.ts';
import { decodeRequest, type Request, sumOrders } from '../../src/records/request.ts';
import { encodeReservationRelease, encodeReservationRequest } from '../../src/records/reservation.ts';
import { runsOf, select } from '../../src/records/selection.ts';
import type { Issuance } from '../../src/roles/issuance.ts';
import type { IssuerReservations, ReservationPeer } from '../../src/roles/issuer-reservations.ts';
import type { QuotaControl } from '../../src/roles/quota-control.ts';
import type { Reservations } from '../../src/roles/reservations.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { issuer, otherIssuer } from '../roles/authorities.ts';
import { Callers, type SentRequest } from './callers.ts';
import { flipped, seal, signAs, strangersKey } from './forgery.ts';
import { House } from './house.ts';
import { makeSigner } from './keys.ts';
import { Observer } from './observer.ts';
import { ReservationBook } from './reservation-book.ts';
import { Seen, type World, type WorldOptions } from './sequences.ts';

const allocated = 7_000n;
const dayLimit = 5_000n;
const stranger = makeSigner('stranger');
const unknownAgreement = strangersKey();

/** What a lie begins with: the truth. */
interface Truth {
  readonly sent: SentRequest;
  readonly credential: Credential;
  readonly denial: Omit<Denial, 'denials'>;
}

type Recipient = Parameters<typeof seal>[0];
type Lie = (truth: Truth) => Promise<Result<Decision>>;

class LyingCentral implements World {
  readonly actions: World['actions'];
  private readonly house: House;
  private readonly options: WorldOptions;
  private readonly draw: Draw;
  private readonly observer: Observer;
  private readonly callers: Callers;
  private issuance!: Issuance;
  private quotaControl!: QuotaControl;
  private reservations!: Reservations;
  private issuerReservations!: IssuerReservations;
  private readonly book = new ReservationBook();
  private readonly credentialIds = new Seen<Uint8Array>();
  private readonly envelopes = new Seen<Uint8Array>();
  private readonly denials = new Seen<Uint8Array>();
  private readonly bits = new Seen<Uint8Array>();
  /** Id of the credential in an envelope, and hash of the request that it got a control bit for. */
  private readonly idOf = new Map<string, string>();
  private readonly usedFor = new Map<string, string>();
  told: string[] = [];

  constructor(options: WorldOptions) {
    this.options = options;
    this.draw = options.draw;
    this.house = new House({ ...options, allocated, dayLimit });
    const { clock } = this.house;
    this.observer = new Observer({ ...options, clock });
    this.callers = new Callers({
      observer: this.observer,
      issuance: () => this.issuance,
      reservations: () => this.issuerReservations,
      clock,
      draw: this.draw,
      denialsLast: false,
    });
    this.actions = [
      ['orders', 60, () => this.telling(() => this.callers.place())],
      ['an order again', 25, () => this.telling(() => this.callers.again())],
      ['keeps a part', 10, () => this.callers.keep()],
      ['gives it back', 4, () => this.callers.giveBack()],
      ['presents a credential itself', 4, () => this.presentItself()],
      ['keeps and ends a part itself', 2, () => this.reserveItself()],
      ['time passes', 12, async () => this.wait()],
      ['issuance restarts', 1, () => this.restart()],
    ];
  }

  async open(): Promise<this> {
    for (const role of ['issuance', 'quota'] as const) await this.house.open(role);
    this.serve();
    return this;
  }

  private serve(): void {
    this.quotaControl = this.house.makeQuotaControl();
    this.reservations = this.house.makeReservations();
    this.issuerReservations = this.house.makeIssuerReservations('issuance', this.reservationPeer());
    this.issuance = this.house.makeIssuance('issuance', {
      submitRequest: (bytes) => this.decide(bytes),
      redeemCredential: (bytes) => this.carry(bytes),
    });
  }

  /** What is kept and released goes by the same line. */
  private reservationPeer(): ReservationPeer {
    const { draw, book } = this;
    const lost = refuse('peer_unavailable', 'the line was cut');
    return {
      sendReservation: async (bytes) => {
        if (draw.chance(5)) return lost;
        const receipt = await this.reservations.reserve(bytes, issuer);
        if (receipt.ok) book.keep(receipt.value);
        return draw.chance(5) ? lost : receipt;
      },
      sendRelease: async (bytes) => {
        if (draw.chance(5)) return lost;
        const released = await this.reservations.release(bytes, issuer);
        if (released.ok) book.release(released.value.id, issuer, this.house.clock.nowSeconds());
        return draw.chance(5) ? lost : released;
      },
      listReservations: async (page) => succeed(await this.reservations.list(page)),
    };
  }

  private async telling(act: () => Promise<string>): Promise<string> {
    this.told = [];
    const outcome = await act();
    return `${[...new Set(this.told)].sort().join(', ') || 'not asked'}: ${outcome}`;
  }

  /** The line between issuance and quota control. */
  private async carry(bytes: Uint8Array): Promise<Result<Uint8Array>> {
    const { draw } = this;
    const lost = refuse('peer_unavailable', 'the line was cut');
    if (draw.chance(5)) return lost;
    const answer = await this.quotaControl.redeem(bytes, issuer);
    if (answer.ok) this.use(bytes, answer.value);
    if (draw.chance(5)) return lost;
    if (draw.chance(5)) return this.quotaControl.redeem(bytes, issuer);
    const old = draw.chance(4) ? this.bits.pick(draw) : undefined;
    return old === undefined ? answer : succeed(old);
  }

  /** INVARIANT: a credential works once, however many requests it was made for. */
  private use(presentation: Uint8Array, bit: Uint8Array): void {
    this.bits.add(bit);
    const decoded = decodePresentation(presentation);
    if (!decoded.ok) throw new Broken(decoded.message);
    const { credential, request } = decoded.value;
    const asked = decodeRequest(request);
    const made = decodeControlBit(bit);
    if (!asked.ok || !made.ok) throw new Broken('control bit: of honest records');
    this.book.take(made.value.record, asked.value.record.reservation);
    const id = this.idOf.get(toHex(sha256(credential))) ?? '';
    const key = toHex(sha256(request));
    if ((this.usedFor.get(id) ?? key) !== key) throw new Broken('a credential works once');
    this.usedFor.set(id, key);
  }

  private async decide(bytes: Uint8Array): Promise<Result<Decision>> {
    const sent = this.callers.sends(bytes);
    const name = this.draw.chance(35) ? 'approves' : this.draw.pick(Object.keys(this.lies));
    this.told.push(name);
    const answer = await this.lies[name]?.(this.truthOf(sent));
    if (answer === undefined) throw new RangeError(`no lie is called ${name}`);
    if (answer.ok && answer.value.credential !== null) this.envelopes.add(answer.value.credential);
    if (answer.ok && answer.value.denial !== null) this.denials.add(answer.value.denial);
    return answer;
  }

  private truthOf(sent: SentRequest): Truth {
    const now = this.house.clock.nowSeconds();
    const { request, bytes } = sent;
    const common = {
      issuer,
      issuedAt: now,
      requestHash: sha256(bytes),
      ruleSet: { version: 1, hash: new Uint8Array(32) },
      traceHash: new Uint8Array(32),
    };
    const id = this.draw.bytes(16);
    this.credentialIds.add(id);
    return {
      sent,
      credential: {
        ...common,
        id,
        expiresAt: now + 300,
        currency: request.currency,
        approved: [{ first: 0, count: request.orders.length }],
        total: request.total,
        buckets: ['day', 'total'],
      },
      denial: { ...common, requestId: request.id },
    };
  }

  private async approve(
    credential: Credential,
    { by = this.options.keys.of.central, to = this.options.keys.agreement.publicKey as Recipient } = {},
  ): Promise<Uint8Array> {
    const signed = await signAs(by, encodeCredential(credential, by.publicKey.keyId));
    const envelope = seal(to, signed, encryptedCredentialType);
    this.idOf.set(toHex(sha256(envelope)), toHex(credential.id));
    return envelope;
  }

  private async deny(
    denial: Truth['denial'],
    orders: readonly number[],
    by = this.options.keys.of.central,
  ): Promise<Uint8Array> {
    const denials = orders.map((order) => ({ order, reasons: ['issuer_ceiling'], wouldPass: null }));
    return signAs(by, encodeDenial({ ...denial, denials }, by.publicKey.keyId));
  }

  private readonly only = async (
    changed: Partial<Credential>,
    { credential }: Truth,
  ): Promise<Result<Decision>> =>
    succeed({ credential: await this.approve({ ...credential, ...changed }), denial: null });

  /** Some of the orders, by their numbers, and the others. */
  private split({ orders }: Request): { some: number[]; rest: number[] } {
    const numbers = [...orders.keys()];
    const some = numbers.filter(() => this.draw.chance(50));
    return { some, rest: numbers.filter((number) => !some.includes(number)) };
  }

  private approving({ credential, sent }: Truth, numbers: readonly number[]): Credential {
    const { orders } = sent.request;
    const approved = runsOf(orders.length, (number) => numbers.includes(number));
    return { ...credential, approved, total: sumOrders(select(orders, approved) ?? []).total };
  }

  private readonly lies: Readonly<Record<string, Lie>> = {
    approves: (truth) => this.only({}, truth),
    denies: async ({ denial, sent }) =>
      succeed({ credential: null, denial: await this.deny(denial, [...sent.request.orders.keys()]) }),
    'approves some and denies the others': async (truth) => {
      const { some, rest } = this.split(truth.sent.request);
      if (some.length === 0 || rest.length === 0) return this.only({}, truth);
      const credential = await this.approve(this.approving(truth, some));
      return succeed({ credential, denial: await this.deny(truth.denial, rest) });
    },
    'approves some and says nothing of the others': async (truth) => {
      const { some } = this.split(truth.sent.request);
      const numbers = some.length === 0 ? [0] : some;
      return succeed({ credential: await this.approve(this.approving(truth, numbers)), denial: null });
    },
    'denies what it approves': async (truth) => {
      const { some } = this.split(truth.sent.request);
      const credential = await this.approve(truth.credential);
      return succeed({ credential, denial: await this.deny(truth.denial, some.length === 0 ? [0] : some) });
    },
    'denies some and approves none': async (truth) => {
      const { some } = this.split(truth.sent.request);
      return succeed({
        credential: null,
        denial: await this.deny(truth.denial, some.length === 0 ? [0] : some),
      });
    },
    'says nothing': async () => succeed({ credential: null, denial: null }),
    refuses: async () => refuse('quota_missing', 'a lie'),
    'approves orders that are not there': (truth) =>
      this.only({ approved: [{ first: 0, count: truth.sent.request.orders.length + 1 }] }, truth),
    'approves more than was asked': (truth) => this.only({ total: truth.credential.total * 10n }, truth),
    'approves less than was asked': (truth) => this.only({ total: 1n }, truth),
    'approves another currency': (truth) => this.only({ currency: { code: 'JPY', exponent: 0 } }, truth),
    'approves for another issuer': (truth) => this.only({ issuer: otherIssuer }, truth),
    'approves another request': (truth) => {
      const [first] = this.callers.sent.values();
      return this.only({ requestHash: sha256(first?.bytes ?? new Uint8Array()) }, truth);
    },
    'uses the id of a credential again': (truth) =>
      this.only({ id: this.credentialIds.pick(this.draw) ?? truth.credential.id }, truth),
    'dates it back': (truth) => this.only({ issuedAt: truth.credential.issuedAt - 80_000 }, truth),
    'dates it back before its key': (truth) =>
      this.only({ issuedAt: truth.credential.issuedAt - 40 * 86_400 }, truth),
    'dates it ahead': (truth) =>
      this.only(
        { issuedAt: truth.credential.issuedAt + 3_600, expiresAt: truth.credential.issuedAt + 7_200 },
        truth,
      ),
    'lets it expire': (truth) => this.only({ expiresAt: truth.credential.issuedAt }, truth),
    'lets it never expire': (truth) => this.only({ expiresAt: 253_402_300_799 }, truth),
    'names other rules': (truth) => this.only({ ruleSet: { version: 9, hash: this.draw.bytes(32) } }, truth),
    'charges other buckets': (truth) => this.only({ buckets: [] }, truth),
    'signs with a key that nobody knows': async ({ credential }) =>
      succeed({ credential: await this.approve(credential, { by: stranger }), denial: null }),
    'encrypts to a key that nobody knows': async ({ credential }) =>
      succeed({
        credential: await this.approve(credential, { to: unknownAgreement }),
        denial: null,
      }),
    'encrypts something else': async ({ denial, sent }) => {
      const other = this.draw.pick([sent.bytes, await this.deny(denial, [0]), this.draw.bytes(90)]);
      return succeed({
        credential: seal(this.options.keys.agreement.publicKey, other, encryptedCredentialType),
        denial: null,
      });
    },
    'flips a bit': async ({ credential }) =>
      succeed({ credential: flipped(await this.approve(credential), this.draw), denial: null }),
    'sends an old credential': async (truth) => {
      const old = this.envelopes.pick(this.draw);
      return old === undefined ? this.only({}, truth) : succeed({ credential: old, denial: null });
    },
    'sends an old denial': async (truth) => {
      const denial = this.denials.pick(this.draw) ?? null;
      return succeed({ credential: await this.approve(truth.credential), denial });
    },
    'denies orders that are not there': async ({ denial, sent }) =>
      succeed({ credential: null, denial: await this.deny(denial, [sent.request.orders.length]) }),
    'denies with a key that nobody knows': async ({ denial, sent }) =>
      succeed({
        credential: null,
        denial: await this.deny(denial, [...sent.request.orders.keys()], stranger),
      }),
  };

  /** With the certificate that it has, it is no issuer. */
  private async presentItself(): Promise<string> {
    const [sent] = [...this.callers.sent.values()].slice(-1);
    if (sent === undefined) return 'nothing was asked';
    const { credential } = this.truthOf(sent);
    const presentation = {
      credential: await this.approve(credential),
      request: sent.bytes,
      seed: this.draw.bytes(32),
    };
    const answer = await this.quotaControl.redeem(encodePresentation(presentation), 'central');
    if (answer.ok) throw new Broken('peer: central management got a control bit');
    return answer.code;
  }

  /** In the issuer's name, with its own key and certificate. */
  private async reserveItself(): Promise<string> {
    const { central } = this.options.keys.of;
    const { keyId } = central.publicKey;
    const id = this.callers.keptId() ?? this.draw.bytes(16);
    const issuedAt = this.house.clock.nowSeconds();
    const common = { id, issuer, issuedAt };
    const currency = { code: 'EUR', exponent: 2 };
    const peer = this.draw.pick([issuer, 'central']);
    const answer = this.draw.chance(50)
      ? await this.reservations.reserve(
          await signAs(
            central,
            encodeReservationRequest({ ...common, expiresAt: issuedAt + 60, currency, total: 1n }, keyId),
          ),
          peer,
        )
      : await this.reservations.release(await signAs(central, encodeReservationRelease(common, keyId)), peer);
    if (answer.ok) throw new Broken('peer: central management keeps or ends what is not its own');
    return answer.code;
  }

  private wait(): string {
    this.house.clock.advanceMs(this.draw.pick([1_000, 60_000, 301_000, 7_200_000]));
    return 'later';
  }

  private async restart(): Promise<string> {
    for (const role of ['issuance', 'quota'] as const) {
      await this.house.close(role);
      await this.house.open(role);
    }
    this.serve();
    return 'the same databases';
  }

  async check(): Promise<void> {
    const position = await this.house.store('quota').position(issuer, 'EUR', this.house.clock.nowMs());
    this.book.check(position, this.house.clock.nowSeconds());
    if (position === undefined) return;
    const authentic = this.observer.total();
    if (authentic > position.issued)
      throw new Broken(`Σ authentic ≤ Σ quota: ${authentic} is authentic, ${position.issued} was taken`);
    const [day] = position.limits;
    if (day === undefined || day.used > dayLimit) throw new Broken('the limit of the day');
  }

  /** Whoever asks again gets what was answered, for ever. */
  async finish(): Promise<void> {
    for (const order of this.callers.all.slice(-20)) {
      this.callers.placed.add(order);
      await this.callers.again();
    }
    this.callers.issued();
    for (const { bit } of this.observer.batches.values())
      if ((await this.house.store('quota').findIntent('control-bit', bit.requestId)) === undefined)
        throw new Broken(`journal: quota control has no control bit of ${toHex(bit.requestId)}`);
    await this.check();
  }

  remove(): Promise<void> {
    return this.house.remove();
  }
}

export function openLyingCentral(options: WorldOptions): Promise<World> {
  return new LyingCentral(options).open();
}
