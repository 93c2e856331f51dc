/** The project's sources with places changed, compiled into one file that is none of the project's: nothing of it can be committed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** One place of a source file, by its path in the project, and what stands there instead. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const project = join(import.meta.dirname, '..');

/**
 * What `exports` names, by the file that has it, with these changes. Throws where a place is not in its file exactly once, and where nothing
 * that was named uses the file.
 */
export async function loadChanged<T extends object>(
  exports: Readonly<Record<keyof T & string, string>>,
  changes: readonly Change[],
): Promise<T & { readonly remove: () => void }> {
  const changed = new Map<string, string>();
  for (const { file, from, to } of changes) {
    const path = join(project, file);
    const text = changed.get(path) ?? readFileSync(path, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} has not exactly one \`${from}\``);
    changed.set(
      path,
      text.replace(from, () => to),
    );
  }
  // In the project, so that packages are found from there.
  const cache = join(project, 'node_modules/.cache/ringmint');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'bent-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const outfile = join(folder, 'code.mjs');
    const { metafile } = await build({
      stdin: {
        contents: Object.entries<string>(exports)
          .map(([name, file]) => `export { ${name} } from './${file}';`)
          .join('\n'),
        resolveDir: project,
      },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      absWorkingDir: project,
      metafile: true,
      plugins: [
        {
          name: 'changes',
          setup(hooks) {
            hooks.onLoad({ filter: /\.ts$/ }, ({ path }) => {
              const text = changed.get(path) ?? readFileSync(path, 'utf8');
              // A file is found beside the one that names it: so each goes on saying where it was.
              const was = JSON.stringify(pathToFileURL(path).href);
              return { contents: text.replaceAll('import.meta.url', was), loader: 'ts' };
            });
          },
        },
      ],
    });
    for (const { file } of changes)
      if (metafile.inputs[file] === undefined) throw new Error(`${file} is no part of what is tested`);
    return { ...((await import(outfile)) as T), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
