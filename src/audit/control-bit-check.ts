/** What quota control signed for a request: by a credential that was made for it, for units whose root and sum follow from it. */
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import type { ControlBit } from '../records/control-bit.ts';
import { decodeCredential } from '../records/credential.ts';
import { merkleRoot } from '../records/merkle.ts';
import { encodePresentation } from '../records/presentation.ts';
import { lotsOf, type Request, sumOrders } from '../records/request.ts';
import { type Run, select } from '../records/selection.ts';
import { deriveLeaves } from '../records/unit.ts';
import { type HeldRecord, verifyHeld } from './held-record.ts';
import type { RequestCase } from './request-case.ts';
import { type AuditContext, clockTolerance, type Find, makeFind, mayBeLater, systemOf } from './system.ts';
import type { Unfinished } from './unfinished.ts';

export interface ControlBitOptions {
  readonly unfinished: Unfinished;
  readonly provenFrom: number;
}

export function checkControlBit(
  context: AuditContext,
  one: RequestCase,
  { unfinished, provenFrom }: ControlBitOptions,
): void {
  const { controlBit, credential, request, currency } = one;
  if (controlBit === undefined) {
    if (credential !== undefined && !one.there.controlBit)
      unfinished.add(
        'unused',
        credential.system.label,
        credential.entry.sequence,
        amountOf(credential.record),
      );
    return;
  }
  const { system, entry, record } = controlBit;
  const find = makeFind(context, system, entry.sequence);
  if (controlBit.isSigned) {
    const seenAt = Math.max(record.issuedAt, currency?.record.issuedAt ?? 0);
    const moments = { madeAt: record.issuedAt, seenAt };
    verifyHeld(context, controlBit, { role: 'quota', name: 'quota' }, moments);
  } else unfinished.add('reserved', system.label, entry.sequence, amountOf(record));
  checkEntry(controlBit, find);
  checkCredential(context, one, controlBit, find, provenFrom);
  if (request !== undefined) {
    checkRequest(request, controlBit, find);
    checkReservation(request.record.reservation, entry.take?.reservation ?? undefined, find);
    checkUnits(request, record, find);
  }
}

/** What its entry says beside the record: the serial, what it took and what it used up. */
function checkEntry({ entry, record }: HeldRecord<ControlBit>, find: Find): void {
  const { serial, take, id, issuer } = entry;
  if (serial?.epoch !== record.epoch || serial.number !== record.sequence)
    find(
      'serial_mismatch',
      `the control bit is number ${record.sequence} of epoch ${record.epoch}`,
      serial === null ? 'a number in its entry too' : `number ${serial.number} of epoch ${serial.epoch}`,
    );
  if (record.issuer !== issuer || !equalBytes(record.requestId, id))
    find('control_bit_mismatch', 'it is of another request or issuer than its entry', 'those of its entry');
  const orders = record.orders.reduce((sum, { count }) => sum + count, 0);
  if (take === null) return;
  if (take.amount !== record.total || take.currency !== record.currency.code || take.orders !== orders)
    find(
      'take_mismatch',
      `${take.amount} ${take.currency} are taken for ${take.orders} orders`,
      `${record.total} ${record.currency.code} for ${orders}, which the control bit is of`,
    );
}

/** It takes of the reservation that the request names, or of none. */
function checkReservation(named: Uint8Array | undefined, taken: Uint8Array | undefined, find: Find): void {
  const show = (id: Uint8Array | undefined): string => (id === undefined ? 'none' : toHex(id));
  if (show(named) !== show(taken))
    find(
      'reservation_mismatch',
      `it takes of the reservation ${show(taken)}`,
      `of ${show(named)}, as its request says`,
    );
}

function checkCredential(
  context: AuditContext,
  { there, credential, request }: RequestCase,
  { system, entry, record, placed }: HeldRecord<ControlBit>,
  find: Find,
  provenFrom: number,
): void {
  const evidence = entry.context.length === 0 ? undefined : decodeCredential(entry.context);
  if (evidence === undefined) {
    if (placed.ordinal > provenFrom)
      find(
        'credential_unproven',
        'the credential is not kept with it, as with those before it',
        'the credential that it was signed by',
      );
  } else if (!evidence.ok) {
    find('credential_unproven', `the credential that is kept with it: ${evidence.message}`, 'a credential');
  } else {
    const { issuedAt } = evidence.value.record;
    const moments = { madeAt: issuedAt, seenAt: Math.max(issuedAt, record.issuedAt) };
    const held = { system, entry, decoded: evidence.value };
    verifyHeld(context, held, { role: 'central', name: 'central' }, moments);
  }
  if (credential === undefined) {
    const central = systemOf(context, 'central');
    const at = evidence?.ok === true ? evidence.value.record.issuedAt : record.issuedAt;
    if (there.credential || central === undefined || mayBeLater(context, central, at)) return;
    find(
      'credential_missing',
      'central management has no credential for it in its ledger',
      'a credential of central management for each control bit',
    );
    return;
  }
  if (evidence?.ok === true && !equalBytes(evidence.value.toBeSigned, credential.entry.toBeSigned))
    find(
      'credential_mismatch',
      'the credential that it was signed by is another than the one that central management has in its journal',
      'the same',
    );
  const approved = credential.record;
  if (entry.spends === null || !equalBytes(entry.spends, approved.id))
    find(
      'credential_mismatch',
      entry.spends === null ? 'it uses up no credential' : `it uses up the credential ${toHex(entry.spends)}`,
      `the credential ${toHex(approved.id)} of this request`,
    );
  if (!isWithin(record.orders, approved.approved))
    find(
      'control_bit_mismatch',
      'it is of orders that central management did not approve',
      'orders of the credential',
    );
  if (record.issuedAt >= approved.expiresAt)
    find(
      'credential_expired',
      `it was signed by a credential at ${record.issuedAt} s`,
      `a time before ${approved.expiresAt} s, when that expired`,
    );
  if (record.issuedAt < approved.issuedAt - clockTolerance)
    find(
      'time_disordered',
      `it is of ${record.issuedAt} s, and its credential of ${approved.issuedAt} s`,
      'a credential before it',
    );
  const { signed } = credential.placed;
  if (signed === null) {
    if (!mayBeLater(context, credential.system, approved.issuedAt))
      find('signature_missing', 'its credential is not signed at central management', 'a signed credential');
    return;
  }
  const asked = request?.placed.signed;
  const seed = request?.entry.context;
  if (asked === undefined || asked === null || seed?.length !== 32) return;
  const presentation = encodePresentation({ credential: signed, request: asked, seed });
  if (!equalBytes(sha256(presentation), entry.bodyHash))
    find(
      'presentation_mismatch',
      'it was signed for another presentation than credential, request and seed of the other two ledgers make',
      `the hash ${toHex(sha256(presentation)).slice(0, 16)}`,
    );
}

function checkRequest(
  { system, record: request, placed, decoded }: HeldRecord<Request>,
  { record }: HeldRecord<ControlBit>,
  find: Find,
): void {
  const { signed } = placed;
  if (signed === null)
    find('signature_missing', `its request is not signed at ${system.label}`, 'a signed request');
  else if (!equalBytes(sha256(signed), record.requestHash))
    find(
      'control_bit_mismatch',
      `it is for the request with the hash ${toHex(record.requestHash).slice(0, 16)}`,
      `${toHex(sha256(signed)).slice(0, 16)}, which issuance signed`,
    );
  if (!equalBytes(record.issuanceKey, decoded.keyId))
    find(
      'control_bit_mismatch',
      'it names another issuance key than the one that signed the request',
      'that one',
    );
  if (
    record.issuer !== request.issuer ||
    record.currency.code !== request.currency.code ||
    record.redeemUntil !== request.redeemUntil
  )
    find(
      'control_bit_mismatch',
      'it has another issuer, currency or day of redemption than the request',
      'those of the request',
    );
}

/** INVARIANT: what an audit counts as issued is the sum of units that it has derived, and not what a record says. */
function checkUnits({ record: request, entry }: HeldRecord<Request>, record: ControlBit, find: Find): void {
  const orders = select(request.orders, record.orders);
  if (orders === undefined) {
    find('control_bit_mismatch', 'it is of orders that the request does not have', "the request's orders");
    return;
  }
  const { total, count } = sumOrders(orders);
  if (record.total !== total || record.count !== count)
    find(
      'units_mismatch',
      `it says ${record.count} units of ${record.total} minor units`,
      `${count} of ${total}, which its orders are`,
    );
  if (entry.context.length !== 32) return;
  const root = merkleRoot(
    deriveLeaves({
      currency: request.currency,
      lots: lotsOf(orders),
      epoch: record.epoch,
      sequence: record.sequence,
      reservation: record.reservation,
      keySet: record.keySet,
      notBefore: record.issuedAt,
      redeemUntil: record.redeemUntil,
      seed: entry.context,
    }),
  );
  if (!equalBytes(root, record.root))
    find(
      'units_mismatch',
      `the root ${toHex(record.root).slice(0, 16)}, which is not that of its units: it may stand for others, of any sum`,
      `${toHex(root).slice(0, 16)}`,
    );
}

/** Whether each order of `runs` is in `all`. Both are in ascending order. */
function isWithin(runs: readonly Run[], all: readonly Run[]): boolean {
  return runs.every(({ first, count }) =>
    all.some((run) => run.first <= first && first + count <= run.first + run.count),
  );
}

export function amountOf({ currency, total }: Pick<ControlBit, 'currency' | 'total'>): {
  currency: string;
  minor: bigint;
} {
  return { currency: currency.code, minor: total };
}
