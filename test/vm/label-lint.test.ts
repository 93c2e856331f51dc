/** Label creep found before a run: what is reported always traps, and what should be reported is. */
import { describe, expect, it } from 'vitest';
import { findLabelCreep } from '../../vm/label-lint.ts';
import { listModule } from '../../vm/listing.ts';
import type { SteppingMachine } from '../../vm/stepping-machine.ts';
import { assembled, type BareMachine, bareMachine } from './machine.ts';
import { programOf } from './oracles.ts';
import { randomInputs } from './random-program.ts';
import { freshSteppingMachine, loadStepping } from './stepping.ts';

const declarations = `
level all   C0 A8 {1}
level plain C0 A8
level low   C0 A2 {1}
constant one 1 C0 A8
constant top 1 C6 A8
segment pub 2 C0 A8     ceiling C0 A8
segment sec 2 C4 A8 {1} ceiling C4 A4 {1}
segment mix 2 C4 A8     ceiling C6 A8 {1}
port out  C0 A8
port high C4 A4 {1}
grant bit declassify C4 A4 {1} to C0 A4 range 0 1
`;

function findings(code: string): string[] {
  const { module, names } = assembled(`${declarations}${code.replaceAll(/, */g, '\n')}\nhalt`);
  return findLabelCreep(listModule(module, names)).map(
    ({ at, trap }) => `${trap} at ${module.functions.flatMap((body) => body.code)[at]?.opcode}`,
  );
}

describe('the label lint', () => {
  it('reports only instructions that trap whenever they are reached', async () => {
    const machine: SteppingMachine = await freshSteppingMachine();
    const bare: BareMachine = await bareMachine();
    const count = 4_000;
    console.log(`label lint: seeds 1 to ${count}, three inputs each`);
    let reported = 0;
    let reached = 0;
    for (let seed = 1; seed <= count; seed++) {
      const module = programOf(bare, seed, true);
      const { program, listing } = loadStepping(machine, module);
      const certain = new Set(findLabelCreep(listing).map(({ at }) => at));
      reported += certain.size;
      if (certain.size === 0) continue;
      for (let run = 0; run < 3; run++) {
        let end = program.begin({ inputs: randomInputs(seed * 3 + run, module), fuel: 10_000n });
        // Of a call that was reported: how deep the run was before it, where it never gets again.
        let callDepth = -1;
        while (end === undefined) {
          const at = program.position;
          const { depth } = program;
          end = program.step();
          expect(program.depth > callDepth || end?.kind === 'trapped', `seed ${seed}, back in ${at}`).toBe(
            true,
          );
          if (!certain.has(at)) continue;
          reached++;
          if (listing.instructions[at]?.instruction.mnemonic === 'call' && end === undefined)
            callDepth = Math.max(callDepth, depth);
          else expect(end?.kind, `seed ${seed}, instruction ${at}`).toBe('trapped');
        }
      }
    }
    console.log(`label lint: ${reported} reported, ${reached} times reached and trapped`);
    expect(reported).toBeGreaterThan(500);
    expect(reached).toBeGreaterThan(200);
  });

  it('finds outputs, stores, results and grants that always trap', () => {
    expect(findings('at all, const r0 one, load r1 sec r0, output out r1')).toEqual(['port at 37']);
    expect(findings('at all, const r0 one, load r1 sec r0, output high r1')).toEqual([]);
    expect(findings('at plain, const r0 one, load r1 sec r0')).toEqual(['clearance at 26']);
    expect(findings('at low, const r0 top')).toEqual(['label at 1']);
    expect(findings('at all, const r0 one, load r1 sec r0, store pub r0 r1')).toEqual(['ceiling at 27']);
    expect(findings('at all, const r0 one, load r1 sec r0, if r1, store pub r0 r0, end')).toEqual([
      'upgrade at 27',
    ]);
    expect(findings('at all, const r0 top, declassify r0 r0 bit')).toEqual(['grant at 35']);
    expect(findings('at all, const r0 one, load r1 sec r0, if r1, declassify r0 r1 bit, end')).toEqual([
      'grant at 35',
    ]);
    expect(
      findings('at all, const r0 one, load r1 sec r0, declassify r1 r1 bit, at low, output out r1'),
    ).toEqual(['port at 37']);
  });

  it('reports nothing that depends on what ran, and nothing after a certain trap', () => {
    // On one way out of two the value is public.
    expect(
      findings(
        'at all, const r0 one, load r2 pub r0, if r2, load r1 sec r0, else, mov r1 r0, end, output out r1',
      ),
    ).toEqual([]);
    expect(
      findings(
        'at all, const r0 one, load r2 pub r0, if r2, load r1 sec r0, else, load r1 sec r0, end, output out r1',
      ),
    ).toEqual(['port at 37']);
    // What was stored may have lowered the word.
    expect(findings('at all, const r0 one, load r1 mix r0, output out r1')).toEqual(['port at 37']);
    expect(findings('at all, const r0 one, store mix r0 r0, load r1 mix r0, output out r1')).toEqual([]);
    expect(findings('at all, const r0 top, output out r0, output out r0')).toEqual(['port at 37']);
  });

  it('follows loops and calls to a fixed point', () => {
    expect(
      findings(
        'at all, const r0 one, load r1 sec r0, const r2 one, loop one, while r1, sub r1 r1 r0, add r2 r2 r0, end, output out r2',
      ),
    ).toEqual(['port at 37']);
    // Public in the first round, secret from the second on.
    expect(
      findings(
        'at all, const r0 one, load r1 sec r0, const r2 one, loop one, while r2, output out r2, mov r2 r1, end',
      ),
    ).toEqual([]);
    // Found with the bounds of the first round, and wrong from the second on.
    expect(
      findings(
        'at all, const r0 one, load r1 sec r0, loop one, if r0, else, output out r1, end, while r0, mov r1 r0, end',
      ),
    ).toEqual([]);
    const twice = 'function same (number) -> (number), at all, return r0, main, const r0 one, load r1 sec r0';
    expect(findings(`${twice}, call r2 r1 same, output out r2`)).toEqual(['port at 37']);
    expect(findings(`${twice}, call r2 r0 same, call r3 r1 same, output out r2`)).toEqual([]);
    expect(
      findings('function low () -> (number) A2, at all, const r0 top, return r0, main, call r0 r0 low'),
    ).toEqual(['label at 1']);
  });
});
