/**
 * What of a module its embedded tests show: every clause of a condition true and false, every rule applying, not applying and firing, every exception defeating its rule and not.
 */
import type { CheckedModule, Facts, Rule, Typed } from '../checker/checked.ts';
import { expressionsBelow } from '../checker/part.ts';
import type { RuleDecision } from '../decision.ts';
import { evaluateExpression } from '../evaluator/expression.ts';
import { clausesOf } from '../explanation.ts';
import type { RuleSet } from '../set/rule-set.ts';
import { setOfTests } from '../set/test-set.ts';
import type { DecisionCoder, MemberTerms } from './decision-coder.ts';
import type { Decide } from './finding.ts';
import { isInForce, outcomeOf } from './outcome.ts';
import type { Term } from './term.ts';

/** A transaction that was decided on. */
export interface Shown {
  readonly set: RuleSet;
  readonly facts: Facts;
  readonly decision: RuleDecision;
}

/** One thing to be shown. */
export interface CoverageItem {
  readonly module: CheckedModule;
  readonly rule: Rule;
  /** Such as `us.payments/day applies`. */
  readonly text: string;
  isShownBy(shown: Shown): boolean;
  /** Where a transaction of the corridor shows it. */
  goal(coder: DecisionCoder): Term;
}

export interface Coverage {
  readonly module: CheckedModule;
  readonly covered: readonly CoverageItem[];
  readonly missing: readonly CoverageItem[];
}

/** Decides on the facts of all tests of a module, each as its tests are decided. */
export async function coverModule(set: RuleSet, module: CheckedModule, decide: Decide): Promise<Coverage> {
  const cut = setOfTests(set, module);
  const shown: Shown[] = [];
  for (const { facts } of module.tests) shown.push({ set: cut, facts, decision: await decide(cut, facts) });
  const items = itemsOf(cut, module);
  const isCovered = (item: CoverageItem): boolean => shown.some((one) => item.isShownBy(one));
  return {
    module,
    covered: items.filter(isCovered),
    missing: items.filter((item) => !isCovered(item)),
  };
}

function itemsOf(set: RuleSet, module: CheckedModule): readonly CoverageItem[] {
  return module.rules.flatMap((rule) => [
    ...clausesOf(rule).flatMap((clause) =>
      [true, false].map((wanted) => clauseItem(set, module, rule, clause, wanted)),
    ),
    ...ruleItems(module, rule),
    ...edgeItems(module, rule),
  ]);
}

function clauseItem(
  set: RuleSet,
  module: CheckedModule,
  rule: Rule,
  clause: Typed,
  wanted: boolean,
): CoverageItem {
  const written = module.text.slice(clause.span.start, clause.span.end).replaceAll(/\s+/g, ' ');
  return {
    module,
    rule,
    text: `${rule.id}: \`${written}\` is ${wanted}`,
    isShownBy({ facts, decision }) {
      if (outcomeOf(decision, rule.id) === undefined || !isInTime(rule, facts)) return false;
      return evaluateExpression(clause, { set, module: module.name, facts, known: new Map() }) === wanted;
    },
    goal(coder) {
      const { terms, facts } = coder;
      if (memberOf(coder, rule) === undefined) return terms.false;
      const { value, error } = coder.coderOf(module).code(clause);
      const there = [...expressionsBelow([clause])].map((typed) =>
        typed.op === 'field' ? facts.has(typed.field) : terms.true,
      );
      return terms.and(wanted ? value : terms.not(value), terms.not(error), ...there, coder.inTime(rule));
    },
  };
}

function ruleItems(module: CheckedModule, rule: Rule): readonly CoverageItem[] {
  const { id, when, from, expires, body } = rule;
  const item = (
    what: string,
    isShown: (outcome: NonNullable<ReturnType<typeof outcomeOf>>) => boolean,
    goal: (member: MemberTerms, coder: DecisionCoder) => Term,
  ): CoverageItem => ({
    module,
    rule,
    text: `${id} ${what}`,
    isShownBy({ decision }) {
      const outcome = outcomeOf(decision, id);
      return outcome !== undefined && isShown(outcome);
    },
    goal(coder) {
      const member = memberOf(coder, rule);
      return member === undefined ? coder.terms.false : goal(member, coder);
    },
  });
  const isAlways = when === undefined && from === undefined && expires === undefined;
  return [
    item(
      'applies',
      ({ applies }) => applies === true,
      ({ applies }) => applies,
    ),
    ...(isAlways
      ? []
      : [
          item(
            'does not apply',
            ({ applies, error }) => applies === false && error === 'none',
            ({ applies, error }, { terms }) => terms.and(terms.not(applies), terms.not(error)),
          ),
        ]),
    body.verdict === 'ALLOW'
      ? item('is in force', isInForce, ({ inForce }) => inForce)
      : item(
          'fires',
          ({ fired }) => fired === true,
          ({ fired }) => fired,
        ),
  ];
}

function edgeItems(module: CheckedModule, rule: Rule): readonly CoverageItem[] {
  const { id, exceptionTo } = rule;
  if (exceptionTo === undefined) return [];
  const both = (coder: DecisionCoder): readonly [MemberTerms, MemberTerms] | undefined => {
    const winner = memberOf(coder, rule);
    const loser = membersOf(coder).find(({ member }) => member.rule.id === exceptionTo);
    return winner === undefined || loser === undefined ? undefined : [winner, loser];
  };
  const item = (defeats: boolean): CoverageItem => ({
    module,
    rule,
    text: `${id} ${defeats ? 'defeats' : 'leaves'} ${exceptionTo}`,
    isShownBy({ decision }) {
      const [winner, loser] = [outcomeOf(decision, id), outcomeOf(decision, exceptionTo)];
      return loser?.applies === true && winner !== undefined && (winner.applies === true) === defeats;
    },
    goal(coder) {
      const found = both(coder);
      if (found === undefined) return coder.terms.false;
      const [winner, loser] = found;
      return coder.terms.and(loser.applies, defeats ? winner.applies : coder.terms.not(winner.applies));
    },
  });
  return [item(true), item(false)];
}

function membersOf(coder: DecisionCoder): readonly MemberTerms[] {
  return coder.groups.flatMap((group) => coder.group(group).members);
}

function memberOf(coder: DecisionCoder, { id }: Rule): MemberTerms | undefined {
  return membersOf(coder).find(({ member }) => member.rule.id === id);
}

function isInTime({ from, expires }: Rule, { fields }: Facts): boolean {
  const time = fields.get('tx.time');
  if (typeof time !== 'bigint') return false;
  return (from === undefined || time >= from) && (expires === undefined || time < expires);
}
