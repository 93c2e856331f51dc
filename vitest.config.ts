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

/**
 * Tests of what is computed and of nothing else: no file leaves anything for the next one, so they share a process, and what they import is
 * loaded once.
 */
const computed = [
  'test/{records,quota,journal,kit,verifier,vm}/**/*.test.ts',
  'test/rules/{checker,compiler,defects,differential,engine,evaluator,generation,language,modules,recording,replay,set}/**/*.test.ts',
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
    projects: [
      { extends: true, test: { name: 'computed', include: computed, isolate: false } },
      {
        extends: true,
        test: {
          name: 'apart',
          include: ['test/**/*.test.ts'],
          exclude: ['test/bench/**', ...computed],
          globalSetup: ['test/process-compilation.ts'],
        },
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
