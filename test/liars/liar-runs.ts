/** The runs of a liar that `npm test` makes, and what has to have come by in them, so that none of them is empty. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { asItIs } from './code.ts';
import { encryption } from './encryption.ts';
import { type LiarKeys, openKeys } from './keys.ts';
import { runSequences, type SequencesReport, type World, type WorldOptions } from './sequences.ts';

export const byDay = { memory: 10_000, tokens: 200 };
/** At night ten times as many, with a seed a day. */
const times = nightly ? 10 : 1;
const seed = nightly ? new Date().toISOString().slice(0, 10) : '1';

export interface LiarRuns {
  readonly liar: string;
  readonly holds: string;
  readonly open: (options: WorldOptions) => Promise<World>;
  /** Outcomes of actions that each have to come by, as `action: code`. */
  readonly expected: readonly string[];
  /** What else is to be seen in the long run. */
  readonly seen?: () => void;
}

export function testLiar({ liar, holds, open, expected, seen }: LiarRuns): void {
  let keys: LiarKeys | undefined;
  beforeAll(() => {
    keys = undefined;
  });
  afterAll(() => keys?.close());

  async function run(where: 'memory' | 'tokens'): Promise<SequencesReport> {
    await keys?.close();
    keys = await openKeys(where);
    encryption.quick = where === 'memory';
    const sequences = byDay[where] * times;
    const report = await runSequences({ open, code: asItIs, keys, seed: `${seed}/${where}`, sequences });
    const { actions, ms, cpuMs, outcomes } = report;
    console.log(
      `${liar}, keys in ${where}: ${sequences} sequences of ${actions} actions, ${outcomes.size} outcomes; ` +
        `${(ms / sequences).toFixed(1)} ms a sequence, ${(cpuMs / sequences).toFixed(1)} ms of the processors`,
    );
    return report;
  }

  const timeout = nightly ? 7_200_000 : 900_000;
  it(`${byDay.memory * times} sequences: ${holds} (seed ${seed})`, { timeout }, async () => {
    const { outcomes } = await run('memory');
    expect(
      expected.filter((one) => !outcomes.has(one)),
      'what did not come by',
    ).toEqual([]);
    seen?.();
  });

  it(`${byDay.tokens * times} sequences with SoftHSM tokens: the same`, { timeout }, async () => {
    const { outcomes } = await run('tokens');
    expect(outcomes.size).toBeGreaterThan(30);
  });
}
