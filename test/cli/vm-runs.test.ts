/** `ringmint vm trace`, `debug`, `cover` and `why`: runs that are looked into. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enterFolder, type Folder, ringmint } from './session.ts';

let folder: Folder;

const sum = ['samples/vm/sum.rasm', '--input', 'count[0]=2', '--input', 'amounts[0]=5 7'];

beforeAll(async () => {
  folder = enterFolder();
  expect((await ringmint(['vm', 'trace', ...sum, '--out', 'sum.jsonl'])).code).toBe(0);
});

afterAll(() => {
  folder.leave();
});

/** What a session says, for commands as a script gives them. */
async function session(words: readonly string[], ...commands: string[]): ReturnType<typeof ringmint> {
  return ringmint(['vm', 'debug', ...words], { stdin: `${commands.join('\n')}\n` });
}

describe('ringmint vm trace', () => {
  it('prints the same lines as it writes, and with --json one document of them', async () => {
    const text = readFileSync('sum.jsonl', 'utf8');
    const printed = await ringmint(['vm', 'trace', ...sum]);
    expect(printed).toMatchObject({ code: 0, err: '', out: text });
    const lines = text.trimEnd().split('\n');
    const json = await ringmint(['vm', 'trace', ...sum, '--json']);
    expect(json.json()).toEqual({
      ok: true,
      steps: 29,
      end: 'halted',
      trace: lines.map((line): unknown => JSON.parse(line)),
    });
    const again = await ringmint(['vm', 'trace', 'samples/vm/sum.rasm', '--trace', 'sum.jsonl']);
    expect(again.out).toBe(text);
  });

  it('ends where it is told to, and says that it was cut', async () => {
    const cut = await ringmint(['vm', 'trace', ...sum, '--steps', '3']);
    expect(cut.out.trimEnd().split('\n')).toHaveLength(5);
    expect(cut.out).toContain('{"end":"cut","steps":3,"fuelUsed":"10"}');
  });

  it('is done well also where the run trapped: the trap is its last line', async () => {
    const trapped = await ringmint(['vm', 'trace', 'samples/vm/leak.rasm']);
    expect(trapped.code).toBe(0);
    expect(JSON.parse(trapped.out.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      end: 'trapped',
      trap: 'port',
      line: 22,
    });
  });
});

describe('ringmint vm debug', () => {
  it('carries out a script, with the commands between the answers', async () => {
    const said = await session(
      sum,
      '# to the loop and back',
      'break 27',
      'c',
      '',
      'print r6',
      'back',
      'quit',
      'never read',
    );
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(said.out.split('\n')).toEqual([
      'step 0: main, line 16 (#0): `const r0 zero` comes next; pc C0 A8, fuel 10 of 85',
      '(vm) break 27',
      'breakpoint at main, line 27 (#11): `add r6 r6 r8`',
      '(vm) c',
      'step 11: main, line 27 (#11): `add r6 r6 r8` comes next; pc C0 A8, fuel 18 of 85',
      '(vm) print r6',
      'r6 = 0  C0 A8',
      '(vm) back',
      'step 10: main, line 26 (#10): `load r8 amounts r3` comes next; pc C0 A8, fuel 18 of 85',
      '(vm) quit',
      '',
    ]);
  });

  it('says the same of a run and of its trace', async () => {
    const commands = ['step 12', 'registers', 'words', 'stack', 'continue', 'ports', 'reverse', 'where'];
    const run = await session(sum, ...commands);
    const trace = await session(['samples/vm/sum.rasm', '--trace', 'sum.jsonl'], ...commands);
    expect(trace.out).toBe(run.out);
    expect(run.out).toContain('total = 12  C0 A8');
  });

  it('asks a person, and goes on after a command that it does not understand', async () => {
    const said = await ringmint(['vm', 'debug', ...sum], { stdin: 'jump\n\nstep\n', isTerminal: true });
    expect(said.code).toBe(0);
    expect(said.out).toContain(
      '`help` lists the commands\n(vm) `jump` is no command: `help` lists them\n(vm) (vm) step 1: ',
    );
  });

  it('stops a script at a command that it does not understand', async () => {
    const said = await session(sum, 'step', 'jump', 'step');
    expect(said.code).toBe(2);
    expect(said.err).toBe(
      'ringmint: the debugger stopped at `jump`: `jump` is no command: `help` lists them [command_unknown]\n',
    );
    expect(said.out.match(/^\(vm\) step/gm)).toHaveLength(1);
  });

  it('gives one JSON document', async () => {
    const said = await ringmint(['vm', 'debug', ...sum, '--json'], { stdin: 'step\nprint r0' });
    expect(said.json()).toEqual({
      ok: true,
      steps: 1,
      commands: [
        {
          command: 'step',
          ok: true,
          lines: ['step 1: main, line 17 (#1): `const r1 one` comes next; pc C0 A8, fuel 10 of 85'],
        },
        { command: 'print r0', ok: true, lines: ['r0 = 0  C0 A8'] },
      ],
    });
  });

  it('takes the program and the trace from files only', async () => {
    for (const words of [['-'], ['samples/vm/sum.rasm', '--trace', '-']])
      expect((await ringmint(['vm', 'debug', ...words])).err).toContain('standard input has the commands');
  });
});

describe('ringmint vm cover', () => {
  it('counts over several runs, and tells what never ran', async () => {
    const words = ['vm', 'cover', 'samples/vm/payment.rasm'];
    const all = await ringmint([
      ...words,
      '--runs',
      'samples/vm/payment-runs.json',
      '--least',
      '100',
      '--json',
    ]);
    expect(all.json()).toMatchObject({
      ok: true,
      percent: 100,
      covered: 28,
      runs: [{ end: 'halted' }, {}, {}],
    });
    const one = await ringmint([...words, '--input', 'amount[0]=5', '--least', '97']);
    expect(one.code).toBe(3);
    expect(one.out).toMatch(/ {4}0 {4}55 {6}output charge r5 +NEVER RUN\n/);
    expect(one.out).toMatch(/if r9 +taken NEVER, not taken 1\n/);
    expect(one.err).toBe('ringmint: 92.8 % is covered, and at least 97 % is accepted [coverage_low]\n');
    expect((await ringmint([...words, '--input', 'amount[0]=5', '--least', '92.8'])).code).toBe(0);
    const trapped = await ringmint([...words, '--json']);
    expect(trapped.json()).toMatchObject({
      ok: true,
      runs: [{ end: 'trapped', trap: 'range', instruction: 7 }],
    });
  });

  it('ends a run that goes on for too long', async () => {
    const said = await ringmint(['vm', 'cover', ...sum, '--steps', '5', '--json']);
    expect(said.json()).toMatchObject({ runs: [{ end: 'cut' }] });
  });
});

describe('ringmint vm why', () => {
  it('tells the way from the source, of a word, of a port and of a trap', async () => {
    const leak = await ringmint(['vm', 'why', 'samples/vm/leak.rasm', 'trap']);
    expect(leak.out.split('\n')).toEqual([
      'main, line 22 (#9): `output above r5` trapped, an output above the label of its port [port]; label is C4 A8 {1}, after step 8',
      '  C4 {1} from the word secret[0], C4 A8 {1}',
      '    main, line 16, step 4: `load r3 secret r0` makes r3 C4 A8 {1}',
      '    main, line 17, step 5: `lt r4 r2 r3` makes r4 C4 A8 {1}',
      '    main, line 19, step 7: `if r4` makes pc C4 A8 {1}',
      '    main, line 19, step 7: `if r4` makes r5 C4 A8 {1}',
      '    main, line 22, where it stopped: `output above r5` makes the result C4 A8 {1}',
      '',
    ]);
    const early = await ringmint(['vm', 'why', 'samples/vm/leak.rasm', 'r5', '--at', '6']);
    expect(early.out).toContain('r5 is C0 A8, after step 6\n  nothing to explain');
    const words = [
      'vm',
      'why',
      'samples/vm/payment.rasm',
      'approved',
      '--input',
      'amount[0]=5',
      '--all',
      '--json',
    ];
    expect((await ringmint(words)).json()).toMatchObject({
      label: 'C0 A6',
      parts: [
        {
          part: 'A6',
          reasons: expect.arrayContaining([
            expect.objectContaining({ source: { kind: 'grant', name: 'place_in', label: 'C0 A6' } }),
            expect.objectContaining({ source: { kind: 'level', name: 'bank', label: 'C0 A6' } }),
          ]) as unknown,
        },
      ],
    });
  });

  it('tells of a store in a secret branch what of its context is above the old word', async () => {
    writeFileSync(
      'upgrade.rasm',
      'level all C0 A8\nconstant zero 0 C0 A8\nsegment secret 1 C4 A8 ceiling C4 A8\nsegment open 1 C0 A8 ceiling C4 A8\nat all\nconst r0 zero\nload r1 secret r0\nif r1\nstore open r0 r0\nend\nhalt\n',
    );
    const said = await ringmint(['vm', 'why', 'upgrade.rasm', 'trap', '--input', 'secret[0]=1']);
    expect(said.out.split('\n').slice(0, 3)).toEqual([
      expect.stringContaining('old label of open[0] C0 A8; pc, address and level is C4 A8, after step 3'),
      '  C4 from the input secret[0], C4 A8',
      '    main, line 7, step 2: `load r1 secret r0` makes r1 C4 A8',
    ]);
  });
});

describe('what is given wrong', () => {
  it.each([
    [
      ['trace', 'samples/vm/sum.rasm', '--steps', '0'],
      'usage',
      '--steps `0`: a whole number from 1 to 1000000',
    ],
    [
      ['trace', 'samples/vm/sum.rasm', '--steps', '99999999999999999'],
      'usage',
      'from 1 to 1000000 is accepted',
    ],
    [['trace', 'samples/vm/sum.rasm', '--out', '-'], 'usage', '--out `-`'],
    [['trace', '-', '--trace', '-'], 'usage', 'standard input is the program already'],
    [['debug', 'samples/vm/sum.rasm', '--trace', 'none.jsonl'], 'file_unreadable', '`none.jsonl` (ENOENT)'],
    [
      ['debug', 'samples/vm/leak.rasm', '--trace', 'sum.jsonl'],
      'trace_foreign',
      'the trace is of another module',
    ],
    [['debug', ...sum, '--trace', 'sum.jsonl'], 'usage', '`--input` and `--fuel` are not accepted'],
    [
      ['why', 'samples/vm/sum.rasm', 'r1', '--trace', 'samples/quotas.json'],
      'trace_malformed',
      'line 1 of the trace',
    ],
    [
      ['why', 'samples/vm/sum.rasm', 'r9'],
      'target_unknown',
      '`r9`: the open function has 9 registers, r0 to r8',
    ],
    [['why', 'samples/vm/sum.rasm', 'totals'], 'target_unknown', 'a port (total, least, most) is accepted'],
    [['why', 'samples/vm/sum.rasm', 'trap'], 'target_unknown', 'the run was not stopped by a trap'],
    [['why', 'samples/vm/leak.rasm', 'above'], 'target_unknown', 'the port `above` was not written yet'],
    [['why', 'samples/vm/sum.rasm', 'r1', '--at', 'x'], 'usage', '--at `x`'],
    [
      ['cover', 'samples/vm/sum.rasm', '--least', '101'],
      'usage',
      '--least `101`: a number of percent from 0 to 100',
    ],
    [['cover', 'samples/vm/sum.rasm', '--least', 'all'], 'usage', '--least `all`'],
    [['cover', 'samples/vm/sum.rasm', '--least', ''], 'usage', '--least ``'],
    [['cover', 'samples/vm/sum.rasm', '--runs', 'sum.jsonl'], 'runs_malformed', 'not JSON'],
    [
      ['cover', 'samples/vm/sum.rasm', '--runs', 'samples/request.json'],
      'runs_malformed',
      'an array with a list',
    ],
    [
      ['cover', 'samples/vm/sum.rasm', '--runs', 'samples/quotas.json'],
      'runs_malformed',
      '[0]: a list of inputs',
    ],
    [
      ['cover', 'samples/vm/sum.rasm', '--runs', 'samples/vm/payment-runs.json'],
      'input_unknown',
      '[0]: input `amount',
    ],
  ] as const)('%j is refused as %s', async (words, code, message) => {
    const said = await ringmint(['vm', ...words]);
    expect(said.err).toContain(message);
    expect(said.err.trimEnd().endsWith(`[${code}]`), said.err).toBe(true);
    expect(said).toMatchObject({ code: 2, out: '' });
    expect((await ringmint(['vm', ...words, '--json'])).json()).toMatchObject({ ok: false, code });
  });
});
