/** The WebAssembly that ships: the label machine, and what its translations have in common. */
import { readFile } from 'node:fs/promises';

export function readMachineWasm(): Promise<Uint8Array> {
  return readShipped('machine.wasm');
}

export function readRuntimeWasm(): Promise<Uint8Array> {
  return readShipped('translator-runtime.wasm');
}

/** It lies beside vm/host: in the sources as in dist/. */
async function readShipped(name: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(new URL(`../../vm/${name}`, import.meta.url)));
}
