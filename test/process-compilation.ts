/** Before the first test: the programs that tests start by the hundred, as JavaScript. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Paths of what was compiled: the process of a signer, of a device, and what writes to and backs up a ledger, and changes the rules, until it is killed. */
    signerProcess: string;
    deviceProcess: string;
    hammerProcess: string;
    cutBackupProcess: string;
    cutActivationProcess: string;
  }
}

const project = join(import.meta.dirname, '..');

export default async function compile({ provide }: TestProject): Promise<() => void> {
  // In the project, so that packages are found from there.
  const cache = join(project, 'node_modules/.cache/ringmint');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'process-'));
  await build({
    entryPoints: [
      'hsm/signer-process.ts',
      'firmware-sim/device-process.ts',
      'test/store/hammer.ts',
      'test/store/cut-backup.ts',
      'test/rules/activation/cut-activation.ts',
    ],
    absWorkingDir: project,
    outbase: '.',
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    plugins: [
      {
        name: 'places',
        setup(hooks) {
          // A file is found beside the one that names it: so each goes on saying where it was.
          hooks.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            const text = await readFile(path, 'utf8');
            const was = JSON.stringify(pathToFileURL(path).href);
            return { contents: text.replaceAll('import.meta.url', was), loader: 'ts' };
          });
        },
      },
    ],
  });
  provide('signerProcess', join(folder, 'hsm/signer-process.js'));
  provide('deviceProcess', join(folder, 'firmware-sim/device-process.js'));
  provide('hammerProcess', join(folder, 'test/store/hammer.js'));
  provide('cutBackupProcess', join(folder, 'test/store/cut-backup.js'));
  provide('cutActivationProcess', join(folder, 'test/rules/activation/cut-activation.js'));
  return () => rmSync(folder, { recursive: true, force: true });
}
