/** A module's capability sheet: everything in it is measured on the running module. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { type KeyKind, keyKinds } from './algorithms.ts';
import type { BreakageArgument } from './breakage-tasks.ts';
import { breakages } from './breakages.ts';
import { type Answer, runTask, type TaskOutcome } from './module-task.ts';
import { objectProbes } from './object-probes.ts';
import { probes } from './probes.ts';
import { races } from './races.ts';
import { type ModuleName, type StartedModule, startModule } from './started-module.ts';
import type { AuditedKey, Description, MadeKey, SignArgument, SignedRoute } from './token-tasks.ts';

export interface ProbeRecord {
  readonly end: string;
  readonly answers: readonly Answer[];
}

export interface Sheet {
  readonly module: ModuleName;
  readonly date: string;
  /** Debian's packages, Node and pkcs11js. */
  readonly versions: Readonly<Record<string, string>>;
  readonly description: Description;
  readonly keys: readonly Omit<MadeKey, 'made'>[];
  readonly routes: readonly SignedRoute[];
  readonly audit: readonly AuditedKey[];
  readonly concurrency: readonly SignedRoute[];
  readonly probes: Readonly<Record<string, ProbeRecord>>;
  /** By race and outcome: how many of `raceRuns` runs came out so. */
  readonly races: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly breakages: Readonly<Record<string, ProbeRecord>>;
}

const packages: Readonly<Record<ModuleName, readonly string[]>> = {
  softhsm: ['libsofthsm2'],
  tpm2: ['libtpm2-pkcs11-1', 'swtpm', 'libtpms0', 'tpm2-abrmd'],
  softokn: ['libnss3'],
  opencryptoki: ['libopencryptoki0', 'opencryptoki'],
};

const probeLimitMs = 20_000;
const breakageLimitMs = 15_000;
const signLimitMs = 600_000;

/** Signatures over four sessions at once: of the first route of each algorithm, fewer where the module is slow. */
const concurrentSignatures = 1_600;
const slowSignatures = 200;
const slowPerSecond = 50;
export const raceRuns = 20;

/** Fails where a task that must succeed did not. */
async function mustRun<T>(
  started: StartedModule,
  task: string,
  argument: unknown,
  limitMs = probeLimitMs,
): Promise<T> {
  const { end, answers, result } = await runTask(started, task, argument, limitMs);
  if (end !== 'finished') throw new Error(`${task} on ${started.name}: ${end} ${JSON.stringify(answers)}`);
  return result as T;
}

/** Starts `name` with keys of `kinds`, gives what `use` gives, and takes it down; fails where it cannot run here. */
async function withModule<T>(
  name: ModuleName,
  kinds: readonly KeyKind[],
  use: (started: StartedModule) => Promise<T>,
): Promise<T> {
  const started = await startModule(name);
  if ('skipped' in started) throw new Error(`${name} cannot run here: ${started.skipped}`);
  try {
    if (kinds.length > 0) await mustRun(started, 'make-keys', kinds);
    return await use(started);
  } finally {
    await started.stop();
  }
}

const recordOf = ({ end, answers }: TaskOutcome): ProbeRecord => ({ end, answers });

/** Measures everything; `progress` is told what is being done. Takes one to three minutes. */
export async function measureSheet(
  name: ModuleName,
  date: string,
  progress: (what: string) => void,
): Promise<Sheet> {
  const measured = await withModule(name, [], async (started) => {
    progress('keys, routes, audit');
    const made = await mustRun<MadeKey[]>(started, 'make-keys', keyKinds);
    const description = await mustRun<Description>(started, 'describe-token', undefined);
    const once: SignArgument = { count: 50, sessions: 1 };
    const routes = await mustRun<SignedRoute[]>(started, 'sign-routes', once, signLimitMs);
    const audit = await mustRun<AuditedKey[]>(started, 'audit-keys', undefined);
    const seen: Record<string, ProbeRecord> = {};
    for (const probe of [...Object.keys(probes), ...Object.keys(objectProbes)]) {
      progress(probe);
      seen[probe] = recordOf(await runTask(started, probe, started.folder, probeLimitMs));
    }
    const raced: Record<string, Record<string, number>> = {};
    for (const race of Object.keys(races)) {
      progress(race);
      raced[race] = await measureRace(started, race);
    }
    progress('concurrency');
    return {
      keys: made.map(({ kind, answer }) => ({ kind, answer })),
      description,
      routes,
      audit,
      probes: seen,
      races: raced,
      concurrency: await measureConcurrency(started, routes),
    };
  });
  const destructive: Record<string, ProbeRecord> = {};
  for (const probe of ['without-pin', 'pin-changes', 'worn-out']) {
    progress(probe);
    destructive[probe] = await withModule(name, keyKinds, async (started) =>
      recordOf(await runTask(started, probe, undefined, probeLimitMs)),
    );
  }
  const broken: Record<string, ProbeRecord> = {};
  for (const { name: breakage } of breakages[name]) {
    progress(breakage);
    broken[breakage] = await measureBreakage(name, breakage);
  }
  return {
    module: name,
    date,
    versions: versionsOf(name),
    ...measured,
    probes: { ...measured.probes, ...destructive },
    breakages: broken,
  };
}

/** Measures one probe anew, on a token with a key of each kind. */
export function measureProbe(name: ModuleName, probe: string): Promise<ProbeRecord> {
  return withModule(name, keyKinds, async (started) =>
    recordOf(await runTask(started, probe, started.folder, probeLimitMs)),
  );
}

/** Runs a race again and again; an outcome is how the process ended and what the racing calls answered. */
async function measureRace(started: StartedModule, race: string): Promise<Record<string, number>> {
  const counted = new Map<string, number>();
  for (let i = 0; i < raceRuns; i++) {
    const { end, answers } = await runTask(started, race, undefined, probeLimitMs);
    const answered = answers.map(({ call, answer }) => `${call} ${answer}`);
    const outcome = end === 'finished' ? [...new Set(answered)].sort().join(', ') : end;
    counted.set(outcome, (counted.get(outcome) ?? 0) + 1);
  }
  return Object.fromEntries([...counted].sort(([, a], [, b]) => b - a));
}

async function measureConcurrency(
  started: StartedModule,
  routes: readonly SignedRoute[],
): Promise<SignedRoute[]> {
  const working = routes.filter(({ answer, algorithm }) => answer === 'CKR_OK' && algorithm !== 'RS256');
  const first = working.filter(
    ({ algorithm }, index) => working.findIndex((one) => one.algorithm === algorithm) === index,
  );
  const results: SignedRoute[] = [];
  for (const { algorithm, route, perSecond } of first) {
    const argument: SignArgument = {
      count: perSecond < slowPerSecond ? slowSignatures : concurrentSignatures,
      sessions: 4,
      only: [`${algorithm} ${route}`],
    };
    results.push(...(await mustRun<SignedRoute[]>(started, 'sign-routes', argument, signLimitMs)));
  }
  return results;
}

/** Breaks a module that was started for this, while one process uses it, and asks a new process as well. */
async function measureBreakage(name: ModuleName, breakageName: string): Promise<ProbeRecord> {
  const breakage = breakages[name].find((one) => one.name === breakageName);
  if (breakage === undefined) throw new Error(`${name} has no breakage \`${breakageName}\``);
  return withModule(name, name === 'opencryptoki' ? ['RSA-2048'] : ['P-256'], async (started) => {
    const argument: BreakageArgument = { name: breakageName, mends: breakage.mend !== undefined };
    const later: Answer[] = [];
    const outcome = await runTask(started, 'broken', argument, breakageLimitMs * 2, async (pause) => {
      if (pause === 'break') {
        breakage.break(started);
        return;
      }
      later.push(...(await runTask(started, 'new-process', breakageName, breakageLimitMs)).answers);
      breakage.mend?.(started);
    });
    if (outcome.end === 'hung') breakage.mend?.(started);
    if (breakage.mend !== undefined)
      later.push(
        ...(await runTask(started, 'new-process', `${breakageName}, then mended`, breakageLimitMs)).answers,
      );
    return { end: outcome.end, answers: [...outcome.answers, ...later] };
  });
}

/** dpkg-query's own format, not a template string. */
const versionFormat = ['$', '{Version}'].join('');

function versionsOf(name: ModuleName): Record<string, string> {
  const { version } = createRequire(import.meta.url)('pkcs11js/package.json') as { version: string };
  const installed = packages[name].flatMap((one): [string, string][] => {
    const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', versionFormat, one], {
      encoding: 'utf8',
    });
    return status === 0 ? [[one, stdout]] : [];
  });
  return { ...Object.fromEntries(installed), node: process.versions.node, pkcs11js: version };
}
