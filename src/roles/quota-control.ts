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
import { encodeControlBit } from '../records/control-bit.ts';
import { type Credential, decodeCredential } from '../records/credential.ts';
import { decodeEnvelope, decryptWith, encryptedCredentialType } from '../records/encryption.ts';
import { isoTime, type KeyRing } from '../records/key-ring.ts';
import { merkleRoot } from '../records/merkle.ts';
import { decodePresentation, type Presentation } from '../records/presentation.ts';
import { decodeRequest, type Request } from '../records/request.ts';
import { deriveLeaves } from '../records/unit.ts';
import type { NewIntent, QuotaPosition } from '../store/store.ts';
import { finishIntent, finishLeft, sameBody } from './intent.ts';
import type { Ledger } from './ledger.ts';

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
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface QuotaControl {
  /** Redeems a credential that `peer`, an authenticated issuer, presents: gives the signed control bit. */
  redeem(presentationBytes: Uint8Array, peer: string): Promise<Result<Uint8Array>>;
  position(issuer: string, currency: string): Promise<QuotaPosition | undefined>;
  positions(): Promise<readonly QuotaPosition[]>;
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
      return same.ok ? finishIntent(ledger, signer, known) : same;
    }
    const credential = await openCredential(presentation.value, request, now);
    if (!credential.ok) return credential;
    const reservation = random(16);
    const committed = await ledger.commit(
      intentOf({
        request,
        credential: credential.value,
        presentation: presentation.value,
        bodyHash,
        issuanceKey,
        reservation,
        sequence: await nextSerial(),
        now,
      }),
    );
    if (!committed.ok) return committed;
    return finishIntent(ledger, signer, committed.value.intent);
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

  /** The credential, decrypted, verified, not expired and for this very request. */
  async function openCredential(
    presentation: Presentation,
    request: Request,
    now: number,
  ): Promise<Result<Credential>> {
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
    if (credential.total !== request.total || credential.currency.code !== request.currency.code) {
      return refuse(
        'credential_request_mismatch',
        'the credential names another amount or currency than the request',
      );
    }
    if (credential.expiresAt <= now) {
      return refuse(
        'credential_expired',
        `the credential expired at ${isoTime(credential.expiresAt)}: send the request again under a new id`,
      );
    }
    return succeed(credential);
  }

  function intentOf(made: {
    request: Request;
    credential: Credential;
    presentation: Presentation;
    bodyHash: Uint8Array;
    issuanceKey: Uint8Array;
    reservation: Uint8Array;
    sequence: number;
    now: number;
  }): NewIntent {
    const { request, credential, bodyHash, reservation, sequence, now } = made;
    const { keySet, epoch } = dependencies;
    const leaves = deriveLeaves({
      currency: request.currency,
      lots: request.lots,
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
      context: new Uint8Array(),
      toBeSigned: encodeControlBit(
        {
          requestId: request.id,
          issuer: request.issuer,
          issuedAt: now,
          requestHash: credential.requestHash,
          reservation,
          epoch,
          sequence,
          root: merkleRoot(leaves),
          count: leaves.length,
          total: request.total,
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
        amount: request.total,
        orders: 1,
        atMs: createdMs,
      },
    };
  }

  return {
    redeem,
    position: (issuer, currency) => store.position(issuer, currency, clock.nowMs()),
    positions: () => store.positions(clock.nowMs()),
    async finishUnsigned() {
      return finishLeft(ledger, signer, (intent) => finishIntent(ledger, signer, intent));
    },
  };
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
