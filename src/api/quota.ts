/** Quota control's numbers of this moment: for central management's rules and for the operator. */

import type { QuotaControl, QuotaPosition } from '../roles/quota-control.ts';
import { onlyFor, type Server } from './server.ts';

/** A position as JSON: amounts are decimal strings of minor units, so that no reader rounds them. */
export type QuotaPositionJson = { readonly [K in keyof QuotaPosition]: string };

export function addQuota(server: Server, quotaControl: QuotaControl): void {
  server.get(
    '/quota',
    onlyFor(['central', 'operator'], async (_request, reply) =>
      reply.send({ positions: (await quotaControl.positions()).map(positionJson) }),
    ),
  );
}

function positionJson(position: QuotaPosition): QuotaPositionJson {
  return {
    issuer: position.issuer,
    currency: position.currency,
    allocated: String(position.allocated),
    reserved: String(position.reserved),
    issued: String(position.issued),
    available: String(position.available),
    day: position.day,
    dayLimit: String(position.dayLimit),
    dayUsed: String(position.dayUsed),
  };
}

/** Reads a position back; throws on a shape that `positionJson` does not make, which is a broken peer. */
export function positionFromJson(json: QuotaPositionJson): QuotaPosition {
  return {
    issuer: json.issuer,
    currency: json.currency,
    allocated: BigInt(json.allocated),
    reserved: BigInt(json.reserved),
    issued: BigInt(json.issued),
    available: BigInt(json.available),
    day: json.day,
    dayLimit: BigInt(json.dayLimit),
    dayUsed: BigInt(json.dayUsed),
  };
}
