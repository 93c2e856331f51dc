/** Bends one rule of the translator at a time: the oracles must find every one, or they prove nothing. docs/TRANSLATOR-DEFECTS.md says by which program. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nightly } from '../../nightly.ts';
import { type OracleName, oracles, search } from './defect-search.ts';
import { buildRuntime, buildTranslator, sources } from './defective-translator.ts';
import { defects } from './defects.ts';
import { runtime } from './translated-machine.ts';

const table = readFileSync(new URL('../../../docs/TRANSLATOR-DEFECTS.md', import.meta.url), 'utf8');
const names = Object.keys(oracles) as OracleName[];

/** By oracle, the program that shows it a defect, if the table says that there is one. */
function programsOf(defect: string): ReadonlyMap<OracleName, number> {
  const row = table.split('\n').find((line) => line.startsWith(`| ${defect} |`));
  expect(row, 'npm run defects writes it').toBeDefined();
  const cells = row?.split('|').map((cell) => cell.trim()) ?? [];
  return new Map(
    names.flatMap((name, index) => {
      const program = Number(cells[3 + 2 * index] ?? '');
      return program > 0 ? [[name, program] as const] : [];
    }),
  );
}

describe('seeded defects of the translator', () => {
  it('are each a change of one place, and the translator built without one shows nothing', async () => {
    expect(new Set(defects.map(({ name }) => name)).size).toBe(defects.length);
    for (const { name, file, from } of defects) expect(sources.get(file)?.split(from).length, name).toBe(2);
    expect(await buildRuntime()).toEqual(runtime);
    const built = await buildTranslator();
    for (const name of names) expect(await search(built, name, nightly ? 5_000 : 200), name).toBeUndefined();
  });

  it('are at least 45 that change what a program does, and nearly all are seen by the checker too', () => {
    const found = defects.map(({ name }) => programsOf(name));
    expect(found.filter((programs) => programs.has('differential')).length).toBeGreaterThanOrEqual(45);
    expect(found.filter((programs) => programs.has('checker')).length).toBeGreaterThan(defects.length * 0.9);
  });

  it.each(defects)('are found where $name', async (defect) => {
    const programs = programsOf(defect.name);
    expect(programs.size).toBeGreaterThan(0);
    const built = await buildTranslator(defect);
    for (const [name, program] of programs)
      expect(await search(built, name, 1, program), `${name}, program ${program}`).toBeDefined();
  });
});
