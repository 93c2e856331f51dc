/**
 * Quota control: verifies a credential, takes the quota that is available at this moment and signs the
 * control bit over the Merkle root of the units, which it derives by itself.
 *
 * INVARIANT: Σ control bits ≤ Σ quota. The quota is taken in the transaction that stores the intent and
 * its journal entry; nothing is signed before that commit, and nothing gives the quota back.
 */
import type { KeyAgreement, Signer } from '../../hsm/signer.ts';
import { equalBytes, sha256 } from '../kit/bytes.ts';
import type { Clock, RandomBytes } from '../kit/clock.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { type Asked, checkGoing, checkLimits, checkTake, isExcess, refuseStopped } from '../quota/bucket.ts';
import { checkUse, refuseUnknownReservation } from '../quota/reservation.ts';
import { recentTakes, usualOf } from '../quota/usual.ts';
import { encodeControlBit } from '../records/control-bit.ts';
import { type Credential, decodeCredential } from '../records/credential.ts';
import { decodeEnvelope, decryptWith, encryptedCredentialType } from '../records/encryption.ts';
import { isoTime, type KeyRing } from '../records/key-ring.ts';
import { merkleRoot } from '../records/merkle.ts';
import { decodePresentation, type Presentation } from '../records/presentation.ts';
import { decodeRequest, lotsOf, type Order, type Request, sumLots, sumOrders } from '../records/request.ts';
import { runsOf, select } from '../records/selection.ts';
import { deriveLeaves } from '../records/unit.ts';
import type { Intent, NewIntent, QuotaPosition, Reservation } from '../store/store.ts';
import { finishIntent, finishLeft, sameBody } from './intent.ts';
import type { Ledger } from './ledger.ts';

/** An order with its number in its request. */
type NumberedOrder = Order & { readonly number: number };

export interface QuotaControlDependencies {
  readonly ledger: Ledger;
  readonly signer: Signer;
  /** The key that credentials are encrypted to now, and those that they may still come encrypted to. */
  readonly agreements: readonly KeyAgreement[];
  readonly keys: KeyRing;
  /** Identifies the key set of the trust bundle; it stands in every unit. */
  readonly keySet: Uint8Array;
  /** Identifies this database's series of sequence numbers: (epoch, sequence) names a control bit. */
  readonly epoch: number;
  /** How far central management's clock may be ahead. */
  readonly clockSkewSeconds: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** A position, and what is usual there. */
export interface UsualPosition extends QuotaPosition {
  /** The median amount of an order of late, minor units; null while there were too few to tell. */
  readonly usual: bigint | null;
}

export interface QuotaControl {
  /** Redeems a credential that `peer`, an authenticated issuer, presents: gives the signed control bit. */
  redeem(presentationBytes: Uint8Array, peer: string): Promise<Result<Uint8Array>>;
  position(issuer: string, currency: string): Promise<QuotaPosition | undefined>;
  positions(): Promise<readonly QuotaPosition[]>;
  /** The same, with what is usual: for people. */
  usualPositions(): Promise<readonly UsualPosition[]>;
  /** Signs what a crash left between commit and signature; gives their count. */
  finishUnsigned(): Promise<number>;
}

export function makeQuotaControl(dependencies: QuotaControlDependencies): QuotaControl {
  const { ledger, signer, agreements, keys, clock, random } = dependencies;
  const { store } = ledger;
  const nextSerial = serials(ledger, dependencies.epoch);

  async function redeem(presentationBytes: Uint8Array, peer: string): Promise<Result<Uint8Array>> {
    const presentation = decodePresentation(presentationBytes);
    if (!presentation.ok) return presentation;
    const now = clock.nowSeconds();
    const verified = verifyRequest(presentation.value.request, peer, now);
    if (!verified.ok) return verified;
    const { request, keyId: issuanceKey } = verified.value;

    const bodyHash = sha256(presentationBytes);
    const known = await store.findIntent('control-bit', request.id);
    if (known !== undefined) {
      const same = sameBody(known, bodyHash);
      return same.ok ? finish(known) : same;
    }
    const opened = await openCredential(presentation.value, request, now);
    if (!opened.ok) return opened;
    const reservation = random(16);
    for (;;) {
      const room = await ordersWithRoom(request, opened.value.orders);
      if (!room.ok) return room;
      const [committed] = await ledger.commit([
        intentOf({
          ...opened.value,
          request,
          orders: room.value,
          presentation: presentation.value,
          bodyHash,
          issuanceKey,
          reservation,
          sequence: await nextSerial(),
          now,
        }),
      ]);
      if (committed.ok) return finish(committed.value.intent);
      // Others took quota since the look at it: look again. Each of them made progress, so this ends.
      if (!isExcess(committed.code)) return committed;
    }
  }

  /**
   * The signed bytes. What was signed before a stop is handed out again; what was not waits for the start. A stop between this look and
   * the record of the signature is found there: the store takes none then, and nobody gets it.
   */
  async function finish(intent: Intent): Promise<Result<Uint8Array>> {
    if (intent.signed === null && (await store.stopped()) !== undefined) return refuseStopped();
    return succeed(await finishIntent(ledger, signer, intent));
  }

  /** The orders that the quota has room for now, in their order; where it has room for none, the refusal of the first. */
  async function ordersWithRoom(
    request: Request,
    approved: readonly NumberedOrder[],
  ): Promise<Result<NumberedOrder[]>> {
    const { issuer, currency } = request;
    const position = await store.position(issuer, currency.code, clock.nowMs());
    if (position === undefined) {
      return refuse(
        'quota_missing',
        `issuer ${quote(issuer)} has no quota in ${quote(currency.code)}`,
        'currency',
      );
    }
    const kept = await keptFor(request);
    if (!kept.ok) return kept;
    const room: NumberedOrder[] = [];
    let refusal: Result<NumberedOrder[]> = succeed(room);
    let total = 0n;
    for (const order of approved) {
      const amount = sumLots(order.lots).total;
      const asked = { amount: total + amount, orders: room.length + 1 };
      const fits =
        kept.value === undefined ? checkTake(position, asked) : checkOf(kept.value, position, asked);
      if (fits.ok) {
        total += amount;
        room.push(order);
      } else if (refusal.ok) refusal = fits;
    }
    return room.length > 0 ? succeed(room) : refusal;
  }

  /** The reservation that the request's orders are issued of, where it names one. */
  async function keptFor({
    reservation: id,
    issuer,
    currency,
  }: Request): Promise<Result<Reservation | undefined>> {
    if (id === undefined) return succeed(undefined);
    const reservation = await store.findReservation(id, clock.nowMs());
    return reservation?.issuer === issuer && reservation.currency === currency.code
      ? succeed(reservation)
      : refuseUnknownReservation(id);
  }

  /** The request, and the key that signed it: the currency is to be signed with the same one. */
  function verifyRequest(
    bytes: Uint8Array,
    peer: string,
    now: number,
  ): Result<{ request: Request; keyId: Uint8Array }> {
    const decoded = decodeRequest(bytes);
    if (!decoded.ok) return decoded;
    const { issuer } = decoded.value.record;
    if (issuer !== peer) {
      return refuse(
        'issuer_mismatch',
        `the credential is for issuer ${quote(issuer)}, but ${quote(peer)} presents it`,
      );
    }
    const { issuedAt } = decoded.value.record;
    const verified = keys.verify(
      decoded.value,
      { role: 'issuance', name: issuer },
      { madeAt: issuedAt, seenAt: now },
    );
    return verified.ok ? succeed({ request: verified.value, keyId: decoded.value.keyId }) : verified;
  }

  /** The credential, decrypted, verified, not expired and for this very request; with the orders that it approves. */
  async function openCredential(
    presentation: Presentation,
    request: Request,
    now: number,
  ): Promise<
    Result<{ credential: Credential; orders: readonly NumberedOrder[]; credentialBytes: Uint8Array }>
  > {
    const envelope = decodeEnvelope(presentation.credential, encryptedCredentialType);
    if (!envelope.ok) return envelope;
    const { keyId } = envelope.value;
    const agreement = agreements.find(({ publicKey }) => equalBytes(publicKey.keyId, keyId));
    if (agreement === undefined)
      return refuse('key_mismatch', 'the credential is encrypted to a key that is not here, or has ended');
    const opened = await decryptWith(
      presentation.credential,
      { keyId, deriveSharedSecret: (point) => agreement.deriveSharedSecret(point) },
      encryptedCredentialType,
    );
    if (!opened.ok) return opened;
    const decoded = decodeCredential(opened.value);
    if (!decoded.ok) return decoded;
    const verified = keys.verify(
      decoded.value,
      { role: 'central', name: 'central' },
      { madeAt: decoded.value.record.issuedAt, seenAt: now },
    );
    if (!verified.ok) return verified;
    const credential = verified.value;
    if (!equalBytes(credential.requestHash, sha256(presentation.request))) {
      return refuse(
        'credential_request_mismatch',
        'the credential was made for another request: present it with the request it was made for',
      );
    }
    if (credential.issuer !== request.issuer) {
      return refuse(
        'issuer_mismatch',
        `the credential is for issuer ${quote(credential.issuer)}, the request is of ${quote(request.issuer)}`,
      );
    }
    const numbered = request.orders.map((order, number): NumberedOrder => ({ ...order, number }));
    const orders = select(numbered, credential.approved);
    if (
      orders === undefined ||
      credential.total !== sumOrders(orders).total ||
      credential.currency.code !== request.currency.code
    ) {
      return refuse(
        'credential_request_mismatch',
        'the credential names other orders, another amount or another currency than the request has',
      );
    }
    // Before anything is taken: a control bit with the date of a clock that is far behind would be refused, and its quota lost.
    if (credential.issuedAt > now + dependencies.clockSkewSeconds) {
      return refuse(
        'credential_not_yet_valid',
        `the credential was made at ${isoTime(credential.issuedAt)}, and here it is ${isoTime(now)}: set the clocks right, then send the same again`,
      );
    }
    if (credential.expiresAt <= now) {
      return refuse(
        'credential_expired',
        `the credential expired at ${isoTime(credential.expiresAt)}: send the request again under a new id`,
      );
    }
    return succeed({ credential, orders, credentialBytes: opened.value });
  }

  function intentOf(made: {
    request: Request;
    credential: Credential;
    credentialBytes: Uint8Array;
    orders: readonly NumberedOrder[];
    presentation: Presentation;
    bodyHash: Uint8Array;
    issuanceKey: Uint8Array;
    reservation: Uint8Array;
    sequence: number;
    now: number;
  }): NewIntent {
    const { request, credential, bodyHash, reservation, sequence, now } = made;
    const { keySet, epoch } = dependencies;
    const { orders } = made;
    const { total } = sumOrders(orders);
    const chosen = new Set(orders.map(({ number }) => number));
    const leaves = deriveLeaves({
      currency: request.currency,
      lots: lotsOf(orders),
      epoch,
      sequence,
      reservation,
      keySet,
      notBefore: now,
      redeemUntil: request.redeemUntil,
      seed: made.presentation.seed,
    });
    const createdMs = clock.nowMs();
    return {
      kind: 'control-bit',
      id: request.id,
      issuer: request.issuer,
      bodyHash,
      serial: { epoch, number: sequence },
      createdMs,
      // Decrypted: by this an auditor, who can open no envelope, sees that central management signed it.
      context: made.credentialBytes,
      toBeSigned: encodeControlBit(
        {
          requestId: request.id,
          issuer: request.issuer,
          issuedAt: now,
          requestHash: credential.requestHash,
          orders: runsOf(request.orders.length, (index) => chosen.has(index)),
          reservation,
          epoch,
          sequence,
          root: merkleRoot(leaves),
          count: leaves.length,
          total,
          currency: request.currency,
          issuanceKey: made.issuanceKey,
          keySet,
          redeemUntil: request.redeemUntil,
        },
        signer.publicKey.keyId,
      ),
      spends: credential.id,
      take: {
        issuer: request.issuer,
        currency: request.currency.code,
        amount: total,
        orders: orders.length,
        atMs: createdMs,
        ...(request.reservation === undefined ? {} : { reservation: request.reservation }),
      },
    };
  }

  return {
    redeem,
    position: (issuer, currency) => store.position(issuer, currency, clock.nowMs()),
    positions: () => store.positions(clock.nowMs()),
    async usualPositions() {
      const positions = await store.positions(clock.nowMs());
      return Promise.all(
        positions.map(async (position) => {
          const { issuer, currency } = position;
          return { ...position, usual: usualOf(await store.recentAmounts(issuer, currency, recentTakes)) };
        }),
      );
    },
    async finishUnsigned() {
      const stopped = (await store.stopped()) !== undefined;
      return finishLeft(
        ledger,
        signer,
        (intent) => finishIntent(ledger, signer, intent),
        // A stop stops issuing: what settles or reserves takes no quota.
        ({ kind }) => !stopped || kind !== 'control-bit',
      );
    },
  };
}

/** Whether it fits into what is left of the reservation, and into each limit over a window; never into the open quota instead. */
function checkOf(reservation: Reservation, position: QuotaPosition, asked: Asked): Result<null> {
  const going = checkGoing(position);
  if (!going.ok) return going;
  const left = checkUse(reservation, asked.amount, position.atMs);
  return left.ok ? checkLimits(position, asked) : left;
}

/**
 * The numbers of an epoch, one after another from what is stored. This process alone gives out the epoch's numbers; one whose
 * intent was refused stays unused, and a crash lets the next start use those that were not committed.
 */
function serials({ store }: Ledger, epoch: number): () => Promise<number> {
  let last: Promise<number> | undefined;
  return () => {
    const next = (last ?? store.lastSerial(epoch)).then((number) => number + 1);
    last = next;
    // A store that could not be read is asked again the next time.
    next.catch(() => {
      last = undefined;
    });
    return next;
  };
}

export type { LimitPosition } from '../quota/bucket.ts';
export type { QuotaPosition } from '../store/store.ts';
