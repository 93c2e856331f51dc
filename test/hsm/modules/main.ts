/**
 * Measures the capability sheets of the four modules.
 *
 *   tsx test/hsm/modules/main.ts [NAME …] [--write] [--probe=PROBE]
 *
 * With `--write`, writes sheets/NAME.json, ckr-by-module.json and docs/HSM-MODULES.md; without, prints the sheets. Takes
 * about five minutes for all four. With `--probe`, measures one probe of objects and leaves the rest of the sheets as it is.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { codesByModule, type SourceCounts } from './code-table.ts';
import { documentOf } from './matrix.ts';
import { objectProbes } from './object-probes.ts';
import { measureProbe, measureSheet, type Sheet } from './sheet.ts';
import { type ModuleName, moduleNames } from './started-module.ts';

const here = import.meta.dirname;
const words = process.argv.slice(2);
const write = words.includes('--write');
const probe = words.find((word) => word.startsWith('--probe='))?.slice('--probe='.length);
if (probe !== undefined && objectProbes[probe] === undefined) {
  process.stderr.write(`no probe \`${probe}\`: ${Object.keys(objectProbes).join(', ')} are accepted\n`);
  process.exit(2);
}
const asked = words.filter((word) => word !== '--write' && !word.startsWith('--probe='));
const unknown = asked.filter((word) => !moduleNames.includes(word as ModuleName));
if (unknown.length > 0) {
  process.stderr.write(
    `unknown \`${unknown.join('`, `')}\`: ${moduleNames.join(', ')}, --write and --probe=PROBE are accepted\n`,
  );
  process.exit(2);
}

const fileOf = (name: ModuleName): string => join(here, 'sheets', `${name}.json`);
const writeJson = (path: string, value: unknown): void =>
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

async function measure(name: ModuleName): Promise<Sheet> {
  if (probe === undefined)
    return measureSheet(name, date, (what) => process.stderr.write(`${name}: ${what}\n`));
  const sheet = readSheet(name);
  return { ...sheet, probes: { ...sheet.probes, [probe]: await measureProbe(name, probe) } };
}

const readSheet = (name: ModuleName): Sheet => JSON.parse(readFileSync(fileOf(name), 'utf8')) as Sheet;
const date = new Date().toISOString().slice(0, 10);
for (const name of asked.length === 0 ? moduleNames : moduleNames.filter((one) => asked.includes(one))) {
  const sheet = await measure(name);
  if (write) writeJson(fileOf(name), sheet);
  else process.stdout.write(`${JSON.stringify(sheet, undefined, 2)}\n`);
}
if (write) {
  const sheets = moduleNames.map(readSheet);
  const counts = JSON.parse(readFileSync(join(here, 'ckr-in-sources.json'), 'utf8')) as SourceCounts;
  const codes = codesByModule(sheets, counts);
  writeJson(join(here, 'ckr-by-module.json'), codes);
  writeFileSync(join(here, '..', '..', '..', 'docs', 'HSM-MODULES.md'), documentOf(sheets, codes));
  // Committed JSON is formatted as everything else is.
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  execFileSync(process.execPath, [biome, 'format', '--write', here], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
