/** `ringmint rules check`, `cover` and `diff`: what they find, and what they refuse, with exit codes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enterFolder, type Folder, ringmint, type Said } from './session.ts';

let folder: Folder;
beforeAll(() => {
  folder = enterFolder();
});
afterAll(() => {
  folder.leave();
});

const module = (rules: string) => `module us.orders 1
  jurisdiction US
  layer national
  on issuance

control orders verdict

${rules}
given {
  tx.time: timestamp("2026-11-22T12:00:00Z"), tx.origin: "US", tx.destination: "US", tx.amount: usd("1.00"),
}
`;
const many = 'rule many control orders\n  HOLD when account.requests > 9\n';
const few = 'rule few control orders\n  FLAG when account.requests > 4\n';
const tests = `test "at the limit" { account.requests: 9 } => ALLOW
test "above" { account.requests: 10 } => HOLD many
`;

/** A folder with a rule set of one module. */
function writeSet(name: string, text: string, more = ''): string {
  mkdirSync(name, { recursive: true });
  writeFileSync(`${name}/orders.rules`, text);
  writeFileSync(`${name}/set.ruleset`, `ruleset ${name} 1\nmodule us.orders 1\n${more}`);
  return name;
}

const at = ['--at', '2026-11-22', '--json'];
const codesOf = (said: Said, onlyRefused = true): unknown[] =>
  (said.json()['findings'] as { code: string; refused: boolean }[])
    .filter(({ refused }) => refused || !onlyRefused)
    .map(({ code }) => code);

describe('ringmint rules check', () => {
  it('passes a set that is well tested and has no findings, as a folder and as a module', async () => {
    const set = writeSet('good', module(many) + tests);
    for (const path of [set, `${set}/orders.rules`, 'alone.rules']) {
      if (path === 'alone.rules') writeFileSync(path, module(many) + tests);
      const said = await ringmint(['rules', 'check', path, ...at]);
      expect([said.err, said.code]).toEqual(['', 0]);
      expect(said.json()).toMatchObject({ ok: true, tests: { run: 2, failed: [] }, findings: [] });
    }
  });

  it('refuses a conflict with both places, the transaction and what the machine decides', async () => {
    const set = writeSet('conflict', module(many + few) + tests.replace('=> ALLOW', '=> FLAG few'));
    const said = await ringmint(['rules', 'check', set, ...at]);
    expect(said.code).toBe(3);
    expect(said.json()).toMatchObject({ ok: false, code: 'rules_unfit' });
    const [found] = said.json()['findings'] as Record<string, unknown>[];
    expect(found).toMatchObject({
      code: 'conflict',
      name: 'conflict us.orders/few us.orders/many',
      places: [
        { file: 'orders.rules', line: 8 },
        { file: 'orders.rules', line: 10 },
      ],
      witnesses: [{ verdict: 'HOLD' }],
    });
    const shown = await ringmint(['rules', 'check', set, '--at', '2026-11-22']);
    expect(shown.out).toMatch(
      /^orders\.rules:8:1: conflict: .*\n {4}and orders\.rules:10:1\n {4}in US>US in/m,
    );
  });

  it('takes a finding that the set accepts, until the day on which it is over', async () => {
    const accept =
      'suppress conflict us.orders/many us.orders/few until 2026-12-01 because "both are wanted"\n';
    const text =
      module(many + few) +
      `${tests.replace('=> ALLOW', '=> FLAG few')}test "few" { account.requests: 4 } => ALLOW\n`;
    const set = writeSet('accepted', text, accept);
    const before = await ringmint(['rules', 'check', set, '--at', '2026-11-30', '--json']);
    expect(codesOf(before)).toEqual(codesOf(before).filter((code) => code !== 'conflict'));
    const after = await ringmint(['rules', 'check', set, '--at', '2026-12-01', '--json']);
    expect(codesOf(after)).toContain('conflict');
  });

  it('refuses a test that fails, and what no test shows', async () => {
    const set = writeSet('untested', `${module(many)}test "above" { account.requests: 10 } => DENY many\n`);
    const said = await ringmint(['rules', 'check', set, ...at]);
    expect(said.code).toBe(3);
    expect(said.json()).toMatchObject({ tests: { run: 1, failed: [{ title: 'above' }] } });
    expect(codesOf(said)).toEqual(['not_covered']);
  });

  it('refuses what the solver did not find out', async () => {
    const rule = 'rule many control orders\n  HOLD when account.requests * 3 == 3000000021\n';
    const set = writeSet('undecided', module(rule));
    const said = await ringmint(['rules', 'check', set, ...at, '--steps', '1']);
    expect(said.code).toBe(3);
    expect(codesOf(said)).toContain('undecided');
  });

  it('refuses faults of the text and options that are none with exit code 2', async () => {
    const set = writeSet('faulty', module('rule many control nothing\n  HOLD when true\n'));
    for (const path of [set, `${set}/orders.rules`]) {
      const said = await ringmint(['rules', 'check', path, ...at]);
      expect([said.json()['code'], said.code]).toEqual(['rules_malformed', 2]);
    }
    const good = writeSet('good', module(many) + tests);
    for (const words of [
      ['--at', '2026-13-01'],
      ['--at', 'tomorrow'],
      ['--steps', '0'],
      ['--question-seconds', '1.5'],
      ['--total-seconds', '-1'],
    ])
      expect((await ringmint(['rules', 'check', good, ...words])).code).toBe(2);
    expect((await ringmint(['rules', 'check', 'nowhere'])).code).toBe(2);
  });
});

describe('ringmint rules cover', () => {
  it('prints tests that make the coverage whole', async () => {
    const set = writeSet('bare', module(many));
    const said = await ringmint(['rules', 'cover', set, '--at', '2026-11-22']);
    expect(said.code).toBe(0);
    const [first] = said.out.split('\n');
    expect(first).toBe('orders.rules: 0 of 5 covered');
    const found = said.out
      .split('\n')
      .filter((line) => /^(test |\} =>| {2}\S+: .*,$)/.test(line) && !line.includes('not covered'));
    writeSet('bare', `${module(many)}${found.join('\n')}\n`);
    const again = await ringmint(['rules', 'cover', set, ...at]);
    expect(again.json()['modules']).toMatchObject([{ covered: 5, possible: 5, missing: [] }]);
  });
});

describe('ringmint rules diff', () => {
  it('tells the one transaction that the new set is laxer for, and refuses it where that is wanted', async () => {
    const before = writeSet('before', module(many) + tests);
    const after = writeSet('after', module(many.replace('> 9', '> 10')));
    const said = await ringmint(['rules', 'diff', before, after, ...at]);
    expect(said.code).toBe(0);
    const value = said.json();
    expect(value).toMatchObject({ laxer: 1, stricter: 0, undecided: 0 });
    expect(value['changes']).toMatchObject([
      { from: 'HOLD', to: 'ALLOW', before: { verdict: 'HOLD' }, after: { verdict: 'ALLOW' } },
    ]);
    const refused = await ringmint(['rules', 'diff', before, after, ...at, '--refuse-laxer']);
    expect([refused.json()['code'], refused.code]).toEqual(['rules_laxer', 3]);
    const other = await ringmint(['rules', 'diff', after, before, ...at, '--refuse-laxer']);
    expect(other.json()).toMatchObject({ ok: true, laxer: 0, stricter: 1 });
    const none = await ringmint(['rules', 'diff', before, before, '--at', '2026-11-22']);
    expect(none.out).toBe('both sets give the same verdict to every transaction\n');
  });
});
