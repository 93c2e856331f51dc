/** Builds the translator, or the runtime of what it translates, with one place of its sources changed, in this process. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import type { translate } from '../../../vm/translator/translate.ts';
import { sources as assembly, buildAssembly, type Change } from '../defective-machine.ts';
import { runtime, type Translate } from './translated-machine.ts';

const folder = join(import.meta.dirname, '../../../vm/translator');

/** By name: of vm/translator/, and of vm/assembly/. */
export const sources: ReadonlyMap<string, string> = new Map([
  ...readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const),
  ...assembly,
]);

/** As asconfig.json has it, for the same bytes. */
const options =
  '--use TAGGED=1 --use STEPPING=0 --initialMemory 13 --maximumMemory 13 --optimizeLevel 3 --shrinkLevel 0 --converge';

export interface Built {
  readonly runtime: Uint8Array<ArrayBuffer>;
  readonly translate: Translate;
}

async function buildTranslate(changes: readonly Change[]): Promise<typeof translate> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'translate.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'changes',
        setup(bundling) {
          bundling.onLoad({ filter: /\/vm\/translator\/[^/]+\.ts$/ }, ({ path }) => {
            const name = basename(path);
            const contents = changes
              .filter(({ file }) => file === name)
              .reduce((source, { from, to }) => source.replace(from, () => to), sources.get(name) ?? '');
            return { contents, loader: 'ts' };
          });
        },
      },
    ],
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error('no bundle');
  const url = `data:text/javascript;base64,${Buffer.from(bundle.contents).toString('base64')}`;
  return ((await import(url)) as { translate: typeof translate }).translate;
}

export async function buildRuntime(defect?: Change): Promise<Uint8Array<ArrayBuffer>> {
  return buildAssembly('translated.ts', options, defect);
}

/** With changes of the translator, or one of the runtime. */
export async function buildTranslator(...changes: readonly Change[]): Promise<Built> {
  const translated = await buildTranslate(changes.filter(({ file }) => !assembly.has(file)));
  const inRuntime = changes.find(({ file }) => assembly.has(file));
  const own = inRuntime === undefined ? runtime : await buildRuntime(inRuntime);
  return {
    runtime: own,
    translate: (source) => translated({ source, runtime: own, registers: true }),
  };
}
