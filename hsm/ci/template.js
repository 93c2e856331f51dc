/** The declared template: which roles there are to be, and which keys each has. Its schema is in README.md. */
import { readFileSync } from 'node:fs';
import { nameVariables } from './environment.js';
import { SetupError } from './setup-error.js';

/** What a key type can be used for; the first is what it is used for where the template does not say. */
export const keyTypes = Object.freeze({
  'ec-p256': ['sign', 'derive'],
  'ec-p384': ['sign', 'derive'],
  ed25519: ['sign'],
  'rsa-2048': ['sign', 'decrypt'],
  'rsa-3072': ['sign', 'decrypt'],
  'rsa-4096': ['sign', 'decrypt'],
  'aes-128': ['decrypt'],
  'aes-256': ['decrypt'],
});

/** @typedef {keyof typeof keyTypes} KeyType */
/** @typedef {'sign' | 'derive' | 'decrypt'} Usage */
/**
 * @typedef {object} KeyTemplate
 * @property {string} name in variables and file names
 * @property {string} label CKA_LABEL
 * @property {string} id CKA_ID, hexadecimal
 * @property {KeyType} type
 * @property {Usage[]} usage sorted
 */
/** @typedef {{ name: string, label: string, keys: KeyTemplate[] }} RoleTemplate label is the token's */
/** @typedef {{ roles: RoleTemplate[] }} Template */

/**
 * Whether the key has no public part.
 *
 * @param {KeyType} type
 */
export function isSecret(type) {
  return type === 'aes-128' || type === 'aes-256';
}

const namePattern = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const nameAccepted =
  'a name of 1 to 32 lower-case letters, digits and single hyphens, beginning with a letter';

/**
 * The template of the roles named on the command line: each has one P-256 key named `signing`.
 *
 * @param {readonly string[]} names
 * @returns {Template}
 */
export function templateOfRoles(names) {
  return checkTemplate({ version: 1, roles: names.map((name) => ({ name })) }, '--role');
}

/**
 * @param {string} path
 * @returns {Template}
 */
export function readTemplate(path) {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    throw new SetupError(
      'template_unreadable',
      `cannot read the template \`${path}\` (${code}): a JSON file is accepted`,
    );
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SetupError(
      'template_invalid',
      `\`${path}\` is not JSON: ${/** @type {Error} */ (error).message}`,
    );
  }
  return checkTemplate(value, path);
}

/**
 * Checks every field and fills in what may be left out. Throws `template_invalid`, which names the field, the value
 * and what is accepted.
 *
 * @param {unknown} value
 * @param {string} source for messages: the file's path
 * @returns {Template}
 */
export function checkTemplate(value, source) {
  const at = (/** @type {string} */ field) => (source === '--role' ? source : `${source}: ${field}`);
  const template = checkObject(value, at('the template'), ['version', 'roles']);
  if (template['version'] !== 1) throw invalid(at('version'), template['version'], '1');
  const roles = checkList(template['roles'], at('roles'), 1, 64).map((role, index) =>
    checkRole(role, at(`roles[${index}]`)),
  );
  checkDistinct(
    roles.map(({ name }) => name),
    at('roles'),
    'name',
  );
  checkDistinct(
    roles.map(({ label }) => label),
    at('roles'),
    'label',
  );
  checkDistinct(
    roles.flatMap(nameVariables),
    at('roles'),
    'a variable of the environment, made of the names',
  );
  return { roles };
}

/**
 * @param {unknown} value
 * @param {string} at
 * @returns {RoleTemplate}
 */
function checkRole(value, at) {
  const role = checkObject(value, at, ['name', 'label', 'keys']);
  const name = checkName(role['name'], at === '--role' ? at : `${at}.name`);
  // CK_TOKEN_INFO has room for 32 bytes, padded with blanks: a blank at the end could not be told from padding.
  const label = role['label'] === undefined ? name : checkLabel(role['label'], `${at}.label`, 32);
  const keys = checkList(role['keys'] ?? [{ name: 'signing', type: 'ec-p256' }], `${at}.keys`, 0, 64).map(
    (key, index) => checkKey(key, `${at}.keys[${index}]`, index),
  );
  checkDistinct(
    keys.map((key) => key.name),
    `${at}.keys`,
    'name',
  );
  checkDistinct(
    keys.map((key) => key.label),
    `${at}.keys`,
    'label',
  );
  checkDistinct(
    keys.map((key) => key.id),
    `${at}.keys`,
    'id',
  );
  return { name, label, keys };
}

/**
 * @param {unknown} value
 * @param {string} at
 * @param {number} index
 * @returns {KeyTemplate}
 */
function checkKey(value, at, index) {
  const key = checkObject(value, at, ['name', 'type', 'usage', 'label', 'id']);
  const name = checkName(key['name'], `${at}.name`);
  const type = /** @type {KeyType | undefined} */ (
    Object.keys(keyTypes).find((known) => known === key['type'])
  );
  if (type === undefined) throw invalid(`${at}.type`, key['type'], Object.keys(keyTypes).join(', '));
  const usage = checkUsage(key['usage'], `${at}.usage`, type);
  const label = key['label'] === undefined ? name : checkLabel(key['label'], `${at}.label`, 64);
  const id = key['id'] ?? Buffer.from([index + 1]).toString('hex');
  if (typeof id !== 'string' || !/^(?:[0-9a-f]{2}){1,32}$/.test(id))
    throw invalid(`${at}.id`, id, '1 to 32 bytes as lower-case hexadecimal digits');
  return { name, label, id, type, usage };
}

/**
 * @param {unknown} value
 * @param {string} at
 * @param {KeyType} type
 * @returns {Usage[]}
 */
function checkUsage(value, at, type) {
  const possible = /** @type {Usage[]} */ (keyTypes[type]);
  if (value === undefined) return possible.slice(0, 1);
  const usage = checkList(value, at, 1, 3).map((use, position) => {
    const known = possible.find((name) => name === use);
    if (known === undefined)
      throw invalid(`${at}[${position}]`, use, `${possible.join(', ')}, for a key of type ${type},`);
    return known;
  });
  checkDistinct(usage, at);
  return usage.sort((a, b) => (a < b ? -1 : 1));
}

/**
 * @param {unknown} value
 * @param {string} at
 */
function checkName(value, at) {
  if (typeof value !== 'string' || value.length > 32 || !namePattern.test(value))
    throw invalid(at, value, nameAccepted);
  return value;
}

/**
 * @param {unknown} value
 * @param {string} at
 * @param {number} limit
 */
function checkLabel(value, at, limit) {
  if (typeof value !== 'string' || value.length > limit || !/^[!-~](?:[ -~]*[!-~])?$/.test(value))
    throw invalid(at, value, `1 to ${limit} printable ASCII characters, without a blank at either end`);
  return value;
}

/**
 * @param {unknown} value
 * @param {string} at
 * @param {readonly string[]} fields
 * @returns {Record<string, unknown>}
 */
function checkObject(value, at, fields) {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(at, value, `an object with ${fields.join(', ')}`);
  for (const field of Object.keys(value)) {
    if (!fields.includes(field))
      throw new SetupError(
        'template_invalid',
        `${at}: \`${field}\` is no field of it: ${fields.join(', ')} are accepted`,
      );
  }
  return /** @type {Record<string, unknown>} */ (value);
}

/**
 * @param {unknown} value
 * @param {string} at
 * @param {number} least
 * @param {number} most
 * @returns {unknown[]}
 */
function checkList(value, at, least, most) {
  if (!Array.isArray(value)) throw invalid(at, value, `a list of ${least} to ${most}`);
  if (value.length < least || value.length > most)
    throw new SetupError(
      'template_invalid',
      `${at}: a list of ${value.length}: ${least} to ${most} are accepted`,
    );
  return value;
}

/**
 * @param {readonly string[]} values
 * @param {string} at
 * @param {string} [field]
 */
function checkDistinct(values, at, field) {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined)
    throw new SetupError(
      'template_invalid',
      `${at}: \`${twice}\` is there twice${field === undefined ? '' : ` as ${field}`}: once is accepted`,
    );
}

/**
 * @param {string} at
 * @param {unknown} value
 * @param {string} accepted
 */
function invalid(at, value, accepted) {
  const shown =
    value === undefined ? 'it is missing' : `\`${JSON.stringify(value)?.slice(0, 80)}\` is not accepted`;
  return new SetupError('template_invalid', `${at}: ${shown}: ${accepted} is`);
}
