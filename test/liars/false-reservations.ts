/** Reservations as a lying quota control answers them: receipts of anything, releases of another one, and to central management whatever it likes. */

import type { Signer } from '../../hsm/signer.ts';
import { sha256 } from '../../src/kit/bytes.ts';
import type { Clock } from '../../src/kit/clock.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import {
  decodeReservationRelease,
  decodeReservationRequest,
  encodeReservationReceipt,
  type ReservationReceipt,
  type ReservationRequest,
} from '../../src/records/reservation.ts';
import type { ReservationPeer } from '../../src/roles/issuer-reservations.ts';
import type { Reservation } from '../../src/store/store.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { issuer, otherIssuer } from '../roles/authorities.ts';
import { flipped, signAs } from './forgery.ts';
import type { LiarKeys } from './keys.ts';
import { Seen } from './sequences.ts';

const much = 10n ** 15n;

interface Asked {
  readonly bytes: Uint8Array;
  readonly request: ReservationRequest;
}

export class FalseReservations {
  /** The lies of the last calls. */
  readonly told: string[] = [];
  readonly peer: ReservationPeer;
  private readonly keys: LiarKeys;
  private readonly draw: Draw;
  private readonly clock: Clock;
  private readonly stranger: Signer;
  private readonly receipts = new Seen<Uint8Array>();
  private readonly asked = new Seen<Asked>();

  constructor(parts: { keys: LiarKeys; draw: Draw; clock: Clock; stranger: Signer }) {
    this.keys = parts.keys;
    this.draw = parts.draw;
    this.clock = parts.clock;
    this.stranger = parts.stranger;
    this.peer = {
      sendReservation: (bytes) => this.keep(bytes),
      sendRelease: async (bytes) => this.release(bytes),
      listReservations: async () => succeed([]),
    };
  }

  /** What it tells central management of the one with this id. */
  tell(id: Uint8Array): Result<Reservation | undefined> {
    const { draw } = this;
    if (draw.chance(5)) return refuse('peer_unavailable', 'a lie');
    if (draw.chance(5)) return succeed(undefined);
    return succeed({ ...this.anyOf(id), amount: draw.pick([much, much, much, 40n, 0n]) });
  }

  private anyOf(id: Uint8Array): Reservation {
    const { draw } = this;
    return {
      id: draw.chance(5) ? draw.bytes(16) : id,
      issuer: draw.chance(5) ? otherIssuer : issuer,
      currency: draw.chance(3) ? 'CHF' : 'EUR',
      amount: much,
      used: draw.pick([0n, 0n, 0n, 0n, much * 2n]),
      expiresMs: draw.pick([0, this.clock.nowMs() + 60_000]),
      state: draw.pick(['open', 'open', 'open', 'used', 'released', 'expired']),
    };
  }

  private async keep(bytes: Uint8Array): Promise<Result<Uint8Array>> {
    const decoded = decodeReservationRequest(bytes);
    if (!decoded.ok) throw new Broken(`reservation: ${decoded.message}`);
    const one = { bytes, request: decoded.value.record };
    this.asked.add(one);
    const name = this.draw.chance(40) ? 'tells the truth' : this.draw.pick(Object.keys(this.lies));
    this.told.push(name);
    const answer = await this.lies[name]?.(one);
    if (answer === undefined) throw new RangeError(`no lie is called ${name}`);
    if (answer.ok) this.receipts.add(answer.value);
    return answer;
  }

  private async receipt(
    { bytes, request }: Asked,
    changed: Partial<ReservationReceipt> = {},
    by = this.keys.of.quota,
  ): Promise<Result<Uint8Array>> {
    const honest = { ...request, issuedAt: this.clock.nowSeconds(), requestHash: sha256(bytes) };
    return succeed(await signAs(by, encodeReservationReceipt({ ...honest, ...changed }, by.publicKey.keyId)));
  }

  private readonly lies: Readonly<Record<string, (one: Asked) => Promise<Result<Uint8Array>>>> = {
    'tells the truth': (one) => this.receipt(one),
    'for more': (one) => this.receipt(one, { total: one.request.total * 10n }),
    'for less': (one) => this.receipt(one, { total: 1n }),
    'for longer': (one) => this.receipt(one, { expiresAt: one.request.expiresAt + 86_400 }),
    'for another issuer': (one) => this.receipt(one, { issuer: otherIssuer }),
    'in another currency': (one) => this.receipt(one, { currency: { code: 'CHF', exponent: 2 } }),
    'under another id': (one) => this.receipt(one, { id: this.draw.bytes(16) }),
    'for another request': (one) => this.receipt(one, { requestHash: this.draw.bytes(32) }),
    'of another request': (one) => this.receipt(this.asked.pick(this.draw) ?? one),
    'dated ahead': (one) => this.receipt(one, { issuedAt: this.clock.nowSeconds() + 3_600 }),
    'dated before its key': (one) => this.receipt(one, { issuedAt: this.clock.nowSeconds() - 40 * 86_400 }),
    'signed by a key that nobody knows': (one) => this.receipt(one, {}, this.stranger),
    "signed by central management's": (one) => this.receipt(one, {}, this.keys.of.central),
    'an old receipt': async (one) => {
      const old = this.receipts.pick(this.draw);
      return old === undefined ? this.receipt(one) : succeed(old);
    },
    'with a bit flipped': async (one) => {
      const made = await this.receipt(one);
      return made.ok ? succeed(flipped(made.value, this.draw)) : made;
    },
    'the request itself': async ({ bytes }) => succeed(bytes),
    nothing: async () => refuse('peer_unavailable', 'a lie'),
    'that the quota is exceeded': async () => refuse('quota_exceeded', 'a lie'),
  };

  private release(bytes: Uint8Array): Result<Reservation> {
    const decoded = decodeReservationRelease(bytes);
    if (!decoded.ok) throw new Broken(`release: ${decoded.message}`);
    const answer = this.draw.pick(['that it ended', 'that it ended', 'anything', 'nothing']);
    this.told.push(answer);
    if (answer === 'nothing') return refuse('reservation_unknown', 'a lie');
    const one = this.anyOf(decoded.value.record.id);
    return succeed(answer === 'anything' ? one : { ...one, ...decoded.value.record, state: 'released' });
  }
}
