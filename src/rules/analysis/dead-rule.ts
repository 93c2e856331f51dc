/** Rules that nothing can come to: they never apply, are always beaten, or never fire. */
import type { Member } from '../set/rule-set.ts';
import type { MemberTerms } from './decision-coder.ts';
import type { Finding, Witness } from './finding.ts';
import { isInForce, outcomeOf } from './outcome.ts';
import { findingOf, type GroupAt, type Subject, unconfirmed } from './subject.ts';
import type { Term } from './term.ts';

interface Places {
  readonly member: Member;
  readonly at: { readonly group: GroupAt; readonly terms: MemberTerms }[];
}

/** A rule is alive where some transaction of some corridor fires it; one that allows, where it can be in force. */
export async function findDeadRules(subject: Subject): Promise<readonly Finding[]> {
  const rules = new Map<string, Places>();
  for (const group of subject.groups('proper'))
    for (const terms of group.coder.group(group.group).members) {
      const { id } = terms.member.rule;
      const places = rules.get(id) ?? { member: terms.member, at: [] };
      places.at.push({ group, terms });
      rules.set(id, places);
    }
  const findings: Finding[] = [];
  const all = subject.options.set.modules.flatMap((module) => module.rules.map((rule) => ({ rule, module })));
  for (const [done, { rule, module }] of all.entries()) {
    subject.options.progress('dead rules', done, all.length);
    const places = rules.get(rule.id);
    const message = `no transaction meets \`${rule.id}\`: none has all jurisdictions of its module`;
    if (places === undefined) findings.push(findingOf('dead_rule', [{ rule, module }], message));
    else findings.push(...(await lookAt(subject, places)));
  }
  return findings;
}

async function lookAt(subject: Subject, { member, at }: Places): Promise<readonly Finding[]> {
  const { id, body } = member.rule;
  const allows = body.verdict === 'ALLOW';
  const alive = await firstOf(subject, at, ({ fired, inForce }) => (allows ? inForce : fired));
  if (alive.found !== undefined) {
    const outcome = outcomeOf(alive.found.witness.decision, id);
    const isSo = allows ? isInForce(outcome) : outcome?.fired === true;
    if (isSo) return [];
    const finding = findingOf('dead_rule', [member], `\`${id}\` can ${allows ? 'be in force' : 'fire'}`, {
      corridor: alive.found.group.where.corridor,
      witnesses: [alive.found.witness],
    });
    return [unconfirmed(finding, 'the machine finds that it does not')];
  }
  if (alive.unknown !== undefined)
    return [
      findingOf(
        'undecided',
        [member],
        `nobody found out in time whether \`${id}\` can ever ${allows ? 'be in force' : 'fire'}: ${alive.unknown}`,
      ),
    ];
  const force = await firstOf(subject, at, ({ inForce }) => inForce);
  if (force.found !== undefined)
    return [
      findingOf(
        'dead_rule',
        [member],
        `\`${id}\` never fires: what it asks for is so in every transaction that it is in force of`,
        {
          corridor: force.found.group.where.corridor,
          witnesses: [force.found.witness],
        },
      ),
    ];
  const applying = await firstOf(subject, at, ({ applies }) => applies);
  if (applying.found === undefined)
    return [
      findingOf('dead_rule', [member], `\`${id}\` never applies: no transaction fulfils its condition`),
    ];
  const { group, witness } = applying.found;
  const beaters = outcomeOf(witness.decision, id)?.defeatedBy ?? [];
  const members = group.group.members.filter(({ rule }) => beaters.includes(rule.id));
  return [
    findingOf(
      'dead_rule',
      [member, ...members],
      `\`${id}\` is always beaten where it applies, such as by ${members.map(({ rule }) => `\`${rule.id}\``).join(' and ')}`,
      { corridor: group.where.corridor, witnesses: [witness] },
    ),
  ];
}

/** The first place where this can be, with a transaction. */
async function firstOf(
  subject: Subject,
  at: Places['at'],
  what: (terms: MemberTerms) => Term,
): Promise<{
  readonly found?: { readonly group: GroupAt; readonly witness: Witness };
  readonly unknown?: string;
}> {
  let unknown: string | undefined;
  for (const { group, terms } of at) {
    const answer = await subject.ask(what(terms));
    if (answer.result === 'sat')
      return { found: { group, witness: await subject.witness(group.coder.facts.read(answer.model)) } };
    if (answer.result === 'unknown') unknown = answer.reason;
  }
  return unknown === undefined ? {} : { unknown };
}
