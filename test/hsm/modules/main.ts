/**
 * Measures the capability sheets of the four modules.
 *
 *   tsx test/hsm/modules/main.ts [NAME …] [--write]
 *
 * With `--write`, writes sheets/NAME.json, ckr-by-module.json and docs/HSM-MODULES.md; without, prints the sheets. Takes
 * about five minutes for all four.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { codesByModule, type SourceCounts } from './code-table.ts';
import { documentOf } from './matrix.ts';
import { measureSheet, type Sheet } from './sheet.ts';
import { type ModuleName, moduleNames } from './started-module.ts';

const here = import.meta.dirname;
const words = process.argv.slice(2);
const write = words.includes('--write');
const asked = words.filter((word) => word !== '--write');
const unknown = asked.filter((word) => !moduleNames.includes(word as ModuleName));
if (unknown.length > 0) {
  process.stderr.write(
    `unknown \`${unknown.join('`, `')}\`: ${moduleNames.join(', ')} and --write are accepted\n`,
  );
  process.exit(2);
}

const fileOf = (name: ModuleName): string => join(here, 'sheets', `${name}.json`);
const writeJson = (path: string, value: unknown): void =>
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

const date = new Date().toISOString().slice(0, 10);
for (const name of asked.length === 0 ? moduleNames : moduleNames.filter((one) => asked.includes(one))) {
  const sheet = await measureSheet(name, date, (what) => process.stderr.write(`${name}: ${what}\n`));
  if (write) writeJson(fileOf(name), sheet);
  else process.stdout.write(`${JSON.stringify(sheet, undefined, 2)}\n`);
}
if (write) {
  const sheets = moduleNames.map((name) => JSON.parse(readFileSync(fileOf(name), 'utf8')) as Sheet);
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
