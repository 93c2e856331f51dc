/** `ringmint rules why`: what a rule looks at, what may beat it, and why it is secret to whom. */
import { quote, refuse } from '../../kit/result.ts';
import type { CheckedModule, Rule } from '../../rules/checker/checked.ts';
import { ownersOfRule } from '../../rules/checker/owners.ts';
import { beatersOf } from '../../rules/evaluator/applying-rule.ts';
import { placeOf } from '../../rules/language/place.ts';
import { allGroups } from '../../rules/set/groups.ts';
import type { RuleSet } from '../../rules/set/rule-set.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { findRule } from './explanation-text.ts';
import { type Origin, originsOf } from './rule-origin.ts';
import { readRuleSource, refuseRuleSource } from './rule-source.ts';

interface Reasons {
  readonly rule: string;
  readonly module: string;
  readonly version: bigint;
  readonly line: number;
  readonly column: number;
  readonly group: { readonly jurisdiction: string; readonly layer: string; readonly control: string };
  readonly law: string | undefined;
  readonly looksAt: readonly Origin[];
  /** Those of its own secrets. */
  readonly owners: readonly string[];
  readonly mayBeBeatenBy: readonly Beater[];
  /** Without whose clearance nobody learns whether it fired; nobody's where `reveals code` says it. */
  readonly firedIsKeptBy: readonly string[];
  readonly reveals: 'verdict' | 'code' | undefined;
}

interface Beater {
  readonly rule: string;
  readonly how: string;
  readonly owners: readonly string[];
}

/** Tells of each rule that is named, `MODULE/RULE` or, where one module has it, `RULE`. */
export async function runRuleWhy(
  terminal: Terminal,
  given: { readonly rules: readonly string[]; readonly set: string },
): Promise<ExitCode> {
  const source = await readRuleSource({ path: given.set });
  if (!source.ok) return refuseRuleSource(terminal, source);
  const { set } = source.value;
  const all = set.modules.flatMap(({ rules }) => rules);
  const told: Reasons[] = [];
  for (const name of given.rules) {
    const named = all.filter((rule) => rule.id === name || rule.name === name);
    const [rule] = named;
    if (rule === undefined || named.length > 1) {
      const accepted = (rule === undefined ? all : named).slice(0, 10).map(({ id }) => quote(id));
      const what = rule === undefined ? 'is no rule of the set' : 'is a rule of several modules';
      return terminal.refuse(refuse('usage', `${quote(name)} ${what}: ${accepted.join(', ')} are accepted`));
    }
    told.push(reasonsOf(rule.id, set));
  }
  return terminal.result({ rules: told }, told.flatMap(showReasons));
}

function reasonsOf(id: string, set: RuleSet): Reasons {
  const { rule, module } = findRule(set, id) as { rule: Rule; module: CheckedModule };
  const ids = beatersOf(set).get(id) ?? new Set();
  const mayBeBeatenBy = [...ids].map((beater) => {
    const other = findRule(set, beater) as { rule: Rule; module: CheckedModule };
    return {
      rule: beater,
      how: howOf(other.rule, rule),
      owners: [...ownersOfRule(other.rule, other.module)],
    };
  });
  const group = allGroups(set).find(({ members }) => members.some((member) => member.rule.id === id));
  const owners = [...ownersOfRule(rule, module)];
  return {
    rule: id,
    module: module.name,
    version: module.version,
    ...placeOf(module.text, rule.span.start),
    group: {
      jurisdiction: group?.jurisdiction ?? '',
      layer: group?.layer ?? '',
      control: group?.control ?? '',
    },
    law: rule.law ?? module.law,
    looksAt: originsOf(rule, module),
    owners,
    mayBeBeatenBy,
    firedIsKeptBy:
      rule.reveals === 'code' ? [] : [...new Set([...owners, ...mayBeBeatenBy.flatMap((one) => one.owners)])],
    reveals: rule.reveals,
  };
}

function howOf(winner: Rule, loser: Rule): string {
  if (winner.exceptionTo === loser.id) return 'as an exception to it';
  if (winner.exceptionTo === loser.exceptionTo)
    return `by its priority ${winner.priority}, above ${loser.priority}`;
  return winner.exceptionTo === undefined ? 'over others' : `as an exception to ${winner.exceptionTo}`;
}

function showReasons(reasons: Reasons): readonly string[] {
  const { rule, module, version, line, column, group, law, looksAt, owners, mayBeBeatenBy } = reasons;
  const width = Math.max(0, ...looksAt.map(({ name }) => name.length));
  return [
    `${rule}: version ${version} of ${module}, ${line}:${column}`,
    `  meets the rules of ${group.jurisdiction} (${group.layer}) about ${group.control}`,
    ...(law === undefined ? [] : [`  law: ${law}`]),
    '  looks at',
    ...looksAt.map(({ name, what }) => `    ${name.padEnd(width)}  ${what}`),
    ...(mayBeBeatenBy.length === 0 ? ['  nothing may beat it'] : ['  may be beaten by']),
    ...mayBeBeatenBy.map(
      (one) =>
        `    ${one.rule}, ${one.how}${one.owners.length > 0 ? ` (secret of ${one.owners.join(', ')})` : ''}`,
    ),
    ...showSecrets(reasons, owners),
  ];
}

function showSecrets(
  { looksAt, reveals, firedIsKeptBy }: Reasons,
  owners: readonly string[],
): readonly string[] {
  if (owners.length === 0 && firedIsKeptBy.length === 0) return ['  nothing of it is secret'];
  const lines = looksAt
    .filter(({ owner }) => owner !== undefined)
    .map(
      ({ name, owner, by, line, column }) =>
        `    ${name} (${line}:${column}), C4 and the category of ${owner}, by ${by.join(' → ')}`,
    );
  return [
    ...(owners.length > 0
      ? [`  what it comes to is secret of ${owners.join(', ')}, since it looks at`, ...lines]
      : []),
    reveals === 'code'
      ? '  that it fired is public: it reveals its code'
      : `  whether it fired is kept from whom ${firedIsKeptBy.join(' and ')} ${firedIsKeptBy.length > 1 ? 'have' : 'has'} not cleared; the verdict is public`,
  ];
}
