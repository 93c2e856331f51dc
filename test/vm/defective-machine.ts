/** Builds the machine from its sources with one of them changed, in this process. */
import { readdirSync, readFileSync } from 'node:fs';
import { main as compile } from 'assemblyscript/asc';
import type { Defect } from './defects.ts';

const folder = new URL('../../vm/assembly/', import.meta.url);

export const sources: ReadonlyMap<string, string> = new Map(
  readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]),
);

/** A change of one place in one file of vm/assembly. */
export type Change = Pick<Defect, 'name' | 'file' | 'from' | 'to'>;

/** The stepping machine, which runs whole programs too; not optimised. */
export async function buildMachine(defect?: Change): Promise<Uint8Array<ArrayBuffer>> {
  return buildAssembly('stepping.ts', '--use TAGGED=1 --use STEPPING=1 --initialMemory 40', defect);
}

export async function buildAssembly(
  entry: string,
  options: string,
  defect?: Change,
): Promise<Uint8Array<ArrayBuffer>> {
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const all = `--runtime stub --use abort= ${options} --outFile out.wasm`;
  let complaint = '';
  const { error } = await compile([entry, ...all.split(' ')], {
    readFile(name) {
      const source = sources.get(name);
      if (source === undefined || defect?.file !== name) return source ?? null;
      return source.replace(defect.from, () => defect.to);
    },
    writeFile(_, contents) {
      if (typeof contents !== 'string') wasm = new Uint8Array(contents);
    },
    listFiles: () => [],
    stderr: {
      write(chunk) {
        complaint += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
      },
    },
  });
  if (error !== null || wasm === undefined)
    throw new Error(`${defect?.name}: ${error?.message} ${complaint}`);
  return wasm;
}
