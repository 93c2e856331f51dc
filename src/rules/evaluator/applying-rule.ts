/** Which rules a transaction meets, how they are grouped, and which beats which: points 1, 2, 3 and 5 of docs/RULES.md "Meaning". */
import { assert } from '../../kit/result.ts';
import type { CheckedModule, Facts, Rule } from '../checker/checked.ts';
import type { RuleSet } from '../set/rule-set.ts';

export interface MetRule {
  readonly rule: Rule;
  readonly module: CheckedModule;
  /** The rule that the chain of exceptions ends at; the rule itself where it is no exception. */
  readonly root: SetRule;
}

export interface SetRule {
  readonly rule: Rule;
  readonly module: CheckedModule;
}

export interface MetGroup {
  readonly jurisdiction: string;
  readonly layer: string;
  readonly control: string;
  readonly members: readonly MetRule[];
}

/** The rules of all modules that apply, in the order of the set's modules and of each module. */
export function metRules(set: RuleSet, facts: Facts): readonly MetRule[] {
  const jurisdictions = jurisdictionsOf(set, facts);
  return set.modules
    .filter((module) => module.on.includes(facts.kind))
    .filter((module) => module.jurisdictions.every((one) => one === 'ANY' || jurisdictions.has(one)))
    .flatMap((module) => module.rules.map((rule) => ({ rule, module, root: rootOf(set, { rule, module }) })));
}

/** Those of origin, destination and the currency's issuer, and what any of them has joined. */
function jurisdictionsOf(set: RuleSet, { fields }: Facts): ReadonlySet<string> {
  const currency = String(fields.get('tx.currency'));
  const own = [
    String(fields.get('tx.origin')),
    String(fields.get('tx.destination')),
    set.issuers.get(currency) ?? currency.slice(0, 2),
  ];
  const joined = [...set.unions].filter(([, members]) => members.some((member) => own.includes(member)));
  return new Set([...own, ...joined.map(([union]) => union)]);
}

function ruleOf(set: RuleSet, id: string): SetRule {
  for (const module of set.modules)
    for (const rule of module.rules) if (rule.id === id) return { rule, module };
  assert(false, `a rule set that was checked has the rule ${id}`);
}

function rootOf(set: RuleSet, one: SetRule): SetRule {
  return one.rule.exceptionTo === undefined ? one : rootOf(set, ruleOf(set, one.rule.exceptionTo));
}

function groupNameOf({ root }: Pick<MetRule, 'root'>): string {
  return [root.module.jurisdictions.join(' + '), root.rule.layer, root.rule.control.name].join('\n');
}

export function groupsOfMet(rules: readonly MetRule[]): readonly MetGroup[] {
  const names = [...new Set(rules.map(groupNameOf))];
  return names.map((name) => {
    const [jurisdiction = '', layer = '', control = ''] = name.split('\n');
    return { jurisdiction, layer, control, members: rules.filter((rule) => groupNameOf(rule) === name) };
  });
}

/** For each rule of the set, by its id, the ids of all that beat it, in one step or many. */
export function beatersOf(set: RuleSet): ReadonlyMap<string, ReadonlySet<string>> {
  const all: readonly MetRule[] = set.modules.flatMap((module) =>
    module.rules.map((rule) => ({ rule, module, root: rootOf(set, { rule, module }) })),
  );
  const beaters = new Map<string, Set<string>>();
  for (const loser of all)
    beaters.set(
      loser.rule.id,
      new Set(all.filter((winner) => beatsAtOnce(winner, loser)).map(({ rule }) => rule.id)),
    );
  // What beats a beater beats: until nothing is added any more.
  for (let grown = true; grown; ) {
    grown = false;
    for (const of of beaters.values())
      for (const beater of [...of])
        for (const further of beaters.get(beater) ?? [])
          if (!of.has(further)) {
            of.add(further);
            grown = true;
          }
  }
  return beaters;
}

function beatsAtOnce(winner: MetRule, loser: MetRule): boolean {
  if (winner.rule.exceptionTo === loser.rule.id) return true;
  const isBeside =
    winner.rule.exceptionTo === loser.rule.exceptionTo &&
    (winner.rule.exceptionTo !== undefined || groupNameOf(winner) === groupNameOf(loser));
  if (!isBeside || winner.rule.priority === undefined || loser.rule.priority === undefined) return false;
  return winner.rule.priority > loser.rule.priority;
}
