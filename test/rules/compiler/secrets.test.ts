/** What leaves the label machine of secrets: what the rules say may be known, and nothing else. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Facts, Value } from '../../../src/rules/checker/checked.ts';
import { compileCorridor } from '../../../src/rules/compiler/compile.ts';
import { publicReader, type Reader } from '../../../src/rules/decision.ts';
import { corridorOf } from '../../../src/rules/facts.ts';
import { openRules, type Rules } from '../../../src/rules/rules.ts';
import type { Corridor, RuleSet } from '../../../src/rules/set/rule-set.ts';
import { type Machine, startMachine } from '../../../vm/host.ts';
import { everybody } from '../../../vm/label.ts';
import { encodeModule } from '../../../vm/module.ts';
import { nightly } from '../../nightly.ts';
import { freshMachine, wasm } from '../../vm/machine.ts';
import { casesOf } from '../generation/cases.ts';
import { checkText } from '../generation/rule-sets.ts';
import { setOf, transfer } from './typed.ts';

const corridor: Corridor = { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'EUR' };
const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const cleared: Reader = { clearedFor: ['US'] };

const ofUs = checkText(`module us.secret 1
  jurisdiction US
  layer national
  on transfer

list sdn of key secret sha256:${'ab'.repeat(32)}
param watched : int = 5 range 1 .. 1000 secret
window day 24h
control party verdict
control often verdict
control size cap

rule sanctions strict control party
  DENY when tx.counterparty_key in list.sdn
  reveals verdict
rule watch control often
  FLAG when count(day) > watched
  reveals code
rule plain control size
  cap 100 on count(day)
`);

function setWith(keys: readonly Uint8Array[], watched = 5n): RuleSet {
  return setOf([ofUs], {
    lists: new Map([['us.secret/sdn', keys]]),
    parameters: new Map([['us.secret/watched', watched]]),
  });
}

function counted(count: bigint, fields: Readonly<Record<string, Value>> = {}): Facts {
  return transfer(fields, { windows: new Map([[86_400n, { spent: 0n, count }]]) });
}

describe('a reader without clearance', () => {
  let rules: Rules;
  beforeAll(async () => {
    rules = await openRules(setWith([key(2), key(9)]), freshMachine);
  });

  it('learns the verdict of a group, and not which secret rule it was, where only the verdict is revealed', () => {
    const { verdict, fired, groups, rules: outcomes } = rules.decide(counted(0n));
    expect(verdict).toBe('DENY');
    expect(fired).toEqual([]);
    expect(groups[0]).toEqual({ jurisdiction: 'US', layer: 'strict', control: 'party', verdict: 'DENY' });
    expect(outcomes[0]).toEqual({ rule: 'us.secret/sanctions' });
  });

  it('learns that a rule fired where the code is revealed, and nothing more of it', () => {
    const { fired, rules: outcomes } = rules.decide(counted(6n, { 'tx.counterparty_key': key(3) }));
    expect(fired).toEqual(['us.secret/watch']);
    expect(outcomes[1]).toEqual({ rule: 'us.secret/watch', fired: true });
  });

  it('is told everything once its owner has cleared it', () => {
    const { rules: outcomes, groups } = rules.decide(counted(5n), cleared);
    expect(outcomes[0]).toEqual({
      rule: 'us.secret/sanctions',
      applies: true,
      error: 'none',
      met: true,
      fired: true,
      defeatedBy: [],
    });
    expect(outcomes[1]?.fired).toBe(false);
    expect(groups[0]?.conflict).toBe(false);
  });

  it('is told the clauses of a secret rule as text only', async () => {
    const told = await rules.explain(counted(6n), publicReader);
    expect(told.rules[1]?.clauses).toEqual([{ text: 'count(day) > watched' }]);
    const known = await rules.explain(counted(6n), cleared);
    expect(known.rules[1]?.clauses).toEqual([
      { text: 'count(day) > watched', value: true, left: 6n, right: 5n },
    ]);
  });
});

describe('a secret', () => {
  it('is not looked at by a rule that does not say what it reveals', async () => {
    const [rule, ...others] = ofUs.rules;
    if (rule === undefined) throw new Error('the module has rules');
    const module = { ...ofUs, rules: [{ ...rule, reveals: undefined }, ...others] };
    const set = { ...setWith([key(2)]), modules: [module] };
    const compiled = compileCorridor(set, corridor);
    expect(compiled.ok ? [] : compiled.faults.map(({ code, module: name }) => [name, code])).toEqual([
      ['us.secret', 'secret_not_revealed'],
    ]);
    const decision = (await openRules(set, freshMachine)).decide(counted(0n));
    expect([decision.verdict, decision.code]).toEqual(['HOLD', 'rules_refused']);
  });

  it('leaves through grants that are as narrow as what may be known', () => {
    const compiled = compileCorridor(setWith([key(2)]), corridor);
    if (!compiled.ok) throw new Error('the set compiles');
    const { grants } = compiled.compiled.program.module;
    const ranges = (kind: string): unknown[] =>
      grants.filter((grant) => grant.kind === kind).map(({ least, most, uses }) => [least, most, uses]);
    // A group that can only be DENY or in error, one that can be FLAG and in error, and that a rule fired.
    expect(ranges('declassify')).toEqual([
      [0n, 3n, 1],
      [0n, 1n, 1],
      [0n, 2n, 1],
    ]);
    // Whether a key is there, and its two words.
    expect(ranges('endorse')).toEqual(expect.arrayContaining([[0n, 1n, 1]]));
    expect(ranges('endorse')).toHaveLength(2);
  });

  it('is kept by the machine itself: a program that was changed to tell it is stopped, and that is HOLD', async () => {
    const compiled = compileCorridor(setWith([key(2)]), corridor);
    if (!compiled.ok) throw new Error('the set compiles');
    const { module } = compiled.compiled.program;
    const stolen = encodeModule({
      ...module,
      ports: module.ports.map((port) => ({ ...port, label: everybody })),
    });
    const thief = async (): Promise<Machine> => {
      const machine = await startMachine(wasm);
      return { load: () => machine.load(stolen) };
    };
    const decision = (await openRules(setWith([key(2)]), thief)).decide(counted(0n));
    expect([decision.verdict, decision.code, decision.fired]).toEqual(['HOLD', 'rule_trapped', []]);
  });

  it('does not show in what everybody may know of a run, where it does not show in the verdict', async () => {
    const long = Array.from({ length: 700 }, (_, n) =>
      key(9)
        .fill(n & 255, 0, 1)
        .fill(n >> 8, 1, 2),
    );
    const lists = [[key(9)], long];
    const opened = await Promise.all(
      lists.map((keys, n) => openRules(setWith(keys, 7n + BigInt(n)), freshMachine)),
    );
    for (const facts of [counted(3n, { 'tx.counterparty_key': key(250) }), counted(3n)]) {
      const [one, other] = opened.map((rules) => rules.decide(facts));
      expect(one?.fuelUsed).toBe(other?.fuelUsed);
      expect(one?.traceHash.join()).toBe(other?.traceHash.join());
    }
  });
});

describe('two rule sets that differ in their secrets', () => {
  /** All that is secret of a set in another way: lists that are longer, shorter or empty, parameters at the ends of their ranges. */
  function otherSecrets(set: RuleSet): RuleSet {
    const lists = new Map(set.lists);
    const parameters = new Map(set.parameters);
    for (const module of set.modules) {
      for (const { name, secret, of } of module.lists) {
        const id = `${module.name}/${name}`;
        const items = lists.get(id) ?? [];
        if (secret) lists.set(id, items.length > 0 ? [] : of === 'key' ? [key(1)] : ['FR', 'US']);
      }
      for (const { name, secret, range, value } of module.parameters) {
        const id = `${module.name}/${name}`;
        if (secret && range !== undefined)
          parameters.set(id, (parameters.get(id) ?? value) === range.most ? range.least : range.most);
      }
    }
    return { ...set, lists, parameters };
  }

  it('say the same to the public wherever they reveal the same, and use the same fuel always', async () => {
    let revealedAlike = 0;
    let changed = 0;
    for (let seed = 1; seed <= (nightly ? 3_000 : 80); seed++) {
      let opened: readonly [Rules, Rules] | undefined;
      for (const { set, facts } of casesOf(seed, 20)) {
        opened ??= [
          await openRules(set, freshMachine, { machines: 1 }),
          await openRules(otherSecrets(set), freshMachine, { machines: 1 }),
        ];
        if (corridorOf(facts) === undefined) continue;
        const ceiling = facts.fields.get('account.ceiling');
        const moved = new Map(facts.fields);
        if (ceiling !== undefined) moved.set('account.ceiling', 12_345n);
        const one = opened[0].decide(facts);
        const other = opened[1].decide({ ...facts, fields: moved });
        expect(one.fuelUsed, `seed ${seed}`).toBe(other.fuelUsed);
        const codes = set.modules.flatMap(({ rules }) =>
          rules.filter(({ reveals }) => reveals === 'code').map(({ id }) => id),
        );
        const revealed = ({ groups, fired }: typeof one): string =>
          [...groups.map(({ verdict }) => verdict), ...fired.filter((id) => codes.includes(id))].join();
        if (revealed(one) !== revealed(other)) {
          changed++;
          continue;
        }
        revealedAlike++;
        const seen = ({ verdict, fired, rules, groups, missing, room }: typeof one): object => ({
          verdict,
          fired,
          rules,
          groups,
          missing,
          room,
        });
        expect(seen(one), `seed ${seed}`).toEqual(seen(other));
        expect(one.traceHash.join(), `seed ${seed}`).toBe(other.traceHash.join());
      }
    }
    // Else nothing was compared, or the secrets did not matter to anything.
    expect(revealedAlike).toBeGreaterThan(50);
    expect(changed).toBeGreaterThan(2);
  });
});
