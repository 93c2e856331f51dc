import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes, the longest first: none of them is to be left alone at the end. */
const long = [
  'test/crash/sweep',
  'test/liars/',
  'test/flow/',
  'test/vm/seeded-defects',
  'test/vm/translator/differential',
  'test/firmware-sim/glitch',
  'test/firmware-sim/cut',
  'test/firmware-sim/random',
  'test/firmware-sim/seeded-defects',
];

/** Files that leave nothing for the next one in their process: they share one, and what they import is loaded once. */
const together = [
  'test/{api,audit,cli,firmware-sim,journal,kit,quota,records,roles,rules,store,verifier,vm}/**/*.test.ts',
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = long.findIndex((part) => moduleId.includes(part));
      return place === -1 ? long.length : place;
    };
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  // Processes of signers and devices by the hundred: compiled as they ship, each starts for 0.12 s of the processor, and from sources for 0.44.
  resolve: {
    alias: {
      './signer-program.ts': join(import.meta.dirname, 'test/hsm/signer-program.ts'),
      './device-program.ts': join(import.meta.dirname, 'test/firmware-sim/device-program.ts'),
    },
  },
  test: {
    globalSetup: ['test/process-compilation.ts'],
    projects: [
      { extends: true, test: { name: 'together', include: together, isolate: false } },
      {
        extends: true,
        test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: ['test/bench/**', ...together] },
      },
    ],
    pool: 'forks',
    // Most of the time goes into waiting for processes, disks and HSMs.
    maxWorkers: 2,
    // What is made by the hundred thousand and thrown away is swept up half as often.
    execArgv: ['--max-semi-space-size=32'],
    sequence: { sequencer: LongFirst },
    // The longer sweeps of `npm run test:nightly` take their time.
    testTimeout: process.env['RINGMINT_NIGHTLY'] === undefined ? 60_000 : 3_600_000,
    hookTimeout: 120_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'vm/*.ts', 'hsm/**/*.ts', 'firmware-sim/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
