/**
 * Finds SoftHSM, or installs it. On Linux that is the script `install-softhsm` beside this file: apt-get, or the same
 * Debian packages unpacked without privilege. On macOS brew, on Windows choco: written, but not run by these tests.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interrupted } from './role-call.js';
import { SetupError } from './setup-error.js';

/**
 * @typedef {object} Installation
 * @property {string} module path of the PKCS#11 module
 * @property {string} [libraryPath] LD_LIBRARY_PATH, where the module needs one
 * @property {string} [release] of softhsm2-util, which says the third number as well
 */
/**
 * @typedef {object} InstallOptions
 * @property {Readonly<Record<string, string | undefined>>} environment SOFTHSM2_MODULE names a module; XDG_CACHE_HOME
 * @property {string | undefined} prefix where packages are unpacked without privilege
 * @property {AbortSignal | undefined} signal
 * @property {(text: string) => void} report takes the installer's own words
 */

const script = fileURLToPath(new URL('./install-softhsm', import.meta.url));

/** Elsewhere than on Linux: where the module may be, and what installs it. */
const otherPlatforms = Object.freeze({
  darwin: {
    places: ['/opt/homebrew/lib/softhsm/libsofthsm2.so', '/usr/local/lib/softhsm/libsofthsm2.so'],
    install: ['brew', 'install', 'softhsm'],
  },
  win32: {
    places: ['C:\\SoftHSM2\\lib\\softhsm2-x64.dll', 'C:\\Program Files\\SoftHSM2\\lib\\softhsm2-x64.dll'],
    install: ['choco', 'install', 'softhsm.install', '--yes', '--no-progress'],
  },
});

/**
 * @param {InstallOptions} options
 * @returns {Promise<Installation>}
 */
export async function findSoftHsm(options) {
  const { environment, signal, report } = options;
  if (process.platform === 'linux') return findOnLinux(options);
  const named = environment['SOFTHSM2_MODULE'];
  if (named !== undefined && named !== '') {
    if (existsSync(named)) return { module: named };
    throw new SetupError('softhsm_missing', `SOFTHSM2_MODULE names \`${named}\`, which is not there`);
  }
  const platform = Object.entries(otherPlatforms).find(([name]) => name === process.platform)?.[1];
  if (platform === undefined)
    throw new SetupError(
      'softhsm_missing',
      `SoftHSM cannot be found on ${process.platform}: set SOFTHSM2_MODULE to its module's path`,
    );
  const find = () => platform.places.find((place) => existsSync(place));
  let module = find();
  if (module === undefined) {
    const [command = '', ...words] = platform.install;
    const { status, output } = await run(command, words, { environment, signal, report });
    module = find();
    if (status !== 0 || module === undefined)
      throw new SetupError(
        'softhsm_missing',
        `\`${platform.install.join(' ')}\` did not bring SoftHSM: ${output.trim().split('\n').at(-1)}`,
      );
  }
  return { module };
}

/**
 * @param {InstallOptions} options
 * @returns {Promise<Installation>}
 */
async function findOnLinux({ environment, prefix, signal, report }) {
  const cache = environment['XDG_CACHE_HOME'] ?? '';
  const folder = prefix ?? join(cache === '' ? join(homedir(), '.cache') : cache, 'softhsm-ci-setup');
  const { status, output } = await run(script, ['--prefix', folder], { environment, signal, report });
  if (status !== 0)
    throw new SetupError('softhsm_missing', 'SoftHSM is not there and could not be installed: see above');
  const found = new Map(
    output
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const module = found.get('SOFTHSM2_MODULE');
  if (module === undefined) throw new SetupError('softhsm_missing', 'the installer named no module');
  const libraryPath = found.get('LD_LIBRARY_PATH') ?? environment['LD_LIBRARY_PATH'];
  const release = releaseOf(found.get('SOFTHSM2_UTIL'), libraryPath);
  return {
    module,
    ...(libraryPath === undefined ? {} : { libraryPath }),
    ...(release === undefined ? {} : { release }),
  };
}

/**
 * @param {string | undefined} util
 * @param {string | undefined} libraryPath
 */
function releaseOf(util, libraryPath) {
  if (util === undefined) return undefined;
  const env = { ...process.env, ...(libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath }) };
  try {
    return execFileSync(util, ['--version'], {
      env,
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    // It is for the report only: the library itself says which version is loaded.
    return undefined;
  }
}

/**
 * Runs an installer to its end: a signal is handed on, but a package manager is never killed half-way.
 *
 * @param {string} command
 * @param {readonly string[]} words
 * @param {Pick<InstallOptions, 'environment' | 'signal' | 'report'>} options
 * @returns {Promise<{ status: number | null, output: string }>}
 */
function run(command, words, { environment, signal, report }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      env: /** @type {NodeJS.ProcessEnv} */ (environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const stop = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', stop);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += String(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => report(String(text)));
    child.on('error', (error) =>
      reject(new SetupError('softhsm_missing', `\`${command}\` cannot be run: ${error.message}`)),
    );
    child.on('close', (status) => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted === true) reject(interrupted());
      else resolve({ status, output });
    });
  });
}
