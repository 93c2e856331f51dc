import { afterAll, beforeAll, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { asItIs } from './code.ts';
import { type LiarKeys, openKeys } from './keys.ts';
import { openLyingCentral } from './lying-central.ts';
import { runSequences } from './sequences.ts';

it('x', { timeout: 600_000 }, async () => {
  const keys = await openKeys('memory');
  const report = await runSequences({ open: openLyingCentral, code: asItIs, keys, seed: '1', sequences: 500 });
  console.log(report.ms / 500, report.cpuMs/500, [...report.outcomes].sort().map(([a,b])=>`${b} ${a}`).join('\n'));
});
