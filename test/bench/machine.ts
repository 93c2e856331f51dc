/** The interpreter on four programs, beside itself built without labels, Lua 5.4, QuickJS and plain JavaScript, in turns. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembled, type BareMachine, bareMachine, bareSteppingMachine, loadBare } from '../vm/machine.ts';
import { median, type Row } from './figure.ts';
import { arithmetic, fibonacci, rule, ruleWords, sieve } from './machine-programs.ts';

const project = join(import.meta.dirname, '../..');
const rounds = 15;
const runsOfRound = 3;
const fuel = 1n << 60n;

const programs: Readonly<Record<string, string>> = { sieve, fibonacci, arithmetic, rule };
function prepare(machine: BareMachine, name: string): void {
  machine.reset();
  if (name === 'rule')
    for (const [segment, index, value] of ruleWords) machine.setWord(segment, index, value);
}

/** Milliseconds, by program; the machine must give `answers`. */
function timeMachine(machine: BareMachine, answers: ReadonlyMap<string, string>): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const [name, text] of Object.entries(programs)) {
    const refused = loadBare(machine, assembled(text).bytes);
    if (refused !== 0) throw new Error(`${name} was refused: ${refused}`);
    const own: number[] = [];
    for (let run = 0; run < runsOfRound; run++) {
      prepare(machine, name);
      const startedMs = performance.now();
      const outcome = machine.run(fuel);
      own.push(performance.now() - startedMs);
      const answer = outcome === 0 ? String(machine.portValue(0)) : `trap ${machine.trapCode()}`;
      if (answer !== answers.get(name)) throw new Error(`${name}: ${answer}, and not ${answers.get(name)}`);
    }
    times.set(name, own);
  }
  return times;
}

interface Engine {
  readonly name: string;
  readonly words: readonly [string, ...string[]];
  /** Of which it prints the median: a compiler gets more, to warm up. */
  readonly repeats: number;
}

/** Milliseconds and answer, by program; `undefined` where the engine is not on this machine. */
function runEngine({
  words: [command, ...words],
  repeats,
}: Engine): Map<string, { ms: number; answer: string }> | undefined {
  const { status, stdout, error } = spawnSync(command, [...words, String(repeats)], { encoding: 'utf8' });
  if (error !== undefined) return undefined;
  if (status !== 0) throw new Error(`${command} failed`);
  return new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => {
        const [name = '', ms = '', answer = ''] = line.split(' ');
        return [name, { ms: Number(ms), answer }];
      }),
  );
}

/** How many instructions a run takes, counted one by one. */
async function countInstructions(name: string, text: string): Promise<number> {
  const machine = await bareSteppingMachine();
  loadBare(machine, assembled(text).bytes);
  prepare(machine, name);
  machine.begin(fuel);
  let count = 1;
  while (machine.step() === 255) count++;
  return count;
}

export async function benchMachine(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bench-'));
  try {
    const untaggedFile = join(folder, 'untagged.wasm');
    const { status } = spawnSync(
      join(project, 'node_modules/.bin/asc'),
      ['vm/assembly/index.ts', '--target', 'untagged', '--outFile', untaggedFile],
      { cwd: project, stdio: 'inherit' },
    );
    if (status !== 0) throw new Error('the machine without labels could not be built');
    const tagged = await bareMachine();
    const untagged = await bareMachine(new Uint8Array(readFileSync(untaggedFile)));
    const script = join(project, 'test/bench/machine-programs.js');
    const engines: readonly Engine[] = [
      { name: 'Lua 5.4', words: ['lua5.4', script.replace(/js$/, 'lua')], repeats: runsOfRound },
      { name: 'QuickJS', words: [process.env['QJS'] ?? 'qjs', '-m', script], repeats: runsOfRound },
      { name: 'JavaScript (V8)', words: [process.execPath, script], repeats: 7 * runsOfRound },
    ];
    const plain = runEngine(engines[2] as Engine);
    const answers = new Map([...(plain ?? [])].map(([name, { answer }]) => [name, answer]));
    const times = new Map<string, Map<string, number[]>>();
    const note = (engine: string, program: string, ...ms: number[]): void => {
      const own = times.get(engine) ?? new Map<string, number[]>();
      times.set(engine, own.set(program, [...(own.get(program) ?? []), ...ms]));
    };
    for (let round = 0; round < rounds; round++) {
      for (const [name, ms] of timeMachine(tagged, answers)) note('tagged', name, ...ms);
      for (const [name, ms] of timeMachine(untagged, answers)) note('untagged', name, ...ms);
      for (const engine of engines) {
        for (const [name, { ms, answer }] of runEngine(engine) ?? []) {
          if (answer !== answers.get(name)) throw new Error(`${engine.name}, ${name}: ${answer}`);
          note(engine.name, name, ms);
        }
      }
      process.stderr.write(`\rthe interpreter: round ${round + 1} of ${rounds}`);
    }
    process.stderr.write('\n');
    const rows: Row[] = [];
    for (const [name, text] of Object.entries(programs)) {
      const ms = (engine: string): number => median(times.get(engine)?.get(name) ?? []);
      const instructions = await countInstructions(name, text);
      const others = engines.map((engine) =>
        times.has(engine.name)
          ? `${engine.name} ${(ms(engine.name) / ms('tagged')).toFixed(2)}`
          : `${engine.name} is not on this machine`,
      );
      rows.push(
        {
          what: `label machine, ${name}: tagged beside untagged`,
          figure: `${(ms('tagged') / ms('untagged')).toFixed(2)} : 1 (${ms('tagged').toFixed(2)} ms, ${ms('untagged').toFixed(2)} ms)`,
        },
        { what: '… million instructions/s', figure: (instructions / ms('tagged') / 1_000).toFixed(0) },
        { what: '… the same work elsewhere, label machine = 1', figure: others.join(', ') },
      );
    }
    rows.push({
      what: 'label machine, size of the .wasm',
      figure: `${statSync(join(project, 'vm/machine.wasm')).size.toLocaleString('en-US')} bytes`,
    });
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
