/** The key set as every system publishes it: the trust bundle as its root signed it, and the same keys as a JWK Set. */
import type { Jwk } from '../records/jwk-set.ts';
import { onlyFor, type Server } from './server.ts';

export interface PublishedKeySet {
  /** The trust bundle that this system goes by, as it was signed. */
  readonly trustBundle: Uint8Array;
  readonly jwkSet: () => { readonly keys: readonly Jwk[] };
}

export function addKeySet(server: Server, { trustBundle, jwkSet }: PublishedKeySet): void {
  const everybody = ['central', 'issuance', 'quota', 'operator'] as const;
  server.get(
    '/trust-bundle',
    onlyFor(everybody, async (_request, reply) =>
      reply.type('application/cose').send(Buffer.from(trustBundle)),
    ),
  );
  server.get(
    '/jwks',
    // RFC 7517 §8.5.2
    onlyFor(everybody, async (_request, reply) =>
      reply.type('application/jwk-set+json').send(JSON.stringify(jwkSet())),
    ),
  );
}
