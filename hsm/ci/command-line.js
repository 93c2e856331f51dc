/** The command line: what it may say, and what was said. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SetupError } from './setup-error.js';

export const help = `Usage:
  softhsm-ci-setup [OPTIONS] -- COMMAND [ARGUMENT...]   run a command with SoftHSM tokens ready, then remove them
  softhsm-ci-setup setup [OPTIONS]                      make tokens in a directory, and leave them there
  softhsm-ci-setup env [--dir DIR] [--format FORMAT]    print the variables by which a command finds them
  softhsm-ci-setup smoke [--dir DIR]                    audit every key, use it, and check the outcome outside the token
  softhsm-ci-setup mechanisms                           print what this SoftHSM can do
  softhsm-ci-setup cleanup [--dir DIR]                  remove the tokens and their directory

Options:
  --role NAME            a token with one P-256 key named "signing"; repeatable (default: one role named "token")
  --template FILE        the roles and keys of a JSON file instead: see the README
  --dir DIR              where the tokens are (default: .softhsm-ci; for a command, a temporary directory).
                         A directory that is named is kept, with its keys; a temporary one is always removed
  --format FORMAT        of env: shell (to be read by eval), lines (for $GITHUB_ENV) or json (default: shell)
  --accept-version V     a version of SoftHSM to accept besides 2.6, such as 2.7, or "any"; repeatable
  --prefix DIR           where SoftHSM is unpacked if it is missing and there is no privilege (default: the user's cache)
  --grace SECONDS        how long a command may take to end after a signal before it is killed (default: 5)
  --json                 print one JSON document; for a command, on standard error, where its own output is not touched
  --quiet                say nothing but errors
  --help, --version

Without an option, these variables count: SOFTHSM_CI_ROLES (names with blanks between), SOFTHSM_CI_TEMPLATE,
SOFTHSM_CI_DIR, SOFTHSM_CI_ACCEPT_VERSION (with blanks between), SOFTHSM_CI_PREFIX; SOFTHSM2_MODULE names a module to use.

A command finds SOFTHSM2_MODULE and, for each role, SOFTHSM_<ROLE>_URI, _CONF, _PIN_FILE, _SERIAL and _LABEL, and for each
key SOFTHSM_<ROLE>_<KEY>_URI and _PUBLIC_KEY (a PEM file); with one role also SOFTHSM2_CONF.

Exit status: a command's own, or 128 and the number of the signal that ended it; 125 where the tokens could not be made,
126 where the command cannot be run, 127 where there is none. Of the others: 0 done, 1 a token failed its audit, its smoke
test or otherwise, 2 wrong usage or template, 3 SoftHSM is missing or not accepted, 4 the directory or its tokens are not
usable, 128 and the number of the signal that interrupted it.
`;

const subcommands = /** @type {const} */ (['run', 'setup', 'env', 'smoke', 'mechanisms', 'cleanup']);
const formats = /** @type {const} */ (['shell', 'lines', 'json']);

/** @typedef {(typeof subcommands)[number]} Subcommand */
/**
 * @typedef {object} Request
 * @property {Subcommand | 'help' | 'version'} subcommand
 * @property {string[]} roles
 * @property {string | undefined} template
 * @property {string | undefined} directory
 * @property {(typeof formats)[number]} format
 * @property {string[]} acceptedVersions besides those that are accepted anyhow
 * @property {string | undefined} prefix
 * @property {number} graceMs
 * @property {boolean} json
 * @property {boolean} quiet
 * @property {string[]} command
 */

const options = /** @type {const} */ ({
  role: { type: 'string', multiple: true },
  template: { type: 'string' },
  dir: { type: 'string' },
  format: { type: 'string' },
  'accept-version': { type: 'string', multiple: true },
  prefix: { type: 'string' },
  grace: { type: 'string' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
});
/** Which options a subcommand has besides --json, --quiet and --help. */
const accepted = Object.freeze({
  run: ['role', 'template', 'dir', 'accept-version', 'prefix', 'grace'],
  setup: ['role', 'template', 'dir', 'accept-version', 'prefix'],
  env: ['dir', 'format', 'prefix'],
  smoke: ['dir', 'accept-version', 'prefix'],
  mechanisms: ['accept-version', 'prefix'],
  cleanup: ['dir'],
});

/**
 * @param {readonly string[]} words
 * @param {Readonly<Record<string, string | undefined>>} environment
 * @returns {Request}
 */
export function parseCommandLine(words, environment) {
  const end = words.indexOf('--');
  const own = end < 0 ? words : words.slice(0, end);
  const command = end < 0 ? [] : words.slice(end + 1);
  const { values, positionals } = parse(own);
  const subcommand = subcommandOf(values, positionals, end >= 0);
  if (subcommand === 'run' && command.length === 0) throw usage('a command after `--` is missing');
  if (subcommand !== 'run' && subcommand !== 'help' && subcommand !== 'version') {
    if (end >= 0) throw usage(`\`${subcommand}\` runs no command: \`--\` has no place here`);
  }
  if (subcommand in accepted) {
    const known = [...accepted[/** @type {Subcommand} */ (subcommand)], 'json', 'quiet'];
    for (const name of Object.keys(values)) {
      if (!known.includes(name))
        throw usage(
          `\`--${name}\` has no meaning for ${subcommand}: ${known.map((option) => `--${option}`).join(', ')} are accepted`,
        );
    }
  }
  if (values.role !== undefined && values.template !== undefined)
    throw usage('`--role` and `--template` were both given: the template names its roles itself');
  const format = formats.find((known) => known === (values.format ?? 'shell'));
  if (format === undefined)
    throw usage(`\`${values.format}\` is no format: ${formats.join(', ')} are accepted`);
  const named = (/** @type {string} */ name) => (environment[name] === '' ? undefined : environment[name]);
  const listed = (/** @type {string} */ name) =>
    (named(name) ?? '').split(/\s+/).filter((word) => word !== '');
  const template = values.template ?? (values.role === undefined ? named('SOFTHSM_CI_TEMPLATE') : undefined);
  return {
    subcommand,
    roles: values.role ?? (template === undefined ? listed('SOFTHSM_CI_ROLES') : []),
    template,
    directory: values.dir ?? named('SOFTHSM_CI_DIR'),
    format,
    acceptedVersions: (values['accept-version'] ?? listed('SOFTHSM_CI_ACCEPT_VERSION')).map(checkVersion),
    prefix: values.prefix ?? named('SOFTHSM_CI_PREFIX'),
    graceMs: graceOf(values.grace ?? '5'),
    json: values.json === true,
    quiet: values.quiet === true,
    command,
  };
}

/** @returns {string} of this package */
export function ownVersion() {
  return String(JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8')).version);
}

/** @param {readonly string[]} words */
function parse(words) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true });
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw usage(message.slice(0, 1).toLowerCase() + message.slice(1).replace(/\.?$/, ''));
  }
}

/**
 * @param {{ help?: boolean, version?: boolean }} values
 * @param {readonly string[]} positionals
 * @param {boolean} hasCommand
 * @returns {Request['subcommand']}
 */
function subcommandOf(values, positionals, hasCommand) {
  if (values.help === true) return 'help';
  if (values.version === true) return 'version';
  const [word, surplus] = positionals;
  if (surplus !== undefined) throw usage(`\`${surplus}\` has no place here: a command comes after \`--\``);
  if (word === undefined) {
    if (hasCommand) return 'run';
    throw usage(`nothing to do: \`-- COMMAND\`, or one of ${subcommands.slice(1).join(', ')} is accepted`);
  }
  const subcommand = subcommands.find((known) => known === word);
  if (subcommand === undefined)
    throw usage(
      `\`${word}\` is no subcommand: ${subcommands.join(', ')} are accepted, and a command comes after \`--\``,
    );
  return subcommand;
}

/** @param {string} text */
function graceOf(text) {
  if (!/^\d{1,4}(?:\.\d{1,3})?$/.test(text))
    throw usage(`\`--grace ${text}\`: seconds, such as 5 or 0.5, are accepted`);
  return Number(text) * 1_000;
}

/** @param {string} text */
function checkVersion(text) {
  if (text !== 'any' && !/^\d+\.\d+$/.test(text))
    throw usage(`\`--accept-version ${text}\`: two numbers, such as 2.7, or \`any\` are accepted`);
  return text;
}

/** @param {string} message */
function usage(message) {
  return new SetupError('usage_invalid', `${message}; see --help`);
}
