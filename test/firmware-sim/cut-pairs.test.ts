/** Power is cut twice: in a workflow, and in the boot after it. And flash is put back: it is not taken where something was acknowledged since. */
import { expect, it } from 'vitest';
import { assert } from '../../src/kit/result.ts';
import { nightly } from '../nightly.ts';
import { sweepPairs } from './cut-pairs.ts';
import { sweepForks, sweepRollbacks } from './cut-rollback.ts';
import { type CutWorkflow, cutWorkflows } from './cut-workflows.ts';
import { sweepManufacture } from './manufacture-cuts.ts';
import { miniature } from './miniature.ts';
import { firmware as parts } from './parts.ts';
import { Bench } from './workbench.ts';

/** The nightly sweep has one a day. */
const seed = nightly ? Math.floor(Date.now() / 86_400_000) : 1;
const timeout = nightly ? 3_600_000 : 300_000;
const options = { parts, profile: miniature, seed, forgets: false };
const furnished = Bench.furnished(parts, miniature);

function workflowOf(name: string): CutWorkflow {
  const found = cutWorkflows.find((one) => one.name === name);
  assert(found !== undefined, `there is a workflow \`${name}\``);
  return found;
}

it(`every pair of cuts in \`advance\` and in the boot after it leaves the state before a command or after it (seed ${seed})`, {
  timeout,
}, () => {
  const [during, duringBoot] = nightly ? [12, 12] : [5, 3];
  const report = sweepPairs(workflowOf('advance'), furnished, {
    ...options,
    known: new Map(),
    during,
    duringBoot,
  });
  console.log(
    `${report.pairs} pairs: ${report.firsts} chips that a first cut left, ${report.operations} operations of their boots; ` +
      `${report.same} left what another had left`,
  );
  expect(report.pairs).toBe(report.operations * (2 + duringBoot));
  expect(report.pairs).toBeGreaterThanOrEqual(nightly ? 20_000 : 6_500);
});

it(`a factory that is cut, and cut again, makes a chip with one secret and one number, or begins anew (seed ${seed})`, {
  timeout,
}, () => {
  const report = sweepManufacture({ ...options, during: 2, pairsEvery: nightly ? 3 : 100 });
  console.log(
    `${report.cuts} cuts and ${report.pairs} pairs of the factory; ${report.finished} left a device that was finished`,
  );
  expect(report.cuts).toBeGreaterThanOrEqual(300);
  expect(report.pairs).toBeGreaterThanOrEqual(300);
  expect(report.finished).toBeGreaterThan(0);
});

it('the flash of every moment is refused by the die of every later one, or is what that die stands at', {
  timeout,
}, () => {
  for (const [name, stride, forgets] of [
    ['advance', 1, false],
    ['advance', 1, true],
    ['advance until the slot is full', nightly ? 1 : 31, false],
  ] as const) {
    const report = sweepRollbacks(workflowOf(name), furnished, { ...options, stride, forgets });
    console.log(`${name}: ${report.exchanges} older flashes, ${report.refused} refused`);
    expect(report.refused).toBeGreaterThan(report.exchanges / 2);
    expect(report.exchanges).toBeGreaterThan(300);
  }
});

it('a flash that was put aside in a commit is refused once the device went on another way', {
  timeout,
}, () => {
  const report = sweepForks(workflowOf('advance'), furnished, options);
  expect(report.refused).toBe(report.exchanges);
  expect(report.refused).toBeGreaterThan(5);
});
