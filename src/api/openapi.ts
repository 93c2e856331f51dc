/** The OpenAPI 3.1 document of one role: generated from what its resources declare, and served to whoever has a certificate. */
import swagger from '@fastify/swagger';
import { Type } from 'typebox';
import { peerRoles } from './peer.ts';
import { defineRoute, sharedProblem } from './route.ts';
import type { Server, ServerOptions } from './server.ts';
import { addRoute } from './serving-route.ts';

const openApiRoute = defineRoute({
  method: 'GET',
  path: '/openapi.json',
  operationId: 'readOpenApi',
  summary: 'this document',
  peers: peerRoles,
  answer: {
    type: 'application/json',
    description: 'OpenAPI 3.1',
    schema: Type.Object({ openapi: Type.String() }),
    tagged: true,
    limit: 4 * 1024 * 1024,
  },
  problems: [],
});

const titles = { central: 'central management', issuance: 'issuance', quota: 'quota control' } as const;

const description = `HTTPS with mutual TLS 1.3. A certificate names its holder as urn:ringmint:ROLE:NAME, and each resource names the roles that it is for.

Messages are records in deterministic CBOR and COSE with an HSM's signature (docs/FORMATS.md): the transport is not what is trusted. Every message may be sent again; nothing happens twice: its key is the id that is in it, which is signed and stored with it, and not a header.

Lists come in pages: \`next\` is a cursor, which is good for as long as the journal is there, and a page that is short is the end only where \`more\` is false. Events come with the numbers of journal entries as their ids: Last-Event-ID goes on without a gap.

A refusal is RFC 9457 problem details with a stable code. Besides what each resource declares: another path is 404 not_found, or 400 http_malformed where it cannot be read, another method is 405 method_not_allowed with Allow, and both may be 429 rate_limited. HEAD is answered as GET without the body, OPTIONS with Allow (204). Connections above the limits are closed without an answer.`;

export async function addOpenApi(
  server: Server,
  { role, version }: Pick<ServerOptions, 'role' | 'version'>,
): Promise<void> {
  server.addSchema(sharedProblem);
  await server.register(swagger, {
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) =>
        typeof $id === 'string' ? $id : `schema-${index}`,
    },
    openapi: {
      openapi: '3.1.1',
      info: {
        title: `Ringmint: ${titles[role]}`,
        version,
        description,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      // Of this system, wherever it listens.
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          // OpenAPI 3.1 has this type; the types of @fastify/swagger do not.
          mutualTLS: {
            type: 'mutualTLS',
            description: `a certificate of the appliance's TLS authority; the roles are ${peerRoles.join(', ')}`,
          } as never,
        },
      },
    },
  });
  addRoute(server, openApiRoute, async () => ({
    ok: true,
    value: { json: server.swagger() as { openapi: string } },
  }));
}
