/** Quota control's numbers of this moment: for central management's rules and for the operator. */

import type { Limit } from '../records/quota-terms.ts';
import type { LimitPosition, QuotaControl, QuotaPosition } from '../roles/quota-control.ts';
import { onlyFor, type Server } from './server.ts';

/** A position as JSON: amounts are decimal strings of minor units, so that no reader rounds them. */
export interface QuotaPositionJson
  extends Pick<QuotaPosition, 'issuer' | 'currency' | 'version' | 'frozen' | 'stopped' | 'atMs'>,
    Record<'allocated' | 'reserved' | 'issued' | 'available', string> {
  readonly limits: readonly LimitPositionJson[];
}

interface LimitPositionJson
  extends Omit<Limit, 'maximum'>,
    Pick<LimitPosition, 'slots'>,
    Record<'maximum' | 'used' | 'remaining', string> {}

export function addQuota(server: Server, quotaControl: QuotaControl): void {
  server.get(
    '/quota',
    onlyFor(['central', 'operator'], async (_request, reply) =>
      reply.send({ positions: (await quotaControl.positions()).map(positionJson) }),
    ),
  );
}

function positionJson(position: QuotaPosition): QuotaPositionJson {
  const { issuer, currency, version, frozen, stopped, atMs, limits } = position;
  return {
    issuer,
    currency,
    version,
    frozen,
    stopped,
    atMs,
    allocated: String(position.allocated),
    reserved: String(position.reserved),
    issued: String(position.issued),
    available: String(position.available),
    limits: limits.map(({ name, counts, window, slots, maximum, used, remaining }) => ({
      name,
      counts,
      window,
      slots,
      maximum: String(maximum),
      used: String(used),
      remaining: String(remaining),
    })),
  };
}

/** Reads a position back, without what was used in each slot; throws on a shape that `positionJson` does not make, which is a broken peer. */
export function positionFromJson(json: QuotaPositionJson): QuotaPosition {
  return {
    ...json,
    allocated: BigInt(json.allocated),
    reserved: BigInt(json.reserved),
    issued: BigInt(json.issued),
    available: BigInt(json.available),
    limits: json.limits.map((limit) => ({
      ...limit,
      maximum: BigInt(limit.maximum),
      used: BigInt(limit.used),
      remaining: BigInt(limit.remaining),
      uses: [],
    })),
  };
}
