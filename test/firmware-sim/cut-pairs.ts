/**
 * Pairs of cuts: one in a workflow, and another at every operation of the boot that follows it. What is there after the second is what
 * might have been there after the first.
 */
import { checkChip, placesOf, prepared, States, SweepFailure, type SweepOptions } from './cut-sweep.ts';
import { chipCutAt, describeOperation, type Moment, traceOf, type Where } from './cut-trace.ts';
import { Bench } from './workbench.ts';
import type { Workflow } from './workflows.ts';

export interface PairOptions extends Omit<SweepOptions, 'realEvery'> {
  /** Draws of the second cut, where it falls in an operation. */
  readonly duringBoot: number;
}

export interface PairReport {
  firsts: number;
  pairs: number;
  /** As in SweepReport. */
  same: number;
  operations: number;
}

export function sweepPairs(workflow: Workflow, start: Bench, options: PairOptions): PairReport {
  const { parts, profile, seed, duringBoot, forgets } = options;
  const report: PairReport = { firsts: 0, pairs: 0, same: 0, operations: 0 };
  const trace = traceOf(prepared(start, workflow, options), (bench) => workflow.run(bench));
  const states = new States(trace, options);
  const firsts = new Set<string>();
  for (const [at, moment] of trace.moments.entries()) {
    for (const where of placesOf(at, options)) {
      const cut = chipCutAt(moment, where);
      const isSolid = cut.flash.looseBits + cut.die.looseBits === 0;
      // The boot after it is swept already.
      if (isSolid && firsts.has(`${cut.fingerprint}\n${moment.answered} ${moment.command}`)) continue;
      firsts.add(`${cut.fingerprint}\n${moment.answered} ${moment.command}`);
      report.firsts++;
      const first = `workflow \`${workflow.name}\` of ${profile.name}, ${nameOf(at, moment, where)}`;
      const recovery = within(first, () =>
        traceOf(new Bench(parts, profile, cut), (bench) => void bench.powerOn()),
      );
      for (const [bootAt, inBoot] of recovery.moments.entries()) {
        report.operations++;
        for (const again of placesOf(bootAt, { seed: seed + at + 1, during: duringBoot, forgets })) {
          report.pairs++;
          const side = within(`${first}\n  then ${nameOf(bootAt, inBoot, again)} of the boot`, () =>
            checkChip(chipCutAt(inBoot, again), { moment, states, deep: false, again: false, options }),
          );
          if (side === 'same') report.same++;
        }
      }
    }
  }
  return report;
}

function nameOf(at: number, { operation, command }: Moment, { where, seed }: Where): string {
  return `operation ${at} (${describeOperation(operation)}, ${command ?? 'boot'}), ${where}, seed ${seed}`;
}

function within<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new SweepFailure(error instanceof Error ? (error.stack ?? error.message) : String(error), name);
  }
}
