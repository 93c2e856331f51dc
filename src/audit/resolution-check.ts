/** What central management freed of a request: by issuance's own word, which issuance's ledger has too. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { decodeClosing } from '../records/closing.ts';
import { decodeCurrencyRecord } from '../records/currency.ts';
import type { ResolutionEntry } from './entry.ts';
import { verifyHeld } from './held-record.ts';
import type { RequestCase } from './request-case.ts';
import { type AuditContext, clockTolerance, makeFind, mayBeLater, type System, systemOf } from './system.ts';

export interface PlacedResolution {
  readonly system: System;
  readonly entry: ResolutionEntry;
}

/** A request that is closed has no currency, and the closing is issuance's. */
export function checkClosing(context: AuditContext, { closing, currency, request, id }: RequestCase): void {
  if (closing === undefined) return;
  const { system, entry, record } = closing;
  const find = makeFind(context, system, entry.sequence);
  if (closing.isSigned)
    verifyHeld(
      context,
      closing,
      { role: 'issuance', name: system.name },
      { madeAt: record.issuedAt, seenAt: record.issuedAt },
    );
  if (!equalBytes(record.requestId, id) || record.issuer !== entry.issuer || record.issuer !== system.name)
    find('closing_mismatch', 'it is of another request or issuer than its entry', 'those of its entry');
  if (entry.spends === null || !equalBytes(entry.spends, id))
    find('closing_mismatch', 'its entry does not use the request up', 'the id of the request');
  if (request === undefined)
    find('closing_mismatch', `request ${toHex(id)} is not in the ledger`, 'a request that it has');
  if (currency !== undefined)
    find(
      'closing_mismatch',
      `entry ${currency.entry.sequence} has currency of the request`,
      'a closing or currency of a request, and never both',
    );
}

export function checkResolution(
  context: AuditContext,
  one: RequestCase,
  placed: PlacedResolution | undefined,
): void {
  if (placed === undefined) return;
  const { system, entry } = placed;
  const { id, credential } = one;
  const find = makeFind(context, system, entry.sequence);
  const mismatch = (found: string, expected: string): void => find('resolution_mismatch', found, expected);
  if (
    credential === undefined ||
    credential.entry.sequence > entry.sequence ||
    credential.entry.approves?.amount !== entry.approved ||
    credential.entry.approves.currency !== entry.currency ||
    credential.entry.issuer !== entry.issuer
  )
    mismatch(
      `${entry.approved} minor units of ${entry.issuer}/${entry.currency} are said to be approved of request ${toHex(id)}`,
      'what a credential before it approved',
    );
  else if (entry.createdMs / 1000 < credential.record.expiresAt - clockTolerance)
    mismatch('the credential had not expired', 'a credential that is of no use any more');
  const used = usedBy(context, one, placed);
  if (used === undefined)
    mismatch('it has no word of issuance on the request', 'a currency record or a closing');
  else if (entry.freed > entry.approved - used)
    mismatch(`${entry.freed} minor units are freed`, `at most ${entry.approved - used}: ${used} were issued`);
  checkShown(context, one, placed);
}

/** What was issued by the word in the entry, where that is issuance's own. */
function usedBy(
  context: AuditContext,
  { id }: RequestCase,
  { system, entry }: PlacedResolution,
): bigint | undefined {
  const holder = { role: 'issuance', name: entry.issuer } as const;
  const seenAt = Math.floor(entry.createdMs / 1000);
  const currency = decodeCurrencyRecord(entry.word);
  const closing = currency.ok ? undefined : decodeClosing(entry.word);
  const decoded = currency.ok ? currency : closing;
  if (decoded?.ok !== true) return undefined;
  const { record } = decoded.value;
  const verified = context.keys.verify<unknown>(decoded.value, holder, { madeAt: record.issuedAt, seenAt });
  if (!verified.ok) {
    makeFind(context, system, entry.sequence)(
      verified.code,
      `issuance's word: ${verified.message}`,
      `a signature by a key of issuance \`${entry.issuer}\` that counts`,
    );
    return undefined;
  }
  if (!equalBytes(record.requestId, id) || record.issuer !== entry.issuer) return undefined;
  return currency.ok ? currency.value.record.total : 0n;
}

/** Issuance's ledger has the same word. */
function checkShown(
  context: AuditContext,
  { currency, closing, there }: RequestCase,
  { system, entry }: PlacedResolution,
): void {
  const issuance = systemOf(context, 'issuance', entry.issuer);
  if (issuance === undefined || mayBeLater(context, issuance, Math.floor(entry.createdMs / 1000))) return;
  const shown = [currency, closing].some(
    (one) => one?.isSigned === true && equalBytes(one.decoded.bytes, entry.word),
  );
  if (shown || (!there.request && currency === undefined && closing === undefined)) return;
  makeFind(context, system, entry.sequence)(
    'resolution_mismatch',
    `the ledger of ${issuance.label} does not have the word that it was freed by`,
    'the record that issuance signed, in its ledger too',
  );
}
