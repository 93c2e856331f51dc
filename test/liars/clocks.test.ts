/** Ten years ahead, behind, frozen, another at each look: each system's clock, and all three. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { nightly } from '../nightly.ts';
import { openWrongClocks } from './clocks.ts';
import { asItIs } from './code.ts';
import { encryption } from './encryption.ts';
import { type LiarKeys, openKeys } from './keys.ts';
import { runSequences } from './sequences.ts';

vi.mock('../../src/records/encryption.ts', async (original) =>
  (await import('./encryption.ts')).quickened(await original()),
);

const seed = nightly ? new Date().toISOString().slice(0, 10) : '1';
const sequences = nightly ? 20_000 : 2_000;

let keys: LiarKeys;
beforeAll(async () => {
  keys = await openKeys('memory');
  encryption.quick = true;
});
afterAll(() => keys.close());

it(`${sequences} sequences of wrong clocks: no limit gives more, no credential lives longer, nothing is stuck without a clear code (seed ${seed})`, {
  timeout: nightly ? 7_200_000 : 600_000,
}, async () => {
  const report = await runSequences({ open: openWrongClocks, code: asItIs, keys, seed, sequences });
  const { outcomes, actions, ms, cpuMs } = report;
  console.log(
    `wrong clocks: ${sequences} sequences of ${actions} actions; ${(ms / sequences).toFixed(1)} ms a sequence, ${(cpuMs / sequences).toFixed(1)} ms of the processors`,
  );
  const expected = [
    'issued',
    'denied',
    'request_expired',
    'request_not_yet_valid',
    'credential_expired',
    'credential_not_yet_valid',
    'key_expired',
    'daily_limit',
    'rolling_limit',
    'frequency_limit',
  ];
  expect(expected.filter((code) => !outcomes.has(`orders: ${code}`))).toEqual([]);
});
