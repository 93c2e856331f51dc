/** Builds the machine with one rule bent at a time: the oracles must find every one, or they prove nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { main as compile } from 'assemblyscript/asc';
import { describe, expect, it } from 'vitest';
import { type BareMachine, bareMachine } from './machine.ts';
import { differsFromSpecification, type Tally, tellsSecretsApart } from './oracles.ts';

interface Defect {
  readonly name: string;
  readonly file: 'execute.ts' | 'load.ts';
  readonly from: string;
  readonly to: string;
  /** Also seen by pairs of runs that differ in secrets only. */
  readonly leaks?: boolean;
}

const defects: readonly Defect[] = [
  {
    name: 'pc is not joined',
    leaks: true,
    file: 'execute.ts',
    from: 'const e = pc | (instruction & ~CATEGORIES);',
    to: 'const e = instruction & ~CATEGORIES;',
  },
  {
    name: 'the instruction has no level',
    file: 'execute.ts',
    from: 'const e = pc | (instruction & ~CATEGORIES);',
    to: 'const e = pc;',
  },
  {
    name: 'a load ignores the address label',
    leaks: true,
    file: 'execute.ts',
    from: 'const address = valueOf(a);\n        label |= labelOf(a);',
    to: 'const address = valueOf(a);',
  },
  {
    name: 'a load ignores the word label',
    leaks: true,
    file: 'execute.ts',
    from: 'label |= load<u32>(WORD_LABELS + (place << 2));',
    to: '',
  },
  {
    name: 'a store ignores the address label',
    leaks: true,
    file: 'execute.ts',
    from: 'const context = e | labelOf(a);',
    to: 'const context = e;',
  },
  {
    name: 'a store looks at the new label and not at the old',
    file: 'execute.ts',
    from: 'if (!flowsTo(context, load<u32>(WORD_LABELS + (place << 2))))',
    to: 'if (!flowsTo(context, context | labelOf(b)))',
  },
  {
    name: 'a store ignores the ceiling',
    file: 'execute.ts',
    from: 'if (!flowsTo(label, load<u32>(segment, 12)))',
    to: 'if (false)',
  },
  {
    name: 'the write set misses the first arm',
    leaks: true,
    file: 'load.ts',
    from: 'store<u32>(open, cost, 8);\n      cost = 0;',
    to: 'store<u32>(open, cost, 8);\n      cost = 0;\n      writes = 0;',
  },
  {
    name: 'the write set is empty',
    leaks: true,
    file: 'load.ts',
    from: 'store<u32>(WRITES + start * 4, writes);',
    to: 'store<u32>(WRITES + start * 4, 0);',
  },
  {
    name: 'the write set of an inner branch is forgotten',
    leaks: true,
    file: 'load.ts',
    from: 'writes |= load<u32>(open, 16);',
    to: 'writes = load<u32>(open, 16);',
  },
  {
    name: 'fuel by the arm taken',
    leaks: true,
    file: 'execute.ts',
    from: 'if (!isPublic(pc) && depth',
    to: 'if (false && depth',
  },
  {
    name: 'the first arm is taken for the dearest',
    file: 'load.ts',
    from: 'cost > first ? cost : first',
    to: 'other != 0 ? first : cost',
  },
  {
    name: 'pc is given back before the second arm',
    leaks: true,
    file: 'execute.ts',
    from: 'if (valueOf(a) == 0) {',
    to: 'if (valueOf(a) == 0) {\n          pc = load<u32>(PC_STACK + ((depth - 1) << 2));',
  },
  {
    name: 'pc is not given back',
    file: 'execute.ts',
    from: 'pc = load<u32>(PC_STACK + (depth << 2));',
    to: '',
  },
  {
    name: 'select ignores what it selects by',
    leaks: true,
    file: 'execute.ts',
    from: 'label |= labelOf(a) | labelOf(b) | labelOf(c);',
    to: 'label |= labelOf(b) | labelOf(c);',
  },
  {
    name: 'an output ignores pc',
    leaks: true,
    file: 'execute.ts',
    from: 'if (!flowsTo(label, load<u32>(PORT_LABELS + (index << 2))))',
    to: 'if (!flowsTo(labelOf(a), load<u32>(PORT_LABELS + (index << 2))))',
  },
  {
    name: 'C ≤ A is not asked of a result',
    file: 'execute.ts',
    from: 'if (!isHandled(label)) return stop(TRAP_LABEL, at, label);\n    if (',
    to: 'if (',
  },
  {
    name: 'categories are not asked of a result',
    file: 'execute.ts',
    from: '    if ((label & CATEGORIES & ~clearance) != 0) return stop(TRAP_CLEARANCE, at, label);\n    store<i64>(REGISTERS',
    to: '    store<i64>(REGISTERS',
  },
  { name: 'declassifies under a secret pc', file: 'execute.ts', from: '!isPublic(e) || ', to: '' },
  {
    name: 'a grant asks no authority of the instruction',
    file: 'execute.ts',
    from: '!flowsTo(e & AUTHORITY, least) || ',
    to: '',
  },
  {
    name: 'a grant asks nothing of the value',
    file: 'execute.ts',
    from: ' || !flowsTo(operand, from)',
    to: '',
  },
  {
    name: 'a grant has no range',
    file: 'execute.ts',
    from: 'value < load<i64>(grant, 16) || value > load<i64>(grant, 24)',
    to: 'false',
  },
  { name: 'a use of a grant is not on the audit list', file: 'execute.ts', from: 'auditCount++;', to: '' },
  {
    name: 'an addition wraps',
    file: 'execute.ts',
    from: 'if (((x ^ value) & (y ^ value)) < 0)',
    to: 'if (false)',
  },
  {
    name: 'registers are raised, but a broken C ≤ A goes unseen',
    file: 'execute.ts',
    from: 'if (!isHandled(raised)) return stop(TRAP_LABEL, at, raised);',
    to: '',
  },
];

const folder = new URL('../../vm/assembly/', import.meta.url);
const sources = new Map(
  readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]),
);

async function build(defect: Defect | undefined): Promise<Uint8Array<ArrayBuffer>> {
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const { error } = await compile(
    ['index.ts', '--runtime', 'stub', '--use', 'abort=', '--initialMemory', '16', '--outFile', 'out.wasm'],
    {
      readFile(name) {
        const source = sources.get(name);
        if (source === undefined || defect?.file !== name) return source ?? null;
        return source.replace(defect.from, () => defect.to);
      },
      writeFile(_, contents) {
        if (typeof contents !== 'string') wasm = new Uint8Array(contents);
      },
      listFiles: () => [],
    },
  );
  if (error !== null || wasm === undefined) throw new Error(`${defect?.name}: ${error?.message}`);
  return wasm;
}

type Oracle = (machine: BareMachine, seed: number, tally: Tally) => string | undefined;

/** The first program on which an oracle sees something, and after how long. */
function programToFind(
  machine: BareMachine,
  oracle: Oracle,
  programs: number,
): { readonly seed: number; readonly ms: number } | undefined {
  const tally: Tally = new Map();
  const startMs = performance.now();
  for (let seed = 1; seed <= programs; seed++) {
    if (oracle(machine, seed, tally) !== undefined)
      return { seed, ms: Math.round(performance.now() - startMs) };
  }
  return undefined;
}

describe('seeded defects', () => {
  it('are one change of the source each, and without one the oracles are silent', async () => {
    for (const { name, file, from } of defects) expect(sources.get(file)?.split(from).length, name).toBe(2);
    const machine = await bareMachine(await build(undefined));
    expect(programToFind(machine, differsFromSpecification, 20_000)).toBeUndefined();
    expect(programToFind(machine, tellsSecretsApart, 20_000)).toBeUndefined();
  });

  it.each(defects)('finds the machine in which $name', async (defect) => {
    const machine = await bareMachine(await build(defect));
    const bySpecification = programToFind(machine, differsFromSpecification, 20_000);
    // Many a defect harms no secret of these programs: a level that is dropped, an addition that wraps.
    const byPairs = programToFind(machine, tellsSecretsApart, 4_000);
    const told = (found: typeof byPairs): string =>
      found === undefined ? 'nothing' : `program ${found.seed}, ${found.ms} ms`;
    console.log(`${defect.name}: specification ${told(bySpecification)}; pairs ${told(byPairs)}`);
    expect(bySpecification).toBeDefined();
    if (defect.leaks === true) expect(byPairs).toBeDefined();
  });
});
