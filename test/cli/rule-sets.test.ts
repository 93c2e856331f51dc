/** `ringmint rules build`, `sign`, `show` and `replay`: what they say, and what they refuse, each with code and exit code. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enterFolder, type Folder, ringmint } from './session.ts';

let folder: Folder;
const jp = 'rules/jp-sg-agreement.rules';

/** Of a set's text in `rules/`, changed; gives what was there, to put it back. */
function editSet(change: (text: string) => string): string {
  const text = readFileSync('rules/example.ruleset', 'utf8');
  writeFileSync('rules/example.ruleset', change(text));
  return text;
}

const build = (...words: string[]) =>
  ringmint(['rules', 'build', 'rules', '--out', 'one.rulebundle', '--json', ...words]);
const show = (...words: string[]) => ringmint(['rules', 'show', '--json', ...words]);

beforeAll(async () => {
  folder = enterFolder();
  cpSync('samples/rules', 'rules', { recursive: true });
  // The set comes signed: here it is signed anew, by keys of this test.
  for (const file of readdirSync('rules').filter((name) => name.endsWith('.sig'))) rmSync(`rules/${file}`);
  editSet((text) => text.replaceAll(/^key .*\n/gm, ''));
  for (const name of ['jp', 'sg', 'publisher', 'stranger'])
    expect((await ringmint(['owner', 'create', '--out', `${name}.pem`])).code).toBe(0);
});

afterAll(() => {
  folder.leave();
});

describe('ringmint rules sign and build', () => {
  it('refuses a set whose exception between modules nobody has signed, by name', async () => {
    const refused = await build();
    expect(refused.code).toBe(4);
    expect(refused.json()).toMatchObject({
      ok: false,
      code: 'rule_key_missing',
      unsigned: [{ code: 'rule_key_missing' }, { code: 'rule_key_missing' }],
    });
  });

  it('signs a module as its jurisdictions, and gives the line that the set has to have', async () => {
    const lines: string[] = [];
    for (const code of ['JP', 'SG']) {
      const signed = await ringmint([
        'rules',
        'sign',
        jp,
        '--as',
        code,
        '--key',
        `${code.toLowerCase()}.pem`,
        '--json',
      ]);
      expect(signed.code).toBe(0);
      const { file, point } = signed.json();
      expect(file).toBe(`${jp}.${code}.sig`);
      lines.push(`key ${code} = ${String(point)}\n`);
    }
    editSet((text) => text + lines.join(''));
    // Their own modules are signed, too, where the set has keys of them.
    expect((await build()).json()).toMatchObject({ code: 'rule_signature_missing' });
    for (const [module, code] of [
      ['jp-payments', 'JP'],
      ['sg-payments', 'SG'],
    ] as const)
      expect(
        (
          await ringmint([
            'rules',
            'sign',
            `rules/${module}.rules`,
            '--as',
            code,
            '--key',
            `${code.toLowerCase()}.pem`,
          ])
        ).code,
      ).toBe(0);
  });

  it('writes the same bytes each time, readable by the owner only, and says that secret lists are in them', async () => {
    const built = await build();
    expect([built.err, built.code]).toEqual(['', 0]);
    const bytes = readFileSync('one.rulebundle');
    expect(statSync('one.rulebundle').mode & 0o777).toBe(0o600);
    await build();
    expect(readFileSync('one.rulebundle').equals(bytes)).toBe(true);
    expect(built.json()['secret_lists']).not.toEqual([]);
    expect((await build('--no-secret-lists')).json()['secret_lists']).toEqual([]);
    expect(readFileSync('one.rulebundle').length).toBeLessThan(bytes.length);
    const lacking = await show('one.rulebundle');
    expect([lacking.code, lacking.json()['code']]).toEqual([2, 'rule_list_missing']);
    const lists = ['us-sanctions', 'eu-restrictive-measures'].flatMap((name) => [
      '--list',
      `rules/${name}.list`,
    ]);
    expect((await show('one.rulebundle', ...lists)).code).toBe(0);
    await build();
  });

  it('has a bundle signed by its publisher, and shows it to whoever trusts that one', async () => {
    const signed = await ringmint(['rules', 'sign', 'one.rulebundle', '--key', 'publisher.pem', '--json']);
    expect(signed.code).toBe(0);
    writeFileSync('publisher.pub', String(signed.json()['point']));
    const other = await ringmint([
      'rules',
      'sign',
      jp,
      '--as',
      'FR',
      '--key',
      'stranger.pem',
      '--out',
      'other.sig',
      '--json',
    ]);
    writeFileSync('stranger.pub', String(other.json()['point']));
    const shown = await show('one.rulebundle', '--key', 'publisher.pub');
    expect(shown.code).toBe(0);
    expect(shown.json()).toMatchObject({
      name: 'example',
      version: '1',
      published_by: signed.json()['key_id'],
      unsigned: [],
    });
    const strange = await show('one.rulebundle', '--key', 'stranger.pub');
    expect([strange.code, strange.json()['code']]).toEqual([4, 'rule_key_unknown']);
    expect((await show('rules', '--key', 'publisher.pub')).json()['code']).toBe('rule_publisher_missing');
  });

  it('refuses what is no module and no bundle, a module without a jurisdiction, and a module with faults', async () => {
    const sign = async (...words: string[]) => {
      const refused = await ringmint(['rules', 'sign', '--key', 'jp.pem', '--json', ...words]);
      return [refused.code, refused.json()['code']];
    };
    writeFileSync('bad.rules', 'module bad 1\n');
    writeFileSync('bad.rulebundle', 'bad');
    expect(await sign('rules/example.ruleset')).toEqual([2, 'usage']);
    expect(await sign(jp)).toEqual([2, 'usage']);
    expect(await sign(jp, '--as', 'jp')).toEqual([2, 'usage']);
    expect(await sign('one.rulebundle', '--as', 'JP')).toEqual([2, 'usage']);
    expect(await sign('bad.rules', '--as', 'JP')).toEqual([2, 'rules_malformed']);
    expect(await sign('bad.rulebundle')).toEqual([2, 'rule_bundle_malformed']);
    expect(await sign('none.rules', '--as', 'JP')).toEqual([2, 'file_unreadable']);
  });

  it('builds nothing of modules whose tests fail, and says which', async () => {
    const path = 'rules/us-payments.rules';
    const before = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      before.replace('{ tx.amount: usd("2999.99") } => ALLOW', '{ tx.amount: usd("2999.99") } => HOLD'),
    );
    const refused = await build();
    expect([refused.code, refused.json()]).toMatchObject([
      3,
      { code: 'rule_test_failed', failed: [{ module: 'us.payments', title: 'below what has to travel' }] },
    ]);
    writeFileSync(path, before);
  });

  it('tells of all faults of a folder, with files and places, and of a folder without a set', async () => {
    const before = editSet((text) =>
      text.replace('module us.payments 1', 'module us.payments 2\nset us.payments/none = 5'),
    );
    const refused = await build();
    expect(refused.code).toBe(2);
    expect(refused.json()).toMatchObject({
      code: 'rules_malformed',
      faults: [
        { code: 'module_missing', file: 'example.ruleset', line: expect.any(Number) as number, other: null },
      ],
    });
    const told = await ringmint(['rules', 'build', 'rules']);
    expect(told.out).toMatch(/^example\.ruleset:\d+:\d+: module_missing: /);
    writeFileSync('rules/example.ruleset', before);
    expect((await ringmint(['rules', 'build', 'samples', '--json'])).json()).toMatchObject({
      faults: [{ code: 'ruleset_missing' }],
    });
    expect((await ringmint(['rules', 'build', 'nowhere'])).code).toBe(2);
  });
});

describe('ringmint rules replay', () => {
  const replay = (...words: string[]) =>
    ringmint([
      'rules',
      'replay',
      '--live',
      'one.rulebundle',
      '--candidate',
      'candidate',
      '--facts',
      'samples/rules/facts.jsonl',
      ...words,
    ]);

  beforeAll(() => {
    cpSync('rules', 'candidate', { recursive: true });
    const text = readFileSync('candidate/example.ruleset', 'utf8');
    writeFileSync('candidate/example.ruleset', text.replace('eur("1000.00")', 'eur("600.00")'));
  });

  it('counts what changes, with examples that both sets explain', async () => {
    const told = await replay('--check', '--json');
    expect(told.code).toBe(0);
    const report = told.json() as Record<string, unknown[]>;
    const lines = readFileSync('samples/rules/facts.jsonl', 'utf8').trim().split('\n').length;
    expect(report).toMatchObject({ decisions: lines, checked: 2 * lines, disagreements: 0 });
    expect(report['rules']).toContainEqual({
      rule: 'policy.wallets/full',
      gained: expect.any(Number) as number,
      lost: 0,
    });
    expect(report['examples']?.[0]).toMatchObject({
      kind: 'newly_denied',
      change: { candidate: 'denied' },
      candidate: { verdict: 'DENY' },
    });
    const text = await replay();
    expect(text.out).toContain('newly denied');
    expect(text.out).toContain('policy.wallets/full');
  });

  it('is what `diff` tells of recorded facts', async () => {
    const told = await ringmint([
      ...['rules', 'diff', 'one.rulebundle', 'candidate', '--facts', 'samples/rules/facts.jsonl', '--json'],
    ]);
    expect(told.json()).toEqual((await replay('--json')).json());
  });

  it('goes on where an earlier run ended, and reads standard input', async () => {
    const count = async (...words: string[]) =>
      Number((await replay('--json', ...words)).json()['decisions']);
    const whole = await count();
    expect([
      await count('--limit', '5'),
      await count('--skip', '5'),
      await count('--skip', '5', '--limit', '2'),
    ]).toEqual([5, whole - 5, 2]);
    const stdin = readFileSync('samples/rules/facts.jsonl');
    const piped = await ringmint(
      ['rules', 'replay', '--live', 'rules', '--candidate', 'rules', '--facts', '-', '--json'],
      { stdin },
    );
    expect(piped.json()).toMatchObject({ decisions: whole, unchanged: whole });
  });

  it('refuses a line that is no facts, by its number and field, and what it cannot read', async () => {
    const [first = ''] = readFileSync('samples/rules/facts.jsonl', 'utf8').split('\n');
    writeFileSync('bad.jsonl', `${first}\n\n${first.replace('tx.origin', 'tx.orign')}\n`);
    const bad = await replay('--facts', 'bad.jsonl', '--json');
    expect([bad.code, bad.json()]).toMatchObject([
      2,
      { code: 'facts_field_unknown', field: 'tx.orign', line: 3 },
    ]);
    writeFileSync('endless.jsonl', 'x'.repeat(3 * 1024 * 1024));
    expect((await replay('--facts', 'endless.jsonl', '--json')).json()).toMatchObject({ code: 'too_large' });
    expect((await replay('--facts', 'none.jsonl')).code).toBe(2);
    expect((await replay('--examples', 'many')).code).toBe(2);
    expect((await replay('--candidate', 'samples')).code).toBe(2);
  });
});
