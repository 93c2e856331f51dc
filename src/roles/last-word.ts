/** What issuance has to say of a request for ever, and what was issued in it by that. */
import { equalBytes } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { decodeClosing } from '../records/closing.ts';
import { decodeCurrencyRecord } from '../records/currency.ts';
import type { KeyRing } from '../records/key-ring.ts';
import type { Granted } from './granted.ts';

/** Requests of one call. */
export const lastWordLimit = 200;

export type LastWordCode = 'request_underway' | 'request_unknown';

/** Its currency record or its closing, as issuance signed it; null where it has neither. */
export type LastWord = Result<Uint8Array | null, LastWordCode>;

/** Asks the issuance of `issuer` for its last word on each request; see closings.ts for `close`. */
export type AskLastWords = (
  issuer: string,
  requestIds: readonly Uint8Array[],
  close: boolean,
) => Promise<Result<readonly LastWord[]>>;

/** Minor units that were issued by what it says; undefined where it is neither record. Nothing is verified. */
export function readUsed(word: Uint8Array): bigint | undefined {
  const currency = decodeCurrencyRecord(word);
  if (currency.ok) return currency.value.record.total;
  return decodeClosing(word).ok ? 0n : undefined;
}

/** The same of a word that is issuance's own, on the very request that the credential was granted for. */
export function verifyUsed(
  word: Uint8Array,
  { requestId, credential }: Granted,
  { keys, seenAt }: { readonly keys: KeyRing; readonly seenAt: number },
): Result<bigint> {
  const holder = { role: 'issuance', name: credential.issuer } as const;
  const currency = decodeCurrencyRecord(word);
  if (currency.ok) {
    const { record } = currency.value;
    const verified = keys.verify(currency.value, holder, { madeAt: record.issuedAt, seenAt });
    if (!verified.ok) return verified;
    const { issuer, currency: of, total } = record;
    return equalBytes(record.requestId, requestId) &&
      issuer === credential.issuer &&
      of.code === credential.currency.code
      ? succeed(total)
      : refuseOther();
  }
  const closing = decodeClosing(word);
  if (!closing.ok) return closing;
  const { record } = closing.value;
  const verified = keys.verify(closing.value, holder, { madeAt: record.issuedAt, seenAt });
  if (!verified.ok) return verified;
  return equalBytes(record.requestId, requestId) && record.issuer === credential.issuer
    ? succeed(0n)
    : refuseOther();
}

function refuseOther(): Result<never, 'peer_fault'> {
  return refuse('peer_fault', 'issuance answered with a record of another request than it was asked of');
}
