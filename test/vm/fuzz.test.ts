/** Modules with changes in them, by the ten thousand: loader, verifier and machine give each the answer that it must get. */
import { beforeAll, describe, expect, it } from 'vitest';
import { refusalName } from '../../vm/host.ts';
import { refusals, traps } from '../../vm/isa.ts';
import { stripNames } from '../../vm/module.ts';
import { nightly } from '../nightly.ts';
import { bases } from './fuzzing/bases.ts';
import { corpusConditions, corpusFiles, placeOf, readCorpus } from './fuzzing/corpus.ts';
import { fuzz, mutantOf } from './fuzzing/fuzzer.ts';
import { judge } from './fuzzing/oracle.ts';
import { type BareMachine, bareMachine, freshMachine, loadBare } from './machine.ts';
import type { Tally } from './oracles.ts';

const mutants = nightly ? 5_000_000 : 20_000;
const corpus = readCorpus();

/** Told by the host alone. */
const byHost = ['hash', 'signature'];

describe('the kept corpus', () => {
  let machine: BareMachine;
  beforeAll(async () => {
    machine = await bareMachine();
  });

  it.each(corpus)('$file: $answer, at $at', ({ bytes, answer, at }) => {
    const verdict = judge(machine, bytes, corpusConditions, new Map());
    if (!verdict.ok) throw new Error(verdict.told);
    expect([verdict.answer.name, placeOf(verdict.answer)]).toEqual([answer, at]);
  });

  it('is answered by the host as by the bare machine', async () => {
    const host = await freshMachine();
    for (const { file, bytes } of corpus) {
      // What comes after the module are its names, for the host: it loads what is before them.
      const refused = loadBare(machine, stripNames(bytes));
      const result = host.load(bytes);
      const seen = result.ok ? 'loaded' : `${result.reason} at byte ${result.offset}`;
      const wanted = refused === 0 ? 'loaded' : `${refusalName(refused)} at byte ${machine.refusedAt()}`;
      expect(seen, file).toBe(wanted);
    }
    expect(corpus.filter(({ bytes }) => stripNames(bytes).length === bytes.length).length).toBeGreaterThan(
      200,
    );
  });

  it('has a line for every file, in its index, and a file for every line; none is large, or there twice', () => {
    expect(corpusFiles().sort()).toEqual(corpus.map(({ file }) => file).sort());
    for (const { file, bytes, why } of corpus) {
      expect(bytes.length, file).toBeLessThan(2_000);
      expect(why, file).not.toBe('');
    }
    const contents = corpus.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
    expect(new Set(contents).size).toBe(contents.length);
  });

  it('has every refusal that the machine tells, every trap, and a run that finishes', () => {
    const kinds = new Set(corpus.map(({ answer }) => answer.replace(/ at .*/, '')));
    const all = [
      ...Object.keys(refusals)
        .filter((name) => !byHost.includes(name))
        .map((name) => `refused ${name}`),
      ...Object.keys(traps).map((name) => `trapped ${name}`),
      'finished',
    ];
    expect(all.filter((name) => !kinds.has(name))).toEqual([]);
  });
});

describe('fuzzing', () => {
  let machine: BareMachine;
  beforeAll(async () => {
    machine = await bareMachine();
  });

  it('changes the same seed to the same module', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const [one, two] = [mutantOf(seed, corpus), mutantOf(seed, corpus)].map(({ bytes, steps }) => ({
        bytes,
        steps,
      }));
      expect(one).toEqual(two);
    }
  });

  it('finds no module that is answered otherwise than by the reference and the specification', () => {
    const tally: Tally = new Map();
    const found = fuzz(machine, corpus, mutants, tally);
    if (found !== undefined) {
      const { seed, steps, told, bytes } = found;
      throw new Error(`seed ${seed}, ${steps.join('; ')}: ${told}\n${Buffer.from(bytes).toString('hex')}`);
    }
    console.log(
      `fuzzing: ${mutants} mutants of ${bases.length + corpus.length} modules`,
      Object.fromEntries([...tally].sort(([one], [two]) => (one < two ? -1 : 1))),
    );
    // Each kind of answer is reached, and enough of the modules are good enough to run.
    for (const name of Object.keys(refusals))
      if (!byHost.includes(name)) expect(tally.get(`refused ${name}`), name).toBeGreaterThan(5);
    for (const name of Object.keys(traps)) expect(tally.get(`trap ${name}`), name).toBeGreaterThan(5);
    for (const name of ['finished', 'trapped']) expect(tally.get(name), name).toBeGreaterThan(1_000);
  });
});
