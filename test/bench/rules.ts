/** The rule language: one rule, a hundred rules, what compiling takes, and the same rule in other engines. */

import { analyze } from '../../src/rules/analysis/analyze.ts';
import { isRefused } from '../../src/rules/analysis/finding.ts';
import { usualLimits } from '../../src/rules/analysis/question.ts';
import { ProcessSolver } from '../../src/rules/analysis/solver/solver.ts';
import { checkModule } from '../../src/rules/checker/check-module.ts';
import type { CheckedModule, Facts, Value } from '../../src/rules/checker/checked.ts';
import { wholeReader } from '../../src/rules/clearance.ts';
import { compileCorridor } from '../../src/rules/compiler/compile.ts';
import { formatFacts, parseFacts } from '../../src/rules/facts-json.ts';
import { batchSize, Replay, type ReplayLine } from '../../src/rules/replay/replay.ts';
import { openRules } from '../../src/rules/rules.ts';
import type { Corridor, RuleSet } from '../../src/rules/set/rule-set.ts';
import { startMachine } from '../../vm/host.ts';
import { bareMachine, loadBare, wasm } from '../vm/machine.ts';
import { show } from './appliance.ts';
import { median, percentile, type Row } from './figure.ts';
import { otherEngines, type Payment, type RuleEngine, ruleModule } from './rule-engines.ts';
import { modulesOfHundredRules } from './rule-modules.ts';

const rounds = 30;
const warmRounds = 8;
const callsOfRound = 20_000;
const time = 1_795_348_800n;

const singleRule = `module bench.single 1
  jurisdiction US
  layer national
  on transfer

feed ecb of rates max_age 24h on_stale HOLD
window day 24h
control limit.day cap

rule day control limit.day
  cap usd("10000.00") on convert(spent(day) + tx.amount, USD, feed.ecb, UP)
`;

/** `replayed`: how many requests are decided again. */
export async function benchRules(replayed: number): Promise<Row[]> {
  console.error('rules: one rule, and a hundred');
  const rows = [...(await benchSingle()), ...(await benchHundred())];
  console.error('rules: beside other engines');
  rows.push(...(await benchEngines()));
  console.error('rules: analysis of a hundred');
  rows.push(await benchAnalysis());
  console.error(`rules: replay of ${replayed.toLocaleString('en-US')}`);
  rows.push(await benchReplay(replayed));
  return rows;
}

function setOf(...texts: readonly string[]): RuleSet {
  const modules = texts.map((text): CheckedModule => {
    const { module, faults } = checkModule(text);
    if (module === undefined) throw new Error(`a module is at fault: ${faults[0]?.message}`);
    return module;
  });
  return {
    name: 'bench',
    version: 1n,
    hash: new Uint8Array(32),
    modules,
    unions: new Map([['EU', ['DE', 'FR']]]),
    issuers: new Map([['EUR', 'EU']]),
    parameters: new Map(),
    lists: new Map(
      modules.flatMap(({ name, lists }) =>
        lists.map(({ name: list, source }) => [`${name}/${list}`, 'items' in source ? source.items : []]),
      ),
    ),
  };
}

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function factsOf(fields: Readonly<Record<string, Value>>, spent: bigint): Facts {
  return {
    kind: 'transfer',
    fields: new Map(
      Object.entries({
        'tx.time': time,
        'tx.currency': 'USD',
        'tx.originator_key': key(1),
        'tx.counterparty_key': key(2),
        ...fields,
      }),
    ),
    feeds: new Map([['ecb', { asOf: time - 3_600n, rates: new Map([['EUR', 909_090_909n]]) }]]),
    windows: new Map([
      [86_400n, { spent, count: 3n }],
      [604_800n, { spent, count: 9n }],
    ]),
  };
}

/** Nanoseconds of each of `callsOfRound` calls, over rounds: the middle, and the best. */
function timeCalls(call: (at: number) => void): string {
  const found: number[] = [];
  for (let round = 0; round < warmRounds + rounds; round++) {
    const startedMs = performance.now();
    for (let at = 0; at < callsOfRound; at++) call(at);
    if (round >= warmRounds) found.push(((performance.now() - startedMs) / callsOfRound) * 1e6);
  }
  return `${median(found).toFixed(0)} ns (at best ${Math.min(...found).toFixed(0)} ns)`;
}

async function benchSingle(): Promise<Row[]> {
  const set = setOf(singleRule);
  const corridor: Corridor = { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'USD' };
  const compiled = compileCorridor(set, corridor);
  if (!compiled.ok) throw new Error(compiled.faults[0]?.message);
  const machine = await bareMachine();
  const refused = loadBare(machine, compiled.compiled.program.bytes);
  if (refused !== 0) throw new Error(`the rule was refused: ${refused}`);
  const fuel = machine.fuelBound();
  const inMachine = timeCalls(() => {
    if (machine.run(fuel) !== 0) throw new Error('the rule trapped');
    machine.reset();
  });
  const rules = await openRules(set, () => startMachine(wasm));
  const facts = Array.from({ length: 1_000 }, (_, at) =>
    factsOf(
      { 'tx.amount': BigInt(1 + ((at * 7_919) % 1_000_000)), 'tx.origin': 'US', 'tx.destination': 'FR' },
      5_000n,
    ),
  );
  const decided = timeCalls((at) => {
    const { verdict } = rules.decide(facts[at % facts.length] as Facts);
    if (verdict !== 'ALLOW' && verdict !== 'DENY') throw new Error(verdict);
  });
  return [
    {
      what: 'rule language, one rule: a run of its program in the label machine, by the bare exports',
      figure: inMachine,
    },
    { what: '… a decision, facts in and verdict out', figure: decided },
  ];
}

/** Microseconds of single calls: p50 and p99. */
function timeEach(count: number, call: (at: number) => void): string {
  const found = new Float64Array(count);
  for (let at = -count; at < count; at++) {
    const startedMs = performance.now();
    call(at + count);
    if (at >= 0) found[at] = (performance.now() - startedMs) * 1_000;
  }
  const values = [...found];
  return `${median(values).toFixed(1)} µs, ${percentile(values, 0.99).toFixed(1)} µs`;
}

/** Of each rule some that it fires for, and most that it does not. */
function hundredFacts(destination: string): Facts[] {
  return Array.from({ length: 1_000 }, (_, at) =>
    factsOf(
      {
        'tx.amount': BigInt(1 + ((at * 7_919) % 500_000)),
        'tx.origin': 'US',
        'tx.destination': destination,
        ...(at % 2 === 0 ? { 'tx.tier': 'basic' } : {}),
        ...(at % 3 === 0 ? { 'tx.ivms_digest': key(3) } : {}),
      },
      BigInt((at * 104_729) % 900_000),
    ),
  );
}

async function benchHundred(): Promise<Row[]> {
  const set = setOf(...modulesOfHundredRules());
  const corridor: Corridor = { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'USD' };
  const compileMs: number[] = [];
  let bytes = 0;
  for (let round = 0; round < 12; round++) {
    const startedMs = performance.now();
    const compiled = compileCorridor(set, corridor);
    compileMs.push(performance.now() - startedMs);
    if (!compiled.ok) throw new Error(compiled.faults[0]?.message);
    if (compiled.compiled.rules.length !== 100)
      throw new Error(`${compiled.compiled.rules.length} rules, and not a hundred`);
    bytes = compiled.compiled.program.bytes.length;
  }
  const rules = await openRules(set, () => startMachine(wasm));
  const toFrance = hundredFacts('FR');
  const toGermany = hundredFacts('DE');
  const fuel = rules.decide(toFrance[0] as Facts).fuelUsed;
  const count = callsOfRound;
  const verdictOnly = timeEach(count, (at) => void rules.decide(toFrance[at % 1_000] as Facts).verdict);
  const withTrace = timeEach(count, (at) => void rules.decide(toFrance[at % 1_000] as Facts).traceHash);
  const mixed = timeEach(
    count / 4,
    (at) => void rules.decide((at % 2 === 0 ? toFrance : toGermany)[at % 1_000] as Facts).verdict,
  );
  return [
    {
      what: 'a hundred rules, US → FR in USD: a decision, p50 and p99',
      figure: `${verdictOnly} (${fuel} fuel)`,
    },
    { what: '… with the trace hash', figure: withTrace },
    { what: '… of two corridors in turn', figure: mixed },
    {
      what: '… compiled for the corridor',
      figure: `${median(compileMs.slice(2)).toFixed(0)} ms (${bytes.toLocaleString('en-US')} bytes)`,
    },
  ];
}

/** As the others get it: a denial, or none. */
async function ownEngine(): Promise<RuleEngine<Payment>> {
  const rules = await openRules(setOf(ruleModule), () => startMachine(wasm));
  return {
    name: 'the rule language, in the label machine',
    prepare({ amount, spent, origin, destination, informed }) {
      const facts = factsOf(
        {
          'tx.amount': BigInt(amount),
          'tx.origin': origin,
          'tx.destination': destination,
          ...(informed ? { 'tx.ivms_digest': key(3) } : {}),
        },
        BigInt(spent),
      );
      return () => rules.decide(facts).verdict === 'DENY';
    },
  };
}

/** The same payments to all, by corridor, each in turn round by round, so that whatever else this computer does meets them all. */
async function benchEngines(): Promise<Row[]> {
  const payments = Array.from(
    { length: 2_000 },
    (_, at): Payment => ({
      amount: 1 + ((at * 7_919) % 1_050_000),
      spent: (at * 104_729) % 900_000,
      origin: 'US',
      destination: at < 1_900 ? 'FR' : 'KP',
      informed: at % 2 === 0,
    }),
  );
  const engines = [await ownEngine(), ...otherEngines()].map((engine) => ({
    name: engine.name,
    decisions: payments.map((payment) => engine.prepare(payment)),
    ns: [] as number[],
  }));
  const answers = engines[0]?.decisions.map((decide) => decide()) ?? [];
  for (const { name, decisions } of engines)
    for (const [at, decide] of decisions.entries())
      if (decide() !== answers[at]) throw new Error(`${name} says otherwise of payment ${at}`);
  for (let round = 0; round < warmRounds + rounds; round++)
    for (const { decisions, ns } of engines) {
      const startedMs = performance.now();
      for (const decide of decisions) decide();
      if (round >= warmRounds) ns.push(((performance.now() - startedMs) / decisions.length) * 1e6);
    }
  const own = median(engines[0]?.ns ?? []);
  return engines.map(({ name, ns }, at) => ({
    what: at === 0 ? `a rule of three clauses: ${name}` : `… ${name}`,
    figure: `${median(ns).toFixed(0)} ns${at === 0 ? '' : `: ${(median(ns) / own).toFixed(2)}`}`,
  }));
}

/** From nothing, with a solver of its own; the machine decides each witness. */
async function benchAnalysis(): Promise<Row> {
  const set = setOf(...modulesOfHundredRules());
  const rules = await openRules(set, () => startMachine(wasm));
  const reader = wholeReader(set);
  const solver = new ProcessSolver();
  const startedMs = performance.now();
  const { findings, corridors, counts } = await analyze({
    set,
    solver,
    limits: usualLimits,
    decide: async (other, facts) =>
      (other === set ? rules : await openRules(other, () => startMachine(wasm))).decide(facts, reader),
    now: time,
    elapsed: () => performance.now(),
    // A line a stage: a terminal may not be what reads it.
    progress: (stage, done, all) => done === 0 && process.stderr.write(`rules: ${stage}, ${all} steps\n`),
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  await solver.close();
  const refused = findings.filter(({ code }) => isRefused(code)).length;
  return {
    what: 'analysis of a hundred rules: conflicts, dead rules, errors, gaps, corridors',
    figure: `${seconds.toFixed(1)} s (${corridors} corridors, ${counts.asked} questions to the solver, ${counts.guessed} guessed, ${counts.unknown} unanswered; ${refused} findings that refuse)`,
  };
}

/** As `ringmint rules replay` does it: lines of JSON, decided by a set of a hundred rules and by one with a parameter more. */
async function benchReplay(replayed: number): Promise<Row> {
  const texts = modulesOfHundredRules();
  const live = await openRules(setOf(...texts), () => startMachine(wasm));
  const candidate = await openRules(
    setOf(...texts.map((text) => text.replace('usd("10002.00")', 'usd("6000.00")'))),
    () => startMachine(wasm),
  );
  const reader = wholeReader(live.set);
  const replay = new Replay({ live, candidate, reader, check: false, examples: 3 });
  const lines = ['FR', 'DE', 'SG', 'JP'].flatMap((destination) =>
    hundredFacts(destination).map((facts) => formatFacts({ id: undefined, facts })),
  );
  let ms = 0;
  for (let done = 0; done < replayed; done += batchSize) {
    const startedMs = performance.now();
    const batch: ReplayLine[] = [];
    for (let at = done; at < Math.min(done + batchSize, replayed); at++) {
      const parsed = parseFacts(lines[(at * 37) % lines.length] ?? '');
      if (!parsed.ok) throw new Error(parsed.message);
      batch.push({ ...parsed.value, line: at + 1 });
    }
    replay.add(batch);
    ms += performance.now() - startedMs;
    process.stderr.write(`\rrules: ${Math.min(done + batchSize, replayed).toLocaleString('en-US')} replayed`);
  }
  process.stderr.write('\n');
  const { decisions, unchanged } = replay.report();
  if (decisions !== replayed || unchanged === decisions)
    throw new Error(`${unchanged} of ${decisions} are unchanged`);
  return {
    what: `replay of ${replayed.toLocaleString('en-US')} requests by two sets of a hundred rules, from lines of JSON`,
    figure: `${(ms / 1_000).toFixed(1)} s (${show(replayed / (ms / 1_000))}/s)`,
  };
}
