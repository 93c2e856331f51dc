/** Builds the machine with one rule bent at a time: the oracles must find every one, or they prove nothing. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { type OracleName, oracles, search } from './defect-search.ts';
import { buildMachine, sources } from './defective-machine.ts';
import { type Defect, defects } from './defects.ts';

const pairOracles: readonly OracleName[] = ['EENI', 'LLNI', 'SSNI', 'MSNI'];

/** The first oracle of `names` that sees the defect, and in which program. */
async function firstToSee(
  defect: Defect,
  names: readonly OracleName[],
  most: number,
): Promise<string | undefined> {
  const wasm = await buildMachine(defect);
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
    const table = readFileSync(new URL('../../docs/SEEDED-DEFECTS.md', import.meta.url), 'utf8');
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
      expect(await firstToSee(defect, pairOracles, 5_000)).toBeDefined();
    },
  );
});
