/** What is taken off a quota whose ledger lacks what was issued: whatever was, it is not issued once more. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkWriteOff, writtenOff } from '../../src/quota/write-off.ts';

const day = { kind: 'day', timeZone: 'Etc/UTC' } as const;
const hour = { kind: 'rolling', seconds: 3_600 } as const;
const account = {
  issuer: 'demo-issuer',
  currency: 'EUR',
  allocated: 1_000n,
  reserved: 50n,
  issued: 250n,
  returned: 0n,
  held: 0n,
  voided: 0n,
  frozen: false,
  returns: true,
  limits: [
    { name: 'day', counts: 'amount', window: day, maximum: 400n },
    { name: 'burst', counts: 'orders', window: hour, maximum: 10n },
  ],
} as const;

describe('a write-off', () => {
  it('comes off the total and off each limit of amounts', () => {
    expect(writtenOff(account, { amount: 100n, uncertain: false })).toMatchObject({
      allocated: 900n,
      frozen: false,
      returns: true,
      limits: [{ maximum: 300n }, { maximum: 10n }],
    });
  });

  it('leaves nothing where it is more than there is', () => {
    expect(writtenOff(account, { amount: 700n, uncertain: false })).toMatchObject({ allocated: 300n });
    expect(writtenOff(account, { amount: 701n, uncertain: false })).toMatchObject({
      allocated: 300n,
      limits: [{ maximum: 0n }, { maximum: 10n }],
    });
  });

  it('freezes the quota where it is unknown what else was lost, and nothing comes back then', () => {
    expect(writtenOff(account, { amount: 0n, uncertain: true })).toMatchObject({
      frozen: true,
      returns: false,
    });
  });

  it('is refused where anything is left that it takes, and accepted where more is taken', () => {
    const lost = { amount: 100n, uncertain: true };
    const most = writtenOff(account, lost);
    const [first, ...others] = most.limits;
    if (first === undefined) throw new Error('there is a limit');
    expect(checkWriteOff(account, most, lost)).toMatchObject({ ok: true });
    expect(checkWriteOff(account, { ...most, allocated: 300n }, lost)).toMatchObject({ ok: true });
    for (const changed of [
      { allocated: 901n },
      { frozen: false },
      { returns: true },
      { limits: others },
      { limits: [{ ...first, maximum: 301n }, ...others] },
      { limits: [{ ...first, window: hour }, ...others] },
      { limits: [{ ...first, window: { ...day, timeZone: 'Asia/Kolkata' } }, ...others] },
      { limits: [{ ...first, counts: 'orders' as const }, ...others] },
    ])
      expect(checkWriteOff(account, { ...most, ...changed }, lost)).toMatchObject({
        code: 'write_off_too_low',
      });
  });

  it('keeps what was issued, by both ledgers together, within what was allocated', () => {
    const amount = fc.bigInt({ min: 0n, max: 1_000n });
    fc.assert(
      fc.property(amount, amount, amount, fc.boolean(), (issued, reserved, lost, uncertain) => {
        const allocated = issued + reserved + lost + 17n;
        const before = { ...account, allocated, issued, reserved };
        const after = writtenOff(before, { amount: lost, uncertain });
        const mayBeIssued = after.allocated - issued - reserved;
        expect(mayBeIssued).toBeGreaterThanOrEqual(0n);
        expect(issued + reserved + lost + mayBeIssued).toBeLessThanOrEqual(allocated);
      }),
    );
  });
});
