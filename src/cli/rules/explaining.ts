/** `ringmint rules explain`: why a decision is as it is, or which rules meet an amount from here to there, each with its law. */

import { toHex } from '../../kit/bytes.ts';
import type { Clock } from '../../kit/clock.ts';
import { refuse } from '../../kit/result.ts';
import { currencyShown } from '../../records/iso4217.ts';
import type { CheckedModule, Facts, Value } from '../../rules/checker/checked.ts';
import type { ClauseError, ClauseOutcome, Explanation, RuleExplanation } from '../../rules/decision.ts';
import { showValue } from '../../rules/facts-json.ts';
import { openRules } from '../../rules/rules.ts';
import type { RuleSet } from '../../rules/set/rule-set.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { openMachine } from '../vm/program-file.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import { findRule, showExplanation, showModule, showRules } from './explanation-text.ts';
import { missingFacts } from './missing-facts.ts';
import { type QueryArguments, readQuery } from './query-facts.ts';
import { readRuleSource, refuseRuleSource } from './rule-source.ts';

export interface ExplainArguments extends QueryArguments {
  /** A folder or a bundle. */
  readonly set: string;
  readonly clearedFor: readonly string[];
  /** Tell also of rules that do not apply, why not. */
  readonly all: boolean;
}

/** Explains one decision to the public, or to whom `--cleared-for` says. The verdict is a result and no refusal: exit code 0. */
export async function runExplain(
  terminal: Terminal,
  { stdin, clock }: { readonly stdin: StandardInput; readonly clock: Clock },
  given: ExplainArguments,
): Promise<ExitCode> {
  const source = await readRuleSource({ path: given.set });
  if (!source.ok) return refuseRuleSource(terminal, source);
  const { set } = source.value;
  const now = `${new Date(clock.nowSeconds() * 1000).toISOString().slice(0, 19)}Z`;
  const query = await readQuery(given, now, stdin);
  if (!query.ok) return terminal.refuse(query);
  const facts = query.value;
  const rules = await openRules(set, openMachine);
  const reader = { clearedFor: given.clearedFor };
  const { code } = rules.decide(facts, reader);
  if (code !== undefined)
    return terminal.refuse(
      refuse(
        code,
        `HOLD, and no rule decided: ${code === 'facts_insufficient' ? 'facts with origin, destination, currency and time are accepted' : 'the rules of this corridor do not run'}`,
      ),
      { verdict: 'HOLD' },
    );
  const explanation = await rules.explain(facts, reader);
  const currency = String(facts.fields.get('tx.currency'));
  const isQuestion = given.facts === undefined;
  const lines = isQuestion
    ? showAnswer(set, facts, explanation, given.all)
    : showExplanation({ set, explanation, currency, all: given.all });
  return terminal.result(
    {
      set: { name: set.name, version: set.version, hash: toHex(set.hash) },
      clearedFor: reader.clearedFor,
      ...asJson(set, facts, explanation),
    },
    lines,
  );
}

/** By module: which rules apply, which depend on what was not said, and which do not apply. */
function showAnswer(set: RuleSet, facts: Facts, explanation: Explanation, all: boolean): readonly string[] {
  const { fields } = facts;
  const currency = currencyShown(String(fields.get('tx.currency')));
  const amount = showValue({ kind: 'money', currency: 'tx' }, fields.get('tx.amount') ?? 0n, currency);
  const modules = modulesIn(set, explanation);
  const lines = [
    `${String(amount)} from ${String(fields.get('tx.origin'))} to ${String(fields.get('tx.destination'))}: rules of ${modules.length} of ${set.modules.length} modules`,
  ];
  const open = new Set<string>();
  for (const module of modules) {
    const own = explanation.rules.filter(({ rule }) => module.rules.some(({ id }) => id === rule));
    const depending = own.filter((one) => dependsOn(one, facts, set).length > 0);
    lines.push('', showModule(module));
    for (const one of depending) {
      const depends = dependsOn(one, facts, set);
      for (const name of depends) open.add(name);
      lines.push(`  ${one.rule.split('/').at(-1)}: depends on ${depends.join(', ')}`, ...lawOf(one, module));
    }
    lines.push(
      ...showRules(
        own.filter((one) => !depending.includes(one)),
        set,
        currency,
        all,
      ),
    );
  }
  const { missing, verdict } = explanation;
  lines.push('');
  if (missing.length > 0) lines.push(`what would have to go with it: ${missing.join(', ')}`);
  if (open.size > 0) lines.push(`asked for, and not said: ${[...open].join(', ')}`);
  lines.push(
    `with what was said: ${verdict}${open.size > 0 ? '; what is asked for and not there is an error' : ''}`,
  );
  return lines;
}

function modulesIn(set: RuleSet, { rules }: Explanation): readonly CheckedModule[] {
  const ids = new Set(rules.map(({ rule }) => rule));
  return set.modules.filter((module) => module.rules.some(({ id }) => ids.has(id)));
}

/** What a rule asks for and nobody said, where it is an error, or where nothing of it is told. */
function dependsOn({ rule, error }: RuleExplanation, facts: Facts, set: RuleSet): readonly string[] {
  const found = findRule(set, rule);
  return found === undefined || error === 'none' ? [] : missingFacts(found.rule, facts);
}

function lawOf({ law, says }: RuleExplanation, module: CheckedModule): readonly string[] {
  return [
    ...(law === undefined || law === module.law ? [] : [`    law: ${law}`]),
    ...(says === undefined ? [] : [`    says: ${says}`]),
  ];
}

function asJson(set: RuleSet, facts: Facts, explanation: Explanation): Readonly<Record<string, unknown>> {
  const { rules, ...rest } = explanation;
  const clause = ({ text, value, left, right }: ClauseOutcome): Readonly<Record<string, unknown>> => ({
    text,
    ...(value === undefined ? {} : { value: plain(value) }),
    ...(left === undefined ? {} : { left: plain(left) }),
    ...(right === undefined ? {} : { right: plain(right) }),
  });
  return {
    ...rest,
    modules: modulesIn(set, explanation).map(({ name, version, jurisdictions, layer, law }) => ({
      name,
      version,
      jurisdictions,
      layer,
      law,
    })),
    rules: rules.map(({ clauses, cap, measure, ...rule }) => ({
      ...rule,
      depends_on: dependsOn({ clauses, ...rule }, facts, set),
      clauses: clauses.map(clause),
      ...(cap === undefined ? {} : { cap: clause(cap) }),
      ...(measure === undefined ? {} : { measure: clause(measure) }),
    })),
  };
}

/** Numbers in the units of the language. */
function plain(value: Value | ClauseError): unknown {
  return typeof value === 'object' && 'error' in value ? value : showValue(undefined, value, undefined);
}
