/** Power is cut before, in and after every operation of every workflow: nothing acknowledged is lost, and nothing is gained. */
import { afterAll, describe, expect, it } from 'vitest';
import { findProfile } from '../../firmware-sim/profiles.ts';
import { assert } from '../../src/kit/result.ts';
import { nightly } from '../nightly.ts';
import { type SweepOptions, type SweepReport, sweepWorkflow } from './cut-sweep.ts';
import { cutWorkflows } from './cut-workflows.ts';
import { miniature } from './miniature.ts';
import { firmware as parts } from './parts.ts';
import { Bench } from './workbench.ts';

/** The nightly sweep has one a day. */
const seed = nightly ? Math.floor(Date.now() / 86_400_000) : 1;
/** Draws of a cut in an operation; with those before and after it this makes `least` of all. */
const during = nightly ? 40 : 14;
const least = nightly ? 40_000 : 13_000;
const timeout = nightly ? 3_600_000 : 300_000;

/** What a host that loses power can do to a file, on top of what a chip's power does: fewer draws each, of everything. */
const forgetful = nightly ? 10 : 1;

/** Words of 16 bytes, and pages of a kilobyte: what is one operation on one chip is four on another. */
const others = ['delphin-t', 'corvus-e'];
const otherWorkflows = ['advance', 'log in with a wrong PIN', 'zeroise'];

const total: SweepReport = { cuts: 0, same: 0, operations: 0, real: 0, found: { before: 0, after: 0 } };

function sweep(name: string, start: Bench, options: Omit<SweepOptions, 'seed' | 'parts'>): void {
  const workflow = cutWorkflows.find((one) => one.name === name);
  assert(workflow !== undefined, `there is a workflow \`${name}\``);
  const { cuts, operations } = total;
  sweepWorkflow(workflow, start, { ...options, parts, seed }, total);
  expect(total.operations, 'a workflow has operations').toBeGreaterThan(operations);
  expect(total.cuts - cuts).toBe((total.operations - operations) * (2 + options.during));
}

describe(`cuts of power (seed ${seed})`, { timeout }, () => {
  const devices = { blank: Bench.blank(parts, miniature), furnished: Bench.furnished(parts, miniature) };
  const [known, knownForgetful] = [new Map<string, number>(), new Map<string, number>()];

  for (const { name, device } of cutWorkflows) {
    it(`in \`${name}\` leave the state before the command or after it`, () => {
      const options = { profile: miniature, during, forgets: false, realEvery: 50, known };
      sweep(name, devices[device], options);
    });

    it(`of the host in \`${name}\` leave the state before the command or after it`, () => {
      const options = {
        profile: miniature,
        during: forgetful,
        forgets: true,
        realEvery: 50,
        known: knownForgetful,
      };
      sweep(name, devices[device], options);
    });
  }

  for (const model of others) {
    it(`of a \`${model}\` leave the state before the command or after it`, () => {
      const profile = findProfile(model);
      assert(profile !== undefined, 'a profile');
      const start = Bench.furnished(parts, profile);
      const options = {
        profile,
        during: forgetful,
        forgets: false,
        realEvery: 50,
        known: new Map<string, number>(),
      };
      for (const name of otherWorkflows) sweep(name, start, options);
    });
  }

  it(`are ${least} at least, and fall on both sides of a commit`, () => {
    expect(total.cuts).toBeGreaterThanOrEqual(least);
    expect(total.real).toBeGreaterThanOrEqual(total.cuts / 60);
    const { before, after } = total.found;
    expect(Math.min(before, after)).toBeGreaterThan(least / 50);
  });

  afterAll(() => {
    const { before, after } = total.found;
    console.log(
      `${total.cuts} cuts at ${total.operations} operations, ${total.real} of them with the firmware running into it; ` +
        `${total.same} left what another had left; of the others ${before} left the state before, ${after} the one after`,
    );
  });
});
