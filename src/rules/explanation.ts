/** Why a decision is as it is: every rule with the clauses of its condition and its numbers, as far as a reader may know them. */
import type { CheckedModule, Rule, Typed } from './checker/checked.ts';
import { ownersOfRule } from './checker/owners.ts';
import type { RulePlace } from './compiler/compile.ts';
import type { Wanted } from './compiler/probe.ts';
import type { ClauseOutcome, Explanation, RuleDecision, RuleExplanation } from './decision.ts';
import type { Told } from './probe-run.ts';

/** All expressions of a corridor's rules that an explanation tells of, each rule's own. */
export function wantedOf(rules: readonly RulePlace[]): readonly Wanted[] {
  return rules.flatMap(({ rule, module }) => {
    const owners = [...ownersOfRule(rule, module)];
    return toldOf(rule).map((typed) => ({ typed, module, owners }));
  });
}

/** A decision with the values of what was wanted, in that order. */
export function explainDecision(
  decision: RuleDecision,
  places: readonly RulePlace[],
  told: readonly (Told | undefined)[],
): Explanation {
  let next = 0;
  const rules = places.map(({ rule, module }, place): RuleExplanation => {
    const values = new Map<Typed, Told | undefined>();
    for (const typed of toldOf(rule)) values.set(typed, told[next++]);
    const { body } = rule;
    return {
      rule: rule.id,
      ...decision.rules[place],
      clauses: clausesOf(rule).map((typed) => outcomeOf(typed, module, values)),
      ...(body.kind === 'cap'
        ? { cap: outcomeOf(body.cap, module, values), measure: outcomeOf(body.measure, module, values) }
        : {}),
      law: rule.law ?? module.law,
      says: rule.says,
    };
  });
  const { verdict, fired, groups, missing, room } = decision;
  return { verdict, fired, groups, missing, room, rules };
}

/** Clauses with what they compare, cap and measure: each once. */
function toldOf(rule: Rule): readonly Typed[] {
  const { body } = rule;
  return [
    ...new Set([
      ...clausesOf(rule).flatMap((typed) => [typed, ...sidesOf(typed)]),
      ...(body.kind === 'cap' ? [body.cap, body.measure] : []),
    ]),
  ];
}

/** The truths that a condition is made of, in the order of the text; what is written out is none. */
export function clausesOf({ when }: Rule): readonly Typed[] {
  const found = new Set<Typed>();
  const look = (typed: Typed): void => {
    switch (typed.op) {
      case 'and':
      case 'or':
        look(typed.left);
        look(typed.right);
        break;
      case 'not':
        look(typed.operand);
        break;
      case 'select':
        look(typed.condition);
        look(typed.then);
        look(typed.otherwise);
        break;
      case 'constant':
        break;
      default:
        found.add(typed);
    }
  };
  if (when !== undefined) look(when);
  return [...found];
}

function sidesOf(typed: Typed): readonly Typed[] {
  if (typed.op === 'compare') return [typed.left, typed.right];
  return typed.op === 'listed' ? [typed.item] : [];
}

function outcomeOf(
  typed: Typed,
  module: CheckedModule,
  values: ReadonlyMap<Typed, Told | undefined>,
): ClauseOutcome {
  const { start, end } = typed.span;
  const [left, right] = sidesOf(typed).map((side) => values.get(side));
  const value = values.get(typed);
  return {
    text: module.text.slice(start, end),
    ...(value === undefined ? {} : { value }),
    ...(left === undefined ? {} : { left }),
    ...(right === undefined ? {} : { right }),
  };
}
