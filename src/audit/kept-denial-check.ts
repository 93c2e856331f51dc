/** A denial of a whole request that issuance keeps: what central management signed, of this request, and nothing was issued beside it. */
import { equalBytes, sha256 } from '../kit/bytes.ts';
import { type Denial, decodeDenial } from '../records/denial.ts';
import { type HeldRecord, verifyHeld } from './held-record.ts';
import type { RequestCase } from './request-case.ts';
import { type AuditContext, makeFind, mayBeLater, systemOf } from './system.ts';

export function checkKeptDenial(context: AuditContext, one: RequestCase): void {
  const { kept, there, currency } = one;
  if (kept === undefined) return;
  const { system, entry, record } = kept;
  const find = makeFind(context, system, entry.sequence);
  const mismatch = (found: string, expected: string): void => find('denial_mismatch', found, expected);
  const said = decodeDenial(entry.context);
  if (!said.ok || !equalBytes(said.value.toBeSigned, entry.toBeSigned)) {
    find('record_malformed', 'it does not keep the denial that it is of', "central management's denial");
    return;
  }
  verifyHeld(
    context,
    { system, entry, decoded: said.value },
    { role: 'central', name: 'central' },
    { madeAt: record.issuedAt, seenAt: Math.max(record.issuedAt, Math.floor(entry.createdMs / 1000)) },
  );
  if (!equalBytes(sha256(entry.context), entry.bodyHash))
    mismatch('its entry is of other bytes than it keeps', 'the denial that it keeps');
  const { signed } = kept.placed;
  if (signed !== null && !equalBytes(signed, entry.context))
    mismatch('it was recorded with another signature than it keeps', 'the denial that it keeps');
  if (
    !equalBytes(record.requestId, entry.id) ||
    record.issuer !== system.name ||
    entry.issuer !== system.name
  )
    mismatch('it is of another request or issuer than its entry', 'those of its entry');
  if (currency !== undefined)
    mismatch('its request has currency too', 'currency, or a denial of the whole request');
  if (there.request) checkRequested(one, kept, mismatch);
  else find('request_missing', 'it is of a request that this ledger does not have', 'a request before it');
  checkCentrals(context, one, kept, mismatch);
}

type Mismatch = (found: string, expected: string) => void;

/** It denies all of the request that issuance signed. */
function checkRequested(
  { request }: RequestCase,
  { system, placed, record }: HeldRecord<Denial>,
  mismatch: Mismatch,
): void {
  if (request === undefined) return;
  if (request.system !== system || request.placed.ordinal > placed.ordinal)
    mismatch('its request is no earlier entry of this ledger', 'a request before it');
  const { signed } = request.placed;
  if (signed === null || !equalBytes(sha256(signed), record.requestHash))
    mismatch('it is on another request than the one that issuance signed', 'the request of its entry');
  // In ascending order, each once: as many as there are is all of them.
  if (record.denials.length !== request.record.orders.length)
    mismatch(
      `it denies ${record.denials.length} of ${request.record.orders.length} orders`,
      'a denial of the whole request',
    );
}

/** It is what central management has. */
function checkCentrals(
  context: AuditContext,
  { denial, there }: RequestCase,
  { entry, record }: HeldRecord<Denial>,
  mismatch: Mismatch,
): void {
  const central = systemOf(context, 'central');
  if (central === undefined) return;
  if (denial === undefined) {
    if (!there.denial && !mayBeLater(context, central, record.issuedAt))
      mismatch('central management has no denial of this request', 'a denial in its journal');
    return;
  }
  const { signed } = denial.placed;
  // What is not signed yet there was signed after the extract was made.
  if (signed === null ? !mayBeLater(context, central, record.issuedAt) : !equalBytes(signed, entry.context))
    mismatch('it is another one than central management has', 'the same bytes');
}
