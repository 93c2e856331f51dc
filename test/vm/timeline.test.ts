/** A run walked both ways: at every step, on the way there and back, the state that the machine has. */
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeModule } from '../../vm/module.ts';
import type { SteppingMachine } from '../../vm/stepping-machine.ts';
import type { Timeline } from '../../vm/timeline.ts';
import {
  type BareMachine,
  type BareSteppingMachine,
  bareMachine,
  bareSteppingMachine,
  loadBare,
} from './machine.ts';
import { inputsOf, programOf } from './oracles.ts';
import { freshSteppingMachine, loadStepping, loadText, record } from './stepping.ts';

let machine: SteppingMachine;
let bare: BareMachine;
let reference: BareSteppingMachine;

beforeAll(async () => {
  machine = await freshSteppingMachine();
  bare = await bareMachine();
  reference = await bareSteppingMachine();
});

function show(timeline: Timeline): string {
  const { control, frames, blocks, audit, listing } = timeline;
  const words = listing.module.segments.map(({ length }, segment) =>
    Array.from({ length }, (_, index) => timeline.word(segment, index)),
  );
  const ports = listing.module.ports.map((_, port) => timeline.port(port));
  return JSON.stringify({ control, frames, blocks, audit, words, ports }, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** `expect` for millions of words, most of which are as they should be. */
function same(name: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) expect(actual, name).toBe(expected);
}

/** Of the reference machine and the timeline the same. */
function compare(timeline: Timeline, name: string): void {
  const { control, frames, blocks, listing } = timeline;
  same(name, control.position, reference.position());
  same(name, control.context, reference.contextLabel() >>> 0);
  same(name, control.fuelUsed, 10_000n - reference.fuelLeft());
  same(name, control.isPaying, reference.isPaying() !== 0);
  same(name, blocks.length, reference.openDepth());
  const memory = new DataView(reference.memory.buffer);
  for (const [index, { context }] of blocks.entries())
    same(name, context, memory.getUint32(reference.stackAddress() + 16 * index, true));
  let cell = reference.frameAddress();
  same(
    name,
    frames.slice(0, -1).reduce((sum, { registers }) => sum + registers.length, 0),
    reference.frameStart(),
  );
  for (const { registers } of frames)
    for (const [register, { value, label }] of registers.entries()) {
      same(`${name}, r${register}`, memory.getBigInt64(cell, true), value);
      same(`${name}, r${register}`, memory.getUint32(cell + 8, true), label);
      cell += 16;
    }
  for (const [segment, { length }] of listing.module.segments.entries())
    for (let index = 0; index < length; index++) {
      const word = timeline.word(segment, index);
      same(name, memory.getBigInt64(reference.segmentAddress(segment) + 8 * index, true), word?.value);
      same(name, memory.getUint32(reference.segmentLabelAddress(segment) + 4 * index, true), word?.label);
    }
  for (const port of listing.module.ports.keys())
    same(
      name,
      timeline.port(port),
      reference.portWritten(port) === 0 ? undefined : reference.portValue(port),
    );
  same(
    name,
    timeline.audit.map(({ grant }) => grant).length,
    listing.module.grants.reduce((sum, _, grant) => sum + reference.grantUses(grant), 0),
  );
}

describe('a timeline', () => {
  it('has the state of the machine at every step, and the same again on the way back and there once more', () => {
    const count = 250;
    console.log(`timeline: seeds 1 to ${count}`);
    let steps = 0;
    const ends = new Map<string, number>();
    for (let seed = 1; seed <= count; seed++) {
      const module = programOf(bare, seed, true);
      const inputs = inputsOf(seed, module);
      const timeline = record(loadStepping(machine, module), inputs);
      expect(loadBare(reference, encodeModule(module))).toBe(0);
      reference.reset();
      for (const { segment, index, value } of inputs) reference.setWord(segment, index, value);
      reference.begin(10_000n);
      const seen = [show(timeline)];
      compare(timeline, `seed ${seed}, step 0`);
      while (timeline.forward() !== undefined) {
        reference.step();
        compare(timeline, `seed ${seed}, step ${timeline.steps}`);
        seen.push(show(timeline));
      }
      const end = timeline.ending?.kind ?? 'none';
      ends.set(end, (ends.get(end) ?? 0) + 1);
      const last = timeline.steps;
      steps += last;
      while (timeline.back() !== undefined)
        expect(show(timeline), `seed ${seed}, back at step ${timeline.steps}`).toBe(seen[timeline.steps]);
      expect(timeline.steps).toBe(0);
      while (timeline.forward() !== undefined)
        expect(show(timeline), `seed ${seed}, again at step ${timeline.steps}`).toBe(seen[timeline.steps]);
      expect(timeline.steps).toBe(last);
    }
    console.log(`timeline: ${steps} steps, ${JSON.stringify(Object.fromEntries(ends))}`);
    expect(steps).toBeGreaterThan(5_000);
    expect(ends.get('halted')).toBeGreaterThan(20);
    expect(ends.get('trapped')).toBeGreaterThan(20);
  });

  it('ends where the fuel is too little for the first block, and where its limit is', () => {
    const stepped = loadText(
      machine,
      'level all C0 A8\nconstant one 1 C0 A8\nat all\nconst r0 one\nadd r0 r0 r0\nhalt',
    );
    const poor = record(stepped, [], 1n);
    expect(poor.forward()).toBeUndefined();
    expect(poor.ending).toEqual({ kind: 'trapped', trap: 'fuel', at: 0, label: 0 });
    const whole = record(stepped, [], 2n);
    while (whole.forward() !== undefined);
    expect([whole.steps, whole.ending?.kind]).toEqual([2, 'halted']);
  });

  it('that forgets goes on as before, and back no further than to where it forgot', () => {
    const stepped = loadText(
      machine,
      'level all C0 A8\nconstant one 1 C0 A8\nat all\nconst r0 one\nadd r0 r0 r0\nadd r0 r0 r0\nhalt',
    );
    const timeline = record(stepped, []);
    timeline.forward();
    timeline.forward();
    timeline.forget();
    expect([timeline.steps, timeline.back(), timeline.registers[0]?.value]).toEqual([2, undefined, 2n]);
    timeline.forward();
    expect([timeline.steps, timeline.registers[0]?.value]).toEqual([3, 4n]);
    timeline.back();
    expect([timeline.steps, timeline.registers[0]?.value]).toEqual([2, 2n]);
    expect(timeline.back()).toBeUndefined();
  });

  it('refuses inputs that the module has no word for, or that no word can hold', () => {
    const { program } = loadText(machine, 'level all C0 A8\nsegment in 2 C0 A8 ceiling C0 A8\nat all\nhalt');
    const begin = (segment: number, index: number, value: bigint) => () =>
      program.begin({ inputs: [{ segment, index, value }] });
    expect(begin(0, 1, 5n)()).toBeUndefined();
    expect(begin(0, 2, 5n)).toThrow(RangeError);
    expect(begin(1, 0, 5n)).toThrow(RangeError);
    expect(begin(0, -1, 5n)).toThrow(RangeError);
    // WebAssembly would wrap it to word 0.
    expect(begin(0, 2 ** 32, 5n)).toThrow(RangeError);
    expect(begin(0, 0, 2n ** 63n)).toThrow(RangeError);
    expect(() => program.begin({ inputs: [], fuel: -1n })).toThrow(RangeError);
  });
});
