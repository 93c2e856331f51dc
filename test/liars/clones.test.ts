/** A copied SoftHSM token with a copied database, both served at once, under load, on the witnesses' real times. */
import { describe, expect, it } from 'vitest';
import { witnessPolicy } from '../../src/roles/witnessed-ledger.ts';
import { nightly } from '../nightly.ts';
import { allocated, type CloneRun, runClones } from './clone-run.ts';
import { asItIs, loadChanged } from './code.ts';

const runs = nightly ? 20 : 2;

/** What is stated in docs/THREATS.md. */
function expectBounds({ authentic, taken }: CloneRun): void {
  for (const one of taken) expect(one).toBeLessThanOrEqual(allocated);
  // No message was lost: the second copy's first control bit is under a serial that issuance has had.
  expect(authentic).toBeLessThanOrEqual(allocated);
}

describe('two copies of quota control', () => {
  it(`are found by their witnesses, and one is halted, ${runs} times`, {
    timeout: runs * 60_000,
  }, async () => {
    for (let run = 0; run < runs; run++) {
      const found = await runClones(asItIs, `clones ${run}`);
      const { authentic, taken, usedSerials, firstHaltMs, secondHaltMs } = found;
      console.log(
        `two copies of a quota of ${allocated}: ${taken[0]} and ${taken[1]} taken, ${authentic} authentic, ${usedSerials} orders refused for their serial; ` +
          `halted after ${firstHaltMs?.toFixed(0)} ms, the other after ${secondHaltMs?.toFixed(0) ?? 'none'} ms`,
      );
      expectBounds(found);
      expect(usedSerials).toBeGreaterThan(0);
      // Both have moved within the first orders; each shows its head a second later at the latest, and the machine is shared.
      expect(firstHaltMs).not.toBeNull();
      expect(firstHaltMs).toBeLessThan(witnessPolicy.everyMs + 4_000);
    }
  });

  it('are not halted by a program that ignores what a witness shows: the test can fail', {
    timeout: 60_000,
  }, async () => {
    const code = await loadChanged({
      file: 'roles/witnessed-ledger.ts',
      from: 'haltBy(checked, witness.role);',
      to: '',
    });
    try {
      const found = await runClones(code, 'clones 0', 3_000);
      expectBounds(found);
      expect(found.firstHaltMs).toBeNull();
    } finally {
      code.remove();
    }
  });
});
