/** Reservations as a lying issuance asks for them, ends them and has them named: its own, another issuer's, and ones that are not there. */
import { equalBytes, toHex } from '../../src/kit/bytes.ts';
import {
  decodeReservationReceipt,
  encodeReservationRelease,
  encodeReservationRequest,
  type ReservationRequest,
} from '../../src/records/reservation.ts';
import type { IssuerReservations } from '../../src/roles/issuer-reservations.ts';
import type { Reservations } from '../../src/roles/reservations.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { issuer, otherIssuer } from '../roles/authorities.ts';
import { signAs } from './forgery.ts';
import type { House } from './house.ts';
import type { LiarKeys } from './keys.ts';
import type { ReservationBook } from './reservation-book.ts';
import { Seen, type World } from './sequences.ts';

const day = 86_400;
const none = 'nothing to do it with';

interface Signing {
  readonly by?: 'issuance' | 'revoked';
}

export class LyingReservations {
  readonly actions: World['actions'];
  /** Its own that it asked for, whether it got them or not. */
  private readonly asked = new Seen<{ request: ReservationRequest; bytes: Uint8Array }>();
  private readonly first = new Map<string, ReservationRequest>();
  private latest: Uint8Array | undefined;
  private readonly releases = new Seen<Uint8Array>();
  private readonly others = new Seen<Uint8Array>();
  private readonly othersReleases = new Seen<Uint8Array>();
  private readonly house: House;
  private readonly keys: LiarKeys;
  private readonly draw: Draw;
  private readonly book: ReservationBook;
  private quota!: Reservations;
  /** The honest one of the other issuer. */
  private other!: IssuerReservations;

  constructor(parts: { house: House; keys: LiarKeys; draw: Draw; book: ReservationBook }) {
    this.house = parts.house;
    this.keys = parts.keys;
    this.draw = parts.draw;
    this.book = parts.book;
    this.actions = [
      ['reserves', 6, () => this.ask((request) => request)],
      [
        'reserves more than there is',
        1,
        () => this.ask((request) => ({ ...request, total: request.total * 1_000n })),
      ],
      ['reserves with times that are off', 1, () => this.ask((request) => this.offTimes(request))],
      [
        'reserves in the name of another issuer',
        1,
        () => this.ask((request) => ({ ...request, issuer: otherIssuer })),
      ],
      ['reserves with a revoked key', 1, () => this.ask((request) => request, { by: 'revoked' })],
      [
        'reserves under an id that it used',
        1,
        () => this.ask((request) => ({ ...request, id: this.pick()?.id ?? request.id })),
      ],
      ['reserves the same again', 2, () => this.askAgain()],
      ['reserves and releases at once', 2, () => this.race()],
      ['releases', 3, () => this.release()],
      ['releases the same again', 1, () => this.send(this.releases.pick(this.draw))],
      ['releases with a revoked key', 1, () => this.release({ by: 'revoked' })],
      ["releases another's", 2, () => this.releaseOthers()],
      ['another issuer reserves', 2, () => this.otherReserves()],
    ];
  }

  open(quota: Reservations): void {
    this.quota = quota;
    this.other = this.house.makeIssuerReservations('other', {
      sendReservation: (bytes) => quota.reserve(bytes, otherIssuer),
      sendRelease: (bytes) => {
        this.othersReleases.add(bytes);
        return quota.release(bytes, otherIssuer);
      },
      listReservations: async (page) => ({ ok: true, value: await quota.list(page) }),
    });
  }

  /** One of its own. */
  pick(): ReservationRequest | undefined {
    return this.asked.pick(this.draw)?.request;
  }

  /** One of its own, as it asked for it at first. */
  known(id: Uint8Array | undefined): ReservationRequest | undefined {
    return id === undefined ? undefined : this.first.get(toHex(id));
  }

  /** What a request of its names: mostly none, or one of its own. */
  named(): Uint8Array | undefined {
    const { draw } = this;
    if (draw.chance(60)) return undefined;
    if (draw.chance(5)) return this.others.pick(draw);
    if (draw.chance(3)) return draw.bytes(16);
    return this.own();
  }

  /** One of its own, mostly the latest. */
  own(): Uint8Array | undefined {
    return this.draw.chance(50) ? this.latest : this.pick()?.id;
  }

  private make(): ReservationRequest {
    const { draw } = this;
    const issuedAt = this.house.clock.nowSeconds();
    return {
      id: draw.bytes(16),
      issuer,
      issuedAt,
      expiresAt: issuedAt + draw.pick([60, 60, 250, 250, 3_600, day, day, 3 * day]),
      currency: { code: 'EUR', exponent: 2 },
      total: BigInt(1 + draw.below(120)),
    };
  }

  private offTimes(request: ReservationRequest): ReservationRequest {
    const by = this.draw.pick([-8 * day, 61, 7_200, 8 * day]);
    return this.draw.chance(50)
      ? { ...request, issuedAt: request.issuedAt + by, expiresAt: request.expiresAt + by }
      : { ...request, expiresAt: request.expiresAt + 8 * day };
  }

  private async ask(
    change: (request: ReservationRequest) => ReservationRequest,
    { by = 'issuance' }: Signing = {},
  ): Promise<string> {
    const request = change(this.make());
    const bytes = await this.sign(request, by);
    if (by === 'issuance' && request.issuer === issuer) this.add(request, bytes);
    const outcome = await this.reserve(bytes);
    if (by === 'revoked' && outcome === 'kept') throw new Broken('a revoked key counts for nothing');
    return outcome;
  }

  private add(request: ReservationRequest, bytes: Uint8Array): void {
    this.asked.add({ request, bytes });
    this.latest = request.id;
    const key = toHex(request.id);
    if (!this.first.has(key)) this.first.set(key, request);
  }

  private sign(request: ReservationRequest, by: 'issuance' | 'revoked'): Promise<Uint8Array> {
    const signer = this.keys.of[by];
    return signAs(signer, encodeReservationRequest(request, signer.publicKey.keyId));
  }

  private async reserve(bytes: Uint8Array): Promise<string> {
    const receipt = await this.quota.reserve(bytes, issuer);
    if (!receipt.ok) return receipt.code;
    this.book.keep(receipt.value);
    return 'kept';
  }

  private async askAgain(): Promise<string> {
    const before = this.asked.pick(this.draw);
    return before === undefined ? none : this.reserve(before.bytes);
  }

  /** One twice, or two under one id; and what it releases meanwhile, though it may not be there yet. */
  private async race(): Promise<string> {
    const request = this.make();
    const bytes = await this.sign(request, 'issuance');
    const second = this.draw.chance(50)
      ? bytes
      : await this.sign({ ...request, total: request.total + 1n }, 'issuance');
    this.add(request, bytes);
    const release = await this.releaseOf(this.draw.chance(50) ? request.id : (this.pick()?.id ?? request.id));
    const [first, other, released] = await Promise.all([
      this.reserve(bytes),
      this.reserve(second),
      this.quota.release(release, issuer),
    ]);
    if (released.ok) this.book.release(released.value.id, issuer, this.house.clock.nowSeconds());
    return `${[first, other].sort().join(' and ')}, ${released.ok ? released.value.state : released.code}`;
  }

  private releaseOf(id: Uint8Array, of = issuer, by: 'issuance' | 'revoked' = 'issuance') {
    const signer = this.keys.of[by];
    const issuedAt = this.house.clock.nowSeconds();
    return signAs(signer, encodeReservationRelease({ id, issuer: of, issuedAt }, signer.publicKey.keyId));
  }

  private async release({ by = 'issuance' }: Signing = {}): Promise<string> {
    const id = this.pick()?.id;
    if (id === undefined) return none;
    const bytes = await this.releaseOf(id, issuer, by);
    if (by === 'issuance') {
      this.releases.add(bytes);
      return this.send(bytes);
    }
    const released = await this.quota.release(bytes, issuer);
    if (released.ok) throw new Broken('a revoked key counts for nothing');
    return released.code;
  }

  /** By its own name, or by the other's; or what the other has signed, ahead of it. */
  private async releaseOthers(): Promise<string> {
    const id = this.others.pick(this.draw);
    if (id === undefined) return none;
    const of = this.draw.pick([issuer, issuer, otherIssuer]);
    const old = this.draw.chance(20) ? this.othersReleases.pick(this.draw) : undefined;
    return this.send(old ?? (await this.releaseOf(id, of)));
  }

  private async send(bytes: Uint8Array | undefined): Promise<string> {
    if (bytes === undefined) return none;
    const released = await this.quota.release(bytes, issuer);
    if (!released.ok) return released.code;
    this.book.release(released.value.id, issuer, this.house.clock.nowSeconds());
    return released.value.state;
  }

  /** An honest one, and sometimes it gives one back. INVARIANT: it gets a receipt of what it asked for. */
  private async otherReserves(): Promise<string> {
    const { draw } = this;
    const before = this.others.pick(draw);
    if (before !== undefined && draw.chance(25)) {
      const released = await this.other.release(before);
      if (!released.ok) return released.code;
      this.book.release(before, otherIssuer, this.house.clock.nowSeconds());
      return released.value.state;
    }
    const { id, currency, total } = this.make();
    const receipt = await this.other.reserve({ id, currency, total, seconds: day });
    if (!receipt.ok) return receipt.code;
    const decoded = decodeReservationReceipt(receipt.value);
    if (!decoded.ok || !equalBytes(decoded.value.record.id, id) || decoded.value.record.total !== total)
      throw new Broken('receipt: the other issuer got one of something else');
    this.book.keep(receipt.value);
    this.others.add(id);
    return 'kept';
  }
}
