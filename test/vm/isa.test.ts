import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { instructions, limits, operandByte, refusals, roundings, traps, wordTypes } from '../../vm/isa.ts';
import { bareMachine, bareSteppingMachine, wasm } from './machine.ts';

const root = new URL('../../', import.meta.url);
const twin = readFileSync(new URL('vm/assembly/isa.ts', root), 'utf8');
const constantOf = (name: string): number =>
  Number(new RegExp(`export const ${name}: u32 = (\\d+)`).exec(twin)?.[1]);

describe('the semantic table', () => {
  it('numbers opcodes, traps and refusals from 1 without gap or repetition', () => {
    for (const codes of [
      instructions.map(({ opcode }) => opcode),
      ...[traps, refusals].map((table) => Object.values(table).map(({ code }) => code)),
    ]) {
      expect(codes).toEqual(codes.map((_, index) => index + 1));
    }
    expect([instructions.length, Object.keys(traps).length, Object.keys(refusals).length]).toEqual([
      38, 13, 20,
    ]);
    expect(new Set(instructions.map(({ mnemonic }) => mnemonic)).size).toBe(instructions.length);
  });

  it('is what the AssemblyScript twin and docs/ISA.md were generated from', () => {
    const { status, stderr } = spawnSync('node_modules/.bin/tsx', ['scripts/generate-isa.ts', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('has the numbers of the twin', () => {
    for (const { opcode, mnemonic } of instructions)
      expect(constantOf(`OP_${mnemonic.toUpperCase()}`), mnemonic).toBe(opcode);
    for (const [name, { code }] of Object.entries(traps))
      expect(constantOf(`TRAP_${name.toUpperCase()}`), name).toBe(code);
    for (const [index, rounding] of roundings.entries())
      if (rounding !== 'half_up') expect(constantOf(`ROUND_${rounding.toUpperCase()}`), rounding).toBe(index);
    const most = {
      registers: 'REGISTERS',
      words: 'WORDS',
      code: 'CODE',
      depth: 'DEPTH',
      frames: 'FRAMES',
    } as const;
    for (const [name, upper] of Object.entries(most))
      expect(constantOf(`MAX_${upper}`), name).toBe(limits[name as keyof typeof most]);
    expect(wordTypes.indexOf('symbol')).toBe(constantOf('TYPE_SYMBOL'));
  });

  it('gives every operand a byte of its own in an instruction', () => {
    for (const { mnemonic, operands } of instructions) {
      const bytes = operands.map((operand) => operandByte[operand]);
      expect(new Set(bytes).size, mnemonic).toBe(bytes.length);
      // One index at most, and registers before it.
      for (const byte of bytes) expect([2, 3, 4, 5, 6], mnemonic).toContain(byte);
    }
  });

  it('asks of every result, address, condition and output whether it may be handled and is cleared', () => {
    for (const { mnemonic, operands, traps: own } of instructions) {
      const looks = operands.some((operand) => operand === 'd' || operand === 'a');
      expect(own.includes('clearance'), mnemonic).toBe(looks);
      const releases = mnemonic === 'declassify' || mnemonic === 'endorse';
      expect(own.includes('label'), mnemonic).toBe(looks && !releases);
    }
  });

  it('charges every instruction but those that only mark a place', () => {
    expect(instructions.filter(({ fuel }) => fuel === 0).map(({ mnemonic }) => mnemonic)).toEqual([
      'else',
      'end',
      'halt',
    ]);
  });
});

/** Also what vm/webassembly.d.ts leaves out, since no host of the machine calls it. */
interface GrowingMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

describe('vm/machine.wasm', () => {
  it('imports nothing', () => {
    expect(WebAssembly.Module.imports(new WebAssembly.Module(wasm))).toEqual([]);
  });

  it('has the hash that is in git', () => {
    const [pinned] = readFileSync(new URL('vm/machine.wasm.sha256', root), 'utf8').split(' ');
    expect(createHash('sha256').update(wasm).digest('hex')).toBe(pinned);
  });

  it('has memory for its tables and cannot grow it', async () => {
    const { memory } = (await bareMachine()) as unknown as { memory: GrowingMemory };
    const size = memory.buffer.byteLength;
    expect(size).toBe(40 * 65_536);
    expect(() => memory.grow(1)).toThrow(RangeError);
    const tables = limits.moduleBytes + limits.words * 12 + limits.code * 40 + limits.constants * 16;
    expect(tables).toBeLessThan(size);
  });

  it('has its tables where the stepping machine has them', async () => {
    const shipped = await bareMachine();
    const stepping = await bareSteppingMachine();
    expect(shipped.moduleAddress()).toBe(stepping.moduleAddress());
    expect(shipped.moduleCapacity()).toBe(limits.moduleBytes);
    expect(stepping.stackAddress() - stepping.frameAddress()).toBe((limits.frames + limits.registers) * 16);
  });
});
