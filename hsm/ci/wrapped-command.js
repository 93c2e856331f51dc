/**
 * Runs a command to its end, whatever ends it: signals reach it, and nothing of it is left running.
 */
import { spawn } from 'node:child_process';
import { constants as access, accessSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { isatty } from 'node:tty';
import { SetupError } from './setup-error.js';

/** Those after which a command is expected to end, and those that mean what it makes of them. */
const ending = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);
const others = /** @type {const} */ (['SIGUSR1', 'SIGUSR2']);

/**
 * Writes the command's process group ($1) before there is a command: whoever reads it may come when this process was killed.
 */
const noteGroup = 'printf "%s\\n" "$$" >"$1" || exit 125; shift; exec "$@"';

/**
 * @typedef {object} CommandOptions
 * @property {Readonly<Record<string, string | undefined>>} environment
 * @property {number} graceMs how long the command has to end after a signal, before it is killed
 * @property {string} [groupFile] is told the command's process group, where it has its own
 */

/**
 * Runs the command, and gives its exit status, or 128 and the signal's number where a signal ended it. Without a terminal
 * it has a process group of its own, and what it leaves running there is ended with it; on a terminal it stays in the
 * foreground, where Ctrl-C reaches it without help.
 *
 * @param {string} command
 * @param {readonly string[]} words
 * @param {CommandOptions} options
 * @returns {Promise<number>}
 */
export async function runCommand(command, words, { environment, graceMs, groupFile }) {
  const windows = process.platform === 'win32';
  const ownGroup = !windows && !isatty(0);
  if (!windows) findCommand(command, environment['PATH'] ?? '');
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {NodeJS.Signals[]} */
  const early = [];
  /** @type {(signal: NodeJS.Signals) => void} */
  const send = (signal) => {
    if (child?.pid === undefined) return;
    if (ownGroup) signalGroup(child.pid, signal);
    else child.kill(signal);
  };
  /** @type {(signal: NodeJS.Signals) => void} */
  const forward = (signal) => {
    if (child === undefined) {
      early.push(signal);
      return;
    }
    // The terminal gave it to the command as well, and an interactive program may go on after Ctrl-C.
    if (!ownGroup && (signal === 'SIGINT' || signal === 'SIGQUIT')) return;
    send(signal);
    if (ending.some((known) => known === signal)) timer ??= setTimeout(() => send('SIGKILL'), graceMs);
  };
  // First: the command may have said something, and been answered with a signal, before this process goes on after `spawn`.
  for (const signal of [...ending, ...others]) process.on(signal, forward);
  const noted = ownGroup && groupFile !== undefined;
  child = spawn(
    noted ? 'sh' : command,
    noted ? ['-c', noteGroup, 'sh', groupFile, command, ...words] : words,
    {
      env: /** @type {NodeJS.ProcessEnv} */ (environment),
      stdio: 'inherit',
      detached: ownGroup,
      // Programs of npm are scripts there.
      shell: windows,
    },
  );
  const { pid } = child;
  for (const signal of early) forward(signal);
  try {
    return await statusOf(child, command);
  } finally {
    clearTimeout(timer);
    if (ownGroup && pid !== undefined) await endGroup(pid);
    for (const signal of [...ending, ...others]) process.off(signal, forward);
  }
}

/**
 * Whether there is such a command, before anything is started: a shell's own words for it would be no error of this tool's.
 *
 * @param {string} command
 * @param {string} path
 */
function findCommand(command, path) {
  const places = command.includes('/')
    ? [command]
    : path.split(delimiter).map((folder) => join(folder, command));
  if (places.some(isExecutable)) return;
  if (places.some((place) => existsSync(place)))
    throw new SetupError(
      'command_not_executable',
      `the command \`${command}\` cannot be run: an executable file is accepted`,
    );
  throw new SetupError(
    'command_not_found',
    `there is no command \`${command}\`: a program on the PATH, or a path, is accepted`,
  );
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, access.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} command
 * @returns {Promise<number>}
 */
function statusOf(child, command) {
  return new Promise((resolve, reject) => {
    child.on('error', (/** @type {NodeJS.ErrnoException} */ { code }) => {
      reject(new SetupError('command_not_executable', `the command \`${command}\` cannot be run (${code})`));
    });
    child.on('exit', (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
}

/**
 * Ends what a command left running in its group: its tokens go, so that it could do nothing right any more.
 *
 * @param {number} group
 */
async function endGroup(group) {
  if (!signalGroup(group, 'SIGTERM')) return;
  for (let waitedMs = 0; waitedMs < 2_000; waitedMs += 20) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (!isRunning(group)) return;
  }
  signalGroup(group, 'SIGKILL');
}

/**
 * Whether anybody in the group still does something: in a container without an init, those who have ended wait in vain to be
 * reaped, and still count as members.
 *
 * @param {number} group
 */
function isRunning(group) {
  if (!signalGroup(group, 0)) return false;
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      // proc(5): `pid (command) state parent group …`, where the command may hold anything.
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, , of] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(of) === group && state !== 'Z' && state !== 'X';
    } catch {
      // It has ended between the two calls.
      return false;
    }
  });
}

/**
 * @param {number} group
 * @param {NodeJS.Signals | 0} signal
 * @returns {boolean} whether anybody is in the group
 */
function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    // ESRCH: nobody is left. EPERM: whoever has the number now is not ours.
    return false;
  }
}
