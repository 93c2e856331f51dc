/** Findings that those who signed a set have accepted, for a time. */
import { readDate } from '../checker/constant.ts';
import type { Suppression } from '../set/read-rule-set.ts';
import { type Finding, isRefused } from './finding.ts';

export interface Judged {
  readonly finding: Finding;
  /** What accepts it. */
  readonly suppressedBy: Suppression | undefined;
  /** What would, were it not over. */
  readonly expired: Suppression | undefined;
  readonly isRefused: boolean;
}

/** What a suppression has to say to be about this finding: its code and its rules, in any order. */
export function nameOfFinding({ code, rules }: Pick<Finding, 'code' | 'rules'>): string {
  return [code, ...rules.toSorted()].join(' ');
}

/**
 * Which findings refuse a set on the day of `now` (seconds): a suppression counts before its `until`, at 00:00 UTC. A defect of Ringmint itself and a question that
 * was not answered are not suppressed: nobody could know what is accepted.
 */
export function judge(
  findings: readonly Finding[],
  suppressions: readonly Suppression[],
  now: bigint,
): readonly Judged[] {
  return findings.map((finding) => {
    const about =
      finding.code === 'witness_unconfirmed' || finding.code === 'undecided'
        ? []
        : suppressions.filter(({ finding: name }) => isAbout(name, finding));
    const current = about.find(({ until }) => now < (readDate(until) ?? 0n));
    return {
      finding,
      suppressedBy: current,
      expired: current === undefined ? about[0] : undefined,
      isRefused: isRefused(finding.code) && current === undefined,
    };
  });
}

function isAbout(name: string, finding: Finding): boolean {
  const [code = '', ...rules] = name.split(' ');
  return (
    nameOfFinding({ ...finding, code: code as Finding['code'], rules }) === nameOfFinding(finding) &&
    code === finding.code
  );
}
