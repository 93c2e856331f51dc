/** Ways to break a module that was started for it alone, from outside; and to mend it, where that can be. */
import { readdirSync, renameSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { ModuleName, StartedModule } from './started-module.ts';

export interface Breakage {
  readonly name: string;
  readonly break: (started: StartedModule) => void;
  /** Left out where only a new start mends it. */
  readonly mend?: (started: StartedModule) => void;
}

const signalTo =
  (daemon: string, signal: NodeJS.Signals) =>
  (started: StartedModule): void => {
    const pid = started.daemons.get(daemon);
    if (pid === undefined) throw new Error(`${started.name} has no daemon ${daemon}`);
    process.kill(pid, signal);
  };

const away = (folder: string): Pick<Breakage, 'break' | 'mend'> => ({
  break: (started) => renameSync(join(started.folder, folder), join(started.folder, `${folder}-away`)),
  mend: (started) => renameSync(join(started.folder, `${folder}-away`), join(started.folder, folder)),
});

/** For a folder that is mounted elsewhere, so that it cannot be moved itself: its entries are. */
const emptied = (folder: string): Pick<Breakage, 'break' | 'mend'> => {
  const move = (from: string, to: string): void => {
    for (const name of readdirSync(from)) if (name !== 'away') renameSync(join(from, name), join(to, name));
  };
  return {
    break: ({ folder: base }) => move(join(base, folder), join(base, 'log')),
    mend: ({ folder: base }) => move(join(base, 'log'), join(base, folder)),
  };
};

const truncated =
  (folder: string, name: RegExp) =>
  (started: StartedModule): void => {
    const base = join(started.folder, folder);
    for (const file of readdirSync(base, { recursive: true, encoding: 'utf8' }))
      if (name.test(file)) truncateSync(join(base, file));
  };

export const breakages: Readonly<Record<ModuleName, readonly Breakage[]>> = {
  softhsm: [
    { name: 'its folder of tokens is moved away', ...away('tokens') },
    { name: "its token's files are emptied", break: truncated('tokens', /\.object$/) },
  ],
  tpm2: [
    { name: 'its store is moved away', ...away('store') },
    { name: 'the TPM is stopped', break: signalTo('swtpm', 'SIGSTOP'), mend: signalTo('swtpm', 'SIGCONT') },
    { name: 'the TPM is killed', break: signalTo('swtpm', 'SIGKILL') },
    { name: 'tpm2-abrmd is killed', break: signalTo('tpm2-abrmd', 'SIGKILL') },
    { name: 'the D-Bus is killed', break: signalTo('dbus', 'SIGKILL') },
  ],
  softokn: [
    { name: 'its database is moved away', ...away('database') },
    { name: 'its database is emptied', break: truncated('database', /\.db$/) },
  ],
  opencryptoki: [
    { name: "its token's files are moved away", ...emptied('tokens/swtok') },
    {
      name: 'pkcsslotd is stopped',
      break: signalTo('pkcsslotd', 'SIGSTOP'),
      mend: signalTo('pkcsslotd', 'SIGCONT'),
    },
    { name: 'pkcsslotd is killed', break: signalTo('pkcsslotd', 'SIGKILL') },
  ],
};
