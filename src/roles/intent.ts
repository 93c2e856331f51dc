/**
 * The order that loses nothing, the same in all three roles: commit → sign → record → reply.
 *
 * - A crash before the commit leaves nothing.
 * - A crash after the commit leaves an intent without a signature: quota may be taken, nothing was let
 *   out. The caller's retry, or the next start, signs the stored bytes.
 * - A crash after the signature and before its record loses that signature, which nobody has seen; the
 *   retry makes another over the same bytes. Identity is the intent's, never the signature's.
 * - A crash after the record loses the reply; the retry gets the stored bytes.
 */
import type { Signer } from '../../hsm/signer.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import { attachSignature, readToBeSigned } from '../records/cose.ts';
import type { CommitCode, Intent, NewIntent, Store } from '../store/store.ts';

/** Runs one task after another: between reading the journal's head and the commit nobody else commits. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.last.then(task, task);
    // A failed turn must not fail the next one; its error reaches the caller through `turn`.
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

/** Commits the intent that `build` makes for the journal's next sequence number, or gives the one that is there. */
export async function commitInTurn(
  turns: Turns,
  store: Store,
  build: (sequence: number) => NewIntent,
): Promise<Result<{ intent: Intent; created: boolean }, CommitCode>> {
  return turns.run(async () => {
    for (;;) {
      const head = await store.head();
      const committed = await store.commitIntent(build(head.sequence + 1));
      // Another process committed in between: read the head again. It made progress, so this ends.
      if (committed.ok || committed.code !== 'sequence_moved') return committed;
    }
  });
}

/**
 * Gives the intent's signed bytes: the stored ones, or signs the stored to-be-signed bytes and stores them.
 * `seal` turns the signed record into what is handed out (the credential's encryption); identity otherwise.
 */
export async function finishIntent(
  store: Store,
  signer: Signer,
  intent: Intent,
  seal: (signed: Uint8Array) => Promise<Uint8Array> = (signed) => Promise.resolve(signed),
): Promise<Uint8Array> {
  if (intent.signed !== null) return intent.signed;
  const { keyId, amount } = readToBeSigned(intent.toBeSigned);
  const signature = await signer.sign(intent.toBeSigned, {
    purpose: intent.kind,
    intent: toHex(intent.id),
    keyId,
    ...(amount === undefined ? {} : { amount }),
  });
  const sealed = await seal(attachSignature(intent.toBeSigned, signature));
  const recorded = await store.recordSigned(intent.kind, intent.id, sealed);
  // INVARIANT: what is handed out is what is stored; of two that finished one intent the first was stored.
  assert(recorded.signed !== null, 'a recorded intent has its signed bytes');
  return recorded.signed;
}

/**
 * Signs what a crash left between commit and signature; gives how many. What names a key that this role has no more, since it was revoked,
 * stays as it is: it can never be signed, and the quota that it took is lost.
 */
export async function finishLeft(
  store: Store,
  signer: Signer,
  finish: (intent: Intent) => Promise<unknown>,
): Promise<number> {
  let finished = 0;
  for (const intent of await store.unsigned()) {
    if (!signer.holds(readToBeSigned(intent.toBeSigned).keyId)) continue;
    await finish(intent);
    finished++;
  }
  return finished;
}

/** Refuses another body under a known id as `request_id_conflict`: an id stands for one request, for ever. */
export function sameBody(intent: Intent, bodyHash: Uint8Array): Result<null, 'request_id_conflict'> {
  if (equalBytes(intent.bodyHash, bodyHash)) return succeed(null);
  return refuse(
    'request_id_conflict',
    'this request id was used before with other content: send the first content again, or take a new id',
    'id',
  );
}
