/**
 * Which rules meet, and which beats which: docs/RULES.md, Meaning 1 to 5. What compiler and analysis begin with; the
 * evaluator finds it out by itself, so that two agree on it.
 */

import { assert } from '../../kit/result.ts';
import type { CheckedModule, Rule } from '../checker/checked.ts';
import { isDirectlyAbove } from '../checker/exception.ts';
import { jurisdictionOf } from '../checker/owners.ts';
import { layers } from '../language/syntax.ts';
import { issuerOf } from './issuer.ts';
import type { Corridor, Group, Member, RuleSet } from './rule-set.ts';

/** What is the same for all corridors of a set. */
interface SetIndex {
  /** What a country or a union has joined. */
  readonly joined: ReadonlyMap<string, readonly string[]>;
  /** Places of modules in the set, by each of their jurisdictions. */
  readonly modules: ReadonlyMap<string, readonly number[]>;
  /** All rules of the set, as if all modules applied. */
  readonly groups: readonly Group[];
  /** Groups by the places of the modules that apply: most corridors are like another one. */
  readonly made: Map<string, readonly Group[]>;
}

/** Corridors come from outside: what is kept of them is bounded. */
const keptLimit = 4_096;
const indexes = new WeakMap<RuleSet, SetIndex>();

/**
 * The groups of a corridor, each with its members and what each of those beats. The same object for corridors with the same modules.
 *
 * In the order of their first rules, and members in that of the set's modules and of each module. The set has to be one that `checkSet` finds
 * nothing in: an exception whose rule is not in the set breaks an invariant.
 *
 * @example
 * groupsOf(set, { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'EUR' })
 */
export function groupsOf(set: RuleSet, corridor: Corridor): readonly Group[] {
  const index = indexOf(set);
  const applying = placesOf(set, index, corridor);
  const key = applying.join();
  let groups = index.made.get(key);
  if (groups === undefined) {
    const modules = new Set(applying.map((place) => set.modules[place]));
    const order = new Map(set.modules.flatMap(({ rules }) => rules).map((rule, place) => [rule, place]));
    const firstOf = ({ members: [first] }: Group): number => order.get((first as Member).rule) ?? 0;
    groups = index.groups
      .map((group) => restrict(group, ({ module }) => modules.has(module)))
      .filter(({ members }) => members.length > 0)
      .sort((a, b) => firstOf(a) - firstOf(b));
    if (index.made.size >= keptLimit) index.made.clear();
    index.made.set(key, groups);
  }
  return groups;
}

/** What a corridor says of all that rules with these fields ask it for: to corridors that say the same they say the same. */
export function saidOf(corridor: Corridor, fields: readonly ReadonlySet<string>[]): string {
  const { origin, destination, currency } = corridor;
  const isAsked = (field: string): boolean => fields.some((of) => of.has(field));
  return [
    isAsked('tx.origin') ? origin : '',
    isAsked('tx.destination') ? destination : '',
    isAsked('tx.currency') ? currency : '',
  ].join('|');
}

/** The modules that apply in a corridor, in the order of the set. */
export function modulesOf(set: RuleSet, corridor: Corridor): readonly CheckedModule[] {
  return placesOf(set, indexOf(set), corridor).map((place) => set.modules[place] as CheckedModule);
}

/** The groups of all rules of a set, wherever they apply. */
export function allGroups(set: RuleSet): readonly Group[] {
  return indexOf(set).groups;
}

/** Codes that a module may name for its rules to apply (Meaning 1). */
export function jurisdictionsOf(set: RuleSet, corridor: Corridor): ReadonlySet<string> {
  const { joined } = indexOf(set);
  const own = [corridor.origin, corridor.destination, issuerOf(set, corridor.currency)];
  return new Set([...own, ...own.flatMap((code) => joined.get(code) ?? [])]);
}

function placesOf(set: RuleSet, index: SetIndex, corridor: Corridor): number[] {
  const jurisdictions = jurisdictionsOf(set, corridor);
  const candidates = new Set(index.modules.get('ANY') ?? []);
  for (const code of jurisdictions) for (const place of index.modules.get(code) ?? []) candidates.add(place);
  return [...candidates]
    .filter((place) => {
      const { on, jurisdictions: needed } = set.modules[place] as CheckedModule;
      return on.includes(corridor.kind) && needed.every((code) => code === 'ANY' || jurisdictions.has(code));
    })
    .sort((a, b) => a - b);
}

function indexOf(set: RuleSet): SetIndex {
  let index = indexes.get(set);
  if (index === undefined) {
    const joined = new Map<string, string[]>();
    for (const [union, members] of set.unions) for (const code of members) append(joined, code, union);
    const modules = new Map<string, number[]>();
    for (const [place, { jurisdictions }] of set.modules.entries())
      for (const code of jurisdictions) append(modules, code, place);
    index = { joined, modules, groups: groupAll(set), made: new Map() };
    indexes.set(set, index);
  }
  return index;
}

interface Placed {
  readonly rule: Rule;
  readonly module: CheckedModule;
}

function groupAll(set: RuleSet): readonly Group[] {
  const byId = new Map<string, Placed>();
  for (const module of set.modules) for (const rule of module.rules) byId.set(rule.id, { rule, module });
  const grouped = new Map<string, Placed[]>();
  for (const placed of byId.values()) append(grouped, keyOf(rootOf(placed, byId)), placed);
  return [...grouped.values()].map((placed) => groupOf(rootOf(placed[0] as Placed, byId), placed));
}

/** The rule at the end of a chain of exceptions: the one that the group is of. */
function rootOf(placed: Placed, byId: ReadonlyMap<string, Placed>): Placed {
  let root = placed;
  for (let steps = 0; root.rule.exceptionTo !== undefined; steps++) {
    const parent = byId.get(root.rule.exceptionTo);
    assert(parent !== undefined, `the rule that ${root.rule.id} is an exception to is in the set`);
    assert(steps < byId.size, `${placed.rule.id} is no exception to itself`);
    root = parent;
  }
  return root;
}

function keyOf({ rule, module }: Placed): string {
  return [layers.indexOf(rule.layer), jurisdictionOf(module), rule.control.name].join('|');
}

function groupOf(root: Placed, placed: readonly Placed[]): Group {
  const beats = beatenBy(placed.map(({ rule }) => rule));
  return {
    jurisdiction: jurisdictionOf(root.module),
    layer: root.rule.layer,
    control: root.rule.control.name,
    of: root.rule.control.of,
    members: placed.map((one, place) => ({ ...one, beats: beats[place] as readonly number[] })),
  };
}

/** For each rule of one group the places of those that it beats, ascending. */
function beatenBy(rules: readonly Rule[]): number[][] {
  const places = new Map(rules.map(({ id }, place) => [id, place]));
  const directly = rules.map((rule) =>
    rules.flatMap((other, place) => (isDirectlyAbove(rule, other) ? [place] : [])),
  );
  const found: (Set<number> | undefined)[] = rules.map(() => undefined);
  // No rule meets itself here: each step leads to the parent, or at one depth to a lower priority.
  const from = (place: number): Set<number> => {
    let all = found[place];
    if (all === undefined) {
      all = new Set(directly[place]);
      for (const next of directly[place] ?? []) for (const further of from(next)) all.add(further);
      found[place] = all;
    }
    return all;
  };
  assert(places.size === rules.length, 'a rule has one id');
  return rules.map((_, place) => [...from(place)].sort((a, b) => a - b));
}

/** Only those members that `keep` says, with the places of what they beat as they are then. */
function restrict(group: Group, keep: (member: Member) => boolean): Group {
  const kept = new Map<number, number>();
  for (const [place, member] of group.members.entries()) if (keep(member)) kept.set(place, kept.size);
  const members = [...kept.keys()].map((place) => {
    const member = group.members[place] as Member;
    return { ...member, beats: member.beats.flatMap((beaten) => kept.get(beaten) ?? []) };
  });
  return { ...group, members };
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

/** By code unit: the same everywhere, whatever the language of the machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
