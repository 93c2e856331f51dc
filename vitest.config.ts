import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**'],
    pool: 'forks',
    // Most of the time goes into waiting for processes, disks and HSMs.
    maxWorkers: 2,
    // The longer sweeps of `npm run test:nightly` take their time.
    testTimeout: process.env['RINGMINT_NIGHTLY'] === undefined ? 60_000 : 3_600_000,
    hookTimeout: 120_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'vm/*.ts', 'hsm/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
