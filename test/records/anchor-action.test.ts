/** The change by which a journal is anchored anew: read back as it was written, and refused where it says what it may not. */
import { describe, expect, it } from 'vitest';
import { type AnchorAction, decodeChange, encodeChange } from '../../src/records/quota-change.ts';
import { describeChange } from '../../src/records/quota-description.ts';
import { bytes, terms } from '../store/intents.ts';

const place = (sequence: number) => ({ sequence, hash: bytes(32, sequence) });
const quota = (currency: string) => ({
  issuer: 'demo-issuer',
  currency,
  version: 3,
  terms: terms(90_000n, 100n),
});
const action: AnchorAction = {
  kind: 'anchor',
  role: 'quota',
  journalId: bytes(16, 'journal'),
  head: place(7),
  givenUp: [place(9), place(12)],
  unexplained: 2,
  epoch: 4,
  quotas: [quota('EUR'), quota('JPY')],
};
const change = (changed: Partial<AnchorAction> = {}): Uint8Array =>
  encodeChange({ madeAt: 1_000, expiresAt: 2_000, reason: 'a drill', action: { ...action, ...changed } });

describe('a change that anchors a journal anew', () => {
  it('is read back as it was written', () => {
    const nothing = { role: 'central', givenUp: [], unexplained: 0, epoch: null, quotas: [] } as const;
    for (const changed of [{}, nothing])
      expect(decodeChange(change(changed))).toMatchObject({
        ok: true,
        value: { action: { ...action, ...changed } },
      });
  });

  it('says to its approvers what is given up, what may be done again, and what is left', () => {
    const decoded = decodeChange(change());
    const text = decoded.ok ? describeChange(decoded.value).join('\n') : decoded.message;
    for (const part of [
      'from entry 7',
      'GIVEN UP: 5 entries',
      'up to entry 12',
      '2 or more',
      'epoch 4',
      '900.00',
      'JPY',
    ])
      expect(text).toContain(part);
  });

  it.each<[string, Partial<AnchorAction>]>([
    ['a head that is no later one', { givenUp: [place(7)] }],
    ['heads out of their order', { givenUp: [place(12), place(9)] }],
    ['a head twice', { givenUp: [place(9), place(9)] }],
    ['a hash of another length', { head: { sequence: 7, hash: bytes(31, 7) } }],
    ['a journal id of another length', { journalId: bytes(15, 'journal') }],
    ['a number below zero', { unexplained: -1 }],
    ['an epoch below one', { epoch: 0 }],
    ['another system', { role: 'operator' as 'quota' }],
    ['a quota twice', { quotas: [quota('EUR'), quota('EUR')] }],
    ['quotas out of their order', { quotas: [quota('JPY'), quota('EUR')] }],
    ['quotas of a system that has none', { role: 'issuance', epoch: null }],
    ['an epoch of another system', { role: 'issuance', quotas: [] }],
  ])('is refused with %s', (_, changed) => {
    expect(decodeChange(change(changed))).toMatchObject({ ok: false, code: 'record_malformed' });
  });
});
