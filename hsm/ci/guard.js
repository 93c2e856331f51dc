/** Removes a temporary directory should this process be killed in a way that it cannot catch. */
import { spawn } from 'node:child_process';

/**
 * Lives as long as its standard input, which ends with this process. `done` on it means that all is well. Without it: the
 * process group that `group` named is ended, and the directory ($1) removed.
 */
const script = `group=
while read -r word value; do
  case $word in
    group) group=$value ;;
    done) exit 0 ;;
  esac
done
[ -z "$group" ] || kill -s TERM -- "-$group" 2>/dev/null
sleep 1
[ -z "$group" ] || kill -s KILL -- "-$group" 2>/dev/null
rm -rf -- "$1"`;

/** @typedef {{ watchGroup: (group: number) => void, dismiss: () => void }} Guard */

/**
 * @param {string} directory
 * @returns {Guard}
 */
export function startGuard(directory) {
  // There is no sh on Windows: what is killed there leaves its directory.
  if (process.platform === 'win32') return { watchGroup: () => undefined, dismiss: () => undefined };
  // In a session of its own, so that no Ctrl-C reaches it; and in no folder that somebody may want to remove.
  const guard = spawn('sh', ['-c', script, 'sh', directory], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a guard the directory is removed all the same, unless this process is killed.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return {
    watchGroup: (group) => {
      guard.stdin.write(`group ${group}\n`);
    },
    dismiss: () => {
      guard.stdin.end('done\n');
    },
  };
}
