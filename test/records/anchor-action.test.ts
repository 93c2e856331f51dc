/** The change by which a journal is anchored anew: read back as it was written, and refused where it says what it may not. */
import { describe, expect, it } from 'vitest';
import {
  type AnchorAction,
  decodeChange,
  encodeChange,
  type JournalAnchor,
} from '../../src/records/quota-change.ts';
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
  others: [],
};
const other = (name: string, epoch: number | null = 5): JournalAnchor => ({
  journalId: bytes(16, name),
  head: place(3),
  givenUp: [place(4)],
  epoch,
});
const change = (changed: Partial<AnchorAction> = {}): Uint8Array =>
  encodeChange({ madeAt: 1_000, expiresAt: 2_000, reason: 'a drill', action: { ...action, ...changed } });

describe('a change that anchors a journal anew', () => {
  it('is read back as it was written', () => {
    const nothing = { role: 'central', givenUp: [], unexplained: 0, epoch: null, quotas: [] } as const;
    const several = { others: [other('second'), { ...other('third', 7), givenUp: [] }] };
    const lost = { epoch: null, others: [other('second', null)] };
    for (const changed of [{}, nothing, several, lost])
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

  it('says so of each journal of a ledger with several', () => {
    const decoded = decodeChange(change({ others: [other('second')] }));
    const text = decoded.ok ? describeChange(decoded.value).join('\n') : decoded.message;
    for (const part of ['from entry 7', 'epoch 4', 'from entry 3', 'GIVEN UP: 1 entry after it', 'epoch 5'])
      expect(text).toContain(part);
  });

  it('has one form: a list of others that is empty is refused', () => {
    const whole = change({ others: [other('second')] });
    const written = Buffer.from(whole).toString('hex');
    // The last item: an array of one, of an array of four.
    const list = written.lastIndexOf(`8184${'50'}`);
    const emptied = Buffer.from(`${written.slice(0, list)}80`, 'hex');
    expect(decodeChange(new Uint8Array(emptied))).toMatchObject({
      ok: false,
      code: 'record_malformed',
      message: expect.stringContaining('action.others'),
    });
  });

  it.each<[string, Partial<AnchorAction>]>([
    [
      'others of a system that has one journal',
      { role: 'central', epoch: null, others: [other('second', null)] },
    ],
    ['a journal twice', { others: [other('second'), other('second', 6)] }],
    ['its own journal among the others', { others: [other('journal')] }],
    ['one epoch twice', { others: [other('second', 4)] }],
    ['an epoch below its own', { others: [other('second', 3)] }],
    ['an epoch for some only', { others: [other('second', null)] }],
    ["another journal's heads out of their order", { others: [{ ...other('second'), givenUp: [place(3)] }] }],
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
