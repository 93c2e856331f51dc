/**
 * Properties that a module wants proved. They are of the verdict of the groups in which the module has rules, in the whole set: exceptions of others count, and what
 * other countries ask for besides does not. All inputs are there, in their ranges, fresh and ordinary (FactTerms.ordinary): what is missing gives HOLD at least, whatever a module wants.
 */
import type { CheckedModule, Property } from '../checker/checked.ts';
import { rankOf, type Verdict, verdicts } from '../language/syntax.ts';
import type { Group } from '../set/rule-set.ts';
import type { CorridorClass } from './corridors.ts';
import type { VerdictTerms } from './decision-coder.ts';
import type { Finding, FindingCode } from './finding.ts';
import { verdictOf } from './outcome.ts';
import type { Subject } from './subject.ts';
import { unconfirmed } from './subject.ts';
import type { Term, Terms } from './term.ts';

/** One finding at most for each property. */
export async function findBrokenProperties(subject: Subject): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const all = subject.options.set.modules.flatMap((module) =>
    module.properties.map((property) => ({ module, property })),
  );
  for (const [done, { module, property }] of all.entries()) {
    subject.options.progress('properties', done, all.length);
    const finding = await firstBroken(subject, module, property);
    if (finding !== undefined) findings.push(finding);
  }
  return findings;
}

async function firstBroken(
  subject: Subject,
  module: CheckedModule,
  property: Property,
): Promise<Finding | undefined> {
  let undecided: Finding | undefined;
  for (const where of subject.corridorsOfModule(module)) {
    const finding =
      property.claim.kind === 'monotone'
        ? await breakMonotone(subject, module, property, where)
        : await breakBound(subject, module, property, where);
    if (finding !== undefined && finding.code !== 'undecided') return finding;
    undecided ??= finding;
  }
  return undecided;
}

async function breakMonotone(
  subject: Subject,
  module: CheckedModule,
  property: Property,
  where: CorridorClass,
): Promise<Finding | undefined> {
  const { claim } = property;
  if (claim.kind !== 'monotone' || !claim.field.on.includes(where.corridor.kind)) return undefined;
  const { terms } = subject;
  const less = subject.coder(where, 'proper');
  const more = subject.coder(where, 'proper', claim.field.name);
  const groups = groupsOfModule(less.groups, module);
  const [a, b] = [less.facts.field(claim.field), more.facts.field(claim.field)];
  const [before, after] = [less.verdict(groups), more.verdict(groups)];
  const present = terms.and(...[less, more].map(({ facts }) => facts.has(claim.field)));
  const premise = terms.and(present, terms.not(a.error), terms.not(b.error), terms.atMost(a.value, b.value));
  for (const level of ['DENY', 'HOLD', 'FLAG'] as const) {
    const broken = terms.and(premise, before[level], terms.not(after[level]));
    const answer = await subject.ask(broken, less.facts.ordinary(broken));
    if (answer.result === 'unsat') continue;
    if (answer.result === 'unknown') return undecided(module, property, where, answer.reason);
    const witnesses = await Promise.all(
      [less, more].map(({ facts }) => subject.witness(facts.read(answer.model))),
    );
    const [first, second] = witnesses.map(({ decision }) => verdictOf(decision, groups));
    const finding = findingOfProperty(
      'not_monotone',
      module,
      property,
      `"${property.title}": a greater \`${claim.field.name}\` gives ${second ?? ''} where the smaller one gives ${first ?? ''}`,
      { corridor: where.corridor, witnesses },
    );
    const isSo = rankOf(first ?? 'ALLOW') > rankOf(second ?? 'ALLOW');
    return isSo ? finding : unconfirmed(finding, 'the machine finds that it does not');
  }
  return undefined;
}

async function breakBound(
  subject: Subject,
  module: CheckedModule,
  property: Property,
  where: CorridorClass,
): Promise<Finding | undefined> {
  const { claim } = property;
  if (claim.kind !== 'bound') return undefined;
  const { terms } = subject;
  const coder = subject.coder(where, 'proper');
  const groups = groupsOfModule(coder.groups, module);
  const { value, error } = coder.coderOf(module).code(claim.when);
  const broken = terms.and(
    value,
    terms.not(error),
    outside(terms, coder.verdict(groups), claim.bound, claim.verdict),
  );
  const answer = await subject.ask(broken, coder.facts.ordinary(broken));
  if (answer.result === 'unsat') return undefined;
  if (answer.result === 'unknown') return undecided(module, property, where, answer.reason);
  const witness = await subject.witness(coder.facts.read(answer.model));
  const found = verdictOf(witness.decision, groups);
  const claimed = `${claim.bound} ${claim.verdict}`;
  const finding = findingOfProperty(
    'bound_broken',
    module,
    property,
    `"${property.title}": the verdict can be ${found}, and ${claimed} was to be proved`,
    { corridor: where.corridor, witnesses: [witness] },
  );
  const isSo =
    claim.bound === 'at_least'
      ? rankOf(found) < rankOf(claim.verdict)
      : rankOf(found) > rankOf(claim.verdict);
  return isSo ? finding : unconfirmed(finding, `the machine finds ${found}`);
}

function outside(terms: Terms, verdict: VerdictTerms, bound: 'at_least' | 'at_most', limit: Verdict): Term {
  if (bound === 'at_least') return limit === 'ALLOW' ? terms.false : terms.not(verdict[limit]);
  const next = verdicts[rankOf(limit) + 1];
  return next === undefined || next === 'ALLOW' ? terms.false : verdict[next];
}

function groupsOfModule(groups: readonly Group[], module: CheckedModule): readonly Group[] {
  return groups.filter(({ members }) => members.some((member) => member.module === module));
}

function undecided(module: CheckedModule, property: Property, where: CorridorClass, reason: string): Finding {
  const message = `nobody found out in time whether "${property.title}" is so: ${reason}`;
  return findingOfProperty('undecided', module, property, message, { corridor: where.corridor });
}

function findingOfProperty(
  code: FindingCode,
  module: CheckedModule,
  property: Property,
  message: string,
  more: Partial<Finding>,
): Finding {
  return {
    code,
    rules: [`${module.name}/"${property.title}"`],
    places: [{ module, span: property.span }],
    message,
    witnesses: [],
    ...more,
  };
}
