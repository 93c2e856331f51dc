/**
 * A denial of a whole request in issuance's own journal: so that its orders have an outcome there, a retry gets it without asking
 * again, and central management cannot take it back. A denial of some orders only is kept with the currency of the others.
 *
 * INVARIANT: it is in the journal, and anchored, before any caller is told. Of the six steps only signing is left out: what is recorded
 * is central management's signature.
 *
 * - A crash before the commit leaves a request without an outcome: a retry asks central management again, and gets the same denial.
 * - A crash after it leaves the denial without its record: the retry, or the next start, records what the intent keeps.
 */
import { sha256 } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';
import { decodeDenial } from '../records/denial.ts';
import type { Committed, Intent } from '../store/store.ts';
import type { Ledger } from './ledger.ts';

export interface DeniedRequest {
  readonly requestId: Uint8Array;
  readonly issuer: string;
  /** Central management's, verified; it denies every order of the request. */
  readonly denialBytes: Uint8Array;
  readonly nowMs: number;
}

/** Commits the denial; gives the one that is there where there is one already. */
export async function keepDenial(
  ledger: Ledger,
  { requestId, issuer, denialBytes, nowMs }: DeniedRequest,
): Promise<Committed> {
  const [committed] = await ledger.commit([
    {
      kind: 'denial',
      id: requestId,
      issuer,
      bodyHash: sha256(denialBytes),
      createdMs: nowMs,
      context: denialBytes,
      toBeSigned: readKept(denialBytes).toBeSigned,
    },
  ]);
  if (committed.ok) await finishDenial(ledger, committed.value.intent);
  return committed;
}

/** Records what the intent keeps; of another process's that is for that process to do. */
export async function finishDenial(
  ledger: Ledger,
  { own, signed, sequence, id, context }: Intent,
): Promise<void> {
  if (signed !== null || !own) return;
  await ledger.anchored(sequence);
  await ledger.record({ kind: 'denial', id, signed: context });
}

/** The denial that an intent of this kind keeps. */
export function readKept(denialBytes: Uint8Array) {
  const decoded = decodeDenial(denialBytes);
  assert(decoded.ok, 'a denial that was verified decodes');
  return decoded.value;
}
