/**
 * Writes samples/payees.csv: 1,000 payees with an amount each, the same at every run; and the signatures in samples/rules, by keys that everybody
 * knows. With `--check` it only tells whether the files are those.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { p256 } from '@noble/curves/nist.js';
import { toHex } from '../src/kit/bytes.ts';
import { verificationKey } from '../src/records/signature.ts';
import { encodeSignature, prepareSignature } from '../src/rules/set/signatures.ts';

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

/** No secret: whoever reads this has the key, too. */
function sampleKey(jurisdiction: string): { readonly secret: Uint8Array; readonly point: Uint8Array } {
  const secret = createHash('sha256').update(`ringmint samples/rules ${jurisdiction}`).digest();
  return { secret, point: p256.getPublicKey(secret, false) };
}

/** Who signs which module of samples/rules: both of the agreement, since it relaxes a rule of each; and each its own. */
const signers: readonly (readonly [file: string, jurisdiction: string])[] = [
  ['jp-payments.rules', 'JP'],
  ['jp-sg-agreement.rules', 'JP'],
  ['jp-sg-agreement.rules', 'SG'],
  ['sg-payments.rules', 'SG'],
];

const rules = new URL('../samples/rules/', import.meta.url);

function signatureOf(file: string, jurisdiction: string): Uint8Array {
  const { secret, point } = sampleKey(jurisdiction);
  const module = new Uint8Array(readFileSync(new URL(file, rules)));
  const prepared = prepareSignature('module', verificationKey(point).keyId, module);
  return encodeSignature(prepared, p256.sign(prepared, secret));
}

const keyLines = ['JP', 'SG'].map((code) => `key ${code} = ${toHex(sampleKey(code).point)}\n`).join('');
const ruleset = new URL('example.ruleset', rules);
const rulesetText = readFileSync(ruleset, 'utf8').replace(/^(key [A-Z]+ = .*\n)+/m, keyLines);

const files: readonly (readonly [URL, Uint8Array])[] = [
  [new URL('../samples/payees.csv', import.meta.url), new TextEncoder().encode(payees())],
  [ruleset, new TextEncoder().encode(rulesetText)],
  ...signers.map(
    ([file, jurisdiction]) =>
      [new URL(`${file}.${jurisdiction}.sig`, rules), signatureOf(file, jurisdiction)] as const,
  ),
];
const isCheck = process.argv.includes('--check');
for (const [file, bytes] of files) {
  if (!isCheck) {
    writeFileSync(file, bytes);
    continue;
  }
  let found: Uint8Array | undefined;
  try {
    found = readFileSync(file);
  } catch {
    // Not there.
  }
  if (found === undefined || Buffer.compare(found, bytes) !== 0) {
    const name = file.pathname.slice(file.pathname.indexOf('/samples/') + 1);
    console.error(`${name} is not what scripts/generate-samples.ts makes: run \`npm run generate\``);
    process.exitCode = 1;
  }
}
