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
import { assembled, type BareMachine, bareMachine } from './machine.ts';
import { inputsOf, programOf } from './oracles.ts';
import { Dice, type Input } from './random-program.ts';

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
  fuel: bigint,
): { derivation: Derivation; timeline: Timeline; end: LineEnd } {
  const loaded = stepping.load(encodeModule(module));
  if (!loaded.ok) throw new Error(loaded.message);
  const timeline = recordRun(loaded.program, listModule(module, undefined), {
    inputs,
    fuel,
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
  // Of many thousands all hold: `expect` for each would take most of the time.
  const holds = (condition: boolean, what: string): void => {
    if (!condition) throw new Error(`${name}: ${what}`);
  };
  const explanation = explain(derived);
  let joined = 0;
  for (const { part, reasons } of explanation.parts) {
    holds(reasons.length > 0, `${part} has no source`);
    for (const { bits, sourceLabel, chain } of reasons) {
      joined |= bits;
      holds((bits & derived.label & sourceLabel) !== 0, `${part} from a source that gave nothing`);
      holds((bits & ~sourceLabel) === 0, `${part} from a source that has it not`);
      holds(chain[0]?.place === derived.place, `${part} by a way that does not begin here`);
      for (const link of chain) holds((bits & ~link.label) === 0, `${part} by a way without it`);
    }
    const lengths = reasons.map(({ chain }) => chain.length);
    holds(
      lengths.every((length, index) => index === 0 || length >= (lengths[index - 1] ?? 0)),
      `${part}: the shortest is not first`,
    );
  }
  holds(joined >>> 0 === derived.label, 'the join of the sources is not the label');
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
      const { derivation, timeline, end } = derive(
        module,
        inputsOf(seed, module),
        // One in eight runs short of fuel.
        seed % 8 === 0 ? BigInt(new Dice(seed).below(80)) : 10_000n,
      );
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

  it('tells the category that a grant itself would give, where the instruction is not cleared for it', () => {
    const { module } = assembled(
      'level bare C0 A8\nconstant one 1 C0 A8\ngrant lower declassify C2 A6 {2} to C0 A6 {2} range 0 4\nat bare\nconst r0 one\ndeclassify r1 r0 lower\nhalt',
    );
    const { derivation, end } = derive(module, [], 100n);
    expect(end).toMatchObject({ kind: 'trapped', trap: 'clearance', at: 1 });
    if (end.kind !== 'trapped') return;
    const derived = derivation.trap(end);
    expect(derived.label).toBe(end.label);
    expect(explain(derived).parts).toMatchObject([
      { part: '{2}', reasons: [{ source: { kind: 'grant', name: 'grant0' } }] },
    ]);
  });
});
