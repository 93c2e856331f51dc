/** vm/ringmint_vm.h as a compiler of C and one of C++ read it, beside what TypeScript says. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instructions, limits, refusals, roundings, traps } from '../../vm/isa.ts';
import { flowsTo, makeLabel } from '../../vm/label.ts';
import { wasm } from './machine.ts';

const file = new URL('../../vm/ringmint_vm.h', import.meta.url);
const header = readFileSync(file, 'utf8');
const timeoutMs = 30_000;

const compilers = [
  { program: 'gcc', source: 'header.c', words: ['-std=c99'] },
  { program: 'gcc', source: 'header.c', words: ['-std=c17'] },
  { program: 'g++', source: 'header.cpp', words: ['-std=c++11'] },
  { program: 'g++', source: 'header.cpp', words: ['-std=c++20'] },
].filter(({ program, words }) => {
  const { error } = spawnSync(program, ['--version']);
  if (error !== undefined) console.log(`SKIPPED: the header by ${program} ${words.join()}: ${error.message}`);
  return error === undefined;
});

const labels = [0, 3, 8].flatMap((secrecy) =>
  [0, 5, 8].flatMap((authority) =>
    [[], [0], [1, 15]].map((categories) => ({ secrecy, authority, categories })),
  ),
);

/** Every constant, label and comparison as the header makes it, a line each. */
const source = `
struct machine;
#define RINGMINT_VM_INSTANCE struct machine *
#define RINGMINT_VM_NAME(name) vm_##name
#include "ringmint_vm.h"
#include "ringmint_vm.h"
#include <inttypes.h>
#include <stdio.h>
int main(void) {
  static const uint32_t labels[] = {
${labels
  .map(
    ({ secrecy, authority, categories }) =>
      `    RINGMINT_LABEL(${secrecy}, ${authority}, ${['0', ...categories.map((category) => `RINGMINT_CATEGORY(${category})`)].join(' | ')}),`,
  )
  .join('\n')}
  };
  const uint32_t count = (uint32_t)(sizeof labels / sizeof labels[0]);
  uint32_t at, other;
  for (at = 0; at < count; at++)
    printf("%08" PRIx32 " %" PRIu32 " %" PRIu32 " %" PRIx32 "\\n", labels[at], ringmint_label_secrecy(labels[at]),
           ringmint_label_authority(labels[at]), RINGMINT_CATEGORIES(labels[at]));
  for (at = 0; at < count; at++) {
    for (other = 0; other < count; other++) printf("%d", RINGMINT_FLOWS(labels[at], labels[other]) ? 1 : 0);
    printf("\\n");
  }
  printf("%d\\n", RINGMINT_FLOWS(RINGMINT_JOIN(labels[1], labels[9]), RINGMINT_CLEARANCE_ALL) ? 1 : 0);
  printf("%08" PRIx32 "\\n", RINGMINT_CLEARANCE_PUBLIC);
${[...header.matchAll(/^#define (RINGMINT_\w+) +\d+u/gm)].map(([, name]) => `  printf("${name} %" PRIu32 "\\n", ${name});`).join('\n')}
  return 0;
}
`;

const constantName = (text: string): string => text.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

function expected(): string[] {
  const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
  const made = labels.map(makeLabel);
  const lines = labels.map(({ secrecy, authority, categories }, at) => {
    const set = categories.reduce<number>((sum, category) => sum | (1 << category), 0);
    return `${hex(made[at] ?? 0)} ${secrecy} ${authority} ${set.toString(16)}`;
  });
  lines.push(...made.map((low) => made.map((high) => (flowsTo(low, high) ? 1 : 0)).join('')));
  lines.push('1', hex(makeLabel({ secrecy: 0, authority: 0, categories: [] })));
  const define = (prefix: string, entries: readonly (readonly [string, number])[]): void => {
    for (const [name, value] of entries) lines.push(`RINGMINT_${prefix}${constantName(name)} ${value}`);
  };
  define(
    '',
    [
      ['MODULE_VERSION', 2],
      ['MEMORY_BYTES', 40 * 65_536],
      ['HASH_OFFSET', 32],
      ['HASH_BYTES', 32],
      ['FINISHED', 0],
      ['TRAPPED', 1],
      ['NOT_READY', 2],
    ].map(([name, value]) => [String(name).toLowerCase(), Number(value)] as const),
  );
  define(
    'TRAP_',
    Object.entries(traps).map(([name, { code }]) => [name, code] as const),
  );
  define(
    'REFUSED_',
    Object.entries(refusals).map(([name, { code }]) => [name, code] as const),
  );
  define('TYPE_', [
    ['number', 0],
    ['symbol', 1],
  ]);
  define('MAX_', Object.entries(limits));
  define(
    'OP_',
    instructions.map(({ mnemonic, opcode }) => [mnemonic, opcode] as const),
  );
  define(
    'ROUND_',
    roundings.map((name, at) => [name, at] as const),
  );
  return lines;
}

describe('the header for C', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringmint-header-'));
    writeFileSync(join(folder, 'ringmint_vm.h'), header);
    for (const name of ['header.c', 'header.cpp']) writeFileSync(join(folder, name), source);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('declares every function that the machine exports, and no other', () => {
    const module = new WebAssembly.Module(wasm);
    const exported = (
      WebAssembly.Module as unknown as { exports(of: WebAssembly.Module): { name: string; kind: string }[] }
    ).exports(module);
    const functions = exported.filter(({ kind }) => kind === 'function').map(({ name }) => name);
    const declared = [...header.matchAll(/^\w+ RINGMINT_VM_NAME\((\w+)\)\(/gm)].map(([, name]) => name);
    expect(new Set(declared)).toEqual(new Set(functions));
    expect(declared).toHaveLength(functions.length);
    expect(exported.filter(({ kind }) => kind !== 'function')).toEqual([{ name: 'memory', kind: 'memory' }]);
    expect(WebAssembly.Module.imports(module)).toEqual([]);
  });

  it.each(compilers)(
    'compiles by $program $words without a warning, and says what TypeScript says',
    (compiler) => {
      const { program, source: name, words } = compiler;
      const out = join(folder, 'header');
      const strict = ['-Wall', '-Wextra', '-pedantic', '-Werror', name, '-o', out];
      const compiled = spawnSync(program, [...words, ...strict], {
        cwd: folder,
        encoding: 'utf8',
        timeout: timeoutMs,
      });
      expect(compiled.stderr).toBe('');
      expect(compiled.status).toBe(0);
      expect(spawnSync(out, { encoding: 'utf8', timeout: timeoutMs }).stdout.trim().split('\n')).toEqual(
        expected(),
      );
    },
    timeoutMs,
  );
});
