/**
 * Flash that is put back: the flash of every moment of a workflow, or of every so-and-so-many (`stride`), on the die of every later one. It is refused, or it holds what the die
 * stands at: never a state from before something that was acknowledged.
 */
import { sha256, utf8 } from '../../src/kit/bytes.ts';
import { prepared, States, SweepFailure, type SweepOptions, sideOf } from './cut-sweep.ts';
import { chipCutAt, type Moment, traceOf } from './cut-trace.ts';
import type { CutWorkflow } from './cut-workflows.ts';
import { journal } from './fixtures.ts';
import { look, observe } from './view.ts';
import { Bench } from './workbench.ts';

interface RollbackReport {
  exchanges: number;
  refused: number;
}

export function sweepRollbacks(
  workflow: CutWorkflow,
  start: Bench,
  {
    parts,
    profile,
    stride,
    forgets,
  }: Pick<SweepOptions, 'parts' | 'profile' | 'forgets'> & { readonly stride: number },
): RollbackReport {
  const bench = prepared(start, workflow, { forgets });
  const { moments, ...rest } = traceOf(bench, (one) => workflow.run(one));
  const states = new States({ moments, ...rest }, { parts, profile });
  const report: RollbackReport = { exchanges: 0, refused: 0 };
  for (const [later, on] of moments.entries()) {
    for (const [earlier, from] of moments.slice(0, later).entries()) {
      if ((later + earlier) % stride !== 0) continue;
      const chip = forgets
        ? chipCutAt(on, { where: 'before', seed: later + earlier, forgets })
        : on.chip.clone();
      chip.fitFlash(from.chip);
      const found = observe(new Bench(parts, profile, chip), { anchors: [journal.name, 'second'] });
      report.exchanges++;
      if (found.state === 'failed' && found.reason.includes('store_rolled_back')) {
        report.refused++;
        continue;
      }
      const { answered, command } = on;
      const before = states.after(answered, false);
      const after = command === undefined ? before : states.after(answered + 1, false);
      if (sideOf(found, { before, after, command }) === undefined)
        throw new SweepFailure(
          `it is ${JSON.stringify(found)}\n  and is to be ${JSON.stringify(before)}\n  or ${JSON.stringify(after)}`,
          `workflow \`${workflow.name}\` of ${profile.name}: the flash before operation ${earlier} with the die before operation ${later}`,
        );
    }
  }
  return report;
}

/**
 * A commit that was cut before the counter followed, whose flash is put aside: the device goes on from the flash before it, another way, and then
 * the first is put back. It was acknowledged to nobody, and is not taken any more.
 */
export function sweepForks(
  workflow: CutWorkflow,
  start: Bench,
  { parts, profile }: Pick<SweepOptions, 'parts' | 'profile'>,
): RollbackReport {
  const bench = start.copy();
  workflow.prepare?.(bench);
  const { moments } = traceOf(bench, (one) => workflow.run(one));
  const report: RollbackReport = { exchanges: 0, refused: 0 };
  for (const [at, moment] of moments.entries()) {
    const before = moments.find(({ answered }) => answered === moment.answered);
    if (before === undefined || before === moment) continue;
    const chip = moment.chip.clone();
    chip.fitFlash(before.chip);
    const other = new Bench(parts, profile, chip);
    checkBootedAway(other.copy(), moment, `${workflow.name}, operation ${at}`);
    if (look(other).state !== 'ready') continue;
    const { head: from } = other.tell('read-anchor', { name: journal.name });
    const to = { sequence: (from?.sequence ?? 0) + 7, hash: sha256(utf8('another way')) };
    other.tell('advance', { name: journal.name, from, to });
    other.powerOff();
    chip.fitFlash(moment.chip);
    const found = observe(other);
    report.exchanges++;
    if (found.state === 'failed' && found.reason.includes('store_rolled_back')) report.refused++;
    else
      throw new SweepFailure(
        `it is ${JSON.stringify(found)}, after an anchor at ${to.sequence} was acknowledged`,
        `workflow \`${workflow.name}\` of ${profile.name}: the flash before operation ${at} was put aside, and put back`,
      );
  }
  return report;
}

/** A boot alone is an answer, too: what it found absent does not come back. (What a boot itself had written is the same state, and may.) */
function checkBootedAway(bench: Bench, { chip, command }: Moment, where: string): void {
  if (command === undefined) return;
  const told = bench.powerOn().state === 'ready' ? bench.tell('counters', {}).triesLeft : undefined;
  bench.powerOff();
  if (told === undefined) return;
  bench.chip.fitFlash(chip);
  const state = bench.powerOn().state;
  if (state !== 'failed')
    throw new SweepFailure(`it booted from the flash before, and is ${state} with the other`, where);
}
