/** Glitches: at every place that a workflow comes by, each that there is, and pairs of them; what docs/DEVICE.md claims holds after each. */
import { describe, expect, it } from 'vitest';
import type { Glitch } from '../../firmware-sim/chip/glitch.ts';
import { guards } from '../../firmware-sim/firmware/guard.ts';
import { profiles } from '../../firmware-sim/profiles.ts';
import { nightly } from '../nightly.ts';
import { GlitchBench, type GlitchedWorkflow, type Outcome, secondsAfter, singlesOf } from './glitch-sweep.ts';
import { glitchWorkflows } from './glitch-workflows.ts';
import { miniature } from './miniature.ts';
import { firmware } from './parts.ts';

/** By day each workflow is a device of one vendor, of a roomy one with little memory; at night of every one. */
const benches = (nightly ? profiles : [miniature, ...profiles.slice(1)]).map(
  (profile) => new GlitchBench(firmware, profile),
);
const cases = glitchWorkflows.flatMap((workflow, index) =>
  benches
    .filter((_, place) => nightly || place === index % benches.length)
    .map((bench) => ({ name: `${workflow.name}, ${bench.profile.name}`, workflow, bench })),
);

/** Of all pairs but those of branches, each night takes another of so many parts. */
const nights = 40;
const night = Math.floor(Date.now() / 86_400_000) % nights;

const tally: Record<Outcome, number> = { unmoved: 0, refused: 0, latched: 0, zeroised: 0, failed: 0 };
let singles = 0;
let pairs = 0;
/** Those that this night might have taken. */
let offered = 0;
const sites = new Set<string>();

/** Where a guard is asked (firmware/guard.ts). */
function isGuard({ site }: Glitch): boolean {
  return guards.some((guard) => site.startsWith(`${guard}.`));
}

/** Most workflows log in: by day two glitches there are for those that are about it. */
function isOfLogin({ site }: Glitch): boolean {
  return site.startsWith('try.') || site.startsWith('login.');
}

function isAboutLogin(name: string): boolean {
  return name.startsWith('log in') || name.includes('PIN') || name.startsWith('initialise');
}

/** Of the ways in which a value can be corrupted those that differ most. */
function isOfDay({ effect }: Glitch): boolean {
  return effect !== 'ones' && effect !== 'random';
}

function isBranch({ effect }: Glitch): boolean {
  return effect === 'flip';
}

/** Whether the device is to be stopped as it boots, so that its boot is what is glitched; all others boot the same way. */
function isOfBoot(name: string): boolean {
  return name.startsWith('boot') || name.startsWith('log in,');
}

function run(glitched: GlitchedWorkflow, glitches: readonly Glitch[]): ReturnType<GlitchedWorkflow['run']> {
  const ran = glitched.run(glitches);
  tally[ran.outcome]++;
  return ran;
}

describe('a glitch', () => {
  it.each(cases)('gains nothing: $name', { timeout: 3_600_000 }, ({ name, workflow, bench }) => {
    const glitched = bench.of(workflow);
    for (const { site } of glitched.passes) sites.add(site);
    const isWhole = nightly || isOfBoot(name);
    const firsts = singlesOf(isWhole ? glitched.passes : glitched.passes.slice(glitched.booting));
    for (const first of firsts.filter((one) => nightly || isOfDay(one))) {
      const { passes } = run(glitched, [first]);
      singles++;
      const isPaired = nightly || (isOfBoot(name) ? isBranch(first) : isGuard(first));
      if (!isPaired) continue;
      for (const second of secondsAfter(first, passes)) {
        const isOfAll = nightly ? isBranch(first) && isBranch(second) : isGuard(first) && isGuard(second);
        if (!nightly && isOfLogin(first) && isOfLogin(second) && !isAboutLogin(name)) continue;
        if (!isOfAll && !(nightly && offered++ % nights === night)) continue;
        run(glitched, [first, second]);
        pairs++;
      }
    }
  });

  it('came by every guard, some thousand times, and the sweep saw devices refuse, latch and be zeroised', () => {
    for (const guard of guards) expect(sites).toContain(`${guard}.1`);
    console.log(`${singles} glitches and ${pairs} pairs of them: ${JSON.stringify(tally)}`);
    expect(singles + pairs).toBeGreaterThanOrEqual(5_000);
    expect(pairs).toBeGreaterThanOrEqual(1_000);
    expect(tally.unmoved).toBeGreaterThan(100);
    expect(tally.refused).toBeGreaterThan(10);
    expect(tally.latched).toBeGreaterThan(1_000);
    expect(tally.zeroised).toBeGreaterThan(10);
    // What one glitch does is gone with the power.
    expect(tally.failed).toBe(0);
  });
});
