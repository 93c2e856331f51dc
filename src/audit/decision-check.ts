/** What central management decided of a request: each order once, for the request as it was signed. */
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import { decodeEnvelope, encryptedCredentialType } from '../records/encryption.ts';
import { sumOrders } from '../records/request.ts';
import { type Run, select } from '../records/selection.ts';
import { verifyHeld } from './held-record.ts';
import type { RequestCase } from './request-case.ts';
import { type AuditContext, clockTolerance, makeFind, report } from './system.ts';

export function checkDecision(context: AuditContext, one: RequestCase): void {
  checkCredential(context, one);
  checkDenial(context, one);
  checkWhole(context, one);
}

function checkCredential(context: AuditContext, one: RequestCase): void {
  const { request, credential } = one;
  if (credential === undefined) return;
  const { system, entry, record, placed } = credential;
  const find = makeFind(context, system, entry.sequence);
  const mismatch = (found: string, expected: string): void => find('credential_mismatch', found, expected);
  if (record.issuer !== entry.issuer)
    mismatch(`it is for issuer \`${record.issuer}\``, `issuer \`${entry.issuer}\` of its entry`);
  if (!equalBytes(record.requestHash, entry.bodyHash))
    mismatch('it names another request than its entry', 'one request');
  if (entry.decides !== countOf(record.approved))
    mismatch(
      `its entry decides on ${entry.decides} orders`,
      `${countOf(record.approved)}, which it approves`,
    );
  const { approves } = entry;
  if (approves !== null && (approves.amount !== record.total || approves.currency !== record.currency.code))
    find(
      'account_mismatch',
      `its entry counts ${approves.amount} minor units of ${approves.currency}`,
      `${record.total} of ${record.currency.code}, which it approves`,
    );
  if (placed.signed !== null) {
    const envelope = decodeEnvelope(placed.signed, encryptedCredentialType);
    const known =
      envelope.ok &&
      context.bundles.at(-1)?.keys.some(
        // The key is of quota control, whoever else has one of that kind.
        ({ role, key }) => role === 'quota-agreement' && equalBytes(key.keyId, envelope.value.keyId),
      ) === true;
    if (!known)
      find(
        'record_malformed',
        envelope.ok ? 'it is encrypted to a key that quota control never had' : envelope.message,
        "a credential that is encrypted to quota control's key",
      );
  }
  if (request === undefined) return;
  checkSame(context, one, credential);
  const orders = select(request.record.orders, record.approved);
  if (orders === undefined)
    mismatch('it approves orders that the request does not have', "the request's orders");
  else if (sumOrders(orders).total !== record.total)
    mismatch(
      `it is of ${record.total} minor units`,
      `${sumOrders(orders).total}, the sum of the orders that it approves`,
    );
  if (record.currency.code !== request.record.currency.code || record.issuer !== request.record.issuer)
    mismatch('it is of another currency or issuer than the request', 'those of the request');
}

function checkDenial(context: AuditContext, one: RequestCase): void {
  const { request, denial } = one;
  if (denial === undefined) return;
  const { system, entry, record } = denial;
  const find = (found: string, expected: string): void =>
    report(context, system, entry.sequence, 'denial_mismatch', found, expected);
  const { issuedAt } = record;
  if (denial.isSigned)
    verifyHeld(context, denial, { role: 'central', name: 'central' }, { madeAt: issuedAt, seenAt: issuedAt });
  if (record.issuer !== entry.issuer || !equalBytes(record.requestId, entry.id))
    find('it is of another request or issuer than its entry', 'those of its entry');
  if (!equalBytes(record.requestHash, entry.bodyHash))
    find('it names another request than its entry', 'one request');
  if (entry.decides !== record.denials.length)
    find(`its entry decides on ${entry.decides} orders`, `${record.denials.length}, which it denies`);
  if (request === undefined) return;
  checkSame(context, one, denial);
  const last = record.denials.at(-1)?.order ?? 0;
  if (last >= request.record.orders.length)
    find(`it denies order ${last}`, `one of ${request.record.orders.length} orders`);
}

/** The decision is on the request that issuance signed, and of its time. */
function checkSame(
  context: AuditContext,
  { request }: RequestCase,
  { system, entry, record }: NonNullable<RequestCase['credential'] | RequestCase['denial']>,
): void {
  if (request === undefined) return;
  const find = makeFind(context, system, entry.sequence);
  const { signed } = request.placed;
  if (signed === null)
    find(
      'signature_missing',
      `a decision on entry ${request.entry.sequence} of ${request.system.label}, which is not signed there`,
      'a signed request',
    );
  else if (!equalBytes(sha256(signed), record.requestHash))
    find(
      entry.kind === 'denial' ? 'denial_mismatch' : 'credential_mismatch',
      `it is on the request with the hash ${toHex(record.requestHash).slice(0, 16)}`,
      `${toHex(sha256(signed)).slice(0, 16)}, which issuance signed`,
    );
  const { issuedAt, expiresAt } = request.record;
  if (record.issuedAt < issuedAt - clockTolerance || record.issuedAt >= expiresAt)
    find(
      'time_disordered',
      `decided at ${record.issuedAt} s`,
      `between ${issuedAt} s, when it was asked, and ${expiresAt} s, when that expired`,
    );
}

/** Each order is approved or denied, and none both. */
function checkWhole(context: AuditContext, { request, credential, denial }: RequestCase): void {
  const decision = credential ?? denial;
  if (request === undefined || decision === undefined) return;
  const count = request.record.orders.length;
  const decided = new Uint8Array(count);
  const decide = (order: number): void => {
    if (order < count) decided[order] = (decided[order] ?? 0) + 1;
  };
  for (const { first, count: length } of credential?.record.approved ?? [])
    for (let order = first; order < Math.min(first + length, count); order++) decide(order);
  for (const { order } of denial?.record.denials ?? []) decide(order);
  const wrong = decided.findIndex((times) => times !== 1);
  if (wrong < 0) return;
  report(
    context,
    decision.system,
    decision.entry.sequence,
    'decision_incomplete',
    `order ${wrong} is ${decided[wrong] === 0 ? 'neither approved nor denied' : 'approved and denied'}`,
    'one decision on each order',
  );
}

function countOf(runs: readonly Run[]): number {
  return runs.reduce((sum, { count }) => sum + count, 0);
}
