#!/usr/bin/env node
/** Composition root: puts the parts together and runs one command. Nobody imports it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeFault } from './appliance/fault.ts';
import { homeAt } from './appliance/home.ts';
import type { ServeMessage } from './appliance/supervision.ts';
import type { Appliance } from './cli/appliance.ts';
import { exitCode } from './cli/exit-code.ts';
import { runProgram } from './cli/program.ts';
import { systemClock, systemRandom } from './kit/clock.ts';

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
  // Each loads what it alone needs, servers, certificates, databases: every other command starts that much sooner.
  async init(options) {
    const { initialise } = await import('./appliance/initialisation.ts');
    return initialise({ ...options, projectFolder, clock: systemClock });
  },
  async serve({ home, role, series, port, ready }) {
    try {
      const { readEndpoints } = await import('./appliance/endpoints.ts');
      const { serveReloading } = await import('./appliance/reloading.ts');
      await serveReloading({
        home,
        role,
        ...(series === undefined ? {} : { series }),
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
    const { supervise } = await import('./appliance/supervision.ts');
    const supervision = await supervise({ home, program, progress });
    ready(supervision.endpoints);
    await stopped;
    await supervision.stop();
  },
  async connect(home) {
    const { makeClient } = await import('./api/client.ts');
    const { readEndpoints } = await import('./appliance/endpoints.ts');
    const { readTls } = await import('./appliance/tls-files.ts');
    const endpoints = await readEndpoints(home);
    return makeClient({ tls: await readTls(homeAt(home), 'operator'), timeoutMs: 120_000 }, endpoints);
  },
  keys: {
    async list(home) {
      const { listKeys } = await import('./appliance/key-management.ts');
      return listKeys(home, systemClock);
    },
    async rotate(options) {
      const { rotateKey } = await import('./appliance/key-management.ts');
      return rotateKey(options, { projectFolder, clock: systemClock });
    },
    async audit(home, role, report) {
      const { auditKeys } = await import('./appliance/key-audit.ts');
      return auditKeys(home, role, { projectFolder, clock: systemClock, report });
    },
    async revoke(options) {
      const { revokeKeyOf } = await import('./appliance/key-management.ts');
      return revokeKeyOf(options, { projectFolder, clock: systemClock });
    },
    async backUp(options) {
      const { backUpKeys } = await import('./appliance/key-backup.ts');
      return backUpKeys(options, systemClock);
    },
    async drill(options) {
      const stopped = abortedAtStop();
      const { drillRestore } = await import('./appliance/restore-drill.ts');
      return drillRestore(options, { projectFolder, clock: systemClock, stopped });
    },
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
  },
  rules: {
    async stage(home, bundle) {
      const { stageRules } = await import('./appliance/rule-activation.ts');
      return stageRules(home, bundle);
    },
    async activate(home) {
      const { activateRules } = await import('./appliance/rule-activation.ts');
      return activateRules(home, systemClock);
    },
    async revert(home) {
      const { revertRules } = await import('./appliance/rule-activation.ts');
      return revertRules(home, systemClock);
    },
    async shadow(home, on) {
      const { shadowRules } = await import('./appliance/rule-activation.ts');
      return shadowRules(home, on);
    },
    async status(home) {
      const { readRules } = await import('./appliance/rule-activation.ts');
      return readRules(home);
    },
    async shadowStanding(home) {
      const { readShadow } = await import('./appliance/rule-activation.ts');
      return readShadow(home);
    },
    async rerun(options) {
      const { rerunDecisions } = await import('./appliance/decision-rerun.ts');
      return rerunDecisions({ ...options, release: version });
    },
  },
  async devices() {
    const { deviceAdministration } = await import('./appliance/device-administration.ts');
    return deviceAdministration;
  },
  processes: {
    async list(home) {
      const { listProcesses } = await import('./appliance/process-management.ts');
      return listProcesses(home);
    },
    async add(options) {
      const { addProcess } = await import('./appliance/process-management.ts');
      return addProcess(options);
    },
    async takeOut(options) {
      const { takeOutProcess } = await import('./appliance/process-management.ts');
      return takeOutProcess(options);
    },
  },
  async extractLedger(options) {
    const { extractLedger } = await import('./appliance/ledger-extract.ts');
    return extractLedger(options, systemClock);
  },
  ceremony: {
    async plan(options) {
      const { planCeremony } = await import('./appliance/ceremony-planning.ts');
      return planCeremony(options, { clock: systemClock });
    },
    async run(options) {
      const { runCeremony } = await import('./appliance/ceremony-run.ts');
      return runCeremony(options, { projectFolder, clock: systemClock });
    },
  },
  async lock(path) {
    const { lockFile } = await import('./store/sqlite/file-lock.ts');
    return lockFile(path);
  },
  async releaseHead(options) {
    const { releaseHead } = await import('./appliance/head-release.ts');
    return releaseHead(options);
  },
  async releaseContradiction(options) {
    const { releaseContradiction } = await import('./appliance/contradiction-release.ts');
    return releaseContradiction(options, systemClock);
  },
  async openModuleSigner(home) {
    const { openModuleSigner } = await import('./appliance/module-signing.ts');
    return openModuleSigner(home, projectFolder);
  },
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
