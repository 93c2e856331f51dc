/** The files of one role: its SoftHSM configuration, its token, its PINs and its public keys. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pkcs11Uri } from './pkcs11-uri.js';
import { callRole } from './role-call.js';
import { SetupError } from './setup-error.js';
import { isSecret } from './template.js';

/** @typedef {import('./installation.js').Installation} Installation */
/** @typedef {import('./role-call.js').Checked} Checked */
/** @typedef {import('./template.js').RoleTemplate} RoleTemplate */
/** @typedef {RoleTemplate & { serial: string, publicKeys: Record<string, string> }} RoleRecord publicKeys: PEM by key name */
/** @typedef {{ accept: readonly string[], signal?: AbortSignal | undefined }} CallerOptions */

/** @param {string} folder */
export function pathsIn(folder) {
  return {
    configuration: join(folder, 'softhsm2.conf'),
    tokens: join(folder, 'tokens'),
    pinFile: join(folder, 'pin'),
    soPinFile: join(folder, 'so-pin'),
    publicKey: (/** @type {string} */ key) => join(folder, `${key}.pem`),
  };
}

/**
 * Makes a token and its keys in a new folder, and then uses each key from a second process, as a stranger will.
 *
 * @param {string} folder
 * @param {RoleTemplate} role
 * @param {Installation} softhsm
 * @param {CallerOptions} options
 * @returns {Promise<RoleRecord>}
 */
export async function makeRole(folder, role, softhsm, options) {
  const { pinFile, soPinFile, tokens, publicKey } = pathsIn(folder);
  mkdirSync(folder, { mode: 0o700 });
  mkdirSync(tokens, { mode: 0o700 });
  writeConfiguration(folder, folder);
  for (const file of [pinFile, soPinFile]) writePrivate(file, randomBytes(16).toString('hex'));
  const { serial } = await callRole(
    {
      action: 'provision',
      module: softhsm.module,
      accept: options.accept,
      role: { ...role, pinFile, soPinFile },
    },
    callOptions(folder, role.name, softhsm, options),
  );
  /** @type {RoleRecord} */
  const record = { ...role, serial, publicKeys: {} };
  const { keys } = await checkRole(folder, record, softhsm, options);
  for (const { name, publicKey: pem } of keys) {
    if (pem === null) continue;
    record.publicKeys[name] = pem;
    writePrivate(publicKey(name), pem);
  }
  return record;
}

/**
 * Opens the token by label and serial, audits its keys and uses each; throws `token_lost` where something has gone.
 *
 * @param {string} folder
 * @param {RoleRecord} record
 * @param {Installation} softhsm
 * @param {CallerOptions} options
 * @returns {Promise<Checked>}
 */
export async function checkRole(folder, record, softhsm, options) {
  const { configuration, tokens, pinFile, soPinFile } = pathsIn(folder);
  const gone = [configuration, tokens, pinFile].filter((path) => !existsSync(path));
  if (gone.length > 0)
    throw new SetupError(
      'token_lost',
      `role \`${record.name}\`: \`${gone.join('`, `')}\` has gone: clean up, then set up again`,
    );
  const checked = await callRole(
    {
      action: 'check',
      module: softhsm.module,
      accept: options.accept,
      role: { ...record, pinFile, soPinFile },
    },
    callOptions(folder, record.name, softhsm, options),
  );
  for (const { name, publicKey } of checked.keys) {
    const known = record.publicKeys[name];
    if (known !== undefined && publicKey !== known)
      throw new SetupError(
        'token_lost',
        `role \`${record.name}\`: the token holds another key \`${name}\` than was made here`,
      );
  }
  return checked;
}

/**
 * Writes the configuration in `folder` for a role that is, or will be, at `place`.
 *
 * @param {string} folder
 * @param {string} place
 */
export function writeConfiguration(folder, place) {
  const { configuration } = pathsIn(folder);
  const { tokens } = pathsIn(place);
  const text = `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`;
  if (!existsSync(configuration) || readFileSync(configuration, 'utf8') !== text)
    writePrivate(configuration, text);
}

/**
 * @param {string} path
 * @param {string} text
 */
export function writePrivate(path, text) {
  writeFileSync(path, text, { mode: 0o600 });
}

/**
 * @param {string} path
 * @param {RoleRecord} record
 * @param {string} module
 */
export function addressOf(path, record, module) {
  const { configuration, pinFile, soPinFile, publicKey } = pathsIn(path);
  const { name, label, serial } = record;
  const token = { label, serial, module, pinFile };
  return {
    name,
    label,
    serial,
    uri: pkcs11Uri(token),
    configuration,
    pinFile,
    soPinFile,
    keys: record.keys.map((key) => {
      const secret = isSecret(key.type);
      return {
        ...key,
        uri: pkcs11Uri(token, { label: key.label, id: key.id, type: secret ? 'secret-key' : 'private' }),
        publicKeyFile: secret ? null : publicKey(key.name),
      };
    }),
  };
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {Installation} softhsm
 * @param {CallerOptions} options
 */
function callOptions(folder, name, softhsm, options) {
  return {
    configuration: pathsIn(folder).configuration,
    libraryPath: softhsm.libraryPath,
    signal: options.signal,
    about: `role \`${name}\`: `,
  };
}
