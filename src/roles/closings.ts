/**
 * Closings, at issuance: central management asks what became of requests, and has those closed in which nothing was issued, so that it
 * may approve as much anew.
 *
 * INVARIANT: of one request there is a currency record or a closing, and never both: each spends the request's id, in the transaction that
 * stores the intent. A crash before that commit leaves nothing; after it, the request is closed, and whoever asks again gets the same closing.
 */
import type { Signer } from '../../hsm/signer.ts';
import type { Clock } from '../kit/clock.ts';
import { type Refusal, refuse, succeed } from '../kit/result.ts';
import { encodeClosing } from '../records/closing.ts';
import { readToBeSigned } from '../records/cose.ts';
import type { Intent, NewIntent } from '../store/store.ts';
import { finishIntent } from './intent.ts';
import type { LastWord } from './last-word.ts';
import type { Ledger } from './ledger.ts';

export interface ClosingsDependencies {
  readonly issuer: string;
  readonly ledger: Ledger;
  readonly signer: Signer;
  readonly clock: Clock;
  /** Carries a request on from where it is; gives why it came to nothing, or undefined. */
  readonly carryOn: (request: Intent) => Promise<Refusal | undefined>;
}

export interface Closings {
  /**
   * Of each request its currency record or its closing, or null. With `close`, a request that has neither is carried on once more, and
   * closed where quota control has no control bit of it and can make none any more.
   */
  lastWords(requestIds: readonly Uint8Array[], close: boolean): Promise<readonly LastWord[]>;
}

/**
 * Of what quota control refuses: after these there is no control bit of the request, and there will be none; or none that issuance takes. After all
 * others a later try may get one, which would be lost with a request that is closed.
 */
const lastRefusals: readonly string[] = [
  'credential_expired',
  'credential_spent',
  'request_abandoned',
  'credential_request_mismatch',
  'decryption_failed',
  'quota_missing',
  'key_unknown',
  'key_expired',
  'key_revoked',
  'key_mismatch',
  'control_bit_request_mismatch',
  'control_bit_root_mismatch',
  'control_bit_key_mismatch',
  'control_bit_order_denied',
];

export function makeClosings(dependencies: ClosingsDependencies): Closings {
  const { issuer, ledger, signer, clock } = dependencies;
  const { store } = ledger;

  async function endOf(requestId: Uint8Array): Promise<Intent | undefined> {
    return (await store.findIntent('currency', requestId)) ?? (await store.findIntent('closing', requestId));
  }

  async function lastWord(requestId: Uint8Array, close: boolean): Promise<LastWord> {
    const end = await endOf(requestId);
    if (end !== undefined) return sign(end);
    if (!close) return succeed(null);
    // INVARIANT: what is not known is not closed. A ledger that has lost the request may have lost its currency too.
    const request = await store.findIntent('request', requestId);
    if (request === undefined)
      return refuse('request_unknown', 'no request of this ledger has that id, so it cannot be closed');
    const refused = await dependencies.carryOn(request);
    if (refused === undefined || !lastRefusals.includes(refused.code)) {
      const issued = await endOf(requestId);
      return issued === undefined ? refuseUnderway() : sign(issued);
    }
    const [committed] = await ledger.commit([intentOf(request)]);
    if (committed.ok) return sign(committed.value.intent);
    // Its currency was committed since.
    const ended = await endOf(requestId);
    return ended === undefined ? refuseUnderway() : sign(ended);
  }

  /** Signs what a crash left; what names a key that is here no more can never be signed, and nothing is told of it. */
  async function sign(intent: Intent): Promise<LastWord> {
    if (intent.signed === null && !(intent.own && signer.holds(readToBeSigned(intent.toBeSigned).keyId)))
      return refuseUnderway();
    return succeed(await finishIntent(ledger, signer, intent));
  }

  function intentOf({ id, bodyHash }: Intent): NewIntent {
    return {
      kind: 'closing',
      id,
      issuer,
      // The request's own: of one request there is one closing.
      bodyHash,
      createdMs: clock.nowMs(),
      context: new Uint8Array(),
      toBeSigned: encodeClosing(
        { requestId: id, issuer, issuedAt: clock.nowSeconds() },
        signer.publicKey.keyId,
      ),
      spends: id,
    };
  }

  return { lastWords: (requestIds, close) => Promise.all(requestIds.map((id) => lastWord(id, close))) };
}

function refuseUnderway(): Refusal<'request_underway'> {
  return refuse(
    'request_underway',
    'the request is on its way, or what became of it is not signed yet: the same may be asked again later',
  );
}

/** INVARIANT: nothing is issued in a request that was closed, whatever quota control signs: central management has approved as much anew. */
export function refuseClosed(): Refusal<'request_closed'> {
  return refuse(
    'request_closed',
    'the request was closed: its credential expired, and neither currency nor a control bit was there; send the order again under a new id',
  );
}
