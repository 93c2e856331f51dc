/** A browser: fetches what it needs, and posts what came of it. */
import { runChecks } from './checks.js';

const text = async (path) => (await fetch(path)).text();

async function answer() {
  try {
    return await runChecks({
      machine: await WebAssembly.compileStreaming(fetch('/machine.wasm')),
      conformance: await text('/conformance.txt'),
      signed: await text('/signed.json'),
      translation: await text('/translation.json'),
      findTranslated: (hash) => WebAssembly.compileStreaming(fetch(`/translated/${hash}.wasm`)),
      compiles: true,
    });
  } catch (error) {
    // Whoever waits for the answer is told what went wrong, or would wait for nothing.
    return `thrown: ${String(error)}`;
  }
}

await fetch('/result', { method: 'POST', body: await answer() });
