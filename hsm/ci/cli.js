#!/usr/bin/env node
/** softhsm-ci-setup on the command line: README.md says what it is for, `--help` what it takes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { help, ownVersion, parseCommandLine } from './command-line.js';
import { commandEnvironment, environmentOf, formatEnvironment } from './environment.js';
import { startGuard } from './guard.js';
import { acceptedVersions, temporaryDirectory } from './index.js';
import { findSoftHsm } from './installation.js';
import { callRole, interrupted } from './role-call.js';
import { errorCodes, exitStatus, SetupError } from './setup-error.js';
import { readTemplate, templateOfRoles } from './template.js';
import { checkSet, makeSet, openSet, removeSet } from './token-set.js';
import { runCommand } from './wrapped-command.js';

/** @typedef {import('./command-line.js').Request} Request */
/** @typedef {import('./token-set.js').TokenSet} TokenSet */

const defaultDirectory = '.softhsm-ci';
const interruptions = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** The signal that came, if one has: what is being made is then given up, and removed. */
const interruption = new AbortController();
/** @type {(signal: NodeJS.Signals) => void} */
const interrupt = (signal) => interruption.abort(signal);

/** @param {Request} request */
async function run(request) {
  if (request.subcommand === 'help') return finish(help);
  if (request.subcommand === 'version') return finish(`${ownVersion()}\n`);
  if (request.subcommand === 'run') return wrap(request);
  if (request.subcommand === 'setup') return setUp(request);
  if (request.subcommand === 'mechanisms') return listMechanisms(request);
  const directory = request.directory ?? defaultDirectory;
  if (request.subcommand === 'cleanup') {
    const removed = removeSet(directory);
    return answer(
      request,
      { directory, removed },
      removed ? `removed ${directory}\n` : `nothing to remove: there is no ${directory}\n`,
    );
  }
  const set = openSet(directory, await softhsmFor(request));
  if (request.subcommand === 'smoke') return smoke(request, set);
  const variables = environmentOf(set);
  const asJson = request.json || request.format === 'json';
  return finish(
    asJson
      ? `${JSON.stringify(variables, null, 2)}\n`
      : formatEnvironment(variables, request.format === 'lines' ? 'lines' : 'shell'),
  );
}

/**
 * Runs the command with its tokens; a temporary directory is removed whatever happens.
 *
 * @param {Request} request
 */
async function wrap(request) {
  const [command = '', ...words] = request.command;
  const temporary = request.directory === undefined;
  const directory = request.directory ?? temporaryDirectory();
  const guard = temporary ? startGuard(directory) : undefined;
  try {
    const { set, made } = await makeTokens(request, directory);
    const environment = commandEnvironment(process.env, set);
    if (request.json)
      tell({ ok: true, ...describe(set), made, environment: environmentOf(set), command: request.command });
    else say(request, `${describeRoles(set)} ready, for ${command}`);
    if (interruption.signal.aborted) throw interrupted();
    for (const signal of interruptions) process.off(signal, interrupt);
    return await runCommand(command, words, {
      environment,
      graceMs: request.graceMs,
      ...(guard && { groupFile: guard.groupFile }),
    });
  } finally {
    if (temporary) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    guard?.dismiss();
  }
}

/** @param {Request} request */
async function setUp(request) {
  const directory = request.directory ?? defaultDirectory;
  const { set, made } = await makeTokens(request, directory);
  const lines = set.roles.map(
    ({ name, label, serial, keys }) =>
      `  ${name}: token "${label}", serial number ${serial}, ${keys.map((key) => `${key.name} (${key.type})`).join(', ') || 'no keys'}\n`,
  );
  const text = `${describeRoles(set)} ${made ? 'made' : 'there already, and good,'} in ${set.directory}\n${lines.join('')}`;
  return answer(
    request,
    { ...describe(set), made, environment: environmentOf(set) },
    request.quiet ? '' : text,
  );
}

/**
 * @param {Request} request
 * @param {string} directory
 */
async function makeTokens(request, directory) {
  const { template, roles } = request;
  const declared =
    template === undefined ? templateOfRoles(roles.length === 0 ? ['token'] : roles) : readTemplate(template);
  const made = await makeSet(directory, declared, await softhsmFor(request), callerOptions(request));
  maskPins(made.set);
  return made;
}

/**
 * @param {Request} request
 * @param {TokenSet} set
 */
async function smoke(request, set) {
  const roles = await checkSet(set, callerOptions(request));
  const lines = roles.flatMap((role) =>
    role.keys.flatMap((key) =>
      key.smoke.map(
        ({ use, mechanism, checked }) =>
          `  ${role.name} ${key.name}: ${use} with ${mechanism}, checked by ${checked === 'outside' ? 'node:crypto, outside the token' : 'a round trip in the token'}\n`,
      ),
    ),
  );
  return answer(
    request,
    { ...describe(set), roles },
    request.quiet ? '' : `${describeRoles(set)} good\n${lines.join('')}`,
  );
}

/** @param {Request} request */
async function listMechanisms(request) {
  const softhsm = await softhsmFor(request);
  const folder = mkdtempSync(join(tmpdir(), 'softhsm-ci-'));
  try {
    const configuration = join(folder, 'softhsm2.conf');
    writeFileSync(
      configuration,
      `directories.tokendir = ${folder}\nobjectstore.backend = file\nlog.level = ERROR\n`,
    );
    const { accept, signal } = callerOptions(request);
    const { mechanisms, softhsm: module } = await callRole(
      { action: 'mechanisms', module: softhsm.module, accept },
      { configuration, libraryPath: softhsm.libraryPath, signal, about: '' },
    );
    const lines = mechanisms.map(({ name, minKeySize, maxKeySize, flags }) =>
      `${name.padEnd(36)} ${`${minKeySize}-${maxKeySize}`.padEnd(12)} ${flags.join(' ')}`.trimEnd(),
    );
    return answer(request, { softhsm: { ...softhsm, ...module }, mechanisms }, `${lines.join('\n')}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Request} request */
function softhsmFor(request) {
  return findSoftHsm({
    environment: process.env,
    prefix: request.prefix,
    signal: interruption.signal,
    report: (text) => process.stderr.write(text),
  });
}

/** @param {Request} request */
function callerOptions(request) {
  return { accept: [...acceptedVersions, ...request.acceptedVersions], signal: interruption.signal };
}

/**
 * Has GitHub hide the PINs in the log, should a command print one. Nothing but this ever prints a PIN, and only there.
 *
 * @param {TokenSet} set
 */
function maskPins({ roles }) {
  if (process.env['GITHUB_ACTIONS'] !== 'true') return;
  for (const { pinFile, soPinFile } of roles) {
    for (const file of [pinFile, soPinFile])
      process.stderr.write(`::add-mask::${readFileSync(file, 'latin1')}\n`);
  }
}

/** @param {TokenSet} set */
function describe({ directory, softhsm, roles }) {
  return { directory, softhsm, roles };
}

/** @param {TokenSet} set */
function describeRoles({ roles }) {
  return `${roles.length === 1 ? '1 token' : `${roles.length} tokens`} (${roles.map(({ name }) => name).join(', ')})`;
}

/**
 * @param {Request} request
 * @param {object} value
 * @param {string} text
 */
function answer(request, value, text) {
  return finish(request.json ? `${JSON.stringify({ ok: true, ...value }, null, 2)}\n` : text);
}

/**
 * @param {string} text
 * @returns {number}
 */
function finish(text) {
  process.stdout.write(text);
  return exitStatus.ok;
}

/**
 * @param {Request} request
 * @param {string} text
 */
function say(request, text) {
  if (!request.quiet) process.stderr.write(`softhsm-ci-setup: ${text}\n`);
}

/** @param {object} value one line on standard error */
function tell(value) {
  process.stderr.write(`${JSON.stringify({ tool: 'softhsm-ci-setup', ...value })}\n`);
}

/**
 * Says what went wrong, and gives the exit status for it.
 *
 * @param {unknown} error
 * @param {readonly string[]} words
 */
function refuse(error, words) {
  const end = words.indexOf('--');
  const wrapping = end >= 0;
  const known = error instanceof SetupError ? error : ofSystem(error);
  const code = known?.code ?? 'internal';
  const message = known?.message ?? String(/** @type {Error} */ (error)?.stack ?? error);
  const json = (wrapping ? words.slice(0, end) : words).includes('--json');
  if (json && wrapping) tell({ ok: false, code, message });
  else if (json) process.stdout.write(`${JSON.stringify({ ok: false, code, message }, null, 2)}\n`);
  else process.stderr.write(`softhsm-ci-setup: ${message} (${code})\n`);
  if (code === 'interrupted') {
    const signal = interruptions.find((name) => name === interruption.signal.reason);
    return 128 + constants.signals[signal ?? 'SIGTERM'];
  }
  if (code === 'command_not_found') return 127;
  if (code === 'command_not_executable') return 126;
  if (wrapping) return 125;
  return known === undefined ? exitStatus.failed : errorCodes[known.code];
}

/**
 * What the file system refused, such as a full disk.
 *
 * @param {unknown} error
 */
function ofSystem(error) {
  const { syscall, path, code } = /** @type {NodeJS.ErrnoException} */ (error ?? {});
  if (syscall === undefined || path === undefined) return undefined;
  return new SetupError('directory_unusable', `the system refuses ${syscall} on \`${path}\` (${code})`);
}

for (const signal of interruptions) process.on(signal, interrupt);
const words = process.argv.slice(2);
try {
  process.exitCode = await run(parseCommandLine(words, process.env));
} catch (error) {
  process.exitCode = refuse(error, words);
}
