/**
 * Asks one role's token something, in a process of its own: SoftHSM reads SOFTHSM2_CONF once a process, and what its
 * native code does wrong ends that process and not this one.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorCodes, SetupError } from './setup-error.js';

/** @typedef {import('./template.js').KeyTemplate} KeyTemplate */
/**
 * @typedef {object} RoleAddress
 * @property {string} label the token's
 * @property {string} [serial] absent before the token is made
 * @property {string} pinFile
 * @property {string} soPinFile
 * @property {KeyTemplate[]} keys
 */
/** @typedef {{ manufacturer: string, version: string }} ModuleDescription */
/**
 * @typedef {object} CheckedKey
 * @property {string} name
 * @property {string | null} publicKey SubjectPublicKeyInfo as PEM; null for a secret key
 * @property {Record<string, boolean>} attributes
 * @property {import('./smoke-test.js').SmokeResult[]} smoke
 */
/**
 * @typedef {{ module: string, accept: readonly string[] } & (
 *   | { action: 'provision' | 'check', role: RoleAddress }
 *   | { action: 'mechanisms' }
 * )} RoleRequest
 */
/** @typedef {{ softhsm: ModuleDescription, serial: string }} Provisioned */
/** @typedef {{ softhsm: ModuleDescription, keys: CheckedKey[] }} Checked */
/** @typedef {{ softhsm: ModuleDescription, mechanisms: import('./mechanism-list.js').MechanismEntry[] }} Listed */
/**
 * @typedef {object} CallOptions
 * @property {string} configuration path of the softhsm2.conf
 * @property {string | undefined} libraryPath LD_LIBRARY_PATH, where the module needs one
 * @property {AbortSignal | undefined} signal
 * @property {string} about for messages: "role `issuance`: "
 */

const program = fileURLToPath(new URL('./role-process.js', import.meta.url));
/** An RSA key of 4,096 bits takes seconds on a busy machine. */
const timeoutMs = 120_000;

/**
 * @template {RoleRequest} R
 * @param {R} request
 * @param {CallOptions} options
 * @returns {Promise<R extends { action: 'provision' } ? Provisioned : R extends { action: 'check' } ? Checked : Listed>}
 */
export function callRole(request, { configuration, libraryPath, signal, about }) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(interrupted());
      return;
    }
    const child = fork(program, [], {
      env: {
        ...process.env,
        SOFTHSM2_CONF: configuration,
        ...(libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath }),
      },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    /** @type {{ ok: true, value: never } | { ok: false, code: string, message: string } | undefined} */
    let reply;
    let stderr = '';
    let late = false;
    const end = () => child.kill('SIGKILL');
    const timer = setTimeout(() => {
      late = true;
      end();
    }, timeoutMs);
    signal?.addEventListener('abort', end);
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr = (stderr + String(text)).slice(-2_000);
    });
    child.on('message', (message) => {
      reply = /** @type {typeof reply} */ (message);
    });
    child.on('error', (error) => reject(new SetupError('token_failed', `${about}${error.message}`)));
    child.on('close', (status, killedBy) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      if (reply?.ok === true) resolve(reply.value);
      else if (signal?.aborted === true) reject(interrupted());
      else if (reply !== undefined) reject(new SetupError(codeOf(reply.code), `${about}${reply.message}`));
      else if (late)
        reject(new SetupError('token_timeout', `${about}no answer within ${timeoutMs / 1000} s`));
      else {
        const lines = stderr.trim().split('\n');
        const last = lines.find((line) => /Error/.test(line)) ?? lines.at(-1);
        reject(
          new SetupError(
            'token_failed',
            `${about}its process ended with ${killedBy ?? status} before it answered: ${last}`,
          ),
        );
      }
    });
    child.send(request, (error) => {
      // It ended before it could read: the event `close` says how.
      if (error !== null) end();
    });
  });
}

/** @returns {SetupError} what everything ends with once a signal has come */
export function interrupted() {
  return new SetupError('interrupted', 'interrupted by a signal');
}

/**
 * @param {string} code
 * @returns {import('./setup-error.js').SetupErrorCode}
 */
function codeOf(code) {
  return code in errorCodes
    ? /** @type {import('./setup-error.js').SetupErrorCode} */ (code)
    : 'token_failed';
}
