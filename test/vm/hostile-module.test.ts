/** Modules that must not be loaded, or not get far: each with its one answer; and none leaves anything behind. */
import { beforeAll, describe, expect, it } from 'vitest';
import { refusalName, startMachine, trapName } from '../../vm/host.ts';
import { refusals, traps } from '../../vm/isa.ts';
import { readModule } from '../../vm/module-reader.ts';
import { goodBytes, type HostileCase, poked } from './hostile/case.ts';
import { code } from './hostile/code.ts';
import { dataFlow } from './hostile/data-flow.ts';
import { header } from './hostile/header.ts';
import { atLimits } from './hostile/limits.ts';
import { expectedRefusal } from './hostile/reference-loader.ts';
import { stoppedPrograms } from './hostile/stopped.ts';
import { structure } from './hostile/structure.ts';
import { declarations } from './hostile/tables.ts';
import { type BareMachine, bareMachine, freshMachine, loadBare, loaded, wasm } from './machine.ts';
import { differs } from './oracles.ts';

const sections: Readonly<Record<string, readonly HostileCase[]>> = {
  header,
  declarations,
  code,
  structure,
  'data flow': dataFlow,
};
const refused = Object.values(sections).flat();

describe('hostile modules', () => {
  let machine: BareMachine;
  beforeAll(async () => {
    machine = await bareMachine();
  });

  /** What the machine makes of a good module, whatever came before it. */
  function expectGood(): void {
    expect(loadBare(machine, goodBytes)).toBe(0);
    expect([machine.run(100n), machine.fuelUsed()]).toEqual([0, 7n]);
    expect([machine.portWritten(0), machine.portValue(0), machine.portWritten(1)]).toEqual([1, 2n, 0]);
    expect([0, 1, 2, 3].map((register) => machine.registerValue(register))).toEqual([0n, 1n, 2n, 2n]);
    expect([0, 1, 2, 3].map((register) => machine.registerLabel(register))).toEqual([0, 0, 0, 0xc0]);
  }

  describe.each(Object.entries(sections))('are refused for their %s', (_, cases) => {
    it.each(cases)('$name', ({ bytes, length, refused: reason, offset }) => {
      new Uint8Array(machine.memory.buffer, machine.moduleAddress(), bytes.length).set(bytes);
      const answer = machine.loadModule(length ?? bytes.length);
      expect([answer === 0 ? 'loaded' : refusalName(answer), machine.refusedAt()]).toEqual([reason, offset]);
      // No module is loaded now: nothing runs, and there is nothing to ask for.
      expect([machine.run(100n), machine.fuelUsed(), machine.fuelBound()]).toEqual([2, 0n, 0n]);
      expect([machine.portCount(), machine.segmentLength(0), machine.setWord(0, 0, 1n)]).toEqual([0, 0, 1]);
      if (length === undefined) expect(expectedRefusal(bytes)).toEqual({ refused: reason, offset });
      expectGood();
    });
  });

  describe('are stopped by a trap', () => {
    it.each(stoppedPrograms)('$name', ({ bytes, trap, at, limit = 1_000_000n }) => {
      expect(expectedRefusal(bytes)).toBeUndefined();
      expect(loadBare(machine, bytes)).toBe(0);
      expect(machine.run(limit)).toBe(1);
      expect([trapName(machine.trapCode()), machine.trapAt()]).toEqual([trap, at]);
      // What it wrote, used and took is not told.
      for (let port = 0; port < machine.portCount(); port++)
        expect([machine.portWritten(port), machine.portValue(port)]).toEqual([0, 0n]);
      expect([machine.fuelUsed(), machine.auditCount()]).toEqual([0n, 0]);
      expectGood();
    });
  });

  it.each(atLimits)('are not those with $name', ({ bytes, used, says }) => {
    expect(expectedRefusal(bytes)).toBeUndefined();
    expect(loadBare(machine, bytes)).toBe(0);
    expect([machine.run(used), machine.fuelUsed()]).toEqual([0, used]);
    const ports = Array.from({ length: machine.portCount() }, (_, port) => port);
    const written = ports.filter((port) => machine.portWritten(port) === 1);
    expect(written.map((port) => machine.portValue(port))).toEqual(says === undefined ? [] : [says]);
    const read = readModule(bytes);
    expect(read.ok ? differs(machine, read.module, [], used, new Map()) : read.message).toBeUndefined();
    expectGood();
  });

  it('that are cut off anywhere are refused for their length', () => {
    for (let length = 0; length < goodBytes.length; length++) {
      const answer = loadBare(machine, goodBytes.slice(0, length));
      expect([answer, machine.refusedAt()]).toEqual([refusals.header.code, 0]);
    }
    expectGood();
  });

  it('that are good, but for one bit or one byte, get the answer of the reference', () => {
    let loads = 0;
    for (let byte = 0; byte < goodBytes.length; byte++) {
      for (const other of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        const bytes = poked(goodBytes, ['u8', byte, (goodBytes[byte] ?? 0) ^ other]);
        const answer = loadBare(machine, bytes);
        const seen = answer === 0 ? undefined : { refused: refusalName(answer), offset: machine.refusedAt() };
        expect(seen, `byte ${byte}, ${other}`).toEqual(expectedRefusal(bytes));
        if (answer !== 0) continue;
        loads++;
        expect([0, 1]).toContain(machine.run(1000n));
      }
    }
    expectGood();
    // Values of constants and of entries, ranges, ports, the hash, which the host looks at, and so on.
    expect(loads).toBeGreaterThan(goodBytes.length);
  });

  it('are refused by the host for what only it looks at: the hash, the signature', async () => {
    const host = await freshMachine();
    const before = loaded(host, goodBytes);
    for (let byte = 32; byte < 64; byte++) {
      const bytes = poked(goodBytes, ['u8', byte, (goodBytes[byte] ?? 0) ^ 1]);
      expect(host.load(bytes)).toMatchObject({ ok: false, reason: 'hash', offset: 32 });
    }
    expect(before.run({ inputs: [] })).toMatchObject({ ok: true, fuelUsed: 7n });
    const trusting = await startMachine(wasm, { trust: () => ({ ok: false, message: 'nobody is trusted' }) });
    expect(trusting.load(goodBytes)).toMatchObject({ ok: false, reason: 'signature', offset: 0 });
  });

  it('are of every kind that there is, at least two of each, and by the hundred', () => {
    const byHost = ['hash', 'signature'];
    for (const name of Object.keys(refusals))
      if (!byHost.includes(name))
        expect(refused.filter((given) => given.refused === name).length, name).toBeGreaterThan(1);
    for (const name of Object.keys(traps))
      expect(stoppedPrograms.filter(({ trap }) => trap === name).length, name).toBeGreaterThan(0);
    for (const [name, cases] of Object.entries(sections)) expect(cases.length, name).toBeGreaterThan(60);
    const names = [...refused, ...stoppedPrograms, ...atLimits].map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    console.log(`hostile modules: ${refused.length} refused, ${stoppedPrograms.length} trapped`);
  });
});
