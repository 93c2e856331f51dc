/** workerd, which compiles no WebAssembly while it runs: the machine and every translated module come compiled. Run with `workerd test`. */
import { runChecks } from './checks.js';
import conformance from './conformance.txt';
import machine from './machine.wasm';
import signed from './signed.json';
import { translated } from './translated.js';
import translation from './translation.json';

export default {
  async test() {
    const answer = await runChecks({
      machine,
      conformance,
      signed: JSON.stringify(signed),
      translation: JSON.stringify(translation),
      findTranslated: async (hash) => translated.get(hash),
      compiles: false,
    });
    console.log(answer);
  },
};
