/** Where a label comes from: exact for every register, word, port and trap of generated programs. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Derivation } from '../../vm/derivation.ts';
import type { Derived } from '../../vm/derived-label.ts';
import { listModule } from '../../vm/listing.ts';
import { encodeModule, type Module } from '../../vm/module.ts';
import { explain } from '../../vm/provenance.ts';
import { recordRun } from '../../vm/recording.ts';
import { type SteppingMachine, startSteppingMachine } from '../../vm/stepping-machine.ts';
import type { LineEnd, Timeline } from '../../vm/timeline.ts';
import { type BareMachine, bareMachine } from './machine.ts';
import { inputsOf, programOf } from './oracles.ts';
import type { Input } from './random-program.ts';

let stepping: SteppingMachine;
let bare: BareMachine;

beforeAll(async () => {
  stepping = await startSteppingMachine(
    new Uint8Array(readFileSync(new URL('../../vm/machine-stepping.wasm', import.meta.url))),
  );
  bare = await bareMachine();
});

function derive(
  module: Module,
  inputs: readonly Input[],
): { derivation: Derivation; timeline: Timeline; end: LineEnd } {
  const loaded = stepping.load(encodeModule(module));
  if (!loaded.ok) throw new Error(loaded.message);
  const timeline = recordRun(loaded.program, listModule(module, undefined), {
    inputs,
    fuel: 10_000n,
    limit: 100_000,
  });
  const derivation = new Derivation(timeline);
  for (;;) {
    if (timeline.ending !== undefined) return { derivation, timeline, end: timeline.ending };
    const took = derivation.prepare();
    const facts = timeline.forward();
    if (facts !== undefined) took(facts);
  }
}

/** Every bit of the label has a source, every source has a bit, and a chain goes from the word to the source. */
function checkExact(derived: Derived, name: string): number {
  const explanation = explain(derived);
  let joined = 0;
  for (const { part, reasons } of explanation.parts) {
    expect(reasons.length, `${name} ${part}`).toBeGreaterThan(0);
    for (const reason of reasons) {
      joined |= reason.bits;
      expect(reason.bits & derived.label & reason.sourceLabel, `${name} ${part}`).not.toBe(0);
      expect(reason.bits & ~reason.sourceLabel, `${name} ${part}`).toBe(0);
      expect(reason.chain[0]?.place, name).toBe(derived.place);
      for (const link of reason.chain) expect(reason.bits & ~link.label, `${name} ${part}`).toBe(0);
    }
    const lengths = reasons.map(({ chain }) => chain.length);
    expect(lengths, `${name} ${part}: the shortest first`).toEqual([...lengths].sort((x, y) => x - y));
  }
  expect(joined >>> 0, name).toBe(derived.label);
  return explanation.parts.length;
}

describe('provenance', () => {
  it('covers the label of every register, word, port and trap with sources that have its bits', () => {
    const first = 1;
    const count = 1_500;
    console.log(`provenance: seeds ${first} to ${first + count - 1}`);
    let parts = 0;
    let traps = 0;
    for (let seed = first; seed < first + count; seed++) {
      const module = programOf(bare, seed, true);
      const { derivation, timeline, end } = derive(module, inputsOf(seed, module));
      const look = (derived: Derived | undefined, label: number | undefined, name: string): void => {
        if (derived === undefined || label === undefined) return;
        expect(derived.label, `seed ${seed}, ${name}`).toBe(label);
        parts += checkExact(derived, `seed ${seed}, ${name}`);
      };
      for (const [register, { label }] of timeline.registers.entries())
        look(derivation.register(register), label, `r${register}`);
      for (const [segment, { length }] of module.segments.entries())
        for (let index = 0; index < length; index++)
          look(
            derivation.word(segment, index),
            timeline.word(segment, index)?.label,
            `word ${segment}[${index}]`,
          );
      look(derivation.context, timeline.control.context, 'pc');
      for (const port of module.ports.keys())
        look(derivation.port(port), derivation.port(port)?.label, `port ${port}`);
      if (end.kind === 'trapped') {
        traps++;
        look(derivation.trap(end), end.label, `the trap ${end.trap}`);
      }
    }
    console.log(`provenance: ${parts} parts of labels explained, ${traps} traps`);
    expect(parts).toBeGreaterThan(1_000);
    expect(traps).toBeGreaterThan(100);
  });
});
