import { expect, it } from 'vitest';
import { limits } from '../../../vm/isa.ts';
import { readRuntime } from '../../../vm/translator/runtime-module.ts';
import type { Tally } from '../oracles.ts';
import { differsAnywhere } from './agreement.ts';
import { buildTranslator } from './defective-translator.ts';
import { runtime, TranslatedMachine } from './translated-machine.ts';

/** The last entries of the table of segments, which generated programs have no use for: they count, of main and of other functions. */
const counters = readRuntime(runtime).address('SEGMENTS') + 32 * (limits.segments - 1);
const [heldGuard, tagged, proven] = [counters, counters + 8, counters + 16];

function counting(counter: number): string {
  const address = `${counter} + (this.index === this.options.bodies.length - 1 ? 0 : 4)`;
  return `frame.code.i32(0).i32(0).load('i32.load', ${address}).i32(1).op('i32.add').store('i32.store', ${address});`;
}

it('both versions of functions are run by generated programs, from guards that held and that did not', async () => {
  const { translate } = await buildTranslator(
    {
      name: 'guards count',
      file: 'emission.ts',
      from: "    code.op('if');\n    if (!isExact(entry.pc))",
      to: `    code.op('if');\n    ${counting(heldGuard)}\n    if (!isExact(entry.pc))`,
    },
    {
      name: 'versions count',
      file: 'emission.ts',
      from: 'if (entry === undefined) this.guard();',
      to: `if (entry === undefined) { this.guard(); ${counting(tagged)} } else { ${counting(proven)} }`,
    },
  );
  const machine = await TranslatedMachine.start(translate);
  const tally: Tally = new Map();
  const begun = { heldMains: 0, held: 0, taggedMains: 0, tagged: 0, provenMains: 0, proven: 0 };
  for (let seed = 1; seed <= 1_000; seed++) {
    expect(differsAnywhere(machine, seed, tally), `program ${seed}`).toBeUndefined();
    for (const [index, name] of (Object.keys(begun) as (keyof typeof begun)[]).entries())
      begun[name] += machine.peek(counters, 6)[index] ?? 0;
  }
  console.log('versions', begun);
  expect(begun.provenMains).toBe(begun.heldMains);
  for (const [name, count] of Object.entries(begun)) expect(count, name).toBeGreaterThan(20);
  // A proven version that another one calls comes without a guard.
  expect(begun.proven).toBeGreaterThan(begun.held);
});
