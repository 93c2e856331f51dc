/** The label machine that ships. */
import { readFile } from 'node:fs/promises';

/** The wasm lies beside vm/host: in the sources as in dist/. */
export async function readMachineWasm(): Promise<Uint8Array> {
  return new Uint8Array(await readFile(new URL('../../vm/machine.wasm', import.meta.url)));
}
