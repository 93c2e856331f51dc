/** Quota control's numbers of this moment: for central management's rules and for the operator. */
import { type Static, Type } from 'typebox';
import { succeed } from '../kit/result.ts';
import type { QuotaControl, UsualPosition } from '../roles/quota-control.ts';
import { minorUnitsSchema } from './field-schemas.ts';
import { reportLimit } from './message.ts';
import { storeProblems, witnessProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

const count = Type.String({ pattern: '^[0-9]{1,19}$', description: 'minor units, or orders' });

const limitSchema = Type.Object({
  name: Type.String({ pattern: '^[a-z0-9-]{1,32}$' }),
  counts: Type.Union([Type.Literal('amount'), Type.Literal('orders')]),
  window: Type.Union([
    Type.Object({ kind: Type.Literal('day'), timeZone: Type.String({ maxLength: 64 }) }),
    Type.Object({ kind: Type.Literal('rolling'), seconds: Type.Integer({ minimum: 1 }) }),
  ]),
  slots: Type.Object({ current: Type.Integer(), oldest: Type.Integer() }),
  maximum: count,
  used: count,
  remaining: count,
});

const positionSchema = Type.Object({
  issuer: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
  currency: Type.String({ pattern: '^[A-Z]{3}$' }),
  version: Type.Integer({ minimum: 1, description: 'one more with each change' }),
  frozen: Type.Boolean(),
  returns: Type.Boolean({ description: 'whether what is retired for good comes back to the total' }),
  stopped: Type.Boolean({ description: 'whether issuing is stopped altogether' }),
  atMs: Type.Integer({ description: 'the moment that the windows end at' }),
  allocated: minorUnitsSchema,
  reserved: minorUnitsSchema,
  held: minorUnitsSchema,
  issued: minorUnitsSchema,
  available: minorUnitsSchema,
  retired: minorUnitsSchema,
  returned: minorUnitsSchema,
  credited: minorUnitsSchema,
  outstanding: minorUnitsSchema,
  limits: Type.Array(limitSchema),
  usual: Type.Union([minorUnitsSchema, Type.Null()], {
    description: 'the median amount of an order of late; null where there were too few, and for central',
  }),
});

export const quotaRoute = defineRoute({
  method: 'GET',
  path: '/quota',
  operationId: 'readQuota',
  summary:
    'what is allocated, reserved, held, issued and left, by issuer and currency, with its limits over windows',
  peers: ['central', 'operator'],
  answer: {
    type: 'application/json',
    description: 'the numbers of this moment',
    schema: Type.Object({ positions: Type.Array(positionSchema) }),
    limit: reportLimit,
  },
  problems: [...storeProblems, ...witnessProblems],
});

export function addQuota(server: Server, quotaControl: QuotaControl): void {
  addRoute(server, quotaRoute, async ({ peer }) => {
    // Central management asks with each request, and needs no more than the numbers.
    const positions =
      peer.role === 'operator' ? await quotaControl.usualPositions() : await quotaControl.positions();
    return succeed({
      json: { positions: positions.map((position) => positionJson({ usual: null, ...position })) },
    });
  });
}

function positionJson(position: UsualPosition): Static<typeof positionSchema> {
  const { issuer, currency, version, frozen, returns, stopped, atMs, limits } = position;
  return {
    issuer,
    currency,
    version,
    frozen,
    returns,
    stopped,
    atMs,
    allocated: String(position.allocated),
    reserved: String(position.reserved),
    held: String(position.held),
    issued: String(position.issued),
    available: String(position.available),
    retired: String(position.retired),
    returned: String(position.returned),
    credited: String(position.credited),
    outstanding: String(position.outstanding),
    usual: position.usual === null ? null : String(position.usual),
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

/** Reads a position back that fits its schema, without what was used in each slot. */
export function positionFromJson(json: Static<typeof positionSchema>): UsualPosition {
  return {
    ...json,
    allocated: BigInt(json.allocated),
    reserved: BigInt(json.reserved),
    held: BigInt(json.held),
    // Only central management's own account has any.
    voided: 0n,
    issued: BigInt(json.issued),
    available: BigInt(json.available),
    retired: BigInt(json.retired),
    returned: BigInt(json.returned),
    credited: BigInt(json.credited),
    outstanding: BigInt(json.outstanding),
    usual: json.usual === null ? null : BigInt(json.usual),
    limits: json.limits.map((limit) => ({
      ...limit,
      maximum: BigInt(limit.maximum),
      used: BigInt(limit.used),
      remaining: BigInt(limit.remaining),
      uses: [],
    })),
  };
}
