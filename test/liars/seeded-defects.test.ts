/** The liars can fail: programs with one rule bent are found within a bounded number of sequences, and docs/CRASHES.md says after how many. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { openWrongClocks } from './clocks.ts';
import { loadChanged } from './code.ts';
import { type LiarKeys, openKeys } from './keys.ts';
import { openLyingCentral } from './lying-central.ts';
import { openLyingIssuance } from './lying-issuance.ts';
import { openLyingQuota } from './lying-quota.ts';
import { type SeededDefect, seededDefects } from './seeded-defects.ts';
import { LieFailure, runSequences, type World, type WorldOptions } from './sequences.ts';

/** As many as a liar makes up in `npm test`. */
const bound = 10_000;
const seeds = nightly ? ['first', 'second', 'third'] : ['first'];
const oracles: Readonly<Record<SeededDefect['by'], (options: WorldOptions) => Promise<World>>> = {
  'a lying issuance': openLyingIssuance,
  'a lying central management': openLyingCentral,
  'a lying quota control': openLyingQuota,
  'wrong clocks': openWrongClocks,
};
const document = readFileSync(join(import.meta.dirname, '../../docs/CRASHES.md'), 'utf8');

/** Without what is another one in each run. */
function shownRule({ sequences, message }: LieFailure): string {
  const rule = message.replace(/ \(seed .*| \(SQLITE.*/s, '').replaceAll(/`\/[^`]*\/(\w+\.db)`/g, '`$1`');
  return `${sequences} | ${rule}`;
}

let keys: LiarKeys;
beforeAll(async () => {
  keys = await openKeys('memory');
});
afterAll(() => keys.close());

describe('a program with one rule bent', () => {
  for (const defect of seededDefects) {
    it(`is found by ${defect.by}: ${defect.name}`, { timeout: 300_000 }, async () => {
      const code = await loadChanged(defect);
      try {
        for (const seed of seeds) {
          const open = oracles[defect.by];
          const found = await runSequences({ open, code, keys, seed, sequences: bound }).catch(
            (error: unknown) => error,
          );
          if (process.env['RINGMINT_SHOW_DEFECTS'] !== undefined)
            console.log(
              `| ${defect.name} | ${defect.by} | ${found instanceof LieFailure ? shownRule(found) : String(found)} |`,
            );
          expect(found, `seed ${seed}`).toBeInstanceOf(LieFailure);
        }
      } finally {
        code.remove();
      }
    });
  }

  it('is in docs/CRASHES.md, each of them', () => {
    for (const { name, by } of seededDefects) expect(document).toContain(`| ${name} | ${by} |`);
  });
});
