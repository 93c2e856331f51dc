/** The differential test of the translator, in parts that workers share. */
import { expect, it } from 'vitest';
import { instructions, traps } from '../../../vm/isa.ts';
import { elidedChecks } from '../../../vm/translator/claims.ts';
import { nightly } from '../../nightly.ts';
import type { Tally } from '../oracles.ts';
import { differsAnywhere } from './agreement.ts';
import { TranslatedMachine } from './translated-machine.ts';

export const parts = 4;
/** 100,000 in all. */
const programs = nightly ? 250_000 : 25_000;

/** What is reached at least by each part, of 25,000 programs: a test with nothing in it proves nothing. */
const least: Readonly<Record<string, number>> = {
  'both finished': 25_000,
  'both trapped': 25_000,
  declassify: 2_000,
  endorse: 2_000,
  'uniform segment': 10_000,
  'mixed segment': 10_000,
  'function with a proven version': 25_000,
  'pc not exact': 5_000,
  'labels not exact': 10_000,
  'results not exact': 1_000,
  'parameters not exact': 2_000,
  loop: 5_000,
};

export function agreesOnPart(part: number): void {
  it(`agrees with interpreter and specification on values, labels, traps, fuel and audit: part ${part + 1} of ${parts}`, async () => {
    const machine = await TranslatedMachine.start();
    const tally: Tally = new Map();
    let seen = 'nothing';
    for (let tried = 0; tried < programs && seen === 'nothing'; tried++) {
      const seed = 1 + part * programs + tried;
      const difference = differsAnywhere(machine, seed, tally);
      if (difference !== undefined) seen = `program ${seed}: ${difference}`;
    }
    expect(seen).toBe('nothing');
    console.log('translator, differential', Object.fromEntries(tally));
    for (const { mnemonic } of instructions)
      expect(tally.get(`generated ${mnemonic}`), mnemonic).toBeGreaterThan(500);
    for (const name of Object.keys(traps)) expect(tally.get(`trap ${name}`), name).toBeGreaterThan(0);
    for (const check of elidedChecks) expect(tally.get(`elided ${check}`), check).toBeGreaterThan(100);
    for (const [name, count] of Object.entries(least))
      expect(tally.get(name), name).toBeGreaterThanOrEqual(count);
  }, 3_600_000);
}
