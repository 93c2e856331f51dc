/** Anchors a journal anew, and kills itself before the step whose line begins with the given words: for tests of what a cut leaves. */
import { readFileSync } from 'node:fs';
import { anchorAnew } from '../../src/appliance/anchor-anew.ts';
import { systemClock } from '../../src/kit/clock.ts';

const [home = '', projectFolder = '', cutBefore = '', change = '', ...approvals] = process.argv.slice(2);
const read = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
await anchorAnew(
  { home, change: read(change), approvals: approvals.map(read), evidence: [] },
  {
    projectFolder,
    clock: systemClock,
    progress(line) {
      if (line.trim().startsWith(cutBefore)) process.kill(process.pid, 'SIGKILL');
    },
  },
);
