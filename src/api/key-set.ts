/** The key set as every system publishes it: the trust bundle as its root signed it, and the same keys as a JWK Set. */
import { Type } from 'typebox';
import { succeed } from '../kit/result.ts';
import type { Jwk } from '../records/jwk-set.ts';
import { reportLimit } from './message.ts';
import { peerRoles } from './peer.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

export interface PublishedKeySet {
  /** The trust bundle that this system goes by, as it was signed. */
  readonly trustBundle: Uint8Array;
  readonly jwkSet: () => { readonly keys: readonly Jwk[] };
}

const trustBundleRoute = defineRoute({
  method: 'GET',
  path: '/trust-bundle',
  operationId: 'readTrustBundle',
  summary: 'the trust bundle that this system goes by, as its root signed it',
  peers: peerRoles,
  answer: {
    type: 'application/cose',
    description: 'the trust bundle, COSE_Sign1',
    tagged: true,
    limit: reportLimit,
  },
  problems: [],
});

const jwksRoute = defineRoute({
  method: 'GET',
  path: '/jwks',
  operationId: 'readJwks',
  summary: 'the keys that are valid now or later; not signed',
  peers: peerRoles,
  answer: {
    // RFC 7517 §8.5.2
    type: 'application/jwk-set+json',
    description: 'a JWK Set (RFC 7517)',
    schema: Type.Object({
      keys: Type.Array(Type.Unsafe<Jwk>(Type.Object({ kid: Type.String({ pattern: '^[0-9a-f]{64}$' }) }))),
    }),
    tagged: true,
    limit: reportLimit,
  },
  problems: [],
});

export function addKeySet(server: Server, { trustBundle, jwkSet }: PublishedKeySet): void {
  addRoute(server, trustBundleRoute, async () => succeed({ bytes: trustBundle }));
  addRoute(server, jwksRoute, async () => succeed({ json: { keys: [...jwkSet().keys] } }));
}
