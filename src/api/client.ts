/** The client of the three systems' resources: mutual TLS, one deadline a call, refusals as they were sent. */
import { Agent, request as sendRequest } from 'undici';
import { type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { decodeDecision } from '../records/decision.ts';
import type { IssuancePeers } from '../roles/issuance.ts';
import type { AppliedChange, Stop } from '../roles/quota-changes.ts';
import type { UsualPosition } from '../roles/quota-control.ts';
import type { RoleStatus } from '../roles/status.ts';
import { decodeAnswer, type IssuanceAnswer } from './issuances.ts';
import { positionFromJson, type QuotaPositionJson } from './quota.ts';
import { encodeApprovedChange } from './quota-changes.ts';

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
  quotaPositions(): Promise<Result<readonly UsualPosition[]>>;
  changeQuota(change: Uint8Array, approvals: readonly Uint8Array[]): Promise<Result<AppliedChange>>;
  stop(order: Uint8Array): Promise<Result<Stop>>;
  status(role: RoleStatus['role']): Promise<Result<RoleStatus>>;
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
      const decision = decodeDecision(answer.value.bytes);
      if (!decision.ok)
        return refuse('peer_fault', `the central system answered no decision: ${decision.message}`);
      return decision;
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
    async changeQuota(change, approvals) {
      const answer = await call('quota', 'POST', '/quota/changes', encodeApprovedChange(change, approvals));
      return answer.ok ? succeed(readJson(answer.value.bytes) as AppliedChange) : answer;
    },
    async stop(order) {
      const answer = await call('quota', 'POST', '/stop', order);
      return answer.ok ? succeed(readJson(answer.value.bytes) as Stop) : answer;
    },
    async status(role) {
      const answer = await call(role, 'GET', '/status');
      return answer.ok ? succeed(readJson(answer.value.bytes) as RoleStatus) : answer;
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
