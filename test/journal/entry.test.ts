/** What is read back from an entry is what the stores write into it. */
import { describe, expect, it } from 'vitest';
import { encodeEntry } from '../../src/journal/chain.ts';
import { decodeEntry, decodeIntentContent, withoutOpenings } from '../../src/journal/entry.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { entryOfIntent } from '../../src/store/row.ts';
import type { NewIntent } from '../../src/store/store.ts';
import { bytes, issuer, newIntent, take } from '../store/intents.ts';

const settles = {
  issuer,
  currency: 'USD',
  amount: 2n ** 40n,
  units: [{ epoch: 1, sequence: 2, index: 3 }],
  from: null,
  to: bytes(32, 'account'),
  returned: 0n,
};

describe('an entry', () => {
  it.each<[string, Partial<NewIntent>, object]>([
    ['of an intent', {}, { orders: 0, decides: 0, take: null, settles: null }],
    ['of a take', take(500n), { take: { currency: 'EUR', amount: 500n, orders: 1 }, settles: null }],
    [
      'of orders',
      { orders: [1, 2].map((n) => ({ id: bytes(16, n), bodyHash: bytes(32, n) })) },
      { orders: 2 },
    ],
    ['of a decision', { decides: 7 }, { decides: 7 }],
    ['of a retirement', { kind: 'retirement', settles }, { settles: { currency: 'USD', amount: 2n ** 40n } }],
  ])('%s says what the intent says', (_title, changed, said) => {
    const intent = newIntent(1, changed);
    const written = entryOfIntent(intent, 5);
    const entry = decodeEntry(encodeEntry(written));
    expect(entry).toEqual({ ok: true, value: written });
    const content = decodeIntentContent(written.content);
    const { context, toBeSigned } = intent;
    expect(content).toMatchObject({ ok: true, value: { issuer, context, toBeSigned, ...said } });
  });

  it.each([
    ['request', true],
    ['retirement', true],
    ['credential', false],
    ['denial', false],
    ['control-bit', false],
    ['currency', false],
    ['transfer', false],
  ] as const)('of a %s is shown without what opens commitments: %s', (kind, isWithheld) => {
    const intent = newIntent(1, kind === 'retirement' ? { kind, settles } : { kind });
    const entry = entryOfIntent(intent, 5);
    const shown = withoutOpenings(entry);
    expect(shown !== undefined).toBe(isWithheld);
    if (shown === undefined) return;
    const without = entryOfIntent({ ...intent, context: new Uint8Array() }, 5);
    expect(decodeEntry(shown)).toEqual({ ok: true, value: without });
  });

  it.each([
    ['no CBOR', Uint8Array.of(0xff)],
    ['no array of five', encodeCbor([1, 'request', 'x', 0])],
    ['no content in bytes', encodeCbor([1, 'request', 'x', 0, 'content'])],
  ])('is refused where there is %s', (_title, entry) => {
    expect(decodeEntry(entry)).toMatchObject({ ok: false, code: 'journal_malformed' });
    expect(decodeIntentContent(entry)).toMatchObject({ ok: false, code: 'journal_malformed' });
  });
});
