/**
 * The three systems for tests of their API: real tokens, stores and HTTPS with real certificates, in this process. Every answer is held
 * against the OpenAPI document that the system itself serves.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { Value } from 'typebox/value';
import { type Client, makeClient } from '../../src/api/client.ts';
import { type ApiLimits, defaultLimits } from '../../src/api/limits.ts';
import type { Peer } from '../../src/api/peer.ts';
import { statusOf } from '../../src/api/problem-code.ts';
import { addResources, type RoleService } from '../../src/api/resources.ts';
import { makeServer, type Server, type ServerOptions } from '../../src/api/server.ts';
import { refuseForked } from '../../src/api/witness.ts';
import { type Authority, type Certificate, makeAuthority } from '../../src/appliance/certificate.ts';
import { describeFault } from '../../src/appliance/fault.ts';
import { systemClock, systemRandom } from '../../src/kit/clock.ts';
import { jwkSetOf } from '../../src/records/jwk-set.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import type { IssuerLimits } from '../../src/roles/central.ts';
import { makeQuotaChanges } from '../../src/roles/quota-changes.ts';
import { readStatus } from '../../src/roles/status.ts';
import { makeWitness } from '../../src/roles/witness.ts';
import { makeWitnessedLedger, witnessPolicy } from '../../src/roles/witnessed-ledger.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import {
  type Authorities,
  type AuthorityOptions,
  issuer,
  makeAuthorities,
  type Tokens,
} from '../roles/authorities.ts';

export const roles = ['central', 'issuance', 'quota'] as const;
export type Role = (typeof roles)[number];

export const testVersion = '0.0.0-test';

const devices = {
  anchor: { kind: 'tokens', simulator: false },
  keys: { kinds: ['softhsm'], simulator: false },
} as const;

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** The media type without its parameters. */
  readonly type: string;
  json(): Record<string, unknown>;
}

interface Operation {
  readonly responses: Readonly<Record<string, { content?: Readonly<Record<string, { schema: object }>> }>>;
}

export interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export interface Systems {
  readonly authorities: Authorities;
  readonly authority: Authority;
  readonly certificates: Readonly<Record<Peer['role'], Certificate>>;
  readonly servers: Readonly<Record<Role, Server>>;
  readonly urls: Readonly<Record<Role, string>>;
  readonly documents: Readonly<Record<Role, Document>>;
  /** As `holder`; an answer that the document does not name is an error of the test. */
  call(role: Role, holder: Peer['role'], path: string, asking?: Asking): Promise<Answer>;
  client(holder: Peer['role']): Client;
  /** What no refused request may change: journals and quota. */
  state(): Promise<unknown>;
  close(): Promise<void>;
}

export interface SystemOptions extends Omit<AuthorityOptions, 'peers' | 'limits'> {
  readonly api?: Partial<ApiLimits>;
  readonly streams?: ServerOptions['streams'];
  /** Central management's, of every issuer. */
  readonly rules?: IssuerLimits;
  readonly trustBundle?: Uint8Array;
}

export async function serveSystems(tokens: Tokens, options: SystemOptions = {}): Promise<Systems> {
  const authority = await makeAuthority('test authority', systemClock, systemRandom);
  const hosts = ['127.0.0.1', 'localhost'];
  const certificates = {
    central: await authority.issue({ role: 'central', name: 'central' }, hosts),
    issuance: await authority.issue({ role: 'issuance', name: issuer }, hosts),
    quota: await authority.issue({ role: 'quota', name: 'quota' }, hosts),
    operator: await authority.issue({ role: 'operator', name: 'operator' }, []),
  };
  const urls: Record<Role, string> = { central: '', issuance: '', quota: '' };
  const tlsOf = (holder: Peer['role']) => ({
    key: certificates[holder].keyPem,
    certificate: certificates[holder].certificatePem,
    authority: authority.certificatePem,
  });
  const clients: Client[] = [];
  const client = (holder: Peer['role']): Client => {
    const made = makeClient({ tls: tlsOf(holder), timeoutMs: 20_000 }, (role) => [
      { series: null, base: urls[role] },
    ]);
    clients.push(made);
    return made;
  };
  const issuanceClient = client('issuance');
  const authorities = await makeAuthorities(tokens, {
    ...options,
    ...(options.rules === undefined ? {} : { limits: options.rules }),
    peers: () => issuanceClient,
    reservationPeer: () => issuanceClient,
  });
  const keys = makeKeyRing(tokens.bundle, makeNodeVerifySignature());
  const services: readonly RoleService[] = [
    { role: 'central', central: authorities.central, quotaChanges: authorities.centralChanges },
    { role: 'issuance', issuance: authorities.issuance, reservations: authorities.issuerReservations },
    {
      role: 'quota',
      quotaControl: authorities.quotaControl,
      quotaChanges: makeQuotaChanges({
        ledger: authorities.ledgers.quota,
        policy: tokens.bundle.approval,
        verifySignature: makeNodeVerifySignature(),
        resume: () => authorities.quotaControl.finishUnsigned(),
        clock: authorities.clock,
      }),
      settlements: authorities.settlements,
      reservations: authorities.reservations,
    },
  ];
  const servers: Partial<Record<Role, Server>> = {};
  const documents: Partial<Record<Role, Document>> = {};
  for (const service of services) {
    const { role } = service;
    const server = await makeServer({
      role,
      version: testVersion,
      tls: tlsOf(role),
      limits: { ...defaultLimits, ...options.api },
      logLevel: 'silent',
      describeFault,
      ...(options.streams === undefined ? {} : { streams: options.streams }),
    });
    const signer = options.wrapSigner?.(tokens.of[role], role) ?? tokens.of[role];
    const witness = await makeWitness({ keys, clock: authorities.clock, store: authorities.stores[role] });
    const own = makeWitnessedLedger({
      ledger: authorities.ledgers[role],
      owner: { role, name: role === 'issuance' ? issuer : role },
      epoch: role === 'quota' ? 1 : null,
      witnesses: [],
      signer,
      keys,
      clock: authorities.clock,
      policy: witnessPolicy,
      report: () => undefined,
    });
    refuseForked(server, witness);
    addResources(server, {
      service,
      witness,
      own,
      keySet: {
        trustBundle: options.trustBundle ?? tokens.bundleBytes,
        jwkSet: () => jwkSetOf(tokens.bundle, authorities.clock.nowSeconds()),
      },
      status: () =>
        readStatus(
          { role, series: null, checkAnchor: () => Promise.resolve(), amountPerDay: null, devices },
          signer,
          authorities.stores[role],
          witness,
          own,
        ),
      figures: async () => '',
      clock: authorities.clock,
    });
    urls[role] = await server.listen({ host: '127.0.0.1', port: 0 });
    servers[role] = server;
    documents[role] = server.swagger() as unknown as Document;
  }
  const systems: Systems = {
    authorities,
    authority,
    certificates,
    servers: servers as Systems['servers'],
    urls,
    documents: documents as Systems['documents'],
    async call(role, holder, path, asking = {}) {
      const answer = await send(urls[role], path, tlsOf(holder), asking);
      const method = asking.method ?? 'GET';
      checkAnswer(systems.documents[role], method, path, answer);
      return answer;
    },
    client,
    async state() {
      const heads = await Promise.all(Object.values(authorities.stores).map((store) => store.head()));
      return { heads, positions: await authorities.quotaControl.positions() };
    },
    async close() {
      await Promise.all(clients.map((made) => made.close()));
      await Promise.all(Object.values(systems.servers).map((server) => server.close()));
      await authorities.close();
    },
  };
  return systems;
}

function send(
  base: string,
  path: string,
  tls: { key: string; certificate: string; authority: string },
  { method = 'GET', headers = {}, body }: Asking,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      base + path,
      { method, headers, key: tls.key, cert: tls.certificate, ca: tls.authority, agent: false },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const bytes = Buffer.concat(parts);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            type: (response.headers['content-type'] ?? '').split(';')[0] ?? '',
            json: () => JSON.parse(bytes.toString('utf8')) as Record<string, unknown>,
          });
        });
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

function codeOf(answer: Answer): unknown {
  return answer.type === 'application/problem+json' && answer.bytes.length > 0
    ? answer.json()['code']
    : undefined;
}

/** Holds an answer against the document: its status, its media type, and its JSON with the codes of that status. */
export function checkAnswer(document: Document, method: string, path: string, answer: Answer): void {
  const where = `${method} ${path} answered ${answer.status} ${answer.type}`;
  const item = document.paths[path.split('?')[0] ?? ''];
  // In words in the document's description.
  if (item !== undefined && method === 'OPTIONS' && answer.status === 204) return;
  const operation = item?.[method === 'HEAD' ? 'get' : method.toLowerCase()];
  if (operation === undefined) {
    // In words in the document's description.
    const accepted = [
      'rate_limited',
      ...(item === undefined ? ['not_found', 'http_malformed'] : ['method_not_allowed']),
    ];
    const code = String(codeOf(answer));
    if (!accepted.includes(code) || answer.status !== statusOf(code))
      throw new Error(`${where}: the document has no such operation`);
    return;
  }
  // Nothing more is said to whoever has the answer.
  if (answer.status === 304 && operation.responses[304] !== undefined) return;
  const media = operation.responses[answer.status]?.content?.[answer.type];
  if (media === undefined) throw new Error(`${where}: the document does not name that`);
  if (method === 'HEAD' || !answer.type.endsWith('json')) return;
  const schema = inline(media.schema, document.components.schemas);
  if (!Value.Check(schema, answer.json()))
    throw new Error(`${where}: ${answer.bytes.toString('utf8').slice(0, 500)}`);
}

function inline(schema: unknown, schemas: Readonly<Record<string, object>>): object {
  return JSON.parse(JSON.stringify(schema), (_key, value: unknown) => {
    const ref =
      typeof value === 'object' && value !== null && '$ref' in value ? String(value.$ref) : undefined;
    return ref === undefined ? value : schemas[ref.split('/').at(-1) ?? ''];
  }) as object;
}
