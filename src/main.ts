#!/usr/bin/env node
/** Composition root: puts the parts together and runs one command. Nobody imports it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { makeClient } from './api/client.ts';
import { planCeremony } from './appliance/ceremony-planning.ts';
import { runCeremony } from './appliance/ceremony-run.ts';
import { releaseContradiction } from './appliance/contradiction-release.ts';
import { readEndpoints } from './appliance/endpoints.ts';
import { describeFault } from './appliance/fault.ts';
import { releaseHead } from './appliance/head-release.ts';
import { homeAt } from './appliance/home.ts';
import { auditKeys } from './appliance/key-audit.ts';
import { backUpKeys } from './appliance/key-backup.ts';
import { listKeys, revokeKeyOf, rotateKey } from './appliance/key-management.ts';
import { openModuleSigner } from './appliance/module-signing.ts';
import { drillRestore } from './appliance/restore-drill.ts';
import { type ServeMessage, supervise } from './appliance/supervision.ts';
import { readTls } from './appliance/tls-files.ts';
import type { Appliance } from './cli/appliance.ts';
import { exitCode } from './cli/exit-code.ts';
import { runProgram } from './cli/program.ts';
import { systemClock, systemRandom } from './kit/clock.ts';
import { lockFile } from './store/sqlite/file-lock.ts';

const program = fileURLToPath(import.meta.url);
/** Sources lie in src/, the compiled program in dist/src/. */
const projectFolder = fileURLToPath(new URL(program.endsWith('.ts') ? '..' : '../..', import.meta.url));
const { version } = JSON.parse(readFileSync(new URL('package.json', `file://${projectFolder}`), 'utf8')) as {
  version: string;
};

/** Resolves at the first SIGINT or SIGTERM, or when the supervisor that started this process has gone. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.once(signal, () => resolve());
  });
}

/** Aborted at the first signal that ends a program; from now on no such signal ends this one. */
function abortedAtStop(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => controller.abort());
  return controller.signal;
}

function tellSupervisor(message: ServeMessage): void {
  if (process.connected) process.send?.(message);
}

const appliance: Appliance = {
  version,
  describeFault,
  // What only these need, servers, certificates and databases, is loaded by them: every other command starts twice as fast.
  async init(options) {
    const { initialise } = await import('./appliance/initialisation.ts');
    return initialise({ ...options, projectFolder, clock: systemClock });
  },
  async serve({ home, role, port, ready }) {
    try {
      const { serveReloading } = await import('./appliance/reloading.ts');
      await serveReloading({
        home,
        role,
        ...(port === undefined ? {} : { port }),
        logLevel: 'warn',
        version,
        endpoints: () => readEndpoints(home),
        projectFolder,
        stopped: untilStopped(),
        ready({ url, finished }) {
          ready(url, finished);
          tellSupervisor({ kind: 'ready', role, url, finished });
        },
        witnessed: () => tellSupervisor({ kind: 'witnessed', role }),
        report: (line) => void process.stderr.write(`${line}\n`),
      });
    } catch (error) {
      const fault = describeFault(error);
      tellSupervisor({
        kind: 'failed',
        code: fault?.code ?? 'internal_error',
        message: fault?.message ?? String(error),
      });
      throw error;
    } finally {
      if (process.connected) process.disconnect();
    }
  },
  async up({ home, progress, ready }) {
    const stopped = untilStopped();
    const supervision = await supervise({ home, program, progress });
    ready(supervision.endpoints);
    await stopped;
    await supervision.stop();
  },
  async connect(home) {
    const endpoints = await readEndpoints(home);
    return makeClient({ tls: await readTls(homeAt(home), 'operator'), timeoutMs: 120_000 }, endpoints);
  },
  keys: {
    list: (home) => listKeys(home, systemClock),
    rotate: (options) => rotateKey(options, { projectFolder, clock: systemClock }),
    audit: (home, role, report) => auditKeys(home, role, { projectFolder, clock: systemClock, report }),
    revoke: (options) => revokeKeyOf(options, { projectFolder, clock: systemClock }),
    backUp: (options) => backUpKeys(options, systemClock),
    drill: (options) =>
      drillRestore(options, { projectFolder, clock: systemClock, stopped: abortedAtStop() }),
  },
  store: {
    async backUp(options) {
      const { backUpLedger } = await import('./appliance/ledger-backup.ts');
      return backUpLedger(options, systemClock);
    },
    async verify(options) {
      const { verifyLedger } = await import('./appliance/ledger-verification.ts');
      return verifyLedger(options, projectFolder);
    },
    async restore(options) {
      const { restoreLedger } = await import('./appliance/ledger-restore.ts');
      return restoreLedger(options, { projectFolder, clock: systemClock });
    },
    async proposeAnchor({ progress, ...options }) {
      const { proposeAnchor } = await import('./appliance/anchor-anew.ts');
      return proposeAnchor(options, { projectFolder, clock: systemClock, progress });
    },
    async anchorAnew({ progress, ...options }) {
      const { anchorAnew } = await import('./appliance/anchor-anew.ts');
      return anchorAnew(options, { projectFolder, clock: systemClock, progress });
    },
    async moveBack(options) {
      const { returnLedger } = await import('./appliance/ledger-return.ts');
      return returnLedger(options, systemClock);
    },
    async migrate({ home, ...options }) {
      const { migrateStore } = await import('./appliance/role-store.ts');
      return migrateStore({ home: homeAt(home), ...options });
    },
    async addSeries(...given) {
      const { addStoreSeries } = await import('./appliance/role-store.ts');
      return addStoreSeries(...given);
    },
  },
  async extractLedger(options) {
    const { extractLedger } = await import('./appliance/ledger-extract.ts');
    return extractLedger(options, systemClock);
  },
  ceremony: {
    plan: (options) => planCeremony(options, { clock: systemClock }),
    run: (options) => runCeremony(options, { projectFolder, clock: systemClock }),
  },
  lock: lockFile,
  releaseHead,
  releaseContradiction: (options) => releaseContradiction(options, systemClock),
  openModuleSigner: (home) => openModuleSigner(home, projectFolder),
};

// A reader that has seen enough, such as `head`, closes the pipe: that is no fault.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit(0);
  process.stderr.write(`ringmint: cannot write standard output (${code}) [file_unwritable]\n`);
  process.exit(exitCode.usage);
});
// What a command has to say beside its result may go unread: it does its work all the same.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await runProgram(process.argv.slice(2), {
  appliance,
  streams: {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
    errorIsTerminal: process.stderr.isTTY,
  },
  // Opened by the commands that read it.
  stdin: {
    get isTerminal() {
      return process.stdin.isTTY;
    },
    chunks: () => process.stdin,
  },
  environment: process.env,
  clock: systemClock,
  random: systemRandom,
});
