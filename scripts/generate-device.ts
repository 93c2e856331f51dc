/**
 * Writes the tables of commands and of codes into docs/DEVICE.md from firmware-sim/command-table.ts and error-table.ts; with `--check` it only tells
 * whether they are up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { commandNames, commandTable } from '../firmware-sim/command-table.ts';
import { errorTable } from '../firmware-sim/error-table.ts';

const file = new URL('../docs/DEVICE.md', import.meta.url);

function fields(kinds: Readonly<Record<string, { readonly accepts: string }>>, withKinds: boolean): string {
  const shown = Object.entries(kinds).map(([name, { accepts }]) =>
    withKinds ? `\`${name}\`: ${accepts}` : `\`${name}\``,
  );
  return shown.length === 0 ? '–' : shown.join(withKinds ? '; ' : ', ');
}

function commands(): string {
  const rows = commandNames.map((name) => {
    const { access, twice, arguments: given, result } = commandTable[name];
    return `| \`${name}\` | ${access} | ${twice ? 'yes' : 'no'} | ${fields(given, true)} | ${fields(result, false)} |`;
  });
  return ['| command | access | twice | arguments | result |', '|---|---|---|---|---|', ...rows].join('\n');
}

function codes(): string {
  const rows = Object.entries(errorTable).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return ['| code | what it is, or what to do |', '|---|---|', ...rows].join('\n');
}

function put(text: string, name: string, table: string): string {
  const from = `<!-- ${name} -->`;
  const to = `<!-- end of ${name} -->`;
  const [before, rest = ''] = text.split(from);
  const after = rest.split(to)[1];
  if (before === undefined || after === undefined)
    throw new Error(`docs/DEVICE.md has no place for a table: ${from} and ${to}`);
  return `${before}${from}\n\n${table}\n\n${to}${after}`;
}

const text = readFileSync(file, 'utf8');
const made = put(put(text, 'commands', commands()), 'codes', codes());
if (!process.argv.includes('--check')) {
  writeFileSync(file, made);
} else if (made !== text) {
  console.error('docs/DEVICE.md is not what scripts/generate-device.ts makes: run `npm run generate`');
  process.exitCode = 1;
}
