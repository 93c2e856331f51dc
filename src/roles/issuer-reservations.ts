/**
 * Reservations, at issuance: signs what its callers ask for, and has quota control carry it out.
 *
 * INVARIANT: of one id one request, and one release, is signed, for ever: it is stored before, so that whoever asks again, after any
 * crash, sends the same bytes.
 */
import type { Signer } from '../../hsm/signer.ts';
import { equalBytes, sha256 } from '../kit/bytes.ts';
import type { Clock } from '../kit/clock.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import type { Currency } from '../records/claims.ts';
import type { KeyRing } from '../records/key-ring.ts';
import {
  decodeReservationReceipt,
  decodeReservationRequest,
  encodeReservationRelease,
  encodeReservationRequest,
  type ReservationReceipt,
} from '../records/reservation.ts';
import type { NewIntent, Reservation } from '../store/store.ts';
import { finishIntent, sameBody } from './intent.ts';
import type { Ledger } from './ledger.ts';

/** Quota control as issuance sees it. */
export interface ReservationPeer {
  sendReservation(request: Uint8Array): Promise<Result<Uint8Array>>;
  sendRelease(release: Uint8Array): Promise<Result<Reservation>>;
  listReservations(page: {
    readonly after: Uint8Array;
    readonly limit: number;
  }): Promise<Result<readonly Reservation[]>>;
}

export interface IssuerReservationsDependencies {
  readonly issuer: string;
  readonly ledger: Ledger;
  readonly signer: Signer;
  readonly keys: KeyRing;
  readonly peer: ReservationPeer;
  readonly clock: Clock;
}

/** What a caller asks for. */
export interface AskedReservation {
  /** 16 bytes, the caller's idempotency key. */
  readonly id: Uint8Array;
  readonly currency: Currency;
  readonly total: bigint;
  /** How long it lasts from when it is first asked for. */
  readonly seconds: number;
}

export interface IssuerReservations {
  /** Gives quota control's signed receipt. */
  reserve(asked: AskedReservation): Promise<Result<Uint8Array>>;
  /** Ends one of this issuer's; gives it as it is then. */
  release(id: Uint8Array): Promise<Result<Reservation>>;
  list(page: { readonly after: Uint8Array; readonly limit: number }): Promise<Result<readonly Reservation[]>>;
}

export function makeIssuerReservations(dependencies: IssuerReservationsDependencies): IssuerReservations {
  const { issuer, ledger, signer, keys, peer, clock } = dependencies;
  const { store } = ledger;

  /** The signed bytes of the intent with this id: those that are there, or of a new one. */
  async function signOnce(
    kind: 'reservation' | 'release',
    id: Uint8Array,
    bodyHash: Uint8Array,
    encode: () => Uint8Array,
  ): Promise<Result<Uint8Array>> {
    const known = await store.findIntent(kind, id);
    if (known !== undefined) {
      const same = sameBody(known, bodyHash);
      return same.ok ? succeed(await finishIntent(ledger, signer, known)) : same;
    }
    const intent: NewIntent = {
      kind,
      id,
      issuer,
      bodyHash,
      createdMs: clock.nowMs(),
      context: new Uint8Array(),
      toBeSigned: encode(),
    };
    const [committed] = await ledger.commit([intent]);
    return committed.ok ? succeed(await finishIntent(ledger, signer, committed.value.intent)) : committed;
  }

  return {
    async reserve({ id, currency, total, seconds }) {
      const body = sha256(encodeCbor(['reservation', id, currency.code, total, seconds]));
      const issuedAt = clock.nowSeconds();
      const request = await signOnce('reservation', id, body, () =>
        encodeReservationRequest(
          { id, issuer, issuedAt, expiresAt: issuedAt + seconds, currency, total },
          signer.publicKey.keyId,
        ),
      );
      if (!request.ok) return request;
      const receipt = await peer.sendReservation(request.value);
      if (!receipt.ok) return receipt;
      const decoded = decodeReservationReceipt(receipt.value);
      if (!decoded.ok)
        return refuse('peer_fault', `quota control answered no reservation: ${decoded.message}`);
      const { record } = decoded.value;
      const verified = keys.verify(
        decoded.value,
        { role: 'quota', name: 'quota' },
        { madeAt: record.issuedAt, seenAt: Math.max(clock.nowSeconds(), record.issuedAt) },
      );
      if (!verified.ok) return verified;
      return isReceiptOf(record, request.value)
        ? receipt
        : refuse('peer_fault', 'quota control answered with the reservation of another request');
    },
    async release(id) {
      const issuedAt = clock.nowSeconds();
      const release = await signOnce('release', id, sha256(encodeCbor(['release', id])), () =>
        encodeReservationRelease({ id, issuer, issuedAt }, signer.publicKey.keyId),
      );
      if (!release.ok) return release;
      const ended = await peer.sendRelease(release.value);
      if (!ended.ok) return ended;
      return equalBytes(ended.value.id, id) && ended.value.issuer === issuer && ended.value.state !== 'open'
        ? ended
        : refuse('peer_fault', 'quota control answered with another reservation, or one that is open still');
    },
    list: (page) => peer.listReservations(page),
  };
}

/** Whether it keeps just what was asked for: its hash alone says which request it answers, and not what is kept. */
function isReceiptOf(receipt: ReservationReceipt, requestBytes: Uint8Array): boolean {
  const decoded = decodeReservationRequest(requestBytes);
  assert(decoded.ok, 'what was signed here decodes');
  const { id, issuer, expiresAt, currency, total } = decoded.value.record;
  return (
    equalBytes(receipt.requestHash, sha256(requestBytes)) &&
    equalBytes(receipt.id, id) &&
    receipt.issuer === issuer &&
    receipt.expiresAt === expiresAt &&
    receipt.currency.code === currency.code &&
    receipt.currency.exponent === currency.exponent &&
    receipt.total === total
  );
}
