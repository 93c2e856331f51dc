/** Runs as JSON lines: the same bytes for the same run, read back step by step, and refused where they are not of this module. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { InputWord } from '../../vm/host.ts';
import type { SteppingMachine } from '../../vm/stepping-machine.ts';
import type { Timeline } from '../../vm/timeline.ts';
import { openTrace, traceEnd, traceStart, traceStep } from '../../vm/trace.ts';
import { type BareMachine, bareMachine } from './machine.ts';
import { inputsOf, programOf } from './oracles.ts';
import { Dice } from './random-program.ts';
import { freshSteppingMachine, loadStepping, loadText, record, type Stepped } from './stepping.ts';

const hash = 'ab'.repeat(32);

function linesOf(timeline: Timeline): string[] {
  const { listing } = timeline;
  const lines = [traceStart(listing, hash, timeline.start)];
  for (;;) {
    const before = timeline.control;
    const facts = timeline.forward();
    if (facts === undefined) break;
    lines.push(traceStep(listing, timeline.steps, before, facts));
  }
  const { ending, steps, control } = timeline;
  if (ending === undefined) throw new Error('a line that goes no further has an end');
  return [...lines, traceEnd(listing, steps, ending, control.fuelUsed)];
}

let machine: SteppingMachine;
let bare: BareMachine;

beforeAll(async () => {
  machine = await freshSteppingMachine();
  bare = await bareMachine();
});

const source = `
level all C0 A8 {1}
constant zero 0 C0 A8
constant eur 'EUR' C0 A8
segment secret 2 C4 A8 {1} ceiling C4 A4 {1}
port out symbol C4 A4 {1}
grant bit declassify C4 A4 {1} to C0 A4 range 0 1
at all
const r0 zero
load r1 secret r0
if r1
  store secret r1 r1
end
declassify r1 r1 bit
const r2 eur
output out r2
halt`;

function stepped(): Stepped {
  return loadText(machine, source);
}

const inputs: readonly InputWord[] = [{ segment: 0, index: 0, value: 1n }];

describe('a trace', () => {
  it('is the same bytes for the same run, and gives the same steps when it is read back', () => {
    const count = 400;
    console.log(`trace: seeds 1 to ${count}`);
    let steps = 0;
    for (let seed = 1; seed <= count; seed++) {
      const module = programOf(bare, seed, true);
      const loaded = loadStepping(machine, module);
      const given = inputsOf(seed, module);
      // One in eight runs short of fuel.
      const fuel = seed % 8 === 0 ? BigInt(new Dice(seed).below(80)) : 10_000n;
      const lines = linesOf(record(loaded, given, fuel));
      expect(linesOf(record(loaded, given, fuel)), `seed ${seed}`).toEqual(lines);
      const opened = openTrace(`${lines.join('\n')}\n`, loaded.listing, hash);
      expect(opened.ok ? 'opened' : opened.message, `seed ${seed}`).toBe('opened');
      if (opened.ok) expect(linesOf(opened.timeline), `seed ${seed}`).toEqual(lines);
      steps += lines.length;
    }
    console.log(`trace: ${steps} lines`);
    expect(steps).toBeGreaterThan(8_000);
  });

  it('has the form that docs/VM-TOOLS.md tells', () => {
    const lines = linesOf(record(stepped(), inputs, 100n)).map((line): unknown => JSON.parse(line));
    expect(lines[0]).toEqual({
      trace: 1,
      module: hash,
      fuel: '100',
      fuelUsed: '4',
      inputs: [{ name: 'secret', segment: 0, index: 0, value: '1' }],
    });
    expect(lines[2]).toEqual({
      step: 2,
      at: 1,
      function: 'main',
      line: 10,
      text: 'load r1 secret r0',
      pc: 'C0 A8',
      registers: [{ register: 1, value: '1', label: 'C4 A8 {1}' }],
      next: 2,
      nextPc: 'C0 A8',
      fuelUsed: '4',
    });
    expect(lines[4]).toEqual({
      step: 4,
      at: 3,
      function: 'main',
      line: 12,
      text: 'store secret r1 r1',
      pc: 'C4 A8 {1}',
      word: { name: 'secret', segment: 0, index: 1, value: '1', label: 'C4 A8 {1}' },
      next: 4,
      nextPc: 'C4 A8 {1}',
      fuelUsed: '6',
      paid: true,
    });
    expect(lines[6]).toMatchObject({
      grant: { name: 'bit', grant: 0 },
      registers: [{ register: 1, label: 'C0 A8' }],
    });
    expect(lines[8]).toMatchObject({
      output: { name: 'out', port: 0, value: '4995989521590910976', symbol: 'EUR' },
    });
    expect(lines.at(-1)).toEqual({ end: 'halted', steps: 8, fuelUsed: '10' });
    const trapped = linesOf(record(stepped(), [{ segment: 0, index: 0, value: 2n }], 100n)).map(
      (line): unknown => JSON.parse(line),
    );
    expect(trapped.at(-1)).toEqual({
      end: 'trapped',
      steps: 3,
      trap: 'bounds',
      at: 3,
      function: 'main',
      line: 12,
      text: 'store secret r1 r1',
      label: 'C4 A8 {1}',
    });
  });

  it('that was cut off ends where it was cut', () => {
    const { listing } = stepped();
    const lines = linesOf(record(stepped(), inputs));
    const opened = openTrace(lines.slice(0, 4).join('\n'), listing, hash);
    if (!opened.ok) throw new Error(opened.message);
    while (opened.timeline.forward() !== undefined);
    expect([opened.timeline.steps, opened.timeline.ending]).toEqual([3, { kind: 'cut' }]);
  });

  it('is refused with the line that is wrong, and why', () => {
    const { listing } = stepped();
    const lines = linesOf(record(stepped(), inputs));
    const open = (...edited: string[]): string => {
      const opened = openTrace(edited.join('\n'), listing, hash);
      return opened.ok ? 'opened' : `${opened.code}: ${opened.message}`;
    };
    const edit = (line: number, from: string | RegExp, to: string): string[] => {
      const edited = lines.map((text, index) => (index === line - 1 ? text.replace(from, to) : text));
      expect(edited, `line ${line}`).not.toEqual(lines);
      return edited;
    };
    expect(open(...lines)).toBe('opened');
    expect(open('')).toBe('trace_malformed: line 1 of the trace: it is no JSON');
    expect(open('5')).toContain('line 1 of the trace: a JSON object is accepted');
    expect(open(...edit(1, '"trace":1', '"trace":2'))).toContain(
      'line 1 of the trace: `trace`: 1 is accepted',
    );
    expect(open(...edit(1, 'abab', 'cdcd'))).toMatch(/^trace_foreign: .*`cdcdabababababab…`/);
    expect(open(...edit(1, '"value":"1"', '"value":"x"'))).toContain('line 1 of the trace: `value`: a whole');
    expect(open(...edit(1, '"index":0', '"index":7'))).toContain('there is no word 7 in segment 0');
    expect(open(...edit(3, '"at":1', '"at":2'))).toContain(
      'line 3 of the trace: instruction 2 does not follow',
    );
    expect(open(...edit(3, '"at":1', '"at":99'))).toContain(
      'line 3 of the trace: `at`: a whole number from 0',
    );
    expect(open(...edit(3, '"register":1', '"register":30'))).toContain('has no register r30');
    expect(open(...edit(3, 'C4 A8', 'C9 A8'))).toContain('line 3 of the trace: `label`: `C9` where C0 to C8');
    expect(open(...edit(3, 'C4 A8', 'C3 A8'))).toContain('line 3 of the trace: the label of r1');
    expect(open(...edit(5, '"value":"1"', '"value":1'))).toContain(
      'line 5 of the trace: `value`: text is accepted',
    );
    expect(open(...edit(5, '"nextPc":"C4 A8 {1}"', '"nextPc":"C0 A8"'))).toContain('the label of pc');
    expect(open(...edit(10, 'halted', 'stopped'))).toContain('line 10 of the trace: `end`: `halted`, `cut`');
    expect(open(...lines, '{}')).toContain('line 10 of the trace: nothing is accepted after the end');
  });

  it('is opened or refused, and never a fault, whatever became of it', () => {
    const { listing } = stepped();
    const text = linesOf(record(stepped(), inputs)).join('\n');
    const dice = new Dice(20261121);
    let refused = 0;
    const count = 3_000;
    for (let round = 0; round < count; round++) {
      const at = dice.below(text.length);
      const digit = String(dice.below(10));
      const other = dice.below(2) === 0 ? text.slice(0, at) + text.slice(at + 1 + dice.below(20)) : undefined;
      const edited =
        other ??
        `${text.slice(0, at)}${/\d/.test(text[at] ?? '') ? digit : dice.pick(['"', '}', ' ', 'x'])}${text.slice(at + 1)}`;
      if (!openTrace(edited, listing, hash).ok) refused++;
    }
    expect(refused).toBeGreaterThan(count / 4);
    expect(refused).toBeLessThan(count);
  });
});
