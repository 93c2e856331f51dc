/** Backs a ledger up, or puts one back, and kills itself at the n-th thing that it tells: for tests of what a cut leaves. */
import { backUpLedger } from '../../src/appliance/ledger-backup.ts';
import { restoreLedger } from '../../src/appliance/ledger-restore.ts';
import { systemClock } from '../../src/kit/clock.ts';

const [work = '', home = '', folder = '', cutAt = '0'] = process.argv.slice(2);
let told = 0;
const progress = (): void => {
  told++;
  if (told === Number(cutAt)) process.kill(process.pid, 'SIGKILL');
};
if (work === 'backup') await backUpLedger({ home, role: 'quota', out: folder, progress }, systemClock);
else
  await restoreLedger(
    { home, folder, setAside: true, progress, foresee: () => undefined },
    { projectFolder: '', clock: systemClock },
  );
