/**
 * The sweeps can fail: firmware with one rule bent is found, and docs/DEVICE-DEFECTS.md says after how many cases. `RINGMINT_SHOW_DEFECTS=1`
 * prints its rows.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Channel } from '../../firmware-sim/sealed-channel.ts';
import { type FirmwareUnderTest, seek } from './defect-finders.ts';
import { defects } from './defects.ts';
import { firmware, loadChanged } from './parts.ts';

const document = readFileSync(join(import.meta.dirname, '../../docs/DEVICE-DEFECTS.md'), 'utf8');
const asItIs: FirmwareUnderTest = { ...firmware, Channel };

describe('firmware with one rule bent', () => {
  it.each([...defects])('is found: $name', { timeout: 300_000 }, async ({ name, by, workflow, changes }) => {
    const code = await loadChanged(changes);
    try {
      const found = seek(code, by, workflow);
      const [what = ''] = (found?.what ?? '').split('\n');
      if (process.env['RINGMINT_SHOW_DEFECTS'] !== undefined) {
        const file = [...new Set(changes.map((change) => change.file))].join(', ');
        const shown = what.slice(0, 120).replaceAll('|', '/');
        console.log(
          `| ${name} | ${file} | ${by}${workflow === undefined ? '' : `: ${workflow}`} | ${found?.cases} | ${shown} |`,
        );
      }
      expect(found, 'what finds it').toBeDefined();
    } finally {
      code.remove();
    }
  });

  it('is in docs/DEVICE-DEFECTS.md, each of at least 30', () => {
    expect(defects.length).toBeGreaterThanOrEqual(30);
    expect(new Set(defects.map(({ name }) => name)).size).toBe(defects.length);
    for (const { name } of defects) expect(document).toContain(`| ${name} |`);
  });
});

describe('the firmware as it is', () => {
  // Random steps, cuts and glitches have it in tests of their own.
  it.each(['tries', 'memory', 'frames'] as const)('shows nothing to the finder of `%s`', (by) => {
    expect(seek(asItIs, by)).toBeUndefined();
  });
});
