/** The client of the three systems' resources: mutual TLS, one deadline a call, refusals as they were sent. */
import { Agent, request as sendRequest } from 'undici';
import { type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import type { IssuancePeers } from '../roles/issuance.ts';
import type { QuotaPosition } from '../roles/quota-control.ts';
import type { RoleStatus } from '../roles/status.ts';
import { decodeAnswer, type IssuanceAnswer } from './issuances.ts';
import { positionFromJson, type QuotaPositionJson } from './quota.ts';
import { answerHeader } from './requests.ts';
import { decodeHeads } from './witness.ts';

export interface ClientOptions {
  readonly tls: { readonly key: string; readonly certificate: string; readonly authority: string };
  /** How long one call may take; its caller then learns `peer_unavailable` and may call again with the same id. */
  readonly timeoutMs: number;
}

interface Answer {
  readonly bytes: Uint8Array;
  readonly header: (name: string) => string | undefined;
}

export interface Client extends IssuancePeers {
  issue(draft: Uint8Array): Promise<Result<IssuanceAnswer>>;
  quotaPositions(): Promise<Result<readonly QuotaPosition[]>>;
  status(role: RoleStatus['role']): Promise<Result<RoleStatus>>;
  /** What `witness` holds of the journal of `owner`, which the certificate is of. */
  journalHeads(
    witness: RoleStatus['role'],
    owner: RoleStatus['role'],
  ): Promise<Result<readonly Uint8Array[]>>;
  /** Gives what was held before. */
  showHead(
    witness: RoleStatus['role'],
    owner: RoleStatus['role'],
    head: Uint8Array,
  ): Promise<Result<readonly Uint8Array[]>>;
  /** Has the system hold a head that it is said to have signed against its journal. */
  checkHead(role: RoleStatus['role'], head: Uint8Array): Promise<Result<null>>;
  close(): Promise<void>;
}

/** Base addresses, such as `https://127.0.0.1:7101`, asked at each call: a system that came back may have another. */
export type Endpoints = (role: RoleStatus['role']) => string | undefined;

export function makeClient(options: ClientOptions, endpoints: Endpoints): Client {
  const agent = new Agent({
    connect: {
      key: options.tls.key,
      cert: options.tls.certificate,
      ca: options.tls.authority,
      minVersion: 'TLSv1.3',
    },
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    connectTimeout: Math.min(options.timeoutMs, 5_000),
  });

  async function call(
    role: RoleStatus['role'],
    method: 'GET' | 'POST',
    path: string,
    body?: Uint8Array,
  ): Promise<Result<Answer>> {
    const base = endpoints(role);
    if (base === undefined)
      return refuse(
        'peer_unavailable',
        `the ${role} system has no known address: is it running? (\`ringmint up\`)`,
      );
    try {
      const response = await sendRequest(new URL(path, base), {
        dispatcher: agent,
        method,
        ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/cbor' } }),
      });
      const bytes = new Uint8Array(await response.body.arrayBuffer());
      if (response.statusCode !== 200) return readProblem(role, response.statusCode, bytes);
      return succeed({
        bytes,
        header: (name) => {
          const value = response.headers[name];
          return Array.isArray(value) ? value[0] : value;
        },
      });
    } catch (error) {
      // Whether the call arrived is unknown: the same bytes may be sent again, and nothing happens twice.
      return refuse('peer_unavailable', `the ${role} system at ${base} did not answer: ${causeOf(error)}`);
    }
  }

  return {
    async issue(draft) {
      const answer = await call('issuance', 'POST', '/issuances', draft);
      return answer.ok ? succeed(decodeAnswer(answer.value.bytes)) : answer;
    },
    async submitRequest(request) {
      const answer = await call('central', 'POST', '/requests', request);
      if (!answer.ok) return answer;
      const kind = answer.value.header(answerHeader);
      if (kind !== 'credential' && kind !== 'denial')
        return refuse('peer_fault', 'the central system answered neither a credential nor a denial');
      return succeed({ kind, bytes: answer.value.bytes });
    },
    async redeemCredential(presentation) {
      const answer = await call('quota', 'POST', '/credentials', presentation);
      return answer.ok ? succeed(answer.value.bytes) : answer;
    },
    async quotaPositions() {
      const answer = await call('quota', 'GET', '/quota');
      if (!answer.ok) return answer;
      const { positions } = readJson(answer.value.bytes) as { positions: QuotaPositionJson[] };
      return succeed(positions.map(positionFromJson));
    },
    async status(role) {
      const answer = await call(role, 'GET', '/status');
      return answer.ok ? succeed(readJson(answer.value.bytes) as RoleStatus) : answer;
    },
    async journalHeads(witness, owner) {
      const answer = await call(witness, 'GET', `/witness/${owner}`);
      return answer.ok ? decodeHeads(answer.value.bytes) : answer;
    },
    async showHead(witness, owner, head) {
      const answer = await call(witness, 'POST', `/witness/${owner}`, head);
      return answer.ok ? decodeHeads(answer.value.bytes) : answer;
    },
    async checkHead(role, head) {
      const answer = await call(role, 'POST', '/journal-heads', head);
      return answer.ok ? succeed(null) : answer;
    },
    close: () => agent.close(),
  };
}

function readJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function readProblem(role: string, status: number, bytes: Uint8Array): Refusal {
  let problem: { code?: unknown; detail?: unknown; field?: unknown };
  try {
    problem = readJson(bytes) as typeof problem;
  } catch {
    return refuse('peer_fault', `the ${role} system answered with status ${status} and no problem details`);
  }
  if (typeof problem?.code !== 'string' || typeof problem.detail !== 'string') {
    return refuse('peer_fault', `the ${role} system answered with status ${status} and no problem code`);
  }
  return refuse(problem.code, problem.detail, typeof problem.field === 'string' ? problem.field : undefined);
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown cause';
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : error.name;
}
