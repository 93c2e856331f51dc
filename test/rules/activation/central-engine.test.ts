/** What runs the rules of a central management: chosen by its configuration, taken over with the next set, left to the interpreter for good after a difference. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenedCentralRules, openCentralRules } from '../../../src/appliance/central-rules.ts';
import {
  type CentralConfiguration,
  centralSchema,
  readConfiguration,
} from '../../../src/appliance/configuration.ts';
import { homeAt } from '../../../src/appliance/home.ts';
import { activateRules, readRules, stageRules } from '../../../src/appliance/rule-activation.ts';
import { readRuleTranslator } from '../../../src/appliance/rule-translator.ts';
import { fixedClock } from '../../../src/kit/clock.ts';
import type { Translate } from '../../../src/rules/engine.ts';
import { makeNodeVerifySignature } from '../../../src/verifier/signature-node.ts';
import { keys } from '../../records/samples.ts';
import { issuanceFacts } from '../engine/sizes.ts';
import { bundleOf, flagging, makeRuleHome, type RuleHome, setOf } from './rule-home.ts';

const clock = fixedClock(Date.parse('2026-11-22T12:00:00Z'));

describe('what runs the rules of central management', () => {
  let home: RuleHome;
  let opened: OpenedCentralRules | undefined;
  let said: string[];
  beforeEach(() => {
    home = makeRuleHome();
    said = [];
  });
  afterEach(async () => {
    await close();
    home.remove();
  });

  async function close(): Promise<void> {
    await opened?.close();
    opened = undefined;
  }

  async function open(
    rules?: CentralConfiguration['rules'],
    change: { translate?: Translate; release?: string } = {},
  ): Promise<OpenedCentralRules> {
    await close();
    const path = join(home.path, 'central/config.json');
    const { rules: _, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as CentralConfiguration;
    const configuration = rules === undefined ? rest : { ...rest, rules };
    writeFileSync(path, JSON.stringify(configuration));
    const translator = await readRuleTranslator();
    const { translate = translator.translate, release = '1' } = change;
    opened = await openCentralRules({
      home: homeAt(home.path),
      bundle: home.bundle,
      verifySignature: makeNodeVerifySignature(),
      release,
      configuration,
      translator: { ...translator, translate },
      report: (line) => said.push(line),
    });
    return opened;
  }

  const decide = (requests = 0) =>
    opened?.rules
      .inForce()
      .decide(issuanceFacts({ 'tx.origin': 'EU', 'tx.destination': 'EU', 'account.requests': requests }));
  const figure = (name: string): string | undefined =>
    opened
      ?.figures()
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1);
  const engineOf = async () => (await readRules(home.path)).engine;

  it('is translations where nothing is said, from the first decision on, and gives the same traces as the interpreter', async () => {
    await open();
    const translated = decide();
    expect(figure('ringmint_rules_engine{engine="translated"}')).toBe('1');
    expect(figure('ringmint_rules_runs_total{engine="translated"}')).toBe('1');
    expect(figure('ringmint_rules_runs_total{engine="interpreter"}')).toBe('0');
    expect(figure('ringmint_rules_compared_total')).toBe('1');
    expect(await engineOf()).toMatchObject({
      chosen: 'translated',
      inUse: 'translated',
      compareEvery: 100,
      difference: null,
      untranslated: [],
    });
    await open({ engine: 'interpreter', compareEvery: 100 });
    expect(decide()).toEqual(translated);
    expect(figure('ringmint_rules_runs_total{engine="interpreter"}')).toBe('1');
    expect(figure('ringmint_rules_programs_total{outcome="translated"}')).toBe('0');
    expect(await engineOf()).toMatchObject({ inUse: 'interpreter' });
    await open({ engine: 'both', compareEvery: 100 });
    expect(decide()).toEqual(translated);
    expect(decide()).toEqual(translated);
    expect(figure('ringmint_rules_compared_total')).toBe('2');
  });

  it('takes over the next set with its translation, without a restart', async () => {
    await open();
    expect(decide(9)?.verdict).toBe('ALLOW');
    const staged = await stageRules(home.path, bundleOf(setOf('demo', 1, flagging(1, '3')), keys.central));
    expect(staged).toMatchObject({ ok: true, value: { untranslated: null } });
    await activateRules(home.path, clock);
    await expect.poll(() => opened?.rules.inForce().ruleSet.version, { timeout: 10_000 }).toBe(4);
    expect(decide(9)).toMatchObject({ verdict: 'FLAG', reasons: ['demo.flags/often'] });
    expect(figure('ringmint_rules_runs_total{engine="interpreter"}')).toBe('0');
    expect(figure('ringmint_rules_programs_total{outcome="translated"}')).toBe('2');
  });

  it('is the interpreter for a program that is not translated, and says so', async () => {
    const refused = { ok: false, code: 'translation_unproven', message: 'no proof' } as const;
    await open(undefined, { translate: () => Promise.resolve(refused) });
    expect(decide()?.verdict).toBe('ALLOW');
    expect(figure('ringmint_rules_programs_total{outcome="refused"}')).toBe('1');
    expect(said.join('\n')).toContain('no proof [translation_unproven]');
    await close();
    expect(await engineOf()).toMatchObject({ inUse: 'translated', untranslated: [{ message: 'no proof' }] });
  });

  it('is the interpreter for good after a difference, until another release or its file is put aside', async () => {
    const { translate } = await readRuleTranslator();
    /** Of a run that is compared the fuel is another. */
    const wrong: Translate = async (module) => {
      const made = await translate(module);
      if (!made.ok) return made;
      const { value } = made;
      return {
        ok: true,
        value: {
          ...value,
          run(options) {
            const ran = value.run(options);
            return ran.ok ? { ...ran, fuelUsed: ran.fuelUsed + 1n } : ran;
          },
        },
      };
    };
    await open({ engine: 'translated', compareEvery: 7 }, { translate: wrong });
    expect(decide()).toMatchObject({ verdict: 'HOLD', reasons: ['engines_differ'], fuel: 0n });
    const after = decide();
    expect(after?.verdict).toBe('ALLOW');
    expect(figure('ringmint_rules_engine_differs')).toBe('1');
    expect(figure('ringmint_rules_engine{engine="interpreter"}')).toBe('1');
    expect(said.join('\n')).toContain('REFUSED a decision');
    await close();
    expect(await engineOf()).toMatchObject({
      chosen: 'translated',
      inUse: 'interpreter',
      difference: { what: 'fuel' },
    });
    // After a restart, too, though it is translated well now.
    await open({ engine: 'translated', compareEvery: 7 });
    expect(decide()).toEqual(after);
    expect(figure('ringmint_rules_runs_total{engine="interpreter"}')).toBe('1');
    expect(figure('ringmint_rules_engine_differs')).toBe('1');
    await open(undefined, { release: '2' });
    expect(figure('ringmint_rules_engine{engine="translated"}')).toBe('1');
    expect(await engineOf()).toMatchObject({ inUse: 'translated', difference: null });
  });

  it('is the interpreter where its file cannot be read, and translations where it was put aside', async () => {
    const path = join(home.path, 'central/rules/engine.json');
    await open();
    await close();
    writeFileSync(path, readFileSync(path).subarray(0, 20));
    await open();
    expect(decide()?.verdict).toBe('ALLOW');
    expect(figure('ringmint_rules_engine{engine="interpreter"}')).toBe('1');
    expect(said.join('\n')).toContain('decides by the interpreter');
    await close();
    rmSync(path);
    await open();
    expect(figure('ringmint_rules_engine{engine="translated"}')).toBe('1');
    expect(existsSync(path)).toBe(true);
  });

  it('is one of three, and compared once in some whole number of decisions', async () => {
    const path = join(home.path, 'central/config.json');
    const configuration = JSON.parse(readFileSync(path, 'utf8')) as CentralConfiguration;
    for (const rules of [
      { engine: 'fast', compareEvery: 1 },
      { engine: 'both', compareEvery: 0 },
      { engine: 'both', compareEvery: 1.5 },
      { engine: 'both' },
    ]) {
      writeFileSync(path, JSON.stringify({ ...configuration, rules }));
      await expect(readConfiguration(path, centralSchema)).rejects.toThrow('/rules');
    }
    writeFileSync(path, JSON.stringify({ ...configuration, rules: { engine: 'both', compareEvery: 1 } }));
    await readConfiguration(path, centralSchema);
  });
});
