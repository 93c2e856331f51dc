import { describe, expect, it } from 'vitest';
import { changeAccount } from '../../src/quota/change.ts';
import {
  encodeAllocationContent,
  encodeChangeContent,
  type QuotaEntry,
  replayHistory,
} from '../../src/quota/history.ts';
import { encodeChange } from '../../src/records/quota-change.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';

const name = { issuer: 'demo-issuer', currency: 'EUR' };
const terms: QuotaTerms = { allocated: 1_000n, frozen: false, limits: [], returns: false };

function changed(sequence: number, version: number, to: Partial<QuotaTerms>): QuotaEntry {
  const action = { kind: 'terms', ...name, version, terms: { ...terms, ...to }, clock: null } as const;
  const change = encodeChange({ madeAt: 1, expiresAt: 2, reason: 'because', action });
  const content = encodeChangeContent(change, []);
  return { sequence, kind: 'quota-change', subject: new Uint8Array(32), createdMs: 1, content };
}

describe('the history of a quota', () => {
  it('tells since which entry what is retired comes back, and since which no more', () => {
    const content = encodeAllocationContent(terms);
    const replayed = replayHistory(
      [
        { sequence: 1, kind: 'allocation', subject: 'demo-issuer/EUR', createdMs: 1, content },
        changed(4, 1, { returns: true }),
        changed(7, 2, { returns: true, allocated: 2_000n }),
        changed(9, 3, { returns: false }),
      ],
      'quota',
    );
    expect(replayed.ok && replayed.value.accounts.get('demo-issuer/EUR')?.returns).toEqual([
      { sequence: 1, returns: false },
      { sequence: 4, returns: true },
      { sequence: 9, returns: false },
    ]);
  });
});

describe('a change of a quota', () => {
  const account = {
    ...name,
    ...terms,
    version: 1,
    reserved: 100n,
    issued: 500n,
    retired: 300n,
    returned: 200n,
    credited: 50n,
    held: 0n,
    voided: 0n,
    clockMs: 0,
  };
  const lower = (allocated: bigint) =>
    changeAccount(account, {
      kind: 'terms',
      ...name,
      version: 1,
      terms: { ...terms, allocated, returns: true },
      clock: null,
    });

  it('lowers the total to what is issued and reserved and did not come back, and says so of less', () => {
    expect(lower(400n)).toMatchObject({
      ok: true,
      value: { allocated: 400n, returns: true, returned: 200n },
    });
    expect(lower(399n)).toMatchObject({
      ok: false,
      code: 'allocation_below_issued',
      message: expect.stringContaining('400 or more is accepted'),
    });
  });
});
