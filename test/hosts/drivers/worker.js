/** workerd, which compiles no WebAssembly while it runs: the machine comes compiled. Run with `workerd test`. */
import { runChecks } from './checks.js';
import conformance from './conformance.txt';
import wasm from './machine.wasm';
import signed from './signed.json';

export default {
  async test() {
    console.log(await runChecks(wasm, conformance, JSON.stringify(signed)));
  },
};
