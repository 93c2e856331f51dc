/** Debugger sessions without a terminal: what each command says, on the way there and back, of a run and of its trace. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Debugger } from '../../vm/debugger.ts';
import type { InputWord } from '../../vm/host.ts';
import type { SteppingMachine } from '../../vm/stepping-machine.ts';
import type { Timeline } from '../../vm/timeline.ts';
import { openTrace, traceEnd, traceStart, traceStep } from '../../vm/trace.ts';
import { type BareMachine, bareMachine } from './machine.ts';
import { inputsOf, programOf } from './oracles.ts';
import { freshSteppingMachine, loadStepping, loadText, record } from './stepping.ts';

let machine: SteppingMachine;
let bare: BareMachine;

beforeAll(async () => {
  machine = await freshSteppingMachine();
  bare = await bareMachine();
});

const source = `level all C0 A8 {1}
constant zero 0 C0 A8
constant three 3 C0 A8
segment secret 2 C4 A8 {1} ceiling C4 A8 {1}
port out  C0 A8
port high C4 A8 {1}
function double (number) -> (number)
at all
add r1 r0 r0
return r1
main
const r0 zero
load r1 secret r0
call r2 r1 double
if r1
store secret r0 r2
end
const r3 three
loop three
while r3
sub r3 r3 r3
end
output high r2
output out r2
halt`;

const inputs: readonly InputWord[] = [{ segment: 0, index: 0, value: 7n }];

function session(timeline: Timeline): (command: string) => string[] {
  const debugging = new Debugger(timeline, () => undefined);
  return (command) => {
    const { lines, ok } = debugging.execute(command);
    return ok ? [...lines] : ['REFUSED', ...lines];
  };
}

function started(): (command: string) => string[] {
  return session(record(loadText(machine, source), inputs, 1_000n));
}

describe('the debugger', () => {
  it('steps, and prints registers with their labels', () => {
    const run = started();
    expect(run('where')).toEqual([
      'step 0: main, line 12 (#2): `const r0 zero` comes next; pc C0 A8, fuel 5 of 1000',
    ]);
    expect(run('step')).toEqual([
      'step 1: main, line 13 (#3): `load r1 secret r0` comes next; pc C0 A8, fuel 5 of 1000',
    ]);
    run('s');
    expect(run('registers')).toEqual([
      'r0 = 0  C0 A8',
      'r1 = 7  C4 A8 {1}',
      'r2 = 0  C0 A8',
      'r3 = 0  C0 A8',
    ]);
    expect(run('print r1')).toEqual(['r1 = 7  C4 A8 {1}']);
    expect(run('print secret[0]')).toEqual(['secret[0] = 7  C4 A8 {1}']);
    expect(run('print pc')).toEqual(['pc = C0 A8']);
    expect(run('print out')).toEqual(['out not written  C0 A8']);
    expect(run('words')).toEqual(['secret[0] = 7  C4 A8 {1}', 'secret[1] = 0  C4 A8 {1}']);
    expect(run('step 3')[0]).toMatch(/^step 5: main, line 15 /);
  });

  it('goes into a call with `step` and over it with `next`, and shows what is open', () => {
    const run = started();
    run('step 3');
    expect(run('where')[0]).toMatch(/^step 3: double, line 9 \(#0\): `add r1 r0 r0`/);
    expect(run('stack')).toEqual(['main', '  call at main, line 14 (#4); pc before it C0 A8']);
    expect(run('registers')).toEqual(['r0 = 7  C4 A8 {1}', 'r1 = 0  C0 A8']);
    run('back');
    expect(run('next')[0]).toMatch(/^step 5: main, line 15 /);
    expect(run('stack')).toEqual(['main']);
    run('step');
    expect(run('stack')).toEqual(['main', '  if at main, line 15 (#5); pc before it C0 A8']);
    expect(run('print pc')).toEqual(['pc = C4 A8 {1}']);
    expect(run('print fuel')[0]).toMatch(/; what runs here was charged before$/);
  });

  it('breaks at a line, an instruction and a function, and goes back to a breakpoint', () => {
    const run = started();
    expect(run('break 16')).toEqual(['breakpoint at main, line 16 (#6): `store secret r0 r2`']);
    expect(run('break #12')).toEqual(['breakpoint at main, line 22 (#12): `end`']);
    expect(run('break double')).toEqual(['breakpoint at double, line 9 (#0): `add r1 r0 r0`']);
    expect(run('break')).toHaveLength(3);
    expect(run('continue')[0]).toMatch(/^step 3: double/);
    expect(run('continue')[0]).toMatch(/^step 6: main, line 16 /);
    expect(run('delete #12')).toHaveLength(1);
    expect(run('c')[0]).toMatch(
      /^step \d+, the end: trapped, `port`, at main, line 24 \(#14\): `output out r2`; label C4 A8 \{1\}$/,
    );
    expect(run('reverse')[0]).toMatch(/^step 6: main, line 16 /);
    expect(run('reverse')[0]).toMatch(/^step 3: double/);
    expect(run('reverse')[0]).toMatch(/^step 0: main/);
    expect(run('run')[0]).toMatch(/^step 3: double/);
    expect(run('delete')).toEqual(['no breakpoints']);
    expect(run('list').filter((line) => line.startsWith('>'))).toEqual(['>  #0       9  add r1 r0 r0']);
  });

  it('tells why, also of the trap at the end', () => {
    const run = started();
    run('continue');
    expect(run('print high')).toEqual(['high = 14  C4 A8 {1}']);
    expect(run('why r2')).toEqual([
      'r2 is C4 A8 {1}',
      '  C4 {1} from the input secret[0], C4 A8 {1}',
      '    main, line 13, step 2: `load r1 secret r0` makes r1 C4 A8 {1}',
      '    main, line 14, step 3: `call r2 r1 double` makes r0 C4 A8 {1}',
      '    double, line 9, step 4: `add r1 r0 r0` makes r1 C4 A8 {1}',
      '    double, line 10, step 5: `return r1` makes r2 C4 A8 {1}',
    ]);
    expect(run('why trap')[0]).toBe(
      'main, line 24 (#14): `output out r2` trapped, an output above the label of its port [port]; label is C4 A8 {1}',
    );
    run('back 3');
    const here = run('where');
    expect(run('why trap').at(-1)).toBe(
      '    main, line 24, where it stopped: `output out r2` makes the result C4 A8 {1}',
    );
    expect(run('where')).toEqual(here);
    run('continue');
    expect(run('why pc')).toEqual([
      'pc is C0 A8',
      '  nothing to explain: it is public, and as trusted as can be',
    ]);
    expect(run('where')[0]).toMatch(/the end: trapped/);
  });

  it('refuses commands that it does not understand, and stays where it is', () => {
    const run = started();
    run('step 4');
    const here = run('where');
    for (const [command, message] of [
      ['jump', '`jump` is no command: `help` lists them'],
      ['step -1', '`-1`: a number of steps is accepted'],
      ['step 1e3', '`1e3`: a number of steps is accepted'],
      ['back 99999999999', '`99999999999`: a number of steps is accepted'],
      ['where now', '`where` takes nothing: `now` is one word too many'],
      [
        'break 1',
        '`1` is no place: a line that has an instruction, #0 to #15, or a function (double, main) is accepted',
      ],
      ['break #16', '`#16`: #0 to #15 are accepted'],
      ['delete 12', 'there is no breakpoint at `12`'],
      ['print r31', '`r31`: the open function has 2 registers'],
      [
        'print secret[2]',
        '`secret[2]` is nothing of this module: a register such as r3, a word (secret[0] to [1]), a port (out, high) is accepted',
      ],
      ['print', '`` is nothing of this module'],
      ['why out', 'the port `out` was not written yet'],
      ['why r9', '`r9`: the open function has 2 registers, r0 to r1'],
      ['words none', '`none` is no segment: secret are accepted'],
    ] as const) {
      const [refused, said] = run(command);
      expect(refused, command).toBe('REFUSED');
      expect(said, command).toContain(message);
      expect(run('where'), command).toEqual(here);
    }
    expect(run('help').length).toBeGreaterThan(10);
  });

  it('says the same of a run and of its trace, forwards and backwards, for generated programs', () => {
    const count = 60;
    console.log(`debugger: seeds 1 to ${count}`);
    const look = (run: (command: string) => string[]): string =>
      ['where', 'registers', 'words', 'ports', 'stack', 'print pc', 'print fuel'].flatMap(run).join('\n');
    let steps = 0;
    for (let seed = 1; seed <= count; seed++) {
      const module = programOf(bare, seed, true);
      const loaded = loadStepping(machine, module);
      const given = inputsOf(seed, module);
      const lines: string[] = [];
      const timeline = record(loaded, given);
      const live = session(timeline);
      const seen: string[] = [look(live)];
      lines.push(traceStart(loaded.listing, 'ab', timeline.start));
      for (;;) {
        const before = timeline.control;
        live('step');
        const { last } = timeline;
        if (timeline.steps < seen.length || last === undefined) break;
        lines.push(traceStep(loaded.listing, timeline.steps, before, last));
        seen.push(look(live));
      }
      // The end is known only once the run was asked for more than there is.
      seen[seen.length - 1] = look(live);
      lines.push(
        traceEnd(
          loaded.listing,
          timeline.steps,
          timeline.ending ?? { kind: 'cut' },
          timeline.control.fuelUsed,
        ),
      );
      const trace = openTrace(lines.join('\n'), loaded.listing, 'ab');
      if (!trace.ok) throw new Error(`seed ${seed}: ${trace.message}`);
      const read = session(trace.timeline);
      read('continue');
      for (let step = seen.length - 1; step >= 0; step--, live('back'), read('back')) {
        expect(look(live), `seed ${seed}, run at step ${step}`).toBe(seen[step]);
        expect(look(read), `seed ${seed}, trace at step ${step}`).toBe(seen[step]);
        steps++;
      }
    }
    console.log(`debugger: ${steps} steps`);
    expect(steps).toBeGreaterThan(1_000);
  });
});
