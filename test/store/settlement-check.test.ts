/** What no single altered row shows: journals that are whole as chains, and tell of what no store has written. */
import { describe, expect, it } from 'vitest';
import type { QuotaHistory } from '../../src/quota/history.ts';
import { encodeSettlement } from '../../src/store/settlement.ts';
import { SettlementCheck, type SettlingRow } from '../../src/store/settlement-check.ts';
import type { Settlement } from '../../src/store/store.ts';
import { account, bytes, issuer, settling, terms, units } from './intents.ts';

/** What is retired comes back from entry 4 on, and no more from entry 8 on. */
const returns = [
  { sequence: 1, returns: false },
  { sequence: 4, returns: true },
  { sequence: 8, returns: false },
];
const recorded = { terms: terms(1_000n, 600n), version: 3, resets: [], returns, events: [] };
const history: QuotaHistory = {
  role: 'quota',
  accounts: new Map([[`${issuer}/EUR`, recorded]]),
  changes: new Map(),
  stops: new Map(),
  resolutions: new Map(),
  ends: new Map(),
};

function row(sequence: number, amount: bigint, changed: Partial<Settlement>): SettlingRow {
  const { id, settles } = settling(sequence, amount, changed);
  return { sequence: BigInt(sequence), id, issuer: settles.issuer, settles: encodeSettlement(settles) };
}

function check(rows: readonly SettlingRow[], of = history): () => void {
  const checked = new SettlementCheck(of, (message) => new Error(message));
  return () => {
    for (const one of rows) checked.add(one);
  };
}

describe('the check of settlements', () => {
  it('holds what came back against the terms of its moment', () => {
    const back = (sequence: number, returned: bigint): (() => void) =>
      check([row(sequence, 10n, { units: units(1, 0), returned })]);
    for (const [sequence, returned] of [
      [3, 0n],
      [5, 10n],
      [7, 10n],
      [9, 0n],
    ] as const)
      expect(back(sequence, returned), `entry ${sequence}`).not.toThrow();
    expect(back(3, 10n)).toThrow(
      'entry 3 gives 10 back to the quota `demo-issuer/EUR`, where its terms give 0',
    );
    expect(back(5, 0n)).toThrow('entry 5 gives 0 back');
    expect(back(9, 10n)).toThrow('entry 9 gives 10 back');
  });

  it('lets nothing come back of what central management follows, and never more than the terms of the moment say', () => {
    const central = { ...history, role: 'central' } as const;
    const back = (sequence: number, returned: bigint, of: QuotaHistory = central): (() => void) =>
      check([row(sequence, 10n, { units: units(1, 0), returned })], of);
    for (const [sequence, returned] of [
      [3, 0n],
      [5, 10n],
      [5, 0n],
      [9, 0n],
    ] as const)
      expect(back(sequence, returned), `entry ${sequence}`).not.toThrow();
    expect(back(3, 10n)).toThrow('entry 3 gives 10 back');
    expect(back(9, 10n)).toThrow('entry 9 gives 10 back');
    expect(back(5, 0n, { ...history, role: 'issuance' })).toThrow('entry 5 gives 0 back');
  });

  it('finds a quota of which something was told and followed: it would come back twice', () => {
    const event = { kind: 'returned', total: 10n } as const;
    const account = { ...recorded, events: [{ sequence: 2, event }] };
    const told = { ...history, role: 'central', accounts: new Map([[`${issuer}/EUR`, account]]) } as const;
    expect(check([row(5, 10n, { units: units(1, 0), returned: 10n })], told)).toThrow(
      'the quota `demo-issuer/EUR` has settlements, and was told what came back',
    );
  });

  it('finds an account that paid what it did not have yet', () => {
    const credit = row(2, 10n, { units: units(1, 0), to: account('a') });
    const debit = row(3, 10n, { from: account('a'), to: account('b') });
    expect(check([credit, debit])).not.toThrow();
    expect(check([{ ...debit, sequence: 1n }, credit])).toThrow('entry 1 takes more from account');
  });

  it('finds what is settled of a quota that nobody allocated', () => {
    expect(check([row(2, 10n, { currency: 'USD', units: units(1, 0) })])).toThrow(
      'entry 2 settles of a quota that is not there',
    );
  });

  it('finds a unit that two retirements name: the spent log has it once', () => {
    const rows = [row(2, 10n, { units: units(1, 0) }), row(3, 10n, { units: units(1, 0) })] as const;
    const checked = new SettlementCheck(history, (message) => new Error(message));
    for (const one of rows) checked.add(one);
    const [unit] = units(1, 0);
    if (unit === undefined) throw new Error('one unit');
    expect(() => checked.spent(rows[0], unit, rows[0].id)).not.toThrow();
    expect(() => checked.spent(rows[1], unit, rows[0].id)).toThrow(
      'unit 1.1.0 of entry 3 is not spent by it',
    );
    expect(() => checked.spent(rows[0], unit, bytes(16, 'other'))).toThrow('of entry 2 is not spent by it');
  });
});
