/** Interpreter and translation: the same decisions, compared as the engine is told to; and what becomes of a translation that is another program. */
import { describe, expect, it } from 'vitest';
import { compileCorridor } from '../../../src/rules/compiler/compile.ts';
import { corridorOf } from '../../../src/rules/facts.ts';
import { openRules } from '../../../src/rules/rules.ts';
import { checkTranslation } from '../../../vm/translator/checker.ts';
import { nightly } from '../../nightly.ts';
import { freshMachine, translatorRuntime as runtime } from '../../vm/machine.ts';
import { setOf } from '../activation/rule-home.ts';
import { casesOf, caseText, decisionText } from '../generation/cases.ts';
import { corridor, few, laxer, many, set } from './sizes.ts';
import { makeEngine, translateAltered } from './translator.ts';

const sets = nightly ? 400 : 8;

describe('translated rules', () => {
  it(`decide as the interpreter does, to the trace, seeds 0 to ${sets - 1}`, {
    timeout: 3_600_000,
  }, async () => {
    let compared = 0;
    for (let seed = 0; seed < sets; seed++) {
      const [first, ...rest] = casesOf(seed, 30);
      if (first === undefined) throw new Error('a set has cases');
      const engine = makeEngine({ choice: 'both' });
      const interpreted = await openRules(first.set, freshMachine);
      const translated = await openRules(first.set, freshMachine, { engine });
      for (const one of [first, ...rest]) {
        const between = corridorOf(one.facts);
        if (between !== undefined) await translated.prepare(between);
        const got = translated.decide(one.facts, one.reader);
        const wanted = interpreted.decide(one.facts, one.reader);
        const texts = [got, wanted].map(
          (decision) =>
            `${decisionText(decision)}\n${decision.code} ${decision.fuelUsed} ${Buffer.from(decision.traceHash).toString('hex')} ${Buffer.from(decision.program ?? []).toString('hex')}`,
        );
        if (texts[0] !== texts[1]) expect(texts[0], caseText(one)).toBe(texts[1]);
      }
      expect(engine.events, `seed ${seed}`).toEqual([]);
      expect(engine.difference).toBeNull();
      compared += engine.figures.compared;
    }
    expect(compared).toBeGreaterThan(sets * 20);
  });

  it('are the interpreter where that is chosen, and nothing is translated', async () => {
    const engine = makeEngine({ choice: 'interpreter' });
    const rules = await openRules(set, freshMachine, { engine });
    await rules.prepare(corridor);
    expect(rules.decide(many).verdict).toBe('DENY');
    expect(engine.figures).toMatchObject({ translations: 0, translated: 0, interpreted: 1, compared: 0 });
  });

  it('compare the first decision of a program, and then one of so many', async () => {
    const engine = makeEngine({ compareEvery: 10 });
    const rules = await openRules(set, freshMachine, { engine });
    await rules.prepare(corridor);
    for (let at = 0; at < 31; at++) rules.decide(few);
    expect(engine.figures).toMatchObject({ translations: 1, translated: 31, interpreted: 0, compared: 4 });
  });

  it('are translated aside where nobody prepared them, and no decision waits', async () => {
    const engine = makeEngine();
    const rules = await openRules(set, freshMachine, { engine });
    for (let at = 0; at < 40; at++) expect(rules.decide(many).verdict).toBe('DENY');
    expect(engine.figures).toMatchObject({ translations: 0, interpreted: 40 });
    await rules.prepare(corridor);
    expect(rules.decide(many).verdict).toBe('DENY');
    expect(engine.figures).toMatchObject({ translations: 1, translated: 1, interpreted: 40 });
  });

  it('are left to the interpreter, and said to be, where a translation is refused or its translator throws', async () => {
    for (const translate of [
      () => Promise.resolve({ ok: false, code: 'translation_unproven', message: 'no' } as const),
      () => Promise.reject(new Error('no')),
    ]) {
      const engine = makeEngine({ translate });
      const rules = await openRules(set, freshMachine, { engine });
      await rules.prepare(corridor);
      expect(rules.decide(many).verdict).toBe('DENY');
      expect(engine.events).toMatchObject([{ kind: 'untranslated', message: 'no' }]);
      expect(engine.inUse).toBe('translated');
      expect(engine.figures).toMatchObject({ untranslated: 1, interpreted: 1 });
    }
  });
});

describe('a translation that was altered', () => {
  it('is found by the sample: that decision is HOLD, and the interpreter decides alone from then on', async () => {
    const translate = translateAltered(laxer);
    const engine = makeEngine({ translate, compareEvery: 3 });
    const rules = await openRules(set, freshMachine, { engine });
    await rules.prepare(corridor);
    // Compared, and the same; then not compared, and wrong.
    expect(rules.decide(few).verdict).toBe('ALLOW');
    expect(rules.decide(many).verdict).toBe('ALLOW');
    expect(rules.decide(few).verdict).toBe('ALLOW');
    const refused = rules.decide(many);
    expect([refused.verdict, refused.code, refused.fired]).toEqual(['HOLD', 'engines_differ', []]);
    expect(engine.difference).toMatchObject({ what: 'ports' });
    expect(engine.events).toHaveLength(1);
    expect(engine.inUse).toBe('interpreter');
    for (let at = 0; at < 5; at++) expect(rules.decide(many).verdict).toBe('DENY');
    expect(engine.figures).toMatchObject({ translated: 3, interpreted: 5 });
    // Nothing is translated any more, of whatever set.
    const others = await openRules(setOf('other', 1).set, freshMachine, { engine });
    await others.prepare(corridor);
    expect(engine.figures.translations).toBe(1);
  });

  it('is refused by the checker, so that it never decides', async () => {
    const translate = translateAltered(laxer);
    const compiled = compileCorridor(set, corridor);
    if (!compiled.ok) throw new Error('the set compiles');
    const source = compiled.compiled.program.bytes;
    await translate(source);
    const [translated] = translate.altered;
    if (translated === undefined) throw new Error('it was altered');
    expect(checkTranslation({ source, translated, runtime })).toMatchObject({ ok: false });
  });

  it('is found at once where every decision is made by both', async () => {
    const engine = makeEngine({ translate: translateAltered(laxer), choice: 'both' });
    const rules = await openRules(set, freshMachine, { engine });
    await rules.prepare(corridor);
    expect(rules.decide(few).verdict).toBe('ALLOW');
    expect(rules.decide(many).code).toBe('engines_differ');
  });

  it('decides nothing where it is stopped by the host', async () => {
    const engine = makeEngine({
      compareEvery: 1_000,
      translate: async (module) => {
        const { translate } = await import('./translator.ts');
        const made = await translate(module);
        if (!made.ok) return made;
        let runs = 0;
        return {
          ok: true,
          value: {
            ...made.value,
            run(options) {
              if (++runs > 2) throw new RangeError('Maximum call stack size exceeded');
              return made.value.run(options);
            },
          },
        };
      },
    });
    const rules = await openRules(set, freshMachine, { engine });
    await rules.prepare(corridor);
    expect(rules.decide(many).verdict).toBe('DENY');
    expect(rules.decide(many).code).toBe('engines_differ');
    expect(engine.difference).toMatchObject({ what: 'failed' });
    expect(rules.decide(many).verdict).toBe('DENY');
  });
});
