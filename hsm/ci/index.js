/** softhsm-ci-setup for programs: what the command line does, without one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentOf } from './environment.js';
import { findSoftHsm } from './installation.js';
import { checkTemplate } from './template.js';
import { makeSet, removeSet } from './token-set.js';

export { SetupError } from './setup-error.js';

/** The versions of SoftHSM that are accepted unless told otherwise: it was 2.6.1 that everything was measured with. */
export const acceptedVersions = Object.freeze(['2.6']);

/** @typedef {import('./token-set.js').RoleToken} RoleToken */
/**
 * @typedef {object} SetUpOptions
 * @property {unknown} template as in a template file
 * @property {string} [directory] where to; without one, a temporary directory that `remove` removes
 * @property {readonly string[]} [accept] versions of SoftHSM, or `any`
 * @property {string} [prefix] where SoftHSM is unpacked where it has to be, and there is no privilege
 * @property {AbortSignal} [signal]
 * @property {(text: string) => void} [report] takes what an installer says
 */
/**
 * @typedef {object} Tokens
 * @property {string} directory
 * @property {boolean} made false where the directory had the tokens already
 * @property {RoleToken[]} roles
 * @property {Record<string, string>} environment for a command that is to find them
 * @property {() => void} remove removes the tokens, and the directory
 */

/**
 * Makes tokens, or opens those that the directory has; each was audited and used before this returns.
 *
 * @example
 * const tokens = await setUp({ template: { version: 1, roles: [{ name: 'payments' }] } });
 * try {
 *   execFileSync('make', ['test'], { env: { ...process.env, ...tokens.environment } });
 * } finally {
 *   tokens.remove();
 * }
 *
 * @param {SetUpOptions} options
 * @returns {Promise<Tokens>}
 */
export async function setUp({ template, directory, accept = acceptedVersions, prefix, signal, report }) {
  const declared = checkTemplate(template, 'the template');
  const softhsm = await findSoftHsm({
    environment: process.env,
    prefix,
    signal,
    report: report ?? ((text) => process.stderr.write(text)),
  });
  const path = directory ?? temporaryDirectory();
  try {
    const { set, made } = await makeSet(path, declared, softhsm, { accept, signal });
    return {
      directory: set.directory,
      made,
      roles: set.roles,
      environment: environmentOf(set),
      remove: () => {
        removeSet(path);
      },
    };
  } catch (error) {
    if (directory === undefined) rmSync(path, { recursive: true, force: true });
    throw error;
  }
}

/** @returns {string} a new directory that only its owner can read */
export function temporaryDirectory() {
  return mkdtempSync(join(tmpdir(), 'softhsm-ci-'));
}
