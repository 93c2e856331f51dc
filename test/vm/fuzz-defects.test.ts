/** Builds the machine with one check of its loader left out at a time: the kept corpus must tell every one, or it proves nothing. */
import { describe, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { buildMachine, sources } from './defective-machine.ts';
import { corpusConditions, readCorpus } from './fuzzing/corpus.ts';
import { fuzz } from './fuzzing/fuzzer.ts';
import { loaderDefects } from './fuzzing/loader-defects.ts';
import { judge } from './fuzzing/oracle.ts';
import { bareMachine } from './machine.ts';

const corpus = readCorpus();

describe('defects of the loader', () => {
  it('are each a change of one place, and the machine built without one shows nothing', async () => {
    expect(loaderDefects.length).toBeGreaterThan(60);
    expect(new Set(loaderDefects.map(({ name }) => name)).size).toBe(loaderDefects.length);
    for (const { name, file, from } of loaderDefects)
      expect(sources.get(file)?.split(from).length, name).toBe(2);
    const machine = await bareMachine(await buildMachine());
    for (const { file, bytes } of corpus)
      expect(judge(machine, bytes, corpusConditions, new Map()), file).toMatchObject({ ok: true });
    expect(fuzz(machine, corpus, 1_000, new Map())).toBeUndefined();
  });

  it.each(loaderDefects)('the corpus tells the loader in which $name', async (defect) => {
    const machine = await bareMachine(await buildMachine(defect));
    const told = corpus.filter(({ bytes }) => !judge(machine, bytes, corpusConditions, new Map()).ok);
    expect(told.map(({ file }) => file)).not.toEqual([]);
    // The longer way: mutants alone find it too.
    if (nightly) expect(fuzz(machine, corpus, 500_000, new Map())).toBeDefined();
  });
});
