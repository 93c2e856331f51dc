/** Every task that task-process.ts can be asked for. */
import { breakageTasks } from './breakage-tasks.ts';
import { objectProbes } from './object-probes.ts';
import { probes } from './probes.ts';
import { races } from './races.ts';
import { auditKeys, describeToken, makeKeys, makeToken, signRoutes, type Task } from './token-tasks.ts';

export const tasks: Readonly<Record<string, Task>> = {
  'make-token': makeToken,
  'make-keys': makeKeys,
  'sign-routes': signRoutes,
  'audit-keys': auditKeys,
  'describe-token': describeToken,
  ...probes,
  ...objectProbes,
  ...races,
  ...breakageTasks,
};
