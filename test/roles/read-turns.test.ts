/** Whoever reads waits for its turn, and a read that fails is that reader's alone. */
import { expect, it } from 'vitest';
import { makeReadTurns } from '../../src/roles/read-turns.ts';

it('makes one page at a time, in order, with a pause that is several times as long', async () => {
  const turns = makeReadTurns();
  const spans: { begun: number; ended: number }[] = [];
  const page = async (n: number): Promise<number> => {
    const begun = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 10));
    spans.push({ begun, ended: performance.now() });
    if (n === 1) throw new Error('this one cannot be read');
    return n;
  };
  const outcomes = await Promise.allSettled([0, 1, 2].map((n) => turns(() => page(n))));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  for (const [i, { begun }] of spans.entries()) {
    const before = spans[i - 1];
    if (before !== undefined)
      expect(begun - before.ended).toBeGreaterThan(Math.min(5 * (before.ended - before.begun), 900));
  }
});
