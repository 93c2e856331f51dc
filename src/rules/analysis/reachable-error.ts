/** Errors of a rule although all that it reads is there, in its range and fresh: overflows, and divisions by zero. */
import type { Finding } from './finding.ts';
import { outcomeOf } from './outcome.ts';
import { findingOf, type Subject, unconfirmed } from './subject.ts';

/**
 * `error_reachable` with ordinary inputs, `error_at_extremes` where only others do it (FactTerms.ordinary).
 */
export async function findReachableErrors(subject: Subject): Promise<readonly Finding[]> {
  const findings = new Map<string, Finding>();
  const groups = subject.groups('proper');
  for (const [done, { coder, where, group }] of groups.entries()) {
    subject.options.progress('errors', done, groups.length);
    for (const { member, error } of coder.group(group).members) {
      const { id } = member.rule;
      const known = findings.get(id)?.code;
      if (error === subject.terms.false || known === 'error_reachable') continue;
      const { corridor } = where;
      for (const code of ['error_reachable', 'error_at_extremes'] as const) {
        if (findings.get(id)?.code === code) break;
        const usual = code === 'error_reachable' ? coder.facts.ordinary(error) : subject.terms.true;
        const answer = await subject.ask(error, usual);
        if (answer.result === 'unsat') continue;
        if (answer.result === 'unknown') {
          const message = `nobody found out in time whether the numbers of \`${id}\` can overflow: ${answer.reason}`;
          if (known === undefined) findings.set(id, findingOf('undecided', [member], message, { corridor }));
          break;
        }
        const witness = await subject.witness(coder.facts.read(answer.model));
        const what =
          code === 'error_reachable'
            ? 'an overflow or a division by zero with ordinary inputs'
            : 'an overflow where sums or rates are extreme: a range of its feed may rule that out';
        const finding = findingOf(code, [member], `\`${id}\` can be in error: ${what}`, {
          corridor,
          witnesses: [witness],
        });
        const found = outcomeOf(witness.decision, id)?.error ?? 'none';
        findings.set(id, found !== 'none' ? finding : unconfirmed(finding, 'the machine finds no error'));
        break;
      }
    }
  }
  return [...findings.values()];
}
