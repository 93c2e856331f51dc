/** What issuance made of a control bit: currency under the same root, by the key that the control bit names. */
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { type ControlBit, decodeControlBit } from '../records/control-bit.ts';
import type { Decoded } from '../records/cose.ts';
import type { CurrencyRecord } from '../records/currency.ts';
import { amountOf } from './control-bit-check.ts';
import { type HeldRecord, verifyHeld } from './held-record.ts';
import type { RequestCase } from './request-case.ts';
import { type AuditContext, clockTolerance, type Find, makeFind, mayBeLater, systemOf } from './system.ts';
import type { Totals } from './totals.ts';
import type { Unfinished } from './unfinished.ts';

export interface CurrencyOptions {
  readonly totals: Totals;
  readonly unfinished: Unfinished;
}

export function checkCurrency(
  context: AuditContext,
  one: RequestCase,
  { totals, unfinished }: CurrencyOptions,
): void {
  const { controlBit, currency } = one;
  if (controlBit?.isSigned === true && currency?.isSigned !== true) {
    const { record, system, entry } = controlBit;
    unfinished.add('withheld', system.label, entry.sequence, amountOf(record));
    totals.at(record.issuer, record.currency.code, record.issuedAt).withheld += record.total;
  }
  if (currency === undefined) return;
  const { system, entry, record } = currency;
  const find = makeFind(context, system, entry.sequence);
  const kept = readKept(entry.context, find);
  if (kept === undefined) return;
  const bit = kept.controlBit;
  const seenAt = Math.max(record.issuedAt, bit.record.issuedAt);
  // Of a control bit that quota control does not show, this is where its signature is seen.
  const isTheirs = verifyHeld(
    context,
    { system, entry, decoded: bit },
    { role: 'quota', name: 'quota' },
    { madeAt: bit.record.issuedAt, seenAt },
  );
  const isOurs =
    currency.isSigned &&
    verifyHeld(
      context,
      currency,
      { role: 'issuance', name: system.name },
      { madeAt: record.issuedAt, seenAt },
    );
  checkBound(currency, bit, find);
  checkOrder(one, currency, kept.denial, find);
  const isShown = checkShown(context, one, currency, bit, find, unfinished);
  if (!isTheirs || !isOurs) return;
  const sums = totals.at(record.issuer, record.currency.code, bit.record.issuedAt);
  sums.issued += record.total;
  sums.units += record.count;
  if (!isShown) sums.outside += record.total;
}

/** What issuance keeps with its currency: the control bit, and the denial where there was one. */
function readKept(
  context: Uint8Array,
  find: Find,
): { readonly controlBit: Decoded<ControlBit>; readonly denial: Uint8Array | null } | undefined {
  const decoded = decodeCbor(context);
  const [bit, denial] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  const controlBit = bit instanceof Uint8Array ? decodeControlBit(bit) : undefined;
  if (controlBit?.ok === true && (denial === null || denial instanceof Uint8Array))
    return { controlBit: controlBit.value, denial };
  find(
    'entry_malformed',
    controlBit?.ok === false ? controlBit.message : 'no control bit is kept with the currency',
    'the control bit that it was made by',
  );
  return undefined;
}

function checkBound(
  { system, entry, record, decoded }: HeldRecord<CurrencyRecord>,
  { record: bit, bytes }: Decoded<ControlBit>,
  find: Find,
): void {
  const mismatch = (found: string, expected: string): void => find('currency_mismatch', found, expected);
  if (!equalBytes(record.root, bit.root)) mismatch('it is over another root', "the control bit's");
  const hash = sha256(bytes);
  if (!equalBytes(record.controlBitHash, hash) || !equalBytes(entry.bodyHash, hash))
    mismatch('it names another control bit than the one that is kept with it', toHex(hash).slice(0, 16));
  if (
    record.epoch !== bit.epoch ||
    record.sequence !== bit.sequence ||
    record.count !== bit.count ||
    record.total !== bit.total ||
    record.currency.code !== bit.currency.code ||
    record.issuer !== bit.issuer
  )
    mismatch('it has another serial, count, total, currency or issuer', "the control bit's");
  if (
    !equalBytes(record.requestId, entry.id) ||
    !equalBytes(bit.requestId, entry.id) ||
    record.issuer !== system.name ||
    entry.issuer !== system.name
  )
    mismatch('it is of another request or issuer than its entry', 'those of its entry');
  if (!equalBytes(decoded.keyId, bit.issuanceKey))
    mismatch('it names another key than the control bit asks for', toHex(bit.issuanceKey).slice(0, 16));
  if (record.issuedAt < bit.issuedAt - clockTolerance)
    find(
      'time_disordered',
      `it is of ${record.issuedAt} s, and its control bit of ${bit.issuedAt} s`,
      'a control bit before it',
    );
}

/** The request came before it, and what it was told of denied orders is what central management said. */
function checkOrder(
  { request, denial, there }: RequestCase,
  { entry, placed, system }: HeldRecord<CurrencyRecord>,
  kept: Uint8Array | null,
  find: Find,
): void {
  if (!there.request)
    find('request_missing', 'it is of a request that this ledger does not have', 'a request before it');
  else if (request !== undefined && (request.system !== system || request.placed.ordinal > placed.ordinal))
    find(
      'currency_mismatch',
      `its request is entry ${request.entry.sequence} of ${request.system.label}, which is no earlier one`,
      'a request before it',
    );
  const said = denial?.placed.signed ?? null;
  if (denial === undefined && kept === null) return;
  // A denial that is not signed yet, or that came after the extract, is not held against what issuance has.
  if (denial === undefined || said === null) return;
  if (kept === null || !equalBytes(kept, said))
    find(
      'denial_mismatch',
      `entry ${entry.sequence} keeps another denial than central management has`,
      'the same bytes',
    );
}

/** Whether quota control's ledger shows the control bit, or may be older than it. */
function checkShown(
  context: AuditContext,
  { controlBit, there }: RequestCase,
  { entry, system }: HeldRecord<CurrencyRecord>,
  { record: bit, bytes }: Decoded<ControlBit>,
  find: Find,
  unfinished: Unfinished,
): boolean {
  const quota = systemOf(context, 'quota');
  const isLater = quota !== undefined && mayBeLater(context, quota, bit.issuedAt);
  if (controlBit === undefined) {
    if (there.controlBit) return true;
    if (isLater) {
      unfinished.add('in-flight', system.label, entry.sequence, amountOf(bit));
      return true;
    }
    find(
      'control_bit_missing',
      `control bit ${bit.epoch}.${bit.sequence}, signed by quota control, is not in its journal: this currency is beyond every quota`,
      'each control bit in the journal of quota control',
    );
    return false;
  }
  const { signed } = controlBit.placed;
  if (signed === null) {
    if (!isLater)
      find(
        'signature_missing',
        'its control bit is not signed at quota control',
        'what quota control handed out in its ledger',
      );
  } else if (!equalBytes(signed, bytes))
    find(
      'control_bit_mismatch',
      `it was made by another signed control bit than quota control has for this request (entry ${controlBit.entry.sequence} there)`,
      'the same bytes',
    );
  return true;
}
