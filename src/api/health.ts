/** Whether a system lives, and whether it can do its work: for whoever restarts it, and for whoever sends it work. */
import { Type } from 'typebox';
import type { Clock } from '../kit/clock.ts';
import { succeed } from '../kit/result.ts';
import type { RoleStatus } from '../roles/status.ts';
import { reportLimit } from './message.ts';
import { peerRoles } from './peer.ts';
import { deviceProblems, storeProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';
import { roleSchema } from './status.ts';

const healthRoute = defineRoute({
  method: 'GET',
  path: '/health',
  operationId: 'readHealth',
  summary: 'whether the process answers; neither its HSM nor its ledger is asked',
  peers: peerRoles,
  answer: {
    type: 'application/json',
    description: 'it does',
    schema: Type.Object({ role: roleSchema, health: Type.Literal('up') }),
    limit: reportLimit,
  },
  problems: [],
});

const readyRoute = defineRoute({
  method: 'GET',
  path: '/ready',
  operationId: 'readReadiness',
  summary: 'whether its HSM signs a canary and its ledger can be read; an answer is good for a second',
  peers: peerRoles,
  answer: {
    type: 'application/json',
    description: 'it can do its work',
    schema: Type.Object({ role: roleSchema, health: Type.Literal('ready') }),
    limit: reportLimit,
  },
  problems: [...deviceProblems, ...storeProblems],
});

export interface HealthSources {
  readonly role: RoleStatus['role'];
  /** Throws the error of a broken device or store. */
  readonly status: () => Promise<RoleStatus>;
  readonly clock: Clock;
}

const answerAgeMs = 1_000;

export function addHealth(server: Server, { role, status, clock }: HealthSources): void {
  addRoute(server, healthRoute, async () => succeed({ json: { role, health: 'up' } }));
  const ready = onceAtATime(status, clock);
  addRoute(server, readyRoute, async () => {
    await ready();
    return succeed({ json: { role, health: 'ready' } });
  });
}

/** However many ask, the HSM signs one canary a second for them. */
function onceAtATime(check: () => Promise<unknown>, clock: Clock): () => Promise<unknown> {
  let last: { readonly answer: Promise<unknown>; endedMs?: number } | undefined;
  return () => {
    // By its distance, so that a clock that is set back keeps no answer for long.
    if (last?.endedMs !== undefined && Math.abs(clock.nowMs() - last.endedMs) >= answerAgeMs)
      last = undefined;
    if (last === undefined) {
      const asked: { readonly answer: Promise<unknown>; endedMs?: number } = {
        answer: check().finally(() => {
          asked.endedMs = clock.nowMs();
        }),
      };
      last = asked;
    }
    return last.answer;
  };
}
