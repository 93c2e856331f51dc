/** `ringmint rules test`, `explain` and `why`: what they say, and what they refuse, each with code and exit code. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enterFolder, type Folder, ringmint } from './session.ts';

let folder: Folder;

beforeAll(() => {
  folder = enterFolder();
  mkdirSync('alone');
  const text = readFileSync('samples/rules/us-payments.rules', 'utf8');
  copyFileSync('samples/rules/us-sanctions.list', 'alone/us-sanctions.list');
  writeFileSync(
    'alone/us.rules',
    text.replace(/(test "below what has to travel" \{[^}]*\}) => ALLOW/, '$1 => DENY travel'),
  );
  mkdirSync('faulty');
  writeFileSync(
    'faulty/a.rules',
    'module a 1\n  jurisdiction US\n  layer national\n  on transfer\nrule r control c\n',
  );
});

afterAll(() => {
  folder.leave();
});

describe('ringmint rules test', () => {
  it('holds the tests of the modules in samples/rules, all of them and of one module', async () => {
    const all = await ringmint(['rules', 'test', 'samples/rules', '--json']);
    expect(all.code).toBe(0);
    const { modules } = all.json() as { modules: { module: string; tests: number; failed: number }[] };
    expect(modules.length).toBeGreaterThan(10);
    expect(modules.every(({ tests, failed }) => tests > 0 && failed === 0)).toBe(true);
    const one = await ringmint(['rules', 'test', 'samples/rules/jp-sg-agreement.rules']);
    expect([one.code, one.out]).toEqual([
      0,
      expect.stringMatching(/^jp_sg\.agreement: (\d+) of \1 tests\n\1 tests hold\n$/),
    ]);
  });

  it('tells of a test that fails where it is, what came instead, and why; in a folder that no set names', async () => {
    const said = await ringmint(['rules', 'test', 'alone']);
    expect(said.code).toBe(3);
    expect(said.out).toContain('expected DENY travel, got ALLOW');
    expect(said.out).toMatch(/us\.rules:\d+:1: "below what has to travel"/);
    expect(said.out).toContain('dollars >= travel_from: false (2999.99 USD >= 3000.00 USD)');
    expect(said.err).toContain('[rule_test_failed]');
  });

  it('refuses modules with faults, and what is not there', async () => {
    expect(await ringmint(['rules', 'test', 'faulty'])).toMatchObject({ code: 2 });
    expect((await ringmint(['rules', 'test', 'faulty'])).err).toContain('[rules_malformed]');
    expect(await ringmint(['rules', 'test', 'nowhere'])).toMatchObject({ code: 2 });
    expect(await ringmint(['rules', 'test', 'nowhere.rules'])).toMatchObject({ code: 2 });
  });
});

describe('ringmint rules explain', () => {
  const facts = ['rules', 'explain', '--set', 'samples/rules', '--facts', 'samples/rules/facts.jsonl'];

  it('tells which rules fired, by which clauses and which law', async () => {
    const said = await ringmint([...facts, '--id', 'us-at-travel-rule']);
    expect(said.code).toBe(0);
    expect(said.out).toContain('travel: DENY: tx.ivms_digest is missing');
    expect(said.out).toContain('law: 31 CFR 1010.410(f)(1)');
    expect(said.out).toContain('dollars >= travel_from: true (3000.00 USD >= 3000.00 USD)');
  });

  it('keeps a secret from the public, and tells it whom its country has cleared', async () => {
    const open = await ringmint([...facts, '--id', 'on-the-list']);
    expect(open.out).toMatch(/^DENY\n/);
    expect(open.out).toContain('sanctions: kept from this reader  (secret of US)');
    expect(open.out).not.toContain('tx.counterparty_key in list.sdn');
    const cleared = await ringmint([...facts, '--id', 'on-the-list', '--cleared-for', 'US']);
    expect(cleared.out).toContain('DENY by us.payments/sanctions');
    expect(cleared.out).toContain('tx.counterparty_key in list.sdn: true');
    const other = await ringmint([...facts, '--id', 'on-the-list', '--cleared-for', 'EU']);
    expect(other.out).not.toContain('tx.counterparty_key in list.sdn');
  });

  it('answers what applies to 12,000 dollars from the United States to France', async () => {
    const question = [
      '--amount',
      '12000',
      '--currency',
      'USD',
      '--from',
      'US',
      '--to',
      'FR',
      '--at',
      '2026-11-22T12:00:00Z',
    ];
    const said = await ringmint(['rules', 'explain', '--set', 'samples/rules', ...question]);
    expect(said.code).toBe(0);
    expect(said.out).toContain('12000.00 USD from US to FR: rules of ');
    expect(said.out).toContain('travel: DENY: tx.ivms_digest is missing');
    expect(said.out).toContain('sanctions: depends on tx.originator_key, tx.counterparty_key');
    expect(said.out).toContain('what would have to go with it: tx.ivms_digest');
    const json = (
      await ringmint(['rules', 'explain', '--set', 'samples/rules', ...question, '--json'])
    ).json();
    expect(json).toMatchObject({ ok: true, verdict: 'DENY', set: { name: 'example' } });
    const { rules } = json as { rules: { rule: string; law: string; depends_on: string[] }[] };
    expect(rules.find(({ rule }) => rule === 'us.payments/currency_report')?.depends_on).toEqual([
      'spent(day)',
    ]);
    const below = await ringmint([
      'rules',
      'explain',
      '--set',
      'samples/rules',
      ...question,
      '--amount',
      '2999.99',
    ]);
    expect(below.out).not.toContain('travel: DENY');
  });

  it('refuses half a question, a fact that is none, an id that is not there', async () => {
    const set = ['rules', 'explain', '--set', 'samples/rules'];
    expect(await ringmint([...set, '--amount', '1'])).toMatchObject({ code: 2 });
    const whole = [...set, '--amount', '1', '--currency', 'USD', '--from', 'US', '--to', 'FR'];
    expect(await ringmint([...whole, '--fact', 'tier'])).toMatchObject({ code: 2 });
    expect((await ringmint([...whole, '--fact', 'tx.nothing=1'])).err).toContain('tx.nothing');
    expect((await ringmint([...facts, '--id', 'nobody'])).err).toContain('`nobody`');
    expect(await ringmint([...whole, '--set', 'nowhere'])).toMatchObject({ code: 2 });
  });
});

describe('ringmint rules why', () => {
  it('tells what a rule looks at, what may beat it, and whose secret it is by which way', async () => {
    const said = await ringmint([
      'rules',
      'why',
      'us.payments/sanctions',
      'sg.payments/identity',
      '--set',
      'samples/rules',
    ]);
    expect(said.code).toBe(0);
    expect(said.out).toContain('meets the rules of US (strict) about party');
    expect(said.out).toMatch(/list\.sdn \(\d+:\d+\), C4 and the category of US, by when/);
    expect(said.out).toContain('jp_sg.agreement/small_to_japan, as an exception to it');
    const json = (
      await ringmint(['rules', 'why', 'issuer_ceiling', '--set', 'samples/rules', '--json'])
    ).json();
    expect(json).toMatchObject({
      rules: [{ rule: 'policy.issuance/issuer_ceiling', owners: ['issuer'], firedIsKeptBy: [] }],
    });
  });

  it('refuses a rule that is not there, and one that several modules have, and tells which there are', async () => {
    const none = await ringmint(['rules', 'why', 'nothing', '--set', 'samples/rules']);
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('is no rule of the set')]);
    const several = await ringmint(['rules', 'why', 'information', '--set', 'samples/rules']);
    expect([several.code, several.err]).toEqual([2, expect.stringContaining('is a rule of several modules')]);
  });
});
