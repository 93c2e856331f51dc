/** Coverage by instruction and by arm: exact counts, over one run and over several. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Coverage, showCoverage } from '../../vm/coverage.ts';
import type { SteppingMachine } from '../../vm/stepping-machine.ts';
import { type BareMachine, bareMachine } from './machine.ts';
import { inputsOf, programOf } from './oracles.ts';
import { freshSteppingMachine, loadStepping, loadText, record } from './stepping.ts';

let machine: SteppingMachine;
let bare: BareMachine;

beforeAll(async () => {
  machine = await freshSteppingMachine();
  bare = await bareMachine();
});

const source = `level all C0 A8
constant zero 0 C0 A8
constant two 2 C0 A8
segment in 1 C0 A8 ceiling C0 A8
port out C0 A8
at all
const r0 zero
load r1 in r0
if r1
output out r1
else
output out r0
end
loop two
while r1
div r1 r1 r0 down
end
halt`;

const run = (value: bigint) => ({
  inputs: [{ segment: 0, index: 0, value }],
  fuel: 1_000n,
  limit: 1_000,
});

describe('coverage', () => {
  it('counts instructions and arms over all runs, and of a trap the instruction that trapped', () => {
    const { program, listing } = loadText(machine, source);
    const coverage = new Coverage(listing);
    expect(coverage.add(program, run(0n))).toEqual({ kind: 'halted' });
    const first = coverage.report();
    expect([first.runs, first.covered, first.total, first.percent]).toEqual([1, 10, 16, 62.5]);
    expect(coverage.add(program, run(1n))).toMatchObject({ kind: 'trapped', trap: 'division', at: 9 });
    const both = coverage.report();
    expect(both.instructions.map(({ count }) => count)).toEqual([2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 0, 1]);
    expect(both.instructions[2]?.arms).toEqual({ names: ['taken', 'not taken'], counts: [1, 1] });
    expect(both.instructions[8]?.arms).toEqual({ names: ['entered', 'left'], counts: [1, 1] });
    expect([both.runs, both.covered, both.total, both.percent]).toEqual([2, 15, 16, 93.7]);
    const lines = showCoverage(listing, both);
    expect(lines.filter((line) => line.includes('NEVER'))).toEqual([
      '    0    17    end                                 NEVER RUN',
    ]);
    expect(lines.at(-1)).toBe('93.7 % covered: 15 of 16 instructions and arms, in 2 runs');
  });

  it('counts an arm that was not taken, and no arm of a branch that trapped', () => {
    const { program, listing } = loadText(
      machine,
      'level low C0 A2\nlevel all C0 A8\nconstant secret 1 C4 A8\nconstant zero 0 C0 A8\nat all\nconst r0 zero\nif r0\nend\nconst r0 secret\nat low\nif r0\nend\nhalt',
    );
    const coverage = new Coverage(listing);
    expect(coverage.add(program, { inputs: [], fuel: 100n, limit: 100 })).toMatchObject({ trap: 'label' });
    const { instructions } = coverage.report();
    expect(instructions[1]?.arms?.counts).toEqual([0, 1]);
    expect(instructions[4]).toEqual({
      at: 4,
      count: 1,
      arms: { names: ['taken', 'not taken'], counts: [0, 0] },
    });
  });

  it('ends a run at its limit', () => {
    const { program, listing } = loadText(machine, source);
    const coverage = new Coverage(listing);
    expect(coverage.add(program, { ...run(0n), limit: 3 })).toEqual({ kind: 'cut' });
    expect(
      coverage
        .report()
        .instructions.map(({ count }) => count)
        .slice(0, 5),
    ).toEqual([1, 1, 1, 0, 0]);
  });

  it('counts what the timeline of the same run walked, for generated programs', () => {
    const count = 300;
    console.log(`coverage: seeds 1 to ${count}`);
    let steps = 0;
    for (let seed = 1; seed <= count; seed++) {
      const module = programOf(bare, seed, true);
      const loaded = loadStepping(machine, module);
      const inputs = inputsOf(seed, module);
      const timeline = record(loaded, inputs);
      const counts = loaded.listing.instructions.map(() => 0);
      for (;;) {
        const { position } = timeline.control;
        const facts = timeline.forward();
        const { ending } = timeline;
        if (facts === undefined && (ending?.kind !== 'trapped' || ending.at !== position)) break;
        counts[position] = (counts[position] ?? 0) + 1;
        steps++;
        if (facts === undefined) break;
      }
      const halted = timeline.ending?.kind === 'halted';
      const last = counts.length - 1;
      if (halted) counts[last] = (counts[last] ?? 0) + 1;
      const coverage = new Coverage(loaded.listing);
      coverage.add(loaded.program, { inputs, fuel: 10_000n, limit: 100_000 });
      const { instructions, covered } = coverage.report();
      expect(
        instructions.map((covering) => covering.count),
        `seed ${seed}`,
      ).toEqual(counts);
      const arms = instructions.flatMap((covering) => covering.arms?.counts ?? []);
      expect(covered, `seed ${seed}`).toBe([...counts, ...arms].filter((times) => times > 0).length);
    }
    console.log(`coverage: ${steps} steps`);
    expect(steps).toBeGreaterThan(3_000);
  });
});
