/** What a device's process runs. */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const inSources = import.meta.url.endsWith('.ts');

/** In development the sources run as they are: the loader by its path, since a bare `tsx` is looked for in the working directory. */
export const deviceProgram: { readonly entry: string; readonly execArgv: readonly string[] } = {
  entry: fileURLToPath(new URL(inSources ? './device-process.ts' : './device-process.js', import.meta.url)),
  execArgv: inSources ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [],
};
