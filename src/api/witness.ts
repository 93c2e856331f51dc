/** A system as witness: each of the others shows its journal head here, and asks which one is held of it. */
import type { TLSSocket } from 'node:tls';
import { Type } from 'typebox';
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import type { Witness } from '../roles/witness.ts';
import type { WitnessedLedger } from '../roles/witnessed-ledger.ts';
import { reportLimit } from './message.ts';
import { identityOf } from './peer.ts';
import { recordProblems, storeProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute, sendRefusal } from './serving-route.ts';

/** A signed head has some 400 bytes. */
const headLimit = 16 * 1024;

const heads = {
  type: 'application/cbor',
  description:
    'an array of at most two journal heads of each journal of the asking system, COSE_Sign1: the highest, and one that contradicts it',
  limit: 4 * headLimit,
} as const;

const headProblems = ['head_foreign', 'journal_behind_witness', 'journal_forked', 'journal_unknown'] as const;

/** Of 16 processes two each. */
const mostHeads = 32;

export const heldHeadsRoute = defineRoute({
  method: 'GET',
  path: '/witness',
  operationId: 'readHeldHeads',
  summary: 'what is held of the journal of the system that asks',
  peers: ['central', 'issuance', 'quota'],
  answer: heads,
  problems: storeProblems,
});

export const showHeadRoute = defineRoute({
  method: 'POST',
  path: '/witness',
  operationId: 'showHead',
  summary: 'holds the journal head of the system that shows it; answers with what was held before',
  peers: ['central', 'issuance', 'quota'],
  body: {
    types: ['application/cose'],
    limit: headLimit,
    description: 'a journal head, signed by the asking system',
  },
  answer: heads,
  problems: [...recordProblems, ...headProblems, ...storeProblems],
});

export const headCheckRoute = defineRoute({
  method: 'POST',
  path: '/journal-heads',
  operationId: 'checkHead',
  summary: 'holds a head that an operator has kept against the journal of this system',
  peers: ['operator'],
  body: {
    types: ['application/cose'],
    limit: headLimit,
    description: 'a journal head that this system signed',
  },
  answer: {
    type: 'application/json',
    description: 'that it is of this journal',
    schema: Type.Object({ checked: Type.Literal(true) }),
    limit: reportLimit,
  },
  problems: [...recordProblems, ...headProblems, ...storeProblems],
});

/** What a system whose heads contradict each other may still see: how it stands, and the proof. */
const openToAll = [
  '/witness',
  '/status',
  '/metrics',
  '/trust-bundle',
  '/jwks',
  '/health',
  '/ready',
  '/openapi.json',
];

export function addWitness(server: Server, witness: Witness, own: WitnessedLedger): void {
  addRoute(server, headCheckRoute, async ({ body }) => {
    const checked = await own.check(body);
    return checked.ok ? succeed({ json: { checked: true } as const }) : checked;
  });
  addRoute(server, showHeadRoute, async ({ body, peer: { role, name } }) => {
    if (role === 'operator') return refuse('not_permitted', 'an operator has no journal');
    const held = await witness.hold(body, { role, name });
    return held.ok ? succeed({ bytes: encodeCbor(held.value) }) : held;
  });
  addRoute(server, heldHeadsRoute, async ({ peer: { role, name } }) => {
    if (role === 'operator') return refuse('not_permitted', 'an operator has no journal');
    await witness.refresh();
    return succeed({ bytes: encodeCbor(witness.headsOf({ role, name })) });
  });
}

/** Keeps systems whose heads contradict each other from every resource that works with records; before any of those is added. */
export function refuseForked(server: Server, witness: Witness): void {
  server.addHook('preHandler', async (request, reply) => {
    const { peer } = identityOf(request.raw.socket as TLSSocket);
    if (peer === undefined || peer.role === 'operator' || openToAll.includes(request.routeOptions.url ?? ''))
      return;
    const checked = witness.check({ role: peer.role, name: peer.name });
    if (!checked.ok) return sendRefusal(request, reply, checked);
  });
}

/** Reads what a witness answers. */
export function decodeHeads(bytes: Uint8Array): Result<readonly Uint8Array[], 'peer_fault'> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !Array.isArray(decoded.value) || decoded.value.length > mostHeads)
    return refuse('peer_fault', `the answer of a witness is an array of at most ${mostHeads} journal heads`);
  const heads = decoded.value.filter((head) => head instanceof Uint8Array);
  if (heads.length !== decoded.value.length)
    return refuse('peer_fault', 'a witness answered with what is no byte string');
  return succeed(heads);
}
