import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { instructions, refusals, roundings, traps } from '../../vm/isa.ts';
import { runBare, runHost, type Tally } from '../hosts/conformance.ts';
import { runCases } from './conformance-programs.ts';
import { refusedCases } from './conformance-refusals.ts';
import { wasm } from './machine.ts';

const text = readFileSync(new URL('../../vm/conformance.txt', import.meta.url), 'utf8');
const lines = text.split('\n');
const machine = new WebAssembly.Module(wasm);
const cases = lines.filter((line) => line.startsWith('case ')).length;

/** The first line that begins so, with its word number `word` changed. */
function altered(beginning: string, word: number, change: (word: string) => string): string {
  const at = lines.findIndex((line) => line.startsWith(beginning) && !line.startsWith('#'));
  const words = (lines[at] ?? '').split(' ');
  expect(words[word], `word ${word} of a line \`${beginning}\``).toBeDefined();
  words[word] = change(words[word] ?? '');
  return lines.with(at, words.join(' ')).join('\n');
}

const oneMore = (word: string): string => String(BigInt(word) + 1n);
/** The lowest bit of a label that is one of category 0. */
const otherLabel = (word: string): string =>
  (Number.parseInt(word, 16) ^ 0x100).toString(16).padStart(8, '0');

describe('the conformance file', () => {
  it.each([
    ['the bare machine', runBare],
    ['the host', runHost],
  ])('is what %s does', async (_, run: (wasm: WebAssembly.Module, text: string) => Promise<Tally>) => {
    const tally = await run(machine, text);
    expect(tally.failures).toEqual([]);
    expect(tally.passed).toBe(cases);
  });

  it('has at least 200 cases, each with a name of its own', () => {
    const names = lines.filter((line) => line.startsWith('case '));
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(200);
    expect(text.length).toBeLessThan(600_000);
  });

  it('has every instruction, rounding, trap and refusal of the machine in cases written by hand', () => {
    const code = runCases().flatMap(({ module }) => module.functions.flatMap((body) => body.code));
    const opcodes = new Set(code.map(({ opcode }) => opcode));
    expect(instructions.filter(({ opcode }) => !opcodes.has(opcode))).toEqual([]);
    const used = new Set(code.flatMap(({ opcode, index }) => (opcode === 6 || opcode === 7 ? [index] : [])));
    expect(used.size).toBe(roundings.length);
    // Of those whose code is the only one that their line gives.
    const alone = new Set(
      lines.flatMap((line) => /^trapped \d+ [0-9a-f]{8} (\d+)$/.exec(line)?.slice(1) ?? []),
    );
    expect(Object.entries(traps).filter(([, { code: trap }]) => !alone.has(String(trap)))).toEqual([]);
    const refused = new Set<string>(refusedCases().map((one) => one.refused));
    const byHosts = ['hash', 'signature'];
    expect(Object.keys(refusals).filter((name) => !refused.has(name) && !byHosts.includes(name))).toEqual([]);
  });

  it.each<[what: string, beginning: string, word: number, change: (word: string) => string]>([
    ['the fuel of a run that finished', 'finished ', 1, oneMore],
    ['the dearest run', 'bound ', 1, oneMore],
    ['the value of a register', 'register ', 2, oneMore],
    ['the label of a register', 'register ', 3, otherLabel],
    ['a word', 'word ', 3, oneMore],
    ['the type of a port', 'port ', 2, (word) => (word === '0' ? '1' : '0')],
    ['the label of a port', 'port ', 3, otherLabel],
    ['the instruction of a trap', 'trapped ', 1, oneMore],
    ['the label of a trap', 'trapped ', 2, otherLabel],
    ['the code of a trap', 'trapped ', 3, oneMore],
    ['the code of a refusal', 'refused ', 1, oneMore],
    ['the byte of a refusal', 'refused ', 2, oneMore],
    ['the instruction of an audit entry', 'audit ', 1, oneMore],
    ['the grant of an audit entry', 'audit ', 2, oneMore],
    ['an input', 'input ', 3, oneMore],
    ['the fuel that is given', 'fuel 0', 1, () => '1000'],
    ['a port that is not written', 'port 0 0 00000000 -', 4, () => '0'],
    ['a port that is written', 'port 0 0 00000000 5', 4, () => '-'],
  ])('fails one case where %s is another', async (_, beginning, word, change) => {
    const tally = await runBare(machine, altered(beginning, word, change));
    expect(tally.failures).toHaveLength(1);
    expect(tally.passed).toBe(cases - 1);
  });

  it.each<[what: string, beginning: string, word: number, change: (word: string) => string]>([
    ['the fuel of a run that finished', 'finished ', 1, oneMore],
    ['the dearest run', 'bound ', 1, oneMore],
    ['the code of a trap', 'trapped ', 3, oneMore],
    ['the code of a refusal', 'refused ', 1, oneMore],
    ['the grant of an audit entry', 'audit ', 2, oneMore],
    ['a port that is written', 'port 0 0 00000000 5', 4, oneMore],
  ])('fails one case of the host where %s is another', async (_, beginning, word, change) => {
    expect((await runHost(machine, altered(beginning, word, change))).failures).toHaveLength(1);
  });

  it('fails one case where an entry of the audit list is left out, or a port', async () => {
    for (const beginning of ['audit ', 'port ']) {
      const at = lines.findIndex((line) => line.startsWith(beginning));
      expect((await runBare(machine, lines.toSpliced(at, 1).join('\n'))).failures).toHaveLength(1);
    }
  });
});

describe('the hosts that run it', () => {
  const read = (name: string): string => readFileSync(new URL(`../hosts/${name}`, import.meta.url), 'utf8');

  it('are pinned to one version, whose bytes the lockfile knows, and which comes from no address', () => {
    const { optionalDependencies: wanted } = JSON.parse(read('package.json')) as {
      optionalDependencies: Record<string, string>;
    };
    const lock = read('package-lock.json');
    const { packages } = JSON.parse(lock) as {
      packages: Record<string, { version?: string; integrity?: string }>;
    };
    expect(Object.keys(wanted)).toHaveLength(4);
    for (const [name, version] of Object.entries(wanted))
      expect(packages[`node_modules/${name}`]).toMatchObject({
        version,
        integrity: expect.stringMatching(/^sha512-/),
      });
    expect(Object.keys(packages)).toHaveLength(1 + Object.keys(wanted).length);
    expect(lock).not.toMatch(/"resolved"|https?:/);
  });
});
