/**
 * hsm/ as JavaScript, as it ships: its processes start in a tenth of the time that they take from TypeScript,
 * and a sweep that kills hundreds of them starts that many.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { SignerChild } from '../../hsm/signer-child.ts';
import type { openToken } from '../../hsm/token-signer.ts';
import { projectFolder } from './temporary-token.ts';

export interface CompiledSigner {
  readonly openToken: typeof openToken;
  readonly SignerChild: typeof SignerChild;
  /** Removes the compiled files; not before the last process has ended. */
  remove(): void;
}

/** Compiles every source of hsm/ into a folder that is removed by `remove`. */
export async function compileSigner(): Promise<CompiledSigner> {
  const sources = join(projectFolder, 'hsm');
  // In the project, so that packages are found from there.
  const cache = join(projectFolder, 'node_modules', '.cache', 'ringmint');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'signer-'));
  await build({
    entryPoints: readdirSync(sources)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(sources, name)),
    outdir: folder,
    bundle: true,
    // One copy of what they share: a SignerError is the same class everywhere.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  });
  const load = async <T>(name: string): Promise<T> =>
    (await import(pathToFileURL(join(folder, name)).href)) as T;
  const { openToken: open } = await load<Pick<CompiledSigner, 'openToken'>>('token-signer.js');
  const { SignerChild: Child } = await load<Pick<CompiledSigner, 'SignerChild'>>('signer-child.js');
  return {
    openToken: open,
    SignerChild: Child,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
