/** Node, Deno and Bun: what it needs lies beside it. */
import { readFileSync } from 'node:fs';
import { runChecks } from './checks.js';

const read = (name) => readFileSync(new URL(name, import.meta.url));

console.log(
  await runChecks(
    await WebAssembly.compile(read('./machine.wasm')),
    read('./conformance.txt').toString(),
    read('./signed.json').toString(),
  ),
);
