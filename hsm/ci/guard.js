/** Removes a temporary directory should this process be killed in a way that it cannot catch. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

/**
 * Lives as long as its standard input, which ends with this process. `done` on it means that all is well. Without it: the
 * process group that the file ($2) names is ended, and the directory ($1) removed. The file is read a second time, since a
 * command that was just being started writes it before it runs.
 */
const script = `read -r word && [ "$word" = done ] && exit 0
end_group() {
  group=
  [ ! -f "$2" ] || read -r group <"$2"
  [ -z "$group" ] || kill -s "$1" -- "-$group" 2>/dev/null
}
end_group TERM "$2"
sleep 1
end_group KILL "$2"
rm -rf -- "$1"`;

/** @typedef {{ groupFile: string, dismiss: () => void }} Guard */

/**
 * @param {string} directory
 * @returns {Guard}
 */
export function startGuard(directory) {
  const groupFile = join(directory, '.command-group');
  // There is no sh on Windows: what is killed there leaves its directory.
  if (process.platform === 'win32') return { groupFile, dismiss: () => undefined };
  // In a session of its own, so that no Ctrl-C reaches it; and in no folder that somebody may want to remove.
  const guard = spawn('sh', ['-c', script, 'sh', directory, groupFile], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a guard the directory is removed all the same, unless this process is killed.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return {
    groupFile,
    dismiss: () => {
      guard.stdin.end('done\n');
    },
  };
}
