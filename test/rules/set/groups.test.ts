import {
  array,
  assert,
  constantFrom,
  gen,
  integer,
  property,
  record,
  shuffledSubarray,
  tuple,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allGroups, groupsOf, jurisdictionsOf, modulesOf } from '../../../src/rules/set/groups.ts';
import { issuerOf } from '../../../src/rules/set/issuer.ts';
import type { Corridor, Group } from '../../../src/rules/set/rule-set.ts';
import { buildSet, type ModulePlan, type RulePlan } from './built-set.ts';

const corridor = (origin: string, destination: string, currency = 'USD'): Corridor => ({
  kind: 'transfer',
  origin,
  destination,
  currency,
});
const one = (
  name: string,
  jurisdictions: readonly string[],
  rules: readonly RulePlan[] = [{ name: 'a' }],
) => ({
  name,
  jurisdictions,
  rules,
});
/** Who beats whom, by ids, whatever the order. */
const beating = (groups: readonly Group[]): string[] =>
  groups
    .flatMap(({ members }) =>
      members.flatMap(({ rule, beats }) => beats.map((place) => `${rule.id} > ${members[place]?.rule.id}`)),
    )
    .sort();
const shape = (groups: readonly Group[]): unknown => ({
  groups: groups
    .map(({ members, ...group }) => [group, members.map(({ rule }) => rule.id).sort()])
    .map((group) => JSON.stringify(group))
    .sort(),
  beating: beating(groups),
});

describe('which modules apply', () => {
  const set = buildSet(
    [
      one('us', ['US']),
      one('fr', ['FR']),
      one('eu', ['EU']),
      one('fatf', ['FATF']),
      one('both', ['FR', 'US']),
      one('any', ['ANY']),
      { ...one('issue', ['US']), on: ['issuance'] },
    ],
    { EU: ['FR', 'DE'], FATF: ['EU', 'US'] },
  );
  const names = (...given: Parameters<typeof corridor>) =>
    modulesOf(set, corridor(...given)).map(({ name }) => name);

  it('takes those of origin, destination and what they have joined, and of two countries only where both are there', () => {
    expect(names('US', 'FR')).toEqual(['us', 'fr', 'eu', 'fatf', 'both', 'any']);
    expect(names('FR', 'US')).toEqual(names('US', 'FR'));
    expect(names('DE', 'DE', 'CHF')).toEqual(['eu', 'any']);
    expect(names('JP', 'JP', 'JPY')).toEqual(['any']);
  });

  it("takes those of the currency's issuer, and what a union has joined only where it is that issuer", () => {
    expect(names('JP', 'SG', 'USD')).toEqual(['us', 'fatf', 'any']);
    expect(names('JP', 'SG', 'EUR')).toEqual(['eu', 'fatf', 'any']);
    expect(names('FR', 'DE', 'CHF')).toEqual(['fr', 'eu', 'any']);
  });

  it('takes only those that are on such a transaction', () => {
    const groups = groupsOf(set, { ...corridor('US', 'US'), kind: 'issuance' });
    expect(groups.flatMap(({ members }) => members.map(({ rule }) => rule.id))).toEqual(['issue/a']);
  });

  it("gives the issuer that the set says, or the code's first two letters", () => {
    expect(['EUR', 'JPY'].map((code) => issuerOf(set, code))).toEqual(['EU', 'JP']);
    expect(issuerOf({ issuers: new Map([['XOF', 'SN']]) }, 'XOF')).toBe('SN');
    expect([...jurisdictionsOf(set, corridor('FR', 'FR', 'EUR'))].sort()).toEqual(['EU', 'FATF', 'FR']);
  });
});

describe('groups', () => {
  it('are of one jurisdiction, layer and control, in the order of their first rules', () => {
    const set = buildSet([
      one('b', ['US'], [{ name: 'x' }, { name: 's', strict: true }, { name: 'y', control: 'limit' }]),
      one('a', ['US'], [{ name: 'z' }]),
      { ...one('c', ['US'], [{ name: 'w' }]), layer: 'issuer' },
    ]);
    expect(
      groupsOf(set, corridor('US', 'US')).map(({ layer, control, members }) => [
        layer,
        control,
        members.map(({ rule }) => rule.id),
      ]),
    ).toEqual([
      ['national', 'party', ['b/x', 'a/z']],
      ['strict', 'party', ['b/s']],
      ['national', 'limit', ['b/y']],
      ['issuer', 'party', ['c/w']],
    ]);
  });

  it('have an exception with the rule that its chain ends at, also where that one does not apply', () => {
    const set = buildSet(
      [
        one('fr', ['FR'], [{ name: 'rule' }]),
        { ...one('eu', ['EU'], [{ name: 'out', exceptionTo: 'fr/rule' }]), layer: 'regional' },
      ],
      { EU: ['FR', 'DE'] },
    );
    for (const [to, ids] of [
      ['FR', ['fr/rule', 'eu/out']],
      ['DE', ['eu/out']],
    ] as const) {
      const [group, ...others] = groupsOf(set, corridor('DE', to, 'CHF'));
      expect(others).toEqual([]);
      expect(group).toMatchObject({ jurisdiction: 'FR', layer: 'national' });
      expect(group?.members.map(({ rule }) => rule.id)).toEqual(ids);
    }
  });

  it('are the same object for corridors to which the same modules apply', () => {
    const set = buildSet([one('us', ['US'])]);
    expect(groupsOf(set, corridor('US', 'FR'))).toBe(groupsOf(set, corridor('JP', 'US', 'JPY')));
    expect(groupsOf(set, corridor('JP', 'JP', 'JPY'))).toEqual([]);
  });

  it('are not made of a set in which an exception has no rule, or is one to itself', () => {
    const broken = (exceptionTo: string) =>
      groupsOf(buildSet([one('us', ['US'], [{ name: 'a', exceptionTo }])]), corridor('US', 'US'));
    expect(() => broken('us/b')).toThrow('invariant');
    expect(() => broken('us/a')).toThrow('invariant');
  });
});

describe('who beats whom', () => {
  const among = (rules: readonly RulePlan[]) => beating(allGroups(buildSet([one('m', ['US'], rules)])));

  it('has an exception above its rule and all below that, and no one else', () => {
    expect(
      among([
        { name: 'a' },
        { name: 'b', exceptionTo: 'm/a' },
        { name: 'c', exceptionTo: 'm/b' },
        { name: 'd', exceptionTo: 'm/a' },
      ]),
    ).toEqual(['m/b > m/a', 'm/c > m/a', 'm/c > m/b', 'm/d > m/a']);
  });

  it('has the higher priority above the lower of one parent, where both have one, with what the lower beats', () => {
    expect(
      among([
        { name: 'a' },
        { name: 'b', exceptionTo: 'm/a', priority: 1n },
        { name: 'c', exceptionTo: 'm/a', priority: 2n },
        { name: 'd', exceptionTo: 'm/b', priority: 9n },
        { name: 'e', exceptionTo: 'm/a' },
      ]),
    ).toEqual(['m/b > m/a', 'm/c > m/a', 'm/c > m/b', 'm/d > m/a', 'm/d > m/b', 'm/e > m/a']);
  });

  it('has nobody above of equal priorities, or of other controls', () => {
    expect(
      among([
        { name: 'a', priority: 1n },
        { name: 'b', priority: 1n },
      ]),
    ).toEqual([]);
    expect(
      among([
        { name: 'a', priority: 1n },
        { name: 'b', priority: 2n, control: 'other' },
      ]),
    ).toEqual([]);
    expect(
      among([
        { name: 'a', priority: -1n },
        { name: 'b', priority: 2n },
      ]),
    ).toEqual(['m/b > m/a']);
  });

  it('goes through a rule whose module does not apply', () => {
    const set = buildSet([
      one('us', ['US'], [{ name: 'a' }]),
      one('fr', ['FR'], [{ name: 'b', exceptionTo: 'us/a' }]),
      one('any', ['ANY'], [{ name: 'c', exceptionTo: 'fr/b' }]),
    ]);
    expect(beating(groupsOf(set, corridor('US', 'JP')))).toEqual(['any/c > us/a']);
  });
});

/** Modules whose rules are exceptions only to rules before them, so to none of themselves. */
const plans = gen().map((g): ModulePlan[] => {
  const ids: string[] = [];
  const count = g(integer, { min: 1, max: 4 });
  return Array.from({ length: count }, (_, index) => ({
    name: `m${index}`,
    jurisdictions: g(() => constantFrom(['US'], ['FR'], ['FR', 'US'], ['EU'], ['ANY'])),
    layer: g(() => constantFrom('national' as const, 'regional' as const)),
    rules: Array.from({ length: g(integer, { min: 1, max: 5 }) }, (__, place): RulePlan => {
      const parent = g(integer, { min: -3, max: ids.length - 1 });
      const priority = g(integer, { min: -2, max: 4 });
      const exceptionTo = ids[parent];
      ids.push(`m${index}/r${place}`);
      return {
        name: `r${place}`,
        control: g(() => constantFrom('x', 'y')),
        strict: g(() => constantFrom(true, false, false)),
        ...(exceptionTo === undefined ? {} : { exceptionTo }),
        ...(priority < 0 ? {} : { priority: BigInt(priority) }),
      };
    }),
  }));
});
const unions = { EU: ['FR'] };
const corridors = record({
  origin: constantFrom('US', 'FR', 'JP'),
  destination: constantFrom('US', 'FR', 'JP'),
  currency: constantFrom('USD', 'EUR', 'JPY'),
}).map(({ origin, destination, currency }) => corridor(origin, destination, currency));

describe('groups of any set', () => {
  it('do not depend on the order of modules and rules', () => {
    assert(
      property(
        plans.chain((given) =>
          tuple(
            shuffledSubarray(given, { minLength: given.length }).chain((modules) =>
              tuple(
                ...modules.map((module) =>
                  shuffledSubarray([...module.rules], { minLength: module.rules.length }).map((rules) => ({
                    ...module,
                    rules,
                  })),
                ),
              ),
            ),
            tuple(...[array(corridors, { minLength: 1, maxLength: 3 })]),
          ).map(([shuffled, [some]]) => ({ given, shuffled, some })),
        ),
        ({ given, shuffled, some }) => {
          const [a, b] = [buildSet(given, unions), buildSet(shuffled, unions)];
          for (const corridor of some)
            expect(shape(groupsOf(b, corridor))).toEqual(shape(groupsOf(a, corridor)));
        },
      ),
      { seed: 11, numRuns: 300 },
    );
  });

  it('have every rule that applies once, and beating is a strict order that a corridor only restricts', () => {
    assert(
      property(plans, corridors, (given, where) => {
        const set = buildSet(given, unions);
        const groups = groupsOf(set, where);
        const ids = groups.flatMap(({ members }) => members.map(({ rule }) => rule.id));
        expect([...ids].sort()).toEqual(
          modulesOf(set, where)
            .flatMap(({ rules }) => rules.map(({ id }) => id))
            .sort(),
        );
        const everywhere = beating(allGroups(set));
        expect(beating(groups)).toEqual(
          everywhere.filter((pair) => pair.split(' > ').every((id) => ids.includes(id))),
        );
        for (const { members } of groups)
          for (const [place, { beats }] of members.entries()) {
            expect(beats).not.toContain(place);
            for (const beaten of beats)
              for (const further of members[beaten]?.beats ?? []) expect(beats).toContain(further);
          }
      }),
      { seed: 12, numRuns: 300 },
    );
  });
});
