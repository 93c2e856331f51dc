import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/rules/analysis/finding.ts';
import { judge, nameOfFinding } from '../../../src/rules/analysis/suppression.ts';

const conflict: Finding = {
  code: 'conflict',
  rules: ['us.a/one', 'us.a/other'],
  places: [],
  message: '',
  witnesses: [],
};
const day = (date: string): bigint => BigInt(Date.parse(`${date}T00:00:00Z`) / 1000);
const accepted = (finding: string) => [{ finding, until: '2026-12-01', because: 'known' }];

describe('a suppression', () => {
  it('accepts the finding that it names, its rules in any order', () => {
    for (const name of ['conflict us.a/one us.a/other', 'conflict us.a/other us.a/one'])
      expect(judge([conflict], accepted(name), day('2026-11-22'))[0]).toMatchObject({ isRefused: false });
    expect(nameOfFinding(conflict)).toBe('conflict us.a/one us.a/other');
  });
  it('accepts no other: of another code, of fewer rules or of more', () => {
    for (const name of [
      'dead_rule us.a/one us.a/other',
      'conflict us.a/one',
      'conflict us.a/one us.a/other us.a/third',
    ])
      expect(judge([conflict], accepted(name), day('2026-11-22'))[0]).toMatchObject({ isRefused: true });
  });
  it('counts to the end of the day before it is over', () => {
    const name = 'conflict us.a/one us.a/other';
    expect(judge([conflict], accepted(name), day('2026-12-01') - 1n)[0]).toMatchObject({ isRefused: false });
    expect(judge([conflict], accepted(name), day('2026-12-01'))[0]).toMatchObject({
      isRefused: true,
      suppressedBy: undefined,
      expired: { until: '2026-12-01' },
    });
  });
  it('accepts no defect, and nothing that nobody found out', () => {
    for (const code of ['witness_unconfirmed', 'undecided'] as const)
      expect(
        judge([{ ...conflict, code }], accepted(`${code} us.a/one us.a/other`), day('2026-11-22'))[0],
      ).toMatchObject({ isRefused: true });
  });
});
