/** Carries out one command on the rules, and kills itself before the step with the given number: for tests of what a cut leaves. */
import { readFileSync } from 'node:fs';
import { activateRules, revertRules, stageRules } from '../../../src/appliance/rule-activation.ts';
import { systemClock } from '../../../src/kit/clock.ts';

const [command = '', home = '', cutBefore = '', bundle = ''] = process.argv.slice(2);
let steps = 0;
const step = (): void => {
  if (steps++ === Number(cutBefore)) process.kill(process.pid, 'SIGKILL');
};
const run = {
  stage: () => stageRules(home, new Uint8Array(readFileSync(bundle)), step),
  activate: () => activateRules(home, systemClock, step),
  revert: () => revertRules(home, systemClock, step),
}[command];
const done = await run?.();
process.stdout.write(`${JSON.stringify({ ok: done?.ok, steps })}\n`);
