/** Quota control's numbers of this moment: for central management's rules and for the operator. */
import { type Static, Type } from 'typebox';
import { succeed } from '../kit/result.ts';
import type { QuotaControl, QuotaPosition } from '../roles/quota-control.ts';
import { reportLimit } from './message.ts';
import { storeProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

/** Decimal text, so that no reader rounds it; as many digits as a 64-bit integer has. */
const minorUnits = Type.String({ pattern: '^[0-9]{1,19}$', description: 'minor units' });

const positionSchema = Type.Object({
  issuer: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  allocated: minorUnits,
  reserved: minorUnits,
  issued: minorUnits,
  available: minorUnits,
  day: Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }),
  dayLimit: minorUnits,
  dayUsed: minorUnits,
});

export const quotaRoute = defineRoute({
  method: 'GET',
  path: '/quota',
  operationId: 'readQuota',
  summary: 'what is allocated, reserved, issued and left, by issuer and currency',
  peers: ['central', 'operator'],
  answer: {
    type: 'application/json',
    description: 'the numbers of this moment',
    schema: Type.Object({ positions: Type.Array(positionSchema) }),
    limit: reportLimit,
  },
  problems: [...storeProblems],
});

export function addQuota(server: Server, quotaControl: QuotaControl): void {
  addRoute(server, quotaRoute, async () =>
    succeed({ json: { positions: (await quotaControl.positions()).map(positionJson) } }),
  );
}

function positionJson(position: QuotaPosition): Static<typeof positionSchema> {
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

/** Reads a position back that fits its schema. */
export function positionFromJson(json: Static<typeof positionSchema>): QuotaPosition {
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
