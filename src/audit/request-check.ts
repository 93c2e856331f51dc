/**
 * One request at the three systems: what issuance asked for, what central management decided, what quota control took and signed, and what
 * issuance made of it have to fit each other, and every unit is derived anew.
 */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { decodeClosing } from '../records/closing.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { decodeCredential } from '../records/credential.ts';
import { decodeCurrencyRecord } from '../records/currency.ts';
import { decodeDenial } from '../records/denial.ts';
import { decodeRequest } from '../records/request.ts';
import { checkControlBit } from './control-bit-check.ts';
import { checkCurrency } from './currency-check.ts';
import { checkDecision } from './decision-check.ts';
import { openPlaced, openResolution, verifyHeld } from './held-record.ts';
import type { IdTable } from './id-table.ts';
import { checkKeptDenial } from './kept-denial-check.ts';
import type { RequestCase } from './request-case.ts';
import { orderIdsOf } from './request-case.ts';
import type { RequestIndex } from './request-index.ts';
import { checkClosing, checkResolution } from './resolution-check.ts';
import { type AuditContext, mayBeLater, report, type System, secondsOfId, systemOf } from './system.ts';
import type { Totals } from './totals.ts';
import type { Unfinished } from './unfinished.ts';

export interface RequestCheckOptions {
  readonly index: RequestIndex;
  readonly totals: Totals;
  readonly unfinished: Unfinished;
  /** The first entry of quota control that keeps the credential it was shown, by its ordinal. */
  readonly provenFrom: number;
  /** Ids of the credentials so far. */
  readonly credentials: IdTable;
}

export function checkRequest(context: AuditContext, row: number, options: RequestCheckOptions): void {
  const { index, unfinished } = options;
  const id = index.id(row);
  const places = {
    request: index.place(row, 'request'),
    credential: index.place(row, 'credential'),
    denial: index.place(row, 'denial'),
    controlBit: index.place(row, 'control-bit'),
    currency: index.place(row, 'currency'),
    closing: index.place(row, 'closing'),
    kept: index.place(row, 'kept-denial'),
  };
  const one: RequestCase = {
    id,
    there: {
      request: places.request !== undefined,
      credential: places.credential !== undefined,
      controlBit: places.controlBit !== undefined,
      denial: places.denial !== undefined,
    },
    request: openPlaced(context, places.request, decodeRequest),
    credential: openPlaced(context, places.credential, decodeCredential, 'sealed'),
    denial: openPlaced(context, places.denial, decodeDenial),
    controlBit: openPlaced(context, places.controlBit, decodeControlBit),
    currency: openPlaced(context, places.currency, decodeCurrencyRecord),
    closing: openPlaced(context, places.closing, decodeClosing),
    kept: openPlaced(context, places.kept, decodeDenial, 'received'),
  };
  checkRequestItself(context, one);
  if (one.credential !== undefined && !options.credentials.add(one.credential.record.id).isNew)
    report(
      context,
      one.credential.system,
      one.credential.entry.sequence,
      'credential_repeated',
      `another credential has the id ${toHex(one.credential.record.id)} too`,
      'each id once',
    );
  checkDecision(context, one);
  checkControlBit(context, one, options);
  checkCurrency(context, one, options);
  checkClosing(context, one);
  checkResolution(context, one, openResolution(context, index.place(row, 'resolution')));
  checkKeptDenial(context, one);
  if (one.request !== undefined && one.credential === undefined && one.denial === undefined)
    unfinished.add('undecided', one.request.system.label, one.request.entry.sequence, null);
}

function checkRequestItself(context: AuditContext, one: RequestCase): void {
  const { request, credential, denial, controlBit } = one;
  if (request === undefined) {
    const later = credential ?? denial ?? controlBit;
    if (!one.there.request && later !== undefined) findMissing(context, one, later);
    return;
  }
  const { system, entry, record } = request;
  const find = (found: string, expected: string): void =>
    report(context, system, entry.sequence, 'request_mismatch', found, expected);
  // Whoever decided saw it then: a key that was revoked by that time does not count.
  const seenAt = Math.max(
    record.issuedAt,
    credential?.record.issuedAt ?? 0,
    denial?.record.issuedAt ?? 0,
    controlBit?.record.issuedAt ?? 0,
  );
  if (request.isSigned)
    verifyHeld(
      context,
      request,
      { role: 'issuance', name: system.name },
      { madeAt: record.issuedAt, seenAt },
    );
  if (record.issuer !== system.name || entry.issuer !== system.name)
    find(`it is of issuer \`${record.issuer}\``, `issuer \`${system.name}\`, whose ledger it is in`);
  if (!equalBytes(record.id, entry.id))
    find(`the request has the id ${toHex(record.id)}`, `the id of its entry, ${toHex(entry.id)}`);
  if (entry.context.length !== 32)
    find(`a seed of ${entry.context.length} bytes`, 'the seed of its salts, 32 bytes');
  const orders = orderIdsOf(entry.orders);
  const same =
    orders.length === record.orders.length &&
    orders.every((order, number) => equalBytes(order, record.orders[number]?.id ?? order.slice(1)));
  if (!same) find('its entry names other orders than the request has', 'the same, in their order');
}

/** The request is at none of the issuance systems that were given. */
function findMissing(
  context: AuditContext,
  { id }: RequestCase,
  later: { readonly system: System; readonly entry: { readonly sequence: number; readonly issuer: string } },
): void {
  const issuance = systemOf(context, 'issuance', later.entry.issuer);
  // Its ledger was not given: that is found once, and not at each request.
  if (issuance === undefined || mayBeLater(context, issuance, secondsOfId(id))) return;
  report(
    context,
    later.system,
    later.entry.sequence,
    'request_missing',
    `it is of request ${toHex(id)}, which the ledger of ${issuance.label} does not have`,
    'a request in the ledger of its issuer',
  );
}
