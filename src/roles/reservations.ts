/**
 * Reservations, at quota control: a part of a quota is kept for its issuer until it is used up or released, or expires.
 *
 * INVARIANT: what is kept is held in the transaction that stores the intent and its journal entry, and comes back once. A crash before that
 * commit leaves nothing; after it the reservation is made, and the same bytes again, or the next start, sign the stored receipt. A crash
 * after a release leaves it released; the same again is answered the same.
 *
 * A stop or a freeze leaves reservations as they are: nothing is issued of them meanwhile, and none is made.
 */
import type { Signer } from '../../hsm/signer.ts';
import { sha256 } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { longestReservationMs } from '../quota/reservation.ts';
import type { Decoded } from '../records/cose.ts';
import { isoTime, type KeyRing } from '../records/key-ring.ts';
import {
  decodeReservationRelease,
  decodeReservationRequest,
  encodeReservationReceipt,
} from '../records/reservation.ts';
import type { Reservation } from '../store/store.ts';
import { finishIntent, sameBody } from './intent.ts';
import type { Ledger } from './ledger.ts';

export interface ReservationsDependencies {
  readonly ledger: Ledger;
  readonly signer: Signer;
  readonly keys: KeyRing;
  /** How far an issuer's clock may be ahead. */
  readonly clockSkewSeconds: number;
  readonly clock: Clock;
}

export interface ReservationPage {
  /** Ids of 16 bytes above this one. */
  readonly after: Uint8Array;
  readonly limit: number;
  /** Of this issuer only. */
  readonly issuer?: string;
}

export interface Reservations {
  /** Keeps what a signed reservation request of `peer`, an authenticated issuer, asks for: gives the signed receipt. */
  reserve(bytes: Uint8Array, peer: string): Promise<Result<Uint8Array>>;
  /** Ends one by a release that `peer`, its issuer, has signed. */
  release(bytes: Uint8Array, peer: string): Promise<Result<Reservation>>;
  /** Ends one by an operator's right, whom `by` names. */
  releaseAs(by: string, id: Uint8Array): Promise<Result<Reservation>>;
  find(id: Uint8Array): Promise<Reservation | undefined>;
  list(page: ReservationPage): Promise<readonly Reservation[]>;
}

export function makeReservations(dependencies: ReservationsDependencies): Reservations {
  const { ledger, signer, keys, clockSkewSeconds, clock } = dependencies;
  const { store } = ledger;

  /** The record, where its issuer signed it and brings it. */
  function verify<T extends { readonly issuer: string; readonly issuedAt: number }>(
    decoded: Decoded<T>,
    peer: string,
  ): Result<T> {
    const { issuer, issuedAt } = decoded.record;
    if (issuer !== peer)
      return refuse('issuer_mismatch', `it is of issuer ${quote(issuer)}, but ${quote(peer)} sent it`);
    return keys.verify(
      decoded,
      { role: 'issuance', name: issuer },
      { madeAt: issuedAt, seenAt: clock.nowSeconds() },
    );
  }

  async function reserve(bytes: Uint8Array, peer: string): Promise<Result<Uint8Array>> {
    const decoded = decodeReservationRequest(bytes);
    if (!decoded.ok) return decoded;
    const verified = verify(decoded.value, peer);
    if (!verified.ok) return verified;
    const { id, issuer, issuedAt, expiresAt, currency, total } = verified.value;
    const bodyHash = sha256(bytes);
    const known = await store.findIntent('reservation', id);
    if (known !== undefined) {
      const same = sameBody(known, bodyHash);
      return same.ok ? succeed(await finishIntent(ledger, signer, known)) : same;
    }
    const now = clock.nowSeconds();
    const timely = checkTimes({ issuedAt, expiresAt }, now, clockSkewSeconds);
    if (!timely.ok) return timely;
    const createdMs = clock.nowMs();
    const receipt = { id, issuer, issuedAt: now, expiresAt, requestHash: bodyHash, currency, total };
    const [committed] = await ledger.commit([
      {
        kind: 'reservation',
        id,
        issuer,
        bodyHash,
        createdMs,
        // By this an auditor sees that the issuer asked for it.
        context: bytes,
        toBeSigned: encodeReservationReceipt(receipt, signer.publicKey.keyId),
        reserves: {
          issuer,
          currency: currency.code,
          amount: total,
          expiresMs: expiresAt * 1000,
          atMs: createdMs,
        },
      },
    ]);
    return committed.ok ? succeed(await finishIntent(ledger, signer, committed.value.intent)) : committed;
  }

  async function end(id: Uint8Array, by: string, evidence: Uint8Array | null): Promise<Result<Reservation>> {
    const released = await store.release({ id, by, evidence, createdMs: clock.nowMs() });
    if (!released.ok) return released;
    // In force whatever comes of this: it only gives back. The next entry anchors it too.
    await ledger.follow();
    return released;
  }

  return {
    reserve,
    async release(bytes, peer) {
      const decoded = decodeReservationRelease(bytes);
      if (!decoded.ok) return decoded;
      const verified = verify(decoded.value, peer);
      if (!verified.ok) return verified;
      const { id, issuer } = verified.value;
      const known = await store.findReservation(id, clock.nowMs());
      if (known !== undefined && known.issuer !== issuer)
        return refuse(
          'issuer_mismatch',
          `the reservation is of ${quote(known.issuer)}: its own issuer's release is accepted`,
        );
      return end(id, `issuer ${issuer}`, bytes);
    },
    releaseAs: (by, id) => end(id, by, null),
    find: (id) => store.findReservation(id, clock.nowMs()),
    list: (page) => store.reservations({ ...page, nowMs: clock.nowMs() }),
  };
}

function checkTimes(
  { issuedAt, expiresAt }: { readonly issuedAt: number; readonly expiresAt: number },
  now: number,
  clockSkewSeconds: number,
): Result<null> {
  if (issuedAt > now + clockSkewSeconds)
    return refuse(
      'request_not_yet_valid',
      `issued at ${isoTime(issuedAt)}, and here it is ${isoTime(now)}: set the clock right, or send it again then`,
      'issuedAt',
    );
  const latest = now + clockSkewSeconds + longestReservationMs / 1000;
  if (expiresAt <= now || expiresAt > latest)
    return refuse(
      'reservation_time_invalid',
      `it is to expire at ${isoTime(expiresAt)}, and here it is ${isoTime(now)}: a time after now, and at most 7 days from it, is accepted`,
      'expiresAt',
    );
  return succeed(null);
}

export { leftOf } from '../quota/reservation.ts';
export type { Reservation } from '../store/store.ts';
