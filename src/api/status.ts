/** How one role is: a canary signature by its token, the head of its journal, and what a crash left. */
import { type Static, Type } from 'typebox';
import { succeed } from '../kit/result.ts';
import type { RoleStatus } from '../roles/status.ts';
import { hashSchema } from './field-schemas.ts';
import { reportLimit } from './message.ts';
import { peerRoles } from './peer.ts';
import { deviceProblems, storeProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

export const roleSchema = Type.Union([
  Type.Literal('central'),
  Type.Literal('issuance'),
  Type.Literal('quota'),
]);

const hex = Type.String({ pattern: '^([0-9a-f]{2})*$', maxLength: 8_192 });

/** An emergency stop, as quota control has it. */
export const stopSchema = Type.Object({
  sequence: Type.Integer({ minimum: 1, description: 'of its journal entry' }),
  by: Type.String({ maxLength: 200 }),
  reason: Type.String({ maxLength: 200 }),
  createdMs: Type.Integer(),
});

const statusSchema = Type.Object({
  role: roleSchema,
  series: Type.Union([Type.String({ maxLength: 32 }), Type.Null()], {
    description: 'of several processes of the system, which one',
  }),
  keyId: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'of the key that signs' }),
  journal: Type.Object({
    sequence: Type.Integer({ minimum: 0 }),
    hash: hashSchema,
    id: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  }),
  unsigned: Type.Integer({ minimum: 0, description: 'intents that a crash left without a signature' }),
  stopped: Type.Union([stopSchema, Type.Null()], {
    description:
      'at quota control: the stop in force; at issuance: that quota control has signed two control bits under one serial, so that nothing of it is taken',
  }),
  contradiction: Type.Array(hex, {
    maxItems: 2,
    description: 'at issuance: those two control bits, as they were signed, hex; otherwise none',
  }),
  amountPerDay: Type.Union(
    [
      Type.Record(Type.String({ pattern: '^[A-Z]{3}$' }), Type.String({ pattern: '^[0-9]{1,20}$' })),
      Type.Null(),
    ],
    {
      description:
        'what its keys may sign for in any 24 hours, by currency, minor units; null where its configuration sets no such limit',
    },
  ),
  devices: Type.Object(
    {
      anchor: Type.Object({
        kind: Type.Union([Type.Literal('firmware-sim'), Type.Literal('tokens'), Type.Literal('tpm')]),
        simulator: Type.Boolean(),
      }),
      keys: Type.Object({
        kinds: Type.Array(
          Type.Union([Type.Literal('softhsm'), Type.Literal('pkcs11'), Type.Literal('firmware-sim')]),
          { maxItems: 8 },
        ),
        simulator: Type.Boolean(),
      }),
    },
    {
      description: 'what holds the anchor of its journal, where its keys are, and which of it is a simulator',
    },
  ),
  witnessing: Type.Object(
    {
      state: Type.Union([
        Type.Literal('asking'),
        Type.Literal('open'),
        Type.Literal('overdue'),
        Type.Literal('halted'),
      ]),
      witnesses: Type.Array(
        Type.Object({
          role: roleSchema,
          answered: Type.Boolean(),
          taken: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
          problem: Type.Union([Type.String({ maxLength: 4_000 }), Type.Null()]),
        }),
      ),
    },
    { description: 'how it stands with those that hold its own journal head' },
  ),
  holds: Type.Array(
    Type.Object({
      role: roleSchema,
      name: Type.String({ maxLength: 64 }),
      journal: Type.String({ pattern: '^[0-9a-f]{32}$', description: 'its id' }),
      sequence: Type.Integer({ minimum: 0 }),
      hash: hashSchema,
      issuedAt: Type.Integer(),
      heldMs: Type.Integer(),
      signed: hex,
      contradiction: Type.Union([hex, Type.Null()]),
    }),
    { description: 'the journal heads of the others that it holds, as they were signed' },
  ),
});

export const statusRoute = defineRoute({
  method: 'GET',
  path: '/status',
  operationId: 'readStatus',
  summary: "the key that signs, the journal's head, and what is not finished; a canary is signed first",
  peers: peerRoles,
  answer: { type: 'application/json', description: 'the status', schema: statusSchema, limit: reportLimit },
  problems: [...deviceProblems, ...storeProblems],
});

export function addStatus(server: Server, status: () => Promise<RoleStatus>): void {
  addRoute(server, statusRoute, async () => succeed({ json: statusJson(await status()) }));
}

function statusJson({
  devices,
  witnessing,
  holds,
  contradiction,
  ...rest
}: RoleStatus): Static<typeof statusSchema> {
  const { state, witnesses } = witnessing;
  return {
    ...rest,
    contradiction: [...contradiction],
    devices: { anchor: devices.anchor, keys: { ...devices.keys, kinds: [...devices.keys.kinds] } },
    witnessing: { state, witnesses: [...witnesses] },
    holds: [...holds],
  };
}
