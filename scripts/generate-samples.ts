/** Writes samples/payees.csv: 1,000 payees with an amount each, the same at every run; with `--check` it only tells whether the file is that. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const count = 1_000;

function payees(): string {
  const lines = ['payee,amount'];
  for (let number = 1; number <= count; number++) {
    const name = `payee-${String(number).padStart(4, '0')}`;
    // 5.00 to 204.99, spread by a hash so that the file looks like a payroll and not like a ramp.
    const cents = 500 + (createHash('sha256').update(name).digest().readUInt32BE(0) % 20_000);
    lines.push(`${name},${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`);
  }
  return `${lines.join('\n')}\n`;
}

const file = new URL('../samples/payees.csv', import.meta.url);
if (!process.argv.includes('--check')) {
  writeFileSync(file, payees());
} else if (readFileSync(file, 'utf8') !== payees()) {
  console.error('samples/payees.csv is not what scripts/generate-samples.ts makes: run `npm run generate`');
  process.exitCode = 1;
}
