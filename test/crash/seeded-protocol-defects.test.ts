/** The sweep can fail: protocols with one rule bent are found within a bounded number of cuts, and docs/CRASHES.md says after how many. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { openTokens, type Tokens } from '../roles/authorities.ts';
import { protocolDefects } from './protocol-defects.ts';
import { SweepFailure, sweep } from './sweep.ts';

/** Most are found after a few; one that needs a cut at one point, and a second asking at the right moment, takes longer. */
const bound = 3_000;
const seeds = nightly ? ['first', 'second', 'third'] : ['first'];

const document = readFileSync(join(import.meta.dirname, '../../docs/CRASHES.md'), 'utf8');

let tokens: Tokens;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());

describe('a protocol with one rule bent', () => {
  for (const defect of protocolDefects) {
    it(`is found: ${defect.name}`, { timeout: 300_000 }, async () => {
      for (const seed of seeds) {
        const found = await sweep({ tokens, seed, cuts: bound, defect }).catch((error: unknown) => error);
        if (process.env['RINGMINT_SHOW_DEFECTS'] !== undefined)
          console.log(
            `${defect.name} | ${seed} | ${found instanceof SweepFailure ? `${found.cuts} | ${found.message}` : String(found)}`,
          );
        expect(found, `seed ${seed}`).toBeInstanceOf(SweepFailure);
      }
    });
  }

  it('is in docs/CRASHES.md, each of them', () => {
    for (const { name } of protocolDefects) expect(document).toContain(`| ${name} |`);
  });
});
