/** Writes the table of return values into docs/HSM.md from hsm/ckr.ts; with `--check` it only tells whether it is up to date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { returnValues } from '../hsm/ckr.ts';

const file = new URL('../docs/HSM.md', import.meta.url);
const from = '<!-- return values -->';
const to = '<!-- end of return values -->';

function table(): string {
  const rows = [...returnValues.values()].map(
    ({ value, name, failure, recovery, code }) =>
      `| 0x${value.toString(16).padStart(3, '0')} | ${name} | ${failure} | ${recovery} | \`${code}\` |`,
  );
  return ['| value | name | what is broken | recovery | code |', '|---|---|---|---|---|', ...rows].join('\n');
}

const text = readFileSync(file, 'utf8');
const [before, rest = ''] = text.split(from);
const after = rest.split(to)[1];
if (before === undefined || after === undefined)
  throw new Error(`docs/HSM.md has no place for the table: ${from} and ${to}`);
const made = `${before}${from}\n\n${table()}\n\n${to}${after}`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, made);
} else if (made !== text) {
  console.error('docs/HSM.md is not what scripts/generate-hsm.ts makes: run `npm run generate`');
  process.exitCode = 1;
}
