/** Node, Deno and Bun: what it needs lies beside it. */
import { readFileSync } from 'node:fs';
import { runChecks } from './checks.js';

const read = (name) => readFileSync(new URL(name, import.meta.url));

console.log(
  await runChecks({
    machine: await WebAssembly.compile(read('./machine.wasm')),
    conformance: read('./conformance.txt').toString(),
    signed: read('./signed.json').toString(),
    translation: read('./translation.json').toString(),
    findTranslated: (hash) => WebAssembly.compile(read(`./translated/${hash}.wasm`)),
    compiles: true,
  }),
);
