import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkModule } from '../../../src/rules/checker/check-module.ts';

const document = readFileSync(new URL('../../../docs/RULES.md', import.meta.url), 'utf8');
const example = /```\n(module us\.payments[\s\S]*?)```/.exec(document)?.[1] ?? '';

describe('the module of docs/RULES.md', () => {
  const { module, faults } = checkModule(example);

  it('is accepted', () => {
    expect(faults).toEqual([]);
    expect(module?.rules.map(({ id, layer }) => [id, layer])).toEqual([
      ['us.payments/sanctions', 'strict'],
      ['us.payments/day', 'national'],
      ['us.payments/travel', 'national'],
      ['us.payments/inclusion', 'national'],
    ]);
  });

  it('has types, and one object for a let wherever it is used', () => {
    const [, day, travel, inclusion] = module?.rules ?? [];
    const today = module?.lets.find(({ name }) => name === 'today')?.value;
    expect(today?.type).toEqual({ kind: 'money', currency: 'USD' });
    expect(day?.body.kind === 'cap' && day.body.measure).toBe(today);
    expect(inclusion?.body.kind === 'cap' && inclusion.body.measure).toBe(today);
    expect(inclusion?.exceptionTo).toBe('us.payments/day');
    expect(inclusion?.expires).toBe(BigInt(Date.UTC(2027, 11, 31) / 1000));
    expect(travel?.body.kind === 'require' && travel.body.field.name).toBe('tx.ivms_digest');
  });

  it('has tests with what is given and what they say themselves', () => {
    const [at, below] = module?.tests ?? [];
    expect(at?.facts.kind).toBe('transfer');
    expect(at?.facts.fields.get('tx.amount')).toBe(300_000n);
    expect(at?.facts.fields.get('tx.currency')).toBe('USD');
    expect(at?.facts.fields.get('tx.origin')).toBe('US');
    expect(at?.facts.windows).toEqual(new Map([[86_400n, { spent: 0n, count: 0n }]]));
    expect(at?.fired).toEqual(['travel']);
    expect(below?.facts.fields.get('tx.amount')).toBe(299_999n);
    expect(below?.fired).toEqual([]);
  });

  it('is the same whenever it is checked', () => {
    expect(checkModule(example)).toEqual({ module, faults });
  });
});
