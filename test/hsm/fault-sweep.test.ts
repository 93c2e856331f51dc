import { afterAll, describe, expect, test } from 'vitest';
import type { SignerErrorCode } from '../../hsm/signer.ts';
import { nightly } from '../nightly.ts';
import { type CompiledSigner, compileSigner } from './compiled-signer.ts';
import { shimObstacle } from './fault-shim.ts';
import { describeSweep, type SignerMaker, sweep } from './fault-sweep.ts';
import { temporaryFolder } from './temporary-token.ts';

const obstacle = shimObstacle();
if (obstacle !== undefined) console.warn(`SKIPPED: no faults are swept over the signer, since ${obstacle}`);

/** What a broken device may be called. Not among them: signer_busy and signer_closed, which the sweep gives no reason for. */
const codes: readonly SignerErrorCode[] = [
  'module_missing',
  'module_unusable',
  'token_missing',
  'key_missing',
  'key_ambiguous',
  'key_unfit',
  'mechanism_missing',
  'point_invalid',
  'pin_incorrect',
  'pin_locked',
  'signature_wrong',
  'signer_crashed',
  'signer_timeout',
  'request_refused',
  'login_lost',
  'device_busy',
  'device_error',
];

/** The sweep says itself where a signer no longer signs, which takes longer than a test has otherwise. */
const sweepTimeoutMs = nightly ? 3_600_000 : 240_000;

let compiled: CompiledSigner | undefined;
afterAll(() => compiled?.remove());

/** The one place where the sweep meets the signer. */
const makeSigner: SignerMaker = async ({ address, environment }, module, timeoutMs) => {
  compiled ??= await compileSigner();
  const token = await compiled.openToken({
    address: { ...address, module },
    environment,
    signingKey: 'signing',
    timeoutMs,
  });
  return { sign: (message) => token.sign(message), close: () => token.close() };
};

describe.skipIf(obstacle !== undefined)('a signer whose device fails by plan', () => {
  test(
    'lets out no wrong signature, ends every request once, and signs again when the plan is over',
    async () => {
      compiled = await compileSigner();
      // Another seed each time; RINGMINT_SEED=N repeats one.
      const seed = Number(process.env['RINGMINT_SEED'] ?? Date.now() % 1_000_000);
      const lanes = 8;
      const faults = nightly ? 50_000 : 2_000;
      const startedMs = performance.now();
      const report = await sweep({
        seed,
        faults,
        lanes,
        folder: temporaryFolder(),
        makeSigner,
        codes: new Set(codes),
        timeoutMs: 3_000,
        openingsHang: nightly,
      });
      const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
      console.log(`faults: seed ${seed}, ${seconds} s; ${describeSweep(report)}`);
      expect(report.violations).toEqual([]);
      // A session that could not be replaced costs one caller a failure: no more of them than the signers have sessions.
      expect(report.lateFailures).toBeLessThanOrEqual(lanes * 4);
      expect(report.fired).toBeGreaterThanOrEqual(faults);
      expect(report.table.size).toBeGreaterThan(25);
    },
    sweepTimeoutMs,
  );
});
