/** Hosts that go past vm/host.ts: calls in the wrong order, with numbers of nothing, with too much; each has a defined answer. */
import { beforeEach, describe, expect, it } from 'vitest';
import { trapName } from '../../vm/host.ts';
import { limits, refusals } from '../../vm/isa.ts';
import { good, goodBytes, poked, program } from './hostile/case.ts';
import { stoppedPrograms } from './hostile/stopped.ts';
import { type BareMachine, bareMachine, bareSteppingMachine, loadBare } from './machine.ts';

const notReady = 2;
/** As i32: -1, the least, and what is next to every limit. */
const numbers = [
  -1,
  -2,
  -(2 ** 31),
  2 ** 31 - 1,
  2,
  3,
  63,
  64,
  65,
  255,
  256,
  65_535,
  65_536,
  2 ** 29,
  2 ** 30,
];

function memoryOf({ memory }: BareMachine): Uint8Array {
  return new Uint8Array(memory.buffer.slice(0));
}

/** The bytes that differ, and are not in one of `places`. */
function changes(
  before: Uint8Array,
  after: Uint8Array,
  places: readonly (readonly [from: number, to: number])[] = [],
): number[] {
  const rest = after.slice();
  for (const [from, to] of places) rest.set(before.subarray(from, to), from);
  if (Buffer.compare(before, rest) === 0) return [];
  return [...rest.keys()].filter((at) => before[at] !== rest[at]);
}

describe('a machine without its host', () => {
  let machine: BareMachine;
  beforeEach(async () => {
    machine = await bareMachine();
  });

  /** All that can be asked of a machine with no module in it. */
  function expectNothing(): void {
    const before = memoryOf(machine);
    machine.reset();
    expect(machine.run(1_000n)).toBe(notReady);
    expect([machine.fuelBound(), machine.fuelUsed()]).toEqual([0n, 0n]);
    expect([machine.auditCount(), machine.auditEntry(0), machine.portCount()]).toEqual([0, 0n, 0]);
    for (const number of [0, 1, ...numbers]) {
      expect(machine.setWord(number, 0, -1n), `segment ${number}`).toBe(1);
      expect([machine.segmentAddress(number), machine.segmentLength(number)]).toEqual([0, 0]);
      expect([machine.portWritten(number), machine.portValue(number)]).toEqual([0, 0n]);
      // Above every label: for no reader.
      expect([machine.portLabel(number) >>> 0, machine.portIsSymbol(number)]).toEqual([0xffff_ffff, 0]);
    }
    expect(changes(before, memoryOf(machine))).toEqual([]);
  }

  it('that was never given a module has nothing, runs nothing and writes nothing', () => {
    expectNothing();
    expect([machine.trapCode(), machine.trapAt(), machine.trapLabel()]).toEqual([0, 0, 0]);
  });

  it('that refused a module has nothing of it, nor of the one before', () => {
    expect(loadBare(machine, goodBytes)).toBe(0);
    expect(machine.run(100n)).toBe(0);
    for (const [reason, bytes] of [
      ['header', goodBytes.slice(0, 100)],
      // What these headers claim is more than there is room for.
      ['count', poked(goodBytes, ['u16', 12, 0xffff], ['u16', 16, 0xffff], ['u16', 18, 0xffff])],
      ['last', poked(goodBytes, ['u8', goodBytes.length - 8, 1])],
    ] as const) {
      expect(loadBare(machine, bytes)).toBe(refusals[reason].code);
      expectNothing();
      // One that was loaded and did not run yet is gone too.
      expect(loadBare(machine, goodBytes)).toBe(0);
      expect(loadBare(machine, bytes)).toBe(refusals[reason].code);
      expectNothing();
    }
  });

  it('steps through nothing where it has no module, or refused one', async () => {
    const stepping = await bareSteppingMachine();
    expect([stepping.begin(100n), stepping.step()]).toEqual([254, 254]);
    expect(loadBare(stepping, goodBytes)).toBe(0);
    expect(stepping.begin(100n)).toBe(0);
    expect(loadBare(stepping, goodBytes.subarray(0, 63))).toBe(refusals.header.code);
    expect([stepping.begin(100n), stepping.step()]).toEqual([254, 254]);
  });

  it('keeps nothing of a trap beyond a reset, another module or another run', () => {
    expect(loadBare(machine, goodBytes)).toBe(0);
    const trapped = (): number[] => [machine.trapCode(), machine.trapAt(), machine.trapLabel()];
    for (const forget of [
      () => machine.reset(),
      () => loadBare(machine, goodBytes),
      () => loadBare(machine, goodBytes.subarray(0, 63)),
    ]) {
      loadBare(machine, goodBytes);
      expect(machine.run(0n)).toBe(1);
      expect(trapped()[0]).not.toBe(0);
      forget();
      expect(trapped()).toEqual([0, 0, 0]);
    }
  });

  it('is not loaded by a length that is not that of its module, and reads no byte beyond its room', () => {
    expect(loadBare(machine, goodBytes)).toBe(0);
    const before = memoryOf(machine);
    for (const length of [...numbers, 0, 1, machine.moduleCapacity(), machine.moduleCapacity() + 1]) {
      expect(machine.loadModule(length), `${length}`).toBe(refusals.header.code);
      expect(machine.refusedAt()).toBe(0);
      expect(machine.run(100n)).toBe(notReady);
    }
    expect(changes(before, memoryOf(machine))).toEqual([]);
    expect([machine.loadModule(goodBytes.length), machine.run(100n)]).toEqual([0, 0]);
  });

  it('runs once, and again after `reset` only', () => {
    expect(loadBare(machine, goodBytes)).toBe(0);
    expect([machine.run(100n), machine.run(100n), machine.run(0n)]).toEqual([0, notReady, notReady]);
    // What the one run said is still to be had.
    expect([machine.portValue(0), machine.fuelUsed()]).toEqual([2n, 7n]);
    machine.reset();
    expect([machine.portWritten(0), machine.portValue(0), machine.fuelUsed()]).toEqual([0, 0n, 0n]);
    machine.reset();
    expect([machine.run(6n), machine.run(100n)]).toEqual([1, notReady]);
    expect([trapName(machine.trapCode()), machine.fuelUsed(), machine.portValue(0)]).toEqual([
      'fuel',
      0n,
      0n,
    ]);
    machine.reset();
    expect([machine.run(7n), machine.fuelUsed()]).toEqual([0, 7n]);
  });

  it.each([-1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 60n + 1n, 2n ** 60n])(
    'takes %s of fuel for 2^60 at most',
    (fuel) => {
      expect(loadBare(machine, goodBytes)).toBe(0);
      expect([machine.run(fuel), machine.fuelUsed()]).toEqual([0, 7n]);
      // Charged at once, 2^61 and more are wanted: a run that would not end in a lifetime does not begin.
      const endless = program('const r1 s1, loop most, while r1, loop most, while r1, end, end, halt');
      expect(loadBare(machine, endless)).toBe(0);
      expect([machine.run(fuel), trapName(machine.trapCode())]).toEqual([1, 'fuel']);
    },
  );

  it('sets words of its segments, and no byte beside them', () => {
    expect(loadBare(machine, goodBytes)).toBe(0);
    const before = memoryOf(machine);
    const lengths = good.segments.map(({ length }) => length);
    for (const segment of [0, 1, ...numbers]) {
      for (const index of [0, 1, ...numbers]) {
        const fits = index >= 0 && index < (lengths[segment] ?? 0);
        expect(machine.setWord(segment, index, -1n), `${segment}, ${index}`).toBe(fits ? 0 : 1);
      }
    }
    const words = lengths.map((length, segment) => {
      expect(machine.segmentLength(segment)).toBe(length);
      const from = machine.segmentAddress(segment);
      return [from, from + length * 8] as const;
    });
    const after = memoryOf(machine);
    expect(changes(before, after, words)).toEqual([]);
    for (const [from, to] of words) expect(after.slice(from, to).every((byte) => byte === 255)).toBe(true);
  });

  it('takes a word of any 64 bits: one that is too great is cut, as WebAssembly does', () => {
    expect(loadBare(machine, goodBytes)).toBe(0);
    const view = new DataView(machine.memory.buffer);
    for (const value of [2n ** 64n + 5n, 2n ** 63n, -(2n ** 63n) - 1n]) {
      expect(machine.setWord(0, 1, value)).toBe(0);
      expect(view.getBigInt64(machine.segmentAddress(0) + 8, true)).toBe(BigInt.asIntN(64, value));
    }
  });

  it('tells of ports, uses and registers that are not there what it tells of none', () => {
    const used = program('const r1 p1, declassify r2 r1 bit, output out r2, halt');
    expect(loadBare(machine, used)).toBe(0);
    expect(machine.run(100n)).toBe(0);
    expect([machine.auditCount(), machine.auditEntry(0)]).toEqual([1, 1n << 32n]);
    for (const index of [1, ...numbers]) expect(machine.auditEntry(index)).toBe(0n);
    for (const port of numbers.filter((number) => number !== 2)) {
      expect([machine.portWritten(port), machine.portValue(port)]).toEqual([0, 0n]);
      expect([machine.portLabel(port) >>> 0, machine.portIsSymbol(port)]).toEqual([0xffff_ffff, 0]);
    }
    // For tests of the machine, and so by their number in 32.
    expect(machine.registerValue(33)).toBe(machine.registerValue(1));
    expect(machine.registerValue(-31)).toBe(1n);
  });

  it('goes by what it checked, whatever is written over the module after that', () => {
    const searches = program(
      'const r1 p7, find r5 five r1, const r2 p1, entry r6 five r2, output out r6, halt',
    );
    for (const byte of [0, 255, 0x80, 0x7f]) {
      expect(loadBare(machine, searches)).toBe(0);
      new Uint8Array(machine.memory.buffer, machine.moduleAddress(), machine.moduleCapacity()).fill(byte);
      const before = memoryOf(machine);
      // Tables are read where they are, and hold other words now; their lengths and all the rest are as checked.
      expect(machine.run(100n)).toBe(0);
      expect(machine.portValue(0)).toBe(new BigInt64Array(new Uint8Array(8).fill(byte).buffer)[0]);
      expect(machine.registerValue(5)).toBe(-1n);
      const module = [machine.moduleAddress(), machine.moduleAddress() + machine.moduleCapacity()] as const;
      expect(changes(before, memoryOf(machine)).filter((at) => at >= module[0] && at < module[1])).toEqual(
        [],
      );
    }
  });

  it('writes nothing but registers before an address outside its segment or table stops it', async () => {
    const stepping = await bareSteppingMachine();
    const from = stepping.frameAddress();
    const registers = [from, from + (limits.frames + limits.registers) * 16] as const;
    const outside = stoppedPrograms.filter(({ trap }) => trap === 'bounds');
    expect(outside.length).toBeGreaterThan(90);
    for (const { name, bytes } of outside) {
      expect(loadBare(machine, bytes)).toBe(0);
      const before = memoryOf(machine);
      expect(machine.run(100n)).toBe(1);
      expect(changes(before, memoryOf(machine), [registers]), name).toEqual([]);
    }
  });
});
