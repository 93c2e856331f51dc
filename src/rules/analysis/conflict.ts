/** Two rules of a group that neither beats the other of, in force at once with different results. */
import type { Finding } from './finding.ts';
import { groupOutcomeOf, isInForce, outcomeOf } from './outcome.ts';
import { findingOf, type Subject, unconfirmed } from './subject.ts';

/** Each pair of rules once, with the first transaction found that both are in force of. */
export async function findConflicts(subject: Subject): Promise<readonly Finding[]> {
  const findings = new Map<string, Finding>();
  const groups = subject.groups('proper');
  for (const [done, { coder, where, group }] of groups.entries()) {
    subject.options.progress('conflicts', done, groups.length);
    const { members, conflicts } = coder.group(group);
    for (const [a, b, at] of conflicts) {
      const pair = [members[a], members[b]].flatMap((one) => (one === undefined ? [] : [one.member]));
      const key = pair.map(({ rule }) => rule.id).join(' ');
      if (findings.get(key)?.code === 'conflict') continue;
      const names = pair.map(({ rule }) => `\`${rule.id}\``).join(' and ');
      const answer = await subject.ask(at);
      if (answer.result === 'unsat') continue;
      const { corridor } = where;
      if (answer.result === 'unknown') {
        const message = `nobody found out in time whether ${names} can be in conflict: ${answer.reason}`;
        findings.set(key, findingOf('undecided', pair, message, { corridor }));
        continue;
      }
      const witness = await subject.witness(coder.facts.read(answer.model));
      const finding = findingOf(
        'conflict',
        pair,
        `${names} can be in force at once with different results, and neither beats the other`,
        { corridor, witnesses: [witness] },
      );
      const isSo =
        groupOutcomeOf(witness.decision, group)?.conflict === true &&
        pair.every(({ rule }) => isInForce(outcomeOf(witness.decision, rule.id)));
      findings.set(key, isSo ? finding : unconfirmed(finding, 'the machine finds no conflict'));
    }
  }
  return [...findings.values()];
}
