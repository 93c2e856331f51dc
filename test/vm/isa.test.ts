import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { instructions, limits, refusals, traps } from '../../vm/isa.ts';
import { wasm } from './machine.ts';

const root = new URL('../../', import.meta.url);

describe('the semantic table', () => {
  it('numbers opcodes, traps and refusals from 1 without gap or repetition', () => {
    for (const codes of [
      instructions.map(({ opcode }) => opcode),
      ...[traps, refusals].map((table) => Object.values(table).map(({ code }) => code)),
    ]) {
      expect(codes).toEqual(codes.map((_, index) => index + 1));
    }
    expect(new Set(instructions.map(({ mnemonic }) => mnemonic)).size).toBe(instructions.length);
  });

  it('is what the AssemblyScript twin and docs/ISA.md were generated from', () => {
    const { status, stderr } = spawnSync('node_modules/.bin/tsx', ['scripts/generate-isa.ts', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('lists every trap that the interpreter has for an instruction', () => {
    const listed = (mnemonic: string): readonly string[] =>
      instructions.find((instruction) => instruction.mnemonic === mnemonic)?.traps ?? [];
    // Of a value with a category that the instruction is not cleared for.
    for (const mnemonic of [
      'const',
      'mov',
      'add',
      'select',
      'load',
      'store',
      'if',
      'declassify',
      'endorse',
      'output',
    ]) {
      expect(listed(mnemonic), mnemonic).toContain('clearance');
    }
  });
});

describe('vm/machine.wasm', () => {
  it('imports nothing', () => {
    expect(WebAssembly.Module.imports(new WebAssembly.Module(wasm))).toEqual([]);
  });

  it('has the hash that is in git', () => {
    const [pinned] = readFileSync(new URL('vm/machine.wasm.sha256', root), 'utf8').split(' ');
    expect(createHash('sha256').update(wasm).digest('hex')).toBe(pinned);
  });

  it('has memory for its tables and cannot grow it', async () => {
    const instance = await WebAssembly.instantiate(new WebAssembly.Module(wasm), {});
    const { memory } = instance.exports as unknown as {
      memory: WebAssembly.Memory & { grow(pages: number): number };
    };
    expect(memory.buffer.byteLength).toBe(16 * 65_536);
    expect(() => memory.grow(1)).toThrow(RangeError);
    expect(limits.moduleBytes + limits.words * 12 + limits.code * 20).toBeLessThan(memory.buffer.byteLength);
  });
});
