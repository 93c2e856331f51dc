/**
 * A set of tokens in one directory, one a role, each with a configuration and a directory of its own: SoftHSM rewrites a
 * token's state at every login, and two processes on one token directory missed the token in 5,071 of 13,859 tries.
 *
 * ```
 * DIRECTORY/             0700
 *   .gitignore           `*`: PINs do not belong into a commit
 *   .making-XXXXXX/      a set in the making; nobody uses it
 *   roles/               0700; came into place by one rename
 *     set.json           what was made: labels, serials, keys
 *     ROLE/              0700
 *       softhsm2.conf    0600
 *       tokens/          0700, SoftHSM's files
 *       pin  so-pin      0600, 32 random hexadecimal digits
 *       KEY.pem          the public key, SubjectPublicKeyInfo
 * ```
 *
 * INVARIANT: `roles` is absent, or whole. Of two that make it at once, one renames first; the other throws its own away
 * and uses that one. A crash leaves a `.making-` folder, which a later run removes.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { addressOf, checkRole, makeRole, writeConfiguration, writePrivate } from './role-directory.js';
import { SetupError } from './setup-error.js';

/** @typedef {import('./installation.js').Installation} Installation */
/** @typedef {import('./role-call.js').Checked} Checked */
/** @typedef {import('./role-directory.js').CallerOptions} CallerOptions */
/** @typedef {import('./role-directory.js').RoleRecord} RoleRecord */
/** @typedef {import('./template.js').Template} Template */
/** @typedef {ReturnType<typeof addressOf>} RoleToken */
/** @typedef {{ directory: string, softhsm: Installation, roles: RoleToken[] }} TokenSet */
/** @typedef {Checked & { name: string }} CheckedRole */

const madeBy = 'softhsm-ci-setup';
const ignoreEverything = '*\n';
const hourMs = 3_600_000;

/**
 * Makes the set that `template` declares, or gives the one that is there, checked; `directory_differs` where that one was
 * made from another template, `directory_foreign` where the directory holds anything else.
 *
 * @param {string} directory
 * @param {Template} template
 * @param {Installation} softhsm
 * @param {CallerOptions} options
 * @returns {Promise<{ set: TokenSet, made: boolean }>}
 */
export async function makeSet(directory, template, softhsm, options) {
  const path = resolve(directory);
  prepareDirectory(path);
  if (existsSync(join(path, 'roles')))
    return { set: await reuseSet(path, template, softhsm, options), made: false };
  const making = mkdtempSync(join(path, '.making-'));
  try {
    const records = await inParallel(template.roles, (role) =>
      makeRole(join(making, role.name), role, softhsm, options),
    );
    for (const { name } of records) writeConfiguration(join(making, name), join(path, 'roles', name));
    writePrivate(
      join(making, 'set.json'),
      `${JSON.stringify({ madeBy, format: 1, roles: records }, null, 2)}\n`,
    );
    if (putInPlace(making, join(path, 'roles'))) return { set: openSet(path, softhsm), made: true };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return { set: await reuseSet(path, template, softhsm, options), made: false };
}

/**
 * The set in the directory, as it was made; the tokens themselves are not looked at.
 *
 * @param {string} directory
 * @param {Installation} softhsm
 * @returns {TokenSet}
 */
export function openSet(directory, softhsm) {
  const path = resolve(directory);
  const records = readRecords(path);
  // The directory may have been moved since, and SoftHSM wants absolute paths.
  for (const { name } of records) {
    const folder = join(path, 'roles', name);
    if (existsSync(folder)) writeConfiguration(folder, folder);
  }
  return {
    directory: path,
    softhsm,
    roles: records.map((record) => addressOf(join(path, 'roles', record.name), record, softhsm.module)),
  };
}

/**
 * Audits every key of the set and uses it, each token in a process of its own.
 *
 * @param {TokenSet} set
 * @param {CallerOptions} options
 * @returns {Promise<CheckedRole[]>}
 */
export function checkSet({ directory, softhsm }, options) {
  return inParallel(readRecords(directory), async (record) => {
    const checked = await checkRole(join(directory, 'roles', record.name), record, softhsm, options);
    return { name: record.name, ...checked };
  });
}

/**
 * Removes what was made in the directory, and the directory where nothing else is in it.
 *
 * @param {string} directory
 * @returns {boolean} whether there was anything to remove
 */
export function removeSet(directory) {
  const path = resolve(directory);
  if (!existsSync(path)) return false;
  assertOurs(path);
  const names = readdirSync(path);
  // `roles` first, by a rename: nobody then finds half a set.
  if (names.includes('roles'))
    renameSync(join(path, 'roles'), join(path, `.making-removed-${process.pid}-${Date.now()}`));
  for (const name of readdirSync(path))
    rmSync(join(path, name), { recursive: true, force: true, maxRetries: 5 });
  rmdirSync(path);
  return true;
}

/**
 * @param {string} path
 * @param {Template} template
 * @param {Installation} softhsm
 * @param {CallerOptions} options
 */
async function reuseSet(path, template, softhsm, options) {
  const set = openSet(path, softhsm);
  const made = readRecords(path).map(({ name, label, keys }) => ({ name, label, keys }));
  if (JSON.stringify(made) !== JSON.stringify(template.roles)) {
    const show = (/** @type {Template['roles']} */ roles) =>
      roles
        .map(({ name, keys }) => `${name} (${keys.map((key) => `${key.name}: ${key.type}`).join(', ')})`)
        .join(', ');
    throw new SetupError(
      'directory_differs',
      `\`${path}\` was made for ${show(made)}, and not for ${show(template.roles)}: name another directory, or clean up first`,
    );
  }
  await checkSet(set, options);
  return set;
}

/** @param {string} path */
function prepareDirectory(path) {
  // SimpleConfigLoader.cpp of SoftHSM cuts a line at `#` and at the second `=`, and reads 1,023 bytes of it.
  if (/[#=\n\r]/.test(path) || Buffer.byteLength(path) > 850)
    throw new SetupError(
      'directory_unusable',
      `SoftHSM cannot have tokens in \`${path}\`: a path of at most 850 bytes without # and = is accepted`,
    );
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    assertOurs(path);
    writeFileSync(join(path, '.gitignore'), ignoreEverything);
    for (const name of readdirSync(path)) {
      const folder = join(path, name);
      // No set takes so long to make: this one was given up by a crash.
      const madeMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
      if (name.startsWith('.making-') && Date.now() - madeMs > hourMs)
        rmSync(folder, { recursive: true, force: true });
    }
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    throw new SetupError(
      'directory_unusable',
      `cannot make tokens in \`${path}\` (${code}): a folder that can be written is accepted`,
    );
  }
}

/**
 * Throws `directory_foreign` where there is anything that was not made here; nothing is ever removed then.
 *
 * @param {string} path
 */
function assertOurs(path) {
  const foreign = readdirSync(path).filter((name) => {
    if (name === 'roles') return !existsSync(join(path, 'roles', 'set.json'));
    // Empty for a moment while another run writes it.
    if (name === '.gitignore')
      return !['', ignoreEverything].includes(readFileSync(join(path, name), 'utf8'));
    return !name.startsWith('.making-');
  });
  if (foreign.length > 0)
    throw new SetupError(
      'directory_foreign',
      `\`${path}\` holds \`${foreign.slice(0, 3).join('`, `')}\`, not made here: a folder that is new, empty or of an earlier run is accepted`,
    );
}

/**
 * @param {string} path
 * @returns {RoleRecord[]}
 */
function readRecords(path) {
  const file = join(path, 'roles', 'set.json');
  if (!existsSync(file))
    throw new SetupError(
      'directory_missing',
      `there are no tokens in \`${path}\`: make them with \`softhsm-ci-setup setup --dir\``,
    );
  let value;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SetupError(
      'token_lost',
      `\`${file}\` is damaged (${/** @type {Error} */ (error).message}): clean up, then set up again`,
    );
  }
  if (value?.madeBy !== madeBy || value.format !== 1 || !Array.isArray(value.roles))
    throw new SetupError(
      'directory_foreign',
      `\`${file}\` was not made by this version: clean up with the one that made it`,
    );
  return value.roles;
}

/**
 * @param {string} made
 * @param {string} place
 * @returns {boolean} false where another one was quicker
 */
function putInPlace(made, place) {
  try {
    renameSync(made, place);
    return true;
  } catch (error) {
    if (existsSync(join(place, 'set.json'))) return false;
    throw error;
  }
}

/**
 * At most as many at once as there are processors; the first failure is thrown when all of them have ended, so that
 * nothing goes on in a folder that the caller then removes.
 *
 * @template T, R
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<R>} work
 * @returns {Promise<R[]>}
 */
async function inParallel(items, work) {
  /** @type {R[]} */
  const results = [];
  let next = 0;
  let failed = false;
  const lane = async () => {
    for (let index = next++; index < items.length && !failed; index = next++) {
      try {
        results[index] = await work(/** @type {T} */ (items[index]));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(availableParallelism(), 8) }, lane));
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}
