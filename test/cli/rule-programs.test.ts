/** `ringmint rules build --target wasm` and `sign` of what it wrote: a host that is none of ours, the one of docs/RULE-TOOLS.md, decides as the label machine does. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFolder } from '../../src/cli/rules/rule-source.ts';
import type { Facts, Value } from '../../src/rules/checker/checked.ts';
import { wholeReader } from '../../src/rules/clearance.ts';
import { publicReader } from '../../src/rules/decision.ts';
import { parseFacts } from '../../src/rules/facts-json.ts';
import { openRules, type Rules } from '../../src/rules/rules.ts';
import type { Corridor, RuleSet } from '../../src/rules/set/rule-set.ts';
import { project } from '../flow/ringmint.ts';
import { SeededChoice } from '../rules/generation/choice.ts';
import { bordersOf, generateFacts } from '../rules/generation/facts.ts';
import { freshMachine } from '../vm/machine.ts';
import { enterFolder, type Folder, ringmint } from './session.ts';

interface ForeignFacts {
  readonly kind: string;
  readonly fields: Readonly<Record<string, bigint | string | boolean>>;
  readonly feeds: object;
  readonly windows: object;
}

interface ForeignDecision {
  readonly verdict: string;
  readonly fired: readonly string[];
}

type Decide = (facts: ForeignFacts, clearedFor?: readonly string[]) => ForeignDecision;

let folder: Folder;
let set: RuleSet;
let rules: Rules;
let open: (folder: string, publicKey: string) => Decide;

const corridors: readonly Corridor[] = [
  { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'USD' },
  { kind: 'transfer', origin: 'JP', destination: 'SG', currency: 'JPY' },
  { kind: 'issuance', origin: 'DE', destination: 'DE', currency: 'EUR' },
];
const named = corridors.flatMap(({ kind, origin, destination, currency }) => [
  '--corridor',
  `${kind}:${origin}:${destination}:${currency}`,
]);
const build = (...words: string[]) =>
  ringmint(['rules', 'build', 'samples/rules', '--target', 'wasm', '--json', ...words]);

beforeAll(async () => {
  folder = enterFolder();
  const read = await readFolder('samples/rules');
  if (!read.ok) throw new Error(read.message);
  ({ set } = read.value);
  rules = await openRules(set, freshMachine);
  const [, text] = /```js\n(\/\/ decide\.mjs\n[\s\S]*?)```/.exec(
    readFileSync(join(project, 'docs/RULE-TOOLS.md'), 'utf8'),
  ) ?? ['', ''];
  writeFileSync('decide.mjs', text);
  ({ openRules: open } = (await import(/* @vite-ignore */ pathToFileURL(resolve('decide.mjs')).href)) as {
    openRules: typeof open;
  });
  expect((await ringmint(['owner', 'create', '--out', 'publisher.pem'])).code).toBe(0);
  expect((await ringmint(['owner', 'create', '--out', 'stranger.pem'])).code).toBe(0);
  expect((await build(...named, '--out', 'programs')).code).toBe(0);
});

afterAll(() => {
  folder.leave();
});

/** As the host of the document takes them. */
function foreign({ kind, fields, feeds, windows }: Facts): ForeignFacts {
  const plain = (value: Value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value);
  return {
    kind,
    fields: Object.fromEntries([...fields].map(([name, value]) => [name, plain(value)])),
    feeds: Object.fromEntries(
      [...feeds].map(([name, { rates, ...reading }]) => [
        name,
        { ...reading, rates: Object.fromEntries(rates ?? []) },
      ]),
    ),
    windows: Object.fromEntries([...windows].map(([seconds, window]) => [String(seconds), window])),
  };
}

describe('programs of a rule set', () => {
  it('are signed by their publisher, and decide in a host of the document as the label machine does', async () => {
    const signed = await ringmint([
      'rules',
      'sign',
      'programs/index.json',
      '--key',
      'publisher.pem',
      '--json',
    ]);
    expect(signed.json()).toMatchObject({ file: 'programs/index.json.sig', signed: 'programs' });
    const decide = open('programs', readFileSync('publisher.pem', 'utf8'));
    expect(() => open('programs', readFileSync('stranger.pem', 'utf8'))).toThrow('not signed by this key');
    const everybody = wholeReader(set);
    const choice = new SeededChoice(8);
    const borders = bordersOf(set);
    const seen = new Map<string, number>();
    for (let count = 0; count < 600; count++) {
      const facts = generateFacts(choice, borders, corridors[count % corridors.length] as Corridor);
      for (const reader of [publicReader, everybody]) {
        const { verdict, fired } = rules.decide(facts, reader);
        const got = decide(foreign(facts), reader.clearedFor);
        expect(
          got,
          JSON.stringify(foreign(facts), (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one)),
        ).toEqual({ verdict, fired });
        seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
      }
    }
    expect([...seen.keys()].length, 'of all generated facts').toBeGreaterThanOrEqual(3);
    let compared = 0;
    for (const line of readFileSync('samples/rules/facts.jsonl', 'utf8').trim().split('\n')) {
      const read = parseFacts(line);
      if (!read.ok) throw new Error(read.message);
      const { facts } = read.value;
      const isOurs = corridors.some(
        ({ kind, origin, destination, currency }) =>
          facts.kind === kind &&
          facts.fields.get('tx.origin') === origin &&
          facts.fields.get('tx.destination') === destination &&
          facts.fields.get('tx.currency') === currency,
      );
      const { verdict, fired } = rules.decide(facts);
      expect(decide(foreign(facts))).toEqual(isOurs ? { verdict, fired } : { verdict: 'HOLD', fired: [] });
      if (isOurs) compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });

  it('are the same bytes for the same files, for their owner only, and said to hold secrets', async () => {
    const again = await build(...named, '--out', 'again');
    expect(again.json()).toMatchObject({
      folder: 'again',
      programs: [{}, {}, {}],
      secrets_of: expect.any(Array),
    });
    const names = [
      'index.json',
      'transfer-US-FR-USD.wasm',
      'transfer-US-FR-USD.module',
      'issuance-DE-DE-EUR.wasm',
    ];
    for (const name of names) {
      expect(readFileSync(join('again', name)).equals(readFileSync(join('programs', name))), name).toBe(true);
      expect(statSync(join('again', name)).mode & 0o777).toBe(0o600);
    }
    expect((await build('--corridor', 'transfer:US:FR:USD', '--out', 'us')).json()['secrets_of']).toContain(
      'US',
    );
    expect((await build('--corridor', 'issuance:DE:DE:EUR', '--out', 'de')).json()['secrets_of']).toEqual([]);
  });

  it('are refused where nothing, or no corridor, is named, or what is of a bundle', async () => {
    for (const words of [
      [],
      ['--corridor', 'transfer:US:FR'],
      ['--corridor', 'transfer:us:FR:USD'],
      ['--corridor', 'gift:US:FR:USD'],
      ['--corridor', 'transfer:US:FR:USD', '--no-secret-lists'],
    ]) {
      const refused = await build(...words);
      expect([refused.code, refused.json()['code']], words.join(' ')).toEqual([2, 'usage']);
    }
    const bundle = await ringmint([
      'rules',
      'build',
      'samples/rules',
      '--corridor',
      'transfer:US:FR:USD',
      '--json',
    ]);
    expect(bundle.json()).toMatchObject({ code: 'usage' });
    expect((await ringmint(['rules', 'build', '--help'])).out).toContain('--target wasm --corridor');
  });

  it('are not signed where a file is another than the index says, is none, or is no translation of its program', async () => {
    const sign = () => ringmint(['rules', 'sign', 'again/index.json', '--key', 'publisher.pem', '--json']);
    const wasm = readFileSync('again/transfer-US-FR-USD.wasm');
    writeFileSync('again/transfer-US-FR-USD.wasm', Buffer.concat([wasm, Buffer.from([0, 1, 0])]));
    expect((await sign()).json()).toMatchObject({ code: 'rule_programs_malformed' });
    // With its hash in the index: code of another program.
    const index = readFileSync('again/index.json', 'utf8');
    const [us, , de] = (JSON.parse(index) as { corridors: { sha256: string }[] }).corridors;
    writeFileSync('again/transfer-US-FR-USD.wasm', readFileSync('again/issuance-DE-DE-EUR.wasm'));
    writeFileSync('again/index.json', index.replace(us?.sha256 ?? '', de?.sha256 ?? ''));
    const other = await sign();
    expect([other.code, other.json()['code']]).toEqual([2, 'translation_foreign']);
    rmSync('again/transfer-US-FR-USD.wasm');
    expect((await sign()).json()).toMatchObject({ code: 'file_unreadable' });
    writeFileSync('again/index.json', '{"version":2,"corridors":[]}');
    expect((await sign()).json()).toMatchObject({ code: 'rule_programs_malformed' });
  });
});
