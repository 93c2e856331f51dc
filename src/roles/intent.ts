/**
 * The order that loses nothing, the same in all three roles: commit → anchor → sign → record → reply.
 *
 * - A crash before the commit leaves nothing.
 * - A crash after the commit leaves an intent without a signature: quota may be taken, nothing was let
 *   out. The caller's retry, or the next start, anchors the journal and signs the stored bytes.
 * - A crash after the anchor and before the signature leaves the same. From the anchor on a database that
 *   lacks the intent is known to be an old one.
 * - A crash after the signature and before its record loses that signature, which nobody has seen; the
 *   retry makes another over the same bytes. Identity is the intent's, never the signature's.
 * - A crash after the record loses the reply; the retry gets the stored bytes.
 */
import type { Signer } from '../../hsm/signer.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { attachSignature, readToBeSigned } from '../records/cose.ts';
import { type Intent, StoreError } from '../store/store.ts';
import type { Ledger } from './ledger.ts';

/**
 * Gives the intent's signed bytes: the stored ones, or signs the stored to-be-signed bytes and stores them.
 * Throws `in_progress` for what another process of this role has committed and not signed yet: its entry is in that one's journal, under that
 * one's anchor.
 * `seal` turns the signed record into what is handed out (the credential's encryption); identity otherwise.
 */
export async function finishIntent(
  ledger: Ledger,
  signer: Signer,
  intent: Intent,
  seal: (signed: Uint8Array) => Promise<Uint8Array> = (signed) => Promise.resolve(signed),
): Promise<Uint8Array> {
  if (intent.signed !== null) return intent.signed;
  if (!intent.own)
    throw new StoreError(
      'in_progress',
      'another process of this system has taken this request on, and has not signed it yet: send the same again in a moment',
    );
  await ledger.anchored(intent.sequence);
  const { keyId, amount } = readToBeSigned(intent.toBeSigned);
  const signature = await signer.sign(intent.toBeSigned, {
    purpose: intent.kind,
    intent: toHex(intent.id),
    keyId,
    entry: intent.sequence,
    ...(amount === undefined ? {} : { amount }),
  });
  const sealed = await seal(attachSignature(intent.toBeSigned, signature));
  const recorded = await ledger.record({ kind: intent.kind, id: intent.id, signed: sealed });
  // INVARIANT: what is handed out is what is stored; of two that finished one intent the first was stored.
  assert(recorded.signed !== null, 'a recorded intent has its signed bytes');
  return recorded.signed;
}

/**
 * Signs what a crash left between commit and signature, as far as it is due; gives how many. What names a key that this role has no more,
 * since it was revoked, stays as it is: it can never be signed, and the quota that it took is lost.
 */
export async function finishLeft(
  ledger: Ledger,
  signer: Signer,
  finish: (intent: Intent) => Promise<unknown>,
  isDue: (intent: Intent) => boolean = () => true,
): Promise<number> {
  let finished = 0;
  for (const intent of await ledger.store.unsigned()) {
    if (!isDue(intent) || !signer.holds(readToBeSigned(intent.toBeSigned).keyId)) continue;
    await finish(intent);
    finished++;
  }
  return finished;
}

/** Refuses another body under a known id as `request_id_conflict`: an id stands for one request, for ever. */
export function sameBody(
  known: { readonly bodyHash: Uint8Array },
  bodyHash: Uint8Array,
): Result<null, 'request_id_conflict'> {
  return equalBytes(known.bodyHash, bodyHash) ? succeed(null) : refuseOtherBody();
}

export function refuseOtherBody(): Refusal<'request_id_conflict'> {
  return refuse(
    'request_id_conflict',
    'this request id was used before with other content: send the first content again, or take a new id',
    'id',
  );
}
