/** Builds the machine with one rule bent at a time: the oracles must find every one, or they prove nothing. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { type OracleName, oracles, search } from './defect-search.ts';
import { buildMachine, sources } from './defective-machine.ts';
import { type Defect, defects } from './defects.ts';

const pairOracles: readonly OracleName[] = ['EENI', 'LLNI', 'SSNI', 'MSNI'];
const table = readFileSync(new URL('../../docs/SEEDED-DEFECTS.md', import.meta.url), 'utf8');

/** The oracles on pairs, the one first that needs the fewest programs by the table: each is tried until one sees the defect. */
function pairOraclesFor({ name }: Defect): readonly OracleName[] {
  const row = table.split('\n').find((line) => line.startsWith(`| ${name} |`)) ?? '';
  const cells = row.split('|').map((cell) => Number(cell.trim() || Number.POSITIVE_INFINITY));
  const programs = (oracle: OracleName): number =>
    cells[3 + Object.keys(oracles).indexOf(oracle)] ?? Number.POSITIVE_INFINITY;
  return pairOracles.toSorted((one, other) => (programs(one) < programs(other) ? -1 : 1));
}

/** Two tests look at most machines. */
const machines = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

function machineWith(defect: Defect): Promise<Uint8Array<ArrayBuffer>> {
  const built = machines.get(defect.name) ?? buildMachine(defect);
  machines.set(defect.name, built);
  return built;
}

/** The first oracle of `names` that sees the defect, and in which program. */
async function firstToSee(
  defect: Defect,
  names: readonly OracleName[],
  most: number,
): Promise<string | undefined> {
  const wasm = await machineWith(defect);
  for (const name of names) {
    const found = await search(wasm, name, most);
    if (found !== undefined) return `${name}, program ${found.programs}`;
  }
  return undefined;
}

describe('seeded defects', () => {
  it('are at least 45, each a change of one place, and the machine built without one shows nothing', async () => {
    expect(defects.length).toBeGreaterThanOrEqual(45);
    expect(new Set(defects.map(({ name }) => name)).size).toBe(defects.length);
    for (const { name, file, from } of defects) expect(sources.get(file)?.split(from).length, name).toBe(2);
    for (const { name } of defects) expect(table, 'npm run defects writes it').toContain(`| ${name} |`);
    const wasm = await buildMachine();
    for (const name of Object.keys(oracles) as OracleName[])
      expect(await search(wasm, name, nightly ? 100_000 : 1_000), name).toBeUndefined();
  });

  it.each(defects)('the specification finds the machine in which $name', async (defect) => {
    expect(await firstToSee(defect, ['specification'], 20_000)).toBeDefined();
  });

  // Many a defect harms no secret: a sum that wraps, a level that is dropped.
  it.each(defects.filter(({ leaks }) => leaks))(
    'a pair of runs finds the machine in which $name',
    async (defect) => {
      expect(await firstToSee(defect, pairOraclesFor(defect), 5_000)).toBeDefined();
    },
  );
});
