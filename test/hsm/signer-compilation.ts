/** Before the first test: hsm/signer-process.ts as JavaScript. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the compiled signer process. */
    signerProcess: string;
  }
}

const project = join(import.meta.dirname, '../..');

export default async function compile({ provide }: TestProject): Promise<() => void> {
  // In the project, so that packages are found from there.
  const cache = join(project, 'node_modules/.cache/ringmint');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'process-'));
  const outfile = join(folder, 'hsm/signer-process.js');
  await build({
    entryPoints: [join(project, 'hsm/signer-process.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  });
  provide('signerProcess', outfile);
  return () => rmSync(folder, { recursive: true, force: true });
}
