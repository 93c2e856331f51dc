/**
 * Cuts in the factory, and in the factory's second try. What comes out is scrap, is made again, or is a device with one secret and one number.
 *
 * There are four rows of fuses: a chip that was cut in three manufactures is made in the fourth.
 */
import { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import { finishedRow, fuseMap, readFuse } from '../../firmware-sim/firmware/fuses.ts';
import { manufacture } from '../../firmware-sim/firmware/manufacture.ts';
import type { Profile } from '../../firmware-sim/profile.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { placesOf, SweepFailure, type SweepOptions } from './cut-sweep.ts';
import { chipCutAt, describeOperation, type Moment, type Where } from './cut-trace.ts';
import { Bench } from './workbench.ts';

export interface ManufactureReport {
  cuts: number;
  pairs: number;
  /** Found finished without another manufacture. */
  finished: number;
}

type Options = Pick<SweepOptions, 'parts' | 'profile' | 'seed' | 'during' | 'forgets'> & {
  /** Of so many first cuts one is followed by a sweep of the second manufacture. */
  readonly pairsEvery: number;
};

export function sweepManufacture(options: Options): ManufactureReport {
  const { profile, seed, forgets, pairsEvery } = options;
  const report: ManufactureReport = { cuts: 0, pairs: 0, finished: 0 };
  const blank = RamChip.make({ flash: profile.flash, die: profile.die, seed });
  if (forgets) blank.makeForgetful();
  for (const [at, moment] of momentsOf(blank, profile).entries()) {
    for (const where of placesOf(at, options)) {
      const first = nameOf(at, moment, where);
      const cut = chipCutAt(moment, where);
      report.cuts++;
      const second = within(first, () => finish(cut.clone(), options, report));
      if (second === 'finished' || report.cuts % pairsEvery !== 0) continue;
      for (const [nextAt, next] of momentsOf(cut, profile).entries()) {
        for (const again of placesOf(nextAt, { ...options, during: 1, seed: seed + at })) {
          report.pairs++;
          const name = `${first}\n  then ${nameOf(nextAt, next, again)}`;
          within(name, () => finish(chipCutAt(next, again), options, report));
        }
      }
    }
  }
  return report;
}

/** What a manufacture of a copy does. */
function momentsOf(chip: RamChip, profile: Profile): Moment[] {
  const moments: Moment[] = [];
  const copy = chip.clone();
  copy.watch((operation) =>
    moments.push({ operation, chip: copy.clone(), answered: 0, command: 'manufacture' }),
  );
  manufacture({ chip: copy, profile });
  return moments;
}

/** Boots it, makes it again, and boots that. */
function finish(chip: RamChip, { parts, profile }: Options, report: ManufactureReport): 'finished' | 'made' {
  const bench = new Bench(parts, profile, chip);
  const state = bench.powerOn().state;
  bench.powerOff();
  if (state !== 'blank' && state !== 'failed') throw new Error(`after the cut it is ${state}`);
  const answer = manufacture({ chip, profile });
  if (!answer.ok && answer.code !== 'already_made') throw new Error(`${answer.code}: ${answer.message}`);
  // Who booted and was blank has a secret that is solid: it is not made anew.
  if (state === 'blank' && answer.ok) throw new Error('it was blank, and was made again');
  if (state === 'blank') report.finished++;
  const identity = identityOf(chip);
  // Twice, where bits may read otherwise the second time.
  const times = chip.die.looseBits + chip.flash.looseBits > 0 ? 2 : 1;
  for (let time = 0; time < times; time++) {
    const next = bench.powerOn().state;
    bench.powerOff();
    if (next !== 'blank') throw new Error(`after it was made it is ${next}`);
    if (identityOf(chip) !== identity) throw new Error('its secret or its number is another one');
  }
  return state === 'blank' ? 'finished' : 'made';
}

function identityOf({ die }: RamChip): string {
  const row = finishedRow(die);
  if (row === undefined) throw new Error('it was made, and no row of fuses says so');
  const rows = fuseMap(die).rows.indexOf(row);
  return `${rows} ${toHex(readFuse(die, row.uds))} ${toHex(readFuse(die, row.serial))} ${toHex(readFuse(die, row.signer))}`;
}

function nameOf(at: number, { operation }: Moment, { where, seed }: Where): string {
  return `manufacture, operation ${at} (${describeOperation(operation)}), ${where}, seed ${seed}`;
}

function within<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new SweepFailure(error instanceof Error ? (error.stack ?? error.message) : String(error), name);
  }
}
