import { assert, bigInt, constantFrom, dictionary, gen, integer, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Facts, FeedReading, Value } from '../../../src/rules/checker/checked.ts';
import { checkFacts, corridorOf } from '../../../src/rules/facts.ts';
import { formatFacts, parseFacts } from '../../../src/rules/facts-json.ts';
import { schema } from '../../../src/rules/schema.ts';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const wide = bigInt({ min: 1n - 10n ** 18n, max: 10n ** 18n - 1n });

/** Facts as they may be: anything may be missing, and any number be out of its field's range. */
const anyFacts = gen().map((g): Facts => {
  const kind = g(() => constantFrom('issuance' as const, 'transfer' as const));
  const fields = new Map<string, Value>();
  for (const { name, type, on } of schema.values()) {
    if (!on.includes(kind) || g(integer, { min: 0, max: 3 }) === 0) continue;
    if (type.kind === 'key') fields.set(name, key(g(integer, { min: 0, max: 255 })));
    else if (type.kind !== 'symbol')
      fields.set(
        name,
        g(() => wide),
      );
    else if (name === 'tx.currency')
      fields.set(
        name,
        g(() => constantFrom('EUR', 'JPY', 'KWD', 'ZZZ')),
      );
    else if (name === 'tx.origin' || name === 'tx.destination')
      fields.set(
        name,
        g(() => constantFrom('US', 'FR')),
      );
    else
      fields.set(
        name,
        g(() => constantFrom('basic', '"\\ ~', 'x')),
      );
  }
  const feeds = new Map<string, FeedReading>();
  for (const name of ['ecb', 'income_ratio', 'z'])
    if (g(integer, { min: 0, max: 1 }) === 1)
      feeds.set(
        name,
        name === 'ecb'
          ? {
              asOf: g(() => wide),
              rates: new Map(Object.entries(g(() => dictionary(constantFrom('USD', 'JPY', 'CHF'), wide)))),
            }
          : { asOf: g(() => wide), value: g(() => wide) },
      );
  const windows = new Map<bigint, { spent: bigint; count: bigint }>();
  for (const seconds of [1n, 86_400n, 86_401n])
    if (g(integer, { min: 0, max: 1 }) === 1)
      windows.set(seconds, { spent: g(() => wide), count: g(() => wide) });
  return { kind, fields, feeds, windows };
});

const transfer: Facts = {
  kind: 'transfer',
  fields: new Map<string, Value>([
    ['tx.amount', 300_000n],
    ['tx.currency', 'USD'],
    ['tx.origin', 'US'],
    ['tx.destination', 'FR'],
    ['tx.time', 1_795_348_800n],
    ['tx.counterparty_key', key(0xab)],
  ]),
  feeds: new Map([['ecb', { asOf: 1_795_345_200n, rates: new Map([['EUR', 922_339_051n]]) }]]),
  windows: new Map([[86_400n, { spent: 5n, count: 2n }]]),
};

describe('facts', () => {
  it('are refused where a value is none of its field, at the limit of numbers and one beyond', () => {
    const code = (fields: [string, Value][], kind = 'transfer') => {
      const base = new Map<string, Value>([...transfer.fields, ...fields]);
      const checked = checkFacts({ ...transfer, kind: kind as Facts['kind'], fields: base });
      return checked.ok ? 'ok' : `${checked.code} ${checked.field}`;
    };
    expect(code([])).toBe('ok');
    expect(code([['tx.amount', 10n ** 18n - 1n]])).toBe('ok');
    expect(code([['tx.amount', 10n ** 18n]])).toBe('facts_field_invalid tx.amount');
    expect(code([['tx.amount', 1n - 10n ** 18n]])).toBe('ok');
    expect(code([['tx.amount', -(10n ** 18n)]])).toBe('facts_field_invalid tx.amount');
    expect(code([['tx.amount', '5']])).toBe('facts_field_invalid tx.amount');
    expect(code([['tx.tier', '12345678']])).toBe('ok');
    expect(code([['tx.tier', '123456789']])).toBe('facts_field_invalid tx.tier');
    expect(code([['tx.tier', 'é']])).toBe('facts_field_invalid tx.tier');
    expect(code([['tx.counterparty_key', new Uint8Array(31)]])).toBe(
      'facts_field_invalid tx.counterparty_key',
    );
    expect(code([['tx.origin', 'us']])).toBe('facts_field_invalid tx.origin');
    expect(code([['tx.colour', 1n]])).toBe('facts_field_unknown tx.colour');
    expect(code([['tx.units', 1n]])).toBe('facts_field_unknown tx.units');
    expect(code([], 'gift')).toBe('facts_field_invalid kind');
  });

  it('that say no corridor are taken, and have none', () => {
    const fields = new Map(transfer.fields);
    fields.delete('tx.currency');
    expect(checkFacts({ ...transfer, fields }).ok).toBe(true);
    expect(corridorOf({ ...transfer, fields })).toBeUndefined();
    expect(corridorOf(transfer)).toEqual({
      kind: 'transfer',
      origin: 'US',
      destination: 'FR',
      currency: 'USD',
    });
  });
});

describe('facts as lines', () => {
  it('are refused by a code, and never by a throw, whatever was done to them', () => {
    assert(
      property(anyFacts, integer({ min: 0, max: 1000 }), integer({ min: 0, max: 255 }), (facts, at, byte) => {
        const line = formatFacts({ id: undefined, facts });
        const place = at % line.length;
        const read = parseFacts(
          `${line.slice(0, place)}${String.fromCharCode(byte)}${line.slice(place + 1)}`,
        );
        if (read.ok) expect(parseFacts(formatFacts(read.value))).toEqual(read);
        else expect(read.code).toMatch(/^facts_(malformed|field_unknown|field_invalid)$/);
      }),
      { seed: 22, numRuns: 1000 },
    );
    assert(
      property(
        uint8Array({ maxLength: 40 }),
        (bytes) => void parseFacts(Buffer.from(bytes).toString('latin1')),
      ),
      { seed: 23, numRuns: 300 },
    );
  });

  it('come back as they were', () => {
    assert(
      property(anyFacts, constantFrom(undefined, 'order 7'), (facts, id) => {
        expect(parseFacts(formatFacts({ id, facts }))).toEqual({ ok: true, value: { id, facts } });
      }),
      { seed: 24, numRuns: 300 },
    );
  });

  it('say amounts with their currency, times in ISO 8601 and keys in hex', () => {
    expect(JSON.parse(formatFacts({ id: 'one', facts: transfer }))).toEqual({
      id: 'one',
      kind: 'transfer',
      fields: {
        'tx.amount': '3000.00 USD',
        'tx.currency': 'USD',
        'tx.origin': 'US',
        'tx.destination': 'FR',
        'tx.time': '2026-11-22T12:00:00Z',
        'tx.counterparty_key': 'ab'.repeat(32),
      },
      feeds: { ecb: { as_of: '2026-11-22T11:00:00Z', rates: { EUR: '922339051' } } },
      windows: { '86400s': { spent: '0.05 USD', count: '2' } },
    });
  });

  const line = JSON.parse(formatFacts({ id: undefined, facts: transfer })) as Record<string, object>;
  const changed = (part: string, change: object): string => {
    const read = parseFacts(JSON.stringify({ ...line, [part]: { ...line[part], ...change } }));
    return read.ok ? 'ok' : `${read.code} ${read.field}`;
  };

  it('take whole numbers, amounts without decimals and windows in any unit', () => {
    expect(changed('fields', { 'tx.amount': '3000 USD', 'tx.time': 5 })).toBe('ok');
    expect(changed('windows', { '30d': { spent: '0 USD', count: 0 } })).toBe('ok');
  });

  it('are refused by the name of the field', () => {
    expect(changed('fields', { 'tx.amount': '3000.00 EUR' })).toBe('facts_field_invalid tx.amount');
    expect(changed('fields', { 'tx.amount': '3000.000 USD' })).toBe('facts_field_invalid tx.amount');
    expect(changed('fields', { 'tx.amount': 3000 })).toBe('facts_field_invalid tx.amount');
    expect(changed('fields', { 'tx.time': '2026-02-30T00:00:00Z' })).toBe('facts_field_invalid tx.time');
    expect(changed('fields', { 'tx.counterparty_key': 'ab' })).toBe(
      'facts_field_invalid tx.counterparty_key',
    );
    expect(changed('fields', { colour: 'red' })).toBe('facts_field_unknown colour');
    expect(changed('windows', { '24h': { spent: '0 USD', count: 0 } })).toBe('facts_malformed windows');
    expect(changed('windows', { '1w': { spent: '0 USD', count: 0 } })).toBe('facts_field_invalid windows');
    expect(changed('feeds', { ecb: { as_of: 0 } })).toBe('facts_field_invalid feeds.ecb');
    expect(changed('feeds', { ecb: { as_of: 0, value: 1, colour: 1 } })).toBe('facts_field_unknown colour');
    expect(changed('feeds', { ecb: { as_of: 0, value: 1.5 } })).toBe('facts_field_invalid feeds.ecb.value');
    for (const twice of [
      '{"kind":"transfer","kind":"issuance","fields":{}}',
      '{"kind" :"transfer","kind":"transfer","fields":{}}',
      '{"kind":"transfer","k\\u0069nd":"transfer","fields":{}}',
      '{"id":"a:b","id":"c","kind":"transfer","fields":{}}',
      '{"id":"\\u003a","kind":"transfer","fields":{},"fields":{}}',
    ])
      expect(parseFacts(twice)).toMatchObject({ code: 'facts_malformed' });
    for (const text of ['', 'null', '[]', '{', '{"fields":[]}', '7']) expect(parseFacts(text).ok).toBe(false);
  });
});
