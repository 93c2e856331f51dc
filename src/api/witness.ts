/** A system as witness: each of the others shows its journal head here, and asks which one is held of it. */
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import type { Witness } from '../roles/witness.ts';
import type { WitnessedLedger } from '../roles/witnessed-ledger.ts';
import { type Peer, peerOf } from './peer.ts';
import { sendProblem } from './problem.ts';
import { bodyOf, onlyFor, type Server } from './server.ts';

/** What a system whose heads contradict each other may still see: how it stands, and the proof. */
const openToAll = ['/witness/:role', '/status', '/metrics', '/trust-bundle', '/jwks'];

export function addWitness(server: Server, witness: Witness, own: WitnessedLedger): void {
  server.post(
    '/journal-heads',
    onlyFor(['operator'], async (request, reply) => {
      const checked = await own.check(bodyOf(request));
      return checked.ok ? reply.send({ checked: true }) : sendProblem(reply, checked);
    }),
  );
  // Answers with what was held before.
  server.post(
    '/witness/:role',
    onlyFor(['central', 'issuance', 'quota'], async (request, reply, peer) => {
      const owner = ownerOf(request.params, peer);
      if (!owner.ok) return sendProblem(reply, owner);
      const held = await witness.hold(bodyOf(request), owner.value);
      if (!held.ok) return sendProblem(reply, held);
      return reply.type('application/cbor').send(Buffer.from(encodeCbor(held.value)));
    }),
  );
  server.get(
    '/witness/:role',
    onlyFor(['central', 'issuance', 'quota'], async (request, reply, peer) => {
      const owner = ownerOf(request.params, peer);
      if (!owner.ok) return sendProblem(reply, owner);
      return reply.type('application/cbor').send(Buffer.from(encodeCbor(witness.headsOf(owner.value))));
    }),
  );
}

/** Keeps systems whose heads contradict each other from every resource that works with records; before any of those is added. */
export function refuseForked(server: Server, witness: Witness): void {
  server.addHook('preHandler', async (request, reply) => {
    const peer = peerOf(request);
    if (peer === undefined || peer.role === 'operator' || openToAll.includes(request.routeOptions.url ?? ''))
      return;
    const checked = witness.check({ role: peer.role, name: peer.name });
    if (!checked.ok) return sendProblem(reply, checked);
  });
}

function ownerOf(
  params: unknown,
  { role, name }: Peer,
): Result<{ role: Exclude<Peer['role'], 'operator'>; name: string }, 'not_permitted'> {
  const asked = (params as { role: string }).role;
  if (role === 'operator' || asked !== role)
    return refuse(
      'not_permitted',
      `each system shows and asks for its own journal head: \`/witness/${role}\``,
    );
  return succeed({ role, name });
}

/** Reads what a witness answers. */
export function decodeHeads(bytes: Uint8Array): Result<readonly Uint8Array[], 'peer_fault'> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !Array.isArray(decoded.value) || decoded.value.length > 2)
    return refuse('peer_fault', 'the answer of a witness is an array of at most two journal heads');
  const heads = decoded.value.filter((head) => head instanceof Uint8Array);
  if (heads.length !== decoded.value.length)
    return refuse('peer_fault', 'a witness answered with what is no byte string');
  return succeed(heads);
}
