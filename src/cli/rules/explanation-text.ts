/** Explanations for a person: every rule with what its clauses came to, as far as the reader is cleared. */

import type { Currency } from '../../records/claims.ts';
import { currencyShown } from '../../records/iso4217.ts';
import type { CheckedModule, Rule, Type, Typed, Value } from '../../rules/checker/checked.ts';
import { expressionsOf, jurisdictionOf, ownersOfRule } from '../../rules/checker/owners.ts';
import { partsOf } from '../../rules/checker/part.ts';
import type { ClauseError, ClauseOutcome, Explanation, RuleExplanation } from '../../rules/decision.ts';
import { showValue } from '../../rules/facts-json.ts';
import type { RuleSet } from '../../rules/set/rule-set.ts';

export interface Explained {
  readonly set: RuleSet;
  readonly explanation: Explanation;
  /** Of the transaction. */
  readonly currency: string;
  /** Also of rules that do not apply, what their clauses came to. */
  readonly all: boolean;
}

/** The lines of a whole explanation: the verdict, then module by module. */
export function showExplanation({ set, explanation, currency, all }: Explained): readonly string[] {
  const { verdict, missing, room, rules, groups } = explanation;
  const shown = currencyShown(currency);
  const conflicts = groups.filter(({ conflict }) => conflict);
  return [
    `${verdict}${explanation.fired.length > 0 ? ` by ${explanation.fired.join(', ')}` : ''}`,
    ...(missing.length > 0 ? [`required and missing: ${missing.join(', ')}`] : []),
    ...(room === null ? [] : [`room: ${showValue({ kind: 'money', currency }, room, shown)}`]),
    ...conflicts.map(
      ({ jurisdiction, layer, control }) =>
        `conflict: rules of ${jurisdiction} (${layer}) say different things about ${control}`,
    ),
    ...set.modules.flatMap((module) => {
      const own = rules.filter(({ rule }) => module.rules.some(({ id }) => id === rule));
      return own.length === 0 ? [] : ['', showModule(module), ...showRules(own, set, shown, all)];
    }),
  ];
}

export function showModule(module: CheckedModule): string {
  const { name, version, layer, law } = module;
  return `${name} ${version}: ${jurisdictionOf(module)}, ${layer}${law === undefined ? '' : `; ${law}`}`;
}

/** Rules of one module; those that do not apply in one line, but where `all` asks for more. */
export function showRules(
  rules: readonly RuleExplanation[],
  set: RuleSet,
  currency: Currency,
  all: boolean,
): readonly string[] {
  const told = rules.filter(({ applies, error }) => all || applies !== false || error !== 'none');
  const others = rules.filter((one) => !told.includes(one)).map(({ rule }) => rule.split('/').at(-1));
  return [
    ...told.flatMap((one) => showRule(one, set, currency).map((line) => `  ${line}`)),
    ...(others.length > 0 ? [`  ${others.length > 1 ? 'do' : 'does'} not apply: ${others.join(', ')}`] : []),
  ];
}

/** A rule with its clauses; `set` has to be the one that was decided by. */
export function showRule(one: RuleExplanation, set: RuleSet, currency: Currency): readonly string[] {
  const found = findRule(set, one.rule);
  if (found === undefined) return [one.rule];
  const { rule, module } = found;
  const owners = [...ownersOfRule(rule, module)];
  // Of a rule without an error, what is in error did not matter.
  const clauses = one.clauses.filter(
    ({ value }) => value !== undefined && (one.error !== 'none' || !isError(value)),
  );
  return [
    `${rule.name}: ${showState(one, rule)}${owners.length > 0 ? `  (secret of ${owners.join(', ')})` : ''}`,
    ...(one.law === undefined || one.law === module.law ? [] : [`  law: ${one.law}`]),
    ...(one.says === undefined ? [] : [`  says: ${one.says}`]),
    ...clauses.map((clause) => `  ${showClause(clause, rule, module, currency)}`),
    ...showNumbers(one, rule, currency).map((line) => `  ${line}`),
  ];
}

export function findRule(
  { modules }: RuleSet,
  id: string,
): { readonly rule: Rule; readonly module: CheckedModule } | undefined {
  for (const module of modules) for (const rule of module.rules) if (rule.id === id) return { rule, module };
  return undefined;
}

/** What became of a rule, in words. */
function showState({ applies, error, met, fired, defeatedBy = [] }: RuleExplanation, rule: Rule): string {
  const { body } = rule;
  if (fired === true)
    return body.kind === 'require' ? `${body.verdict}: ${body.field.name} is missing` : body.verdict;
  if (applies === undefined) return 'kept from this reader';
  if (error !== undefined && error !== 'none') return `in error: ${rule.layer === 'strict' ? 'DENY' : error}`;
  if (!applies) return 'does not apply';
  if (defeatedBy.length > 0) return `beaten by ${defeatedBy.join(', ')}`;
  if (fired === undefined) return 'applies; whether it is beaten is kept from this reader';
  if (body.kind === 'require') return `fulfilled: ${body.field.name} is there`;
  return met === true ? 'ALLOW' : 'within the cap';
}

function showNumbers(
  { cap, measure }: RuleExplanation,
  { body }: Rule,
  currency: Currency,
): readonly string[] {
  if (cap?.value === undefined || measure?.value === undefined || body.kind !== 'cap') return [];
  const of = (outcome: ClauseOutcome, typed: Typed): string => {
    const value = show(outcome.value, typed.type, currency);
    return value === oneLine(outcome.text) ? value : `${value} (${oneLine(outcome.text)})`;
  };
  return [`cap ${of(cap, body.cap)} on ${of(measure, body.measure)}`];
}

function showClause(clause: ClauseOutcome, rule: Rule, module: CheckedModule, currency: Currency): string {
  const typed = expressionsOf(rule)
    .map((part) => findSpelt(part, clause.text, module.text, new Set()))
    .find((part) => part !== undefined);
  const sides =
    typed?.op === 'compare' ? [typed.left, typed.right] : typed?.op === 'listed' ? [typed.item] : [];
  const values = [clause.left, clause.right]
    .map((side, index) => (side === undefined ? '' : show(side, sides[index]?.type, currency)))
    .filter((text) => text !== '');
  const compared = typed?.op === 'compare' ? values.join(` ${typed.operator} `) : values.join();
  const isPlain = typed?.op === 'compare' && compared === oneLine(clause.text);
  return `${oneLine(clause.text)}: ${show(clause.value, typed?.type, currency)}${compared === '' || isPlain ? '' : ` (${compared})`}`;
}

/** The first part of an expression that the module writes so: values are shown by its types. */
function findSpelt(typed: Typed, text: string, module: string, seen: Set<Typed>): Typed | undefined {
  if (seen.has(typed)) return undefined;
  seen.add(typed);
  if (module.slice(typed.span.start, typed.span.end) === text) return typed;
  for (const part of partsOf(typed)) {
    const found = findSpelt(part, text, module, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

function show(value: Value | ClauseError | undefined, type: Type | undefined, currency: Currency): string {
  if (value === undefined) return 'kept from this reader';
  if (isError(value)) return `error ${value.error}`;
  if (typeof value === 'string') return JSON.stringify(value);
  return String(showValue(type, value, currency));
}

function isError(value: Value | ClauseError | undefined): value is ClauseError {
  return typeof value === 'object' && 'error' in value;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}
