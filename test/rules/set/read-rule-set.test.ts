import { assert, constantFrom, property, shuffledSubarray, stringMatching, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256, toHex, utf8 } from '../../../src/kit/bytes.ts';
import { readRuleSet } from '../../../src/rules/set/read-rule-set.ts';
import { filesOf, type ModuleText, moduleText, readSet, readSource, setFiles } from './set-files.ts';

/** Code and place of each fault, and of the other place. */
const faultsOf = (files: ReadonlyMap<string, Uint8Array>): string[] =>
  readRuleSet(files).faults.map(
    ({ code, place, other }) =>
      `${code} ${place.source}:${place.line}${other === undefined ? '' : ` ${other.source}:${other.line}`}`,
  );
const of = (modules: readonly ModuleText[], more = ''): string[] => faultsOf(setFiles(modules, more));

const party = 'control party verdict\n';
const us: ModuleText = {
  name: 'us.pay',
  body: `${party}param most : money<USD> = usd("10.00") range usd("1.00") .. usd("20.00")
param fixed : int = 5
rule open derogable control party
  HOLD when tx.amount > most
rule closed control party
  HOLD when 1 > 0
rule act strict control party
  DENY when tx.origin == "KP"
`
    .replace('tx.amount > most', 'convert(tx.amount, USD, feed.ecb, UP) > most')
    .replace('param most', 'feed ecb of rates max_age 24h on_stale HOLD\nparam most'),
};

describe('a rule set from its files', () => {
  it('has its modules by name, unions, issuers, parameters, lists, keys and suppressions', () => {
    const list = utf8('# names\nbb\naa # again\n\naa\n');
    const point = `04${'ab'.repeat(64)}`;
    const source = readSource(
      setFiles(
        [
          us,
          {
            name: 'eu.names',
            jurisdiction: 'EU',
            layer: 'regional',
            body: `${party}list names of symbol sha256:${toHex(sha256(list))}
list own of symbol = ["z", "y"]
rule named control party
  DENY when tx.tier in list.names
`.replace('tx.tier in', 'tx.origin in'),
          },
        ],
        `union EU = FR DE
  AT FR
issuer XAF = FR
set us.pay/most = usd("5.00")
suppress overlap us.pay/open
  us.pay/closed until 2027-06-30 because "known"
key US = ${point}
`,
        { 'any-name.list': list },
      ),
    );
    const { set } = source;
    expect(set.modules.map(({ name }) => name)).toEqual(['eu.names', 'us.pay']);
    expect(set.unions).toEqual(new Map([['EU', ['AT', 'DE', 'FR']]]));
    expect([set.issuers.get('XAF'), set.issuers.get('XOF')]).toEqual(['FR', 'UEMOA']);
    expect(set.parameters).toEqual(new Map([['us.pay/most', 500n]]));
    expect(set.lists).toEqual(
      new Map([
        ['eu.names/names', ['aa', 'bb']],
        ['eu.names/own', ['y', 'z']],
      ]),
    );
    expect(source.suppressions).toEqual([
      { finding: 'overlap us.pay/open us.pay/closed', until: '2027-06-30', because: 'known' },
    ]);
    expect(source.keys.get('US')?.map((key) => toHex(key.point))).toEqual([point]);
  });

  it('has a hash of what it means: not of its version, its name, or the order of anything', () => {
    const text = (order: readonly string[], head: string): ReadonlyMap<string, Uint8Array> =>
      filesOf({
        'a.ruleset': `${head}\n${order.join('\n')}\n`,
        'us.rules': moduleText(us),
        'fr.rules': moduleText({ name: 'fr.pay', jurisdiction: 'FR' }),
      });
    const lines = [
      'module us.pay 1',
      'module fr.pay 1',
      'union EU = FR DE',
      'issuer XAF = FR',
      'set us.pay/most = usd("5.00")',
    ];
    const hash = toHex(readSet(text(lines, 'ruleset a 1')).hash);
    assert(
      property(
        shuffledSubarray(lines, { minLength: lines.length }),
        constantFrom('ruleset a 9', 'ruleset b 1'),
        (order, head) => {
          expect(toHex(readSet(text(order, head)).hash)).toBe(hash);
        },
      ),
      { seed: 31, numRuns: 30 },
    );
    const changed: [string, string][] = [
      ['union EU = FR DE', 'union EU = FR'],
      ['issuer XAF = FR', 'issuer XAF = CM'],
      ['set us.pay/most = usd("5.00")', 'set us.pay/most = usd("5.01")'],
      ['module fr.pay 1', ''],
    ];
    const hashes = changed.map(([from, to]) =>
      toHex(
        readSet(
          text(
            lines.map((line) => (line === from ? to : line)),
            'ruleset a 1',
          ),
        ).hash,
      ),
    );
    expect(new Set([hash, ...hashes]).size).toBe(5);
  });

  it('takes the module whose hash it names, and the issuance policy that comes with Ringmint', () => {
    const text = moduleText({ name: 'us.pay' });
    const other = moduleText({ name: 'us.pay', layer: 'issuer' });
    const files = (line: string) =>
      filesOf({
        'a.ruleset': `ruleset a 1\nmodule policy.issuance 1\n${line}\n`,
        'one.rules': text,
        'two.rules': other,
      });
    const hash = toHex(sha256(utf8(other)));
    const set = readSet(files(`module us.pay 1 sha256:${hash}`));
    expect(set.modules.map(({ name, layer }) => [name, layer])).toEqual([
      ['policy.issuance', 'issuer'],
      ['us.pay', 'issuer'],
    ]);
    expect(faultsOf(files('module us.pay 1'))).toEqual(['module_repeated a.ruleset:3']);
    expect(faultsOf(files(`module us.pay 1 sha256:${'0'.repeat(64)}`))).toEqual(['module_hash a.ruleset:3']);
    expect(faultsOf(files('module us.pay 2'))).toEqual(['module_missing a.ruleset:3']);
    expect(faultsOf(files('module us.pay 1\nmodule us.pay 1'))).toContain(
      'module_repeated a.ruleset:4 a.ruleset:3',
    );
  });

  it('tells of many faults at a time, each with file, line and column', () => {
    const { source, faults } = readRuleSet(
      filesOf({
        'a.ruleset':
          'ruleset a 1\nmodul us.pay 1\nunion EU =\nmodule fr.pay 1\nset fr.pay/x = 5\nset no.such/x = 5\nkey US = 04ab\n',
        'fr.rules':
          'module fr.pay 1\n  jurisdiction FR\n  layer national\n  on transfer\nrule a control none\n  HOLD when tx.amont > 5\n',
      }),
    );
    expect(source).toBeUndefined();
    expect(faults.map(({ code, place }) => [code, place.source, place.line])).toEqual(
      expect.arrayContaining([
        ['declaration_unknown', 'a.ruleset', 2],
        ['union_empty', 'a.ruleset', 3],
        ['parameter_unknown', 'a.ruleset', 6],
        ['key_malformed', 'a.ruleset', 7],
        ['unknown_name', 'fr.rules', 5],
      ]),
    );
    expect(faults.find(({ code }) => code === 'declaration_unknown')).toMatchObject({
      place: { column: 1 },
      message: '`modul`: did you mean `module`?',
    });
  });

  it('is refused without a set, with two, and where a file is no text', () => {
    expect(faultsOf(filesOf({ 'us.rules': '' }))).toEqual(['ruleset_missing :1']);
    expect(faultsOf(filesOf({ 'a.ruleset': '', 'b.ruleset': '' }))).toEqual(['ruleset_repeated a.ruleset:1']);
    expect(faultsOf(filesOf({ 'a.ruleset': Uint8Array.of(0xff) }))).toEqual(['not_text a.ruleset:1']);
    expect(faultsOf(filesOf({ 'a.ruleset': '' }))).toEqual(['ruleset_missing a.ruleset:1']);
    expect(faultsOf(filesOf({ 'a.ruleset': '\u{FEFF}ruleset a 1\n' }))[0]).toContain('a.ruleset:1');
  });

  it('never throws, whatever its text', () => {
    assert(
      property(
        tuple(
          constantFrom(
            'ruleset a 1',
            'union EU',
            'module us.pay',
            'set us.pay/most',
            'suppress x',
            'key US',
            'issuer',
          ),
          stringMatching(/^[ -~\n]{0,30}$/),
        ).map(([word, rest]) => `${word} ${rest}`),
        (line) => {
          const { source, faults } = readRuleSet(
            filesOf({ 'a.ruleset': `ruleset a 1\n${line}\n`, 'us.rules': moduleText(us) }),
          );
          expect(source === undefined).toBe(faults.length > 0);
        },
      ),
      { seed: 32, numRuns: 500 },
    );
  });
});

describe('values of parameters', () => {
  const set = (value: string, name = 'us.pay/most') => of([us], `set ${name} = ${value}\n`);
  it('are taken from the least to the most of their range, and not beyond', () => {
    expect(set('usd("1.00")')).toEqual([]);
    expect(set('usd("20.00")')).toEqual([]);
    expect(set('usd("0.99")')).toEqual(['parameter_out_of_range demo.ruleset:3 us.pay.rules:7']);
    expect(set('usd("20.01")')).toEqual(['parameter_out_of_range demo.ruleset:3 us.pay.rules:7']);
  });
  it('are refused of another type, of a parameter without range, and where they are no constants', () => {
    expect(set('eur("5.00")')).toEqual(['type_mismatch demo.ruleset:3 us.pay.rules:7']);
    expect(set('5')).toEqual(['type_mismatch demo.ruleset:3 us.pay.rules:7']);
    expect(set('5', 'us.pay/fixed')).toEqual(['parameter_fixed demo.ruleset:3 us.pay.rules:8']);
    expect(set('usd("5.00") + usd("1.00")')).toEqual(['bad_constant demo.ruleset:3 us.pay.rules:7']);
    expect(set('usd("5.000")')).toEqual(['bad_constant demo.ruleset:3 us.pay.rules:7']);
    expect(of([us], 'set us.pay/most = usd("5.00")\nset us.pay/most = usd("6.00")\n')).toEqual([
      'parameter_repeated demo.ruleset:4 demo.ruleset:3',
    ]);
  });
});

describe('lists', () => {
  const module = (of: string, bytes: Uint8Array): ModuleText => ({
    name: 'us.names',
    body: `list names of ${of} sha256:${toHex(sha256(bytes))}\n`,
  });
  const withList = (of: string, text: string) => {
    const bytes = utf8(text);
    return faultsOf(setFiles([module(of, bytes)], '', { 'names.list': bytes }));
  };
  it('are of symbols or of keys, with comments and blank lines', () => {
    expect(withList('symbol', '12345678\n  a \r\n# b\n\n')).toEqual([]);
    expect(withList('key', `${'0a'.repeat(32)}\n${'0A'.repeat(32)} # same`)).toEqual([]);
  });
  it('are refused by the line', () => {
    expect(withList('symbol', 'a\n123456789\n')).toEqual(['list_malformed names.list:2']);
    expect(withList('symbol', 'a\né\n')).toEqual(['list_malformed names.list:2']);
    expect(withList('key', `\n${'0a'.repeat(31)}\n`)).toEqual(['list_malformed names.list:2']);
    expect(faultsOf(setFiles([module('symbol', utf8('a'))], '', { 'names.list': 'b' }))).toEqual([
      'list_missing us.names.rules:5',
    ]);
  });
});

describe('rules between modules', () => {
  const other = (body: string, more: Partial<ModuleText> = {}): ModuleText => ({
    name: 'us.more',
    body: `${party}${body}`,
    ...more,
  });
  const exception = (to: string, more: Partial<ModuleText> = {}, control = 'party') =>
    of([
      us,
      other(
        `control other verdict\nrule out control ${control} exception to us.pay/${to}\n  ALLOW when tx.origin == "FR"\n`,
        more,
      ),
    ]);

  it('take an exception to a rule that is derogable, from its layer or one above', () => {
    expect(exception('open')).toEqual([]);
    expect(exception('open', { layer: 'regional', jurisdiction: 'FR' })).toEqual([]);
  });
  it('refuse any other exception, with both places', () => {
    expect(exception('closed')).toEqual(['exception_not_derogable us.more.rules:7 us.pay.rules:11']);
    expect(exception('act')).toEqual(['exception_strict us.more.rules:7 us.pay.rules:13']);
    expect(exception('open', { layer: 'issuer' })).toEqual([
      'exception_layer us.more.rules:7 us.pay.rules:9',
    ]);
    expect(exception('open', {}, 'other')).toEqual(['exception_control us.more.rules:7 us.pay.rules:9']);
    expect(exception('none')).toEqual(['exception_unknown us.more.rules:7']);
  });
  it('refuse exceptions in a ring', () => {
    const ring = (name: string, to: string): ModuleText => ({
      name,
      body: `${party}rule a derogable control party exception to ${to}/a\n  ALLOW when tx.origin == "FR"\n`,
    });
    expect(of([ring('us.a', 'us.b'), ring('us.b', 'us.a')])).toEqual([
      'exception_cycle us.a.rules:6 us.b.rules:6',
      'exception_cycle us.b.rules:6 us.a.rules:6',
    ]);
  });
  it('want one priority once among those of one parent or one group, and take it elsewhere', () => {
    const sibling = (name: string, to: string, priority: number): ModuleText => ({
      name,
      body: `${party}rule a control party ${to} priority ${priority}\n  ALLOW when tx.origin == "FR"\n`,
    });
    const toOpen = 'exception to us.pay/open';
    expect(of([us, sibling('us.a', toOpen, 1), sibling('us.b', toOpen, 1)])).toEqual([
      'priority_twice us.b.rules:6 us.a.rules:6',
    ]);
    expect(of([us, sibling('us.a', toOpen, 1), sibling('us.b', toOpen, 2)])).toEqual([]);
    expect(of([us, sibling('us.a', '', 1), sibling('us.b', '', 1)])).toEqual([
      'priority_twice us.b.rules:6 us.a.rules:6',
    ]);
    expect(of([us, sibling('us.a', toOpen, 1), sibling('us.b', '', 1)])).toEqual([]);
  });
  it('want feeds of one name, and controls of one group, of one kind', () => {
    const feed = (kind: string) => of([us, other(`feed ecb of ${kind} max_age 1h on_stale DENY\n`)]);
    expect(feed('rates')).toEqual([]);
    expect(feed('int')).toEqual(['feed_kind us.pay.rules:6 us.more.rules:6']);
    const control = (jurisdiction: string) =>
      of([
        us,
        {
          name: 'us.x',
          jurisdiction,
          body: 'control party evidence\nrule a control party\n  require tx.ivms_digest\n',
        },
      ]);
    expect(control('FR')).toEqual([]);
    expect(control('US')).toEqual(['control_kind us.x.rules:6 us.pay.rules:9']);
  });
  it('want unions that are there, and none with the name of a country', () => {
    expect(of([{ name: 'eu.a', jurisdiction: 'EU' }])).toEqual(['jurisdiction_unknown eu.a.rules:1']);
    expect(of([{ name: 'eu.a', jurisdiction: 'EU' }], 'union EU = FR\n')).toEqual([]);
    expect(of([], 'union EU = FR XX\n')).toEqual(['jurisdiction_unknown demo.ruleset:2']);
    expect(of([], 'union FATF = EU\nunion EU = FR\n')).toEqual([]);
    expect(of([], 'union FR = DE\n')).toEqual(['union_name demo.ruleset:2']);
    expect(of([], 'union EU = FR\nunion EU = DE\n')).toEqual([
      'union_repeated demo.ruleset:3 demo.ruleset:2',
    ]);
  });

  const secretive = (name: string, jurisdiction: string, to = ''): ModuleText => ({
    name,
    jurisdiction,
    body: `${party}param secret_part : int = 5 secret
rule a control party ${to}
  ALLOW when secret_part > 3
  reveals verdict
`,
  });
  it('want a rule that may be beaten by what looks at a secret to say what may be known of it', () => {
    expect(of([us, secretive('us.a', 'US', 'exception to us.pay/open')])).toEqual([
      'missing_reveals us.pay.rules:9 us.a.rules:7',
    ]);
    const open = {
      ...us,
      body: `${us.body ?? ''}`.replace(
        'rule open derogable control party\n  HOLD when convert(tx.amount, USD, feed.ecb, UP) > most',
        '$&\n  reveals verdict',
      ),
    };
    expect(of([open, secretive('us.a', 'US', 'exception to us.pay/open')])).toEqual([]);
  });
  it('want it also where what looks at the secret is of the same module, and the rule in between of another', () => {
    const chain = (reveals: string): ModuleText[] => [
      {
        name: 'us.a',
        body: `${party}param secret_part : int = 5 secret
rule first derogable control party
  HOLD when tx.origin == "US"${reveals}
rule third control party exception to us.b/second
  ALLOW when secret_part > 3
  reveals verdict
`,
      },
      {
        name: 'us.b',
        body: `${party}rule second derogable control party exception to us.a/first
  ALLOW when tx.origin == "US"
  reveals verdict
`,
      },
    ];
    expect(of(chain(''))).toEqual(['missing_reveals us.a.rules:7 us.a.rules:9']);
    expect(of(chain('\n  reveals verdict'))).toEqual([]);
  });
  it('take secrets of as many in one corridor as the machine tells apart, and no more', () => {
    const codes = [
      'AT',
      'BE',
      'BG',
      'CY',
      'CZ',
      'DE',
      'DK',
      'EE',
      'ES',
      'FI',
      'FR',
      'GR',
      'HR',
      'HU',
      'IE',
      'IT',
    ];
    const names = codes.map((_, index) => `U${index}`);
    const modules = (count: number) =>
      names.slice(0, count).map((name, index) => secretive(`m${index}.a`, name));
    const together = names.map((name) => `union ${name} = FR\n`).join('');
    const apart = names.map((name, index) => `union ${name} = ${codes[index]}\n`).join('');
    expect(of(modules(15), together)).toEqual([]);
    expect(of(modules(16), together)).toEqual(['categories_exceeded demo.ruleset:1']);
    expect(of(modules(16), apart)).toEqual([]);
    const inThree = names.map((name, index) => `union ${name} = ${codes[index % 3]}\n`).join('');
    expect(of(modules(16), inThree)).toEqual(['categories_exceeded demo.ruleset:1']);
    const inFour = names.map((name, index) => `union ${name} = ${codes[index % 4]}\n`).join('');
    expect(of(modules(16), inFour)).toEqual([]);
  });
});
