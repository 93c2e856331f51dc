/**
 * `npm run bench:audit -- FOLDER REQUESTS [UNITS]`: ledgers of two issuers by the real roles, with keys in memory and real
 * SQLite, written as extracts with the trust bundle, for `ringmint audit check` to be measured on: a request of one order each, and a few
 * retirements. It prints what has to come out of the audit.
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeExtract } from '../../src/journal/extract.ts';
import { succeed } from '../../src/kit/result.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import type { Issuance } from '../../src/roles/issuance.ts';
import { readSqliteLedger } from '../../src/store/sqlite/extract.ts';
import { drawFrom } from '../crash/draw.ts';
import { asItIs } from '../liars/code.ts';
import { House, type RoleName } from '../liars/house.ts';
import { openKeys } from '../liars/keys.ts';
import { issuer, otherIssuer } from '../roles/authorities.ts';

const [folder = 'audit-scale', requestsText = '1000', unitsText = '1'] = process.argv.slice(2);
const requests = Number(requestsText);
const units = Number(unitsText);
/** Requests that are on their way at once, of each issuer. */
const lanes = 3;

const keys = await openKeys('memory');
const draw = drawFrom('audit scale');
const house = new House({ code: asItIs, keys, draw, allocated: 10n ** 14n, dayLimit: 10n ** 14n });
for (const role of ['central', 'issuance', 'other', 'quota'] as const) await house.open(role);
const quotaControl = house.makeQuotaControl();
const central = house.makeCentral({
  quotaPositions: async () => succeed(await quotaControl.positions()),
  quotaChanges: async () => succeed([]),
  lastWords: async () => succeed([]),
});
const peersOf = (name: string) => ({
  submitRequest: (bytes: Uint8Array) => central.submit(bytes, name),
  redeemCredential: (bytes: Uint8Array) => quotaControl.redeem(bytes, name),
});
const issuances = [
  house.makeIssuance('issuance', peersOf(issuer)),
  house.makeIssuance('other', peersOf(otherIssuer)),
] as const;

let done = 0;
const startedMs = performance.now();
async function run(issuance: Issuance, lane: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (lane === 0) house.clock.advanceMs(1);
    const got = await issuance.issue(
      encodeDraft({
        id: makeRequestId(house.clock, (length) => draw.bytes(length)),
        currency: { code: 'EUR', exponent: 2 },
        total: 10n * BigInt(units),
        lots: [{ value: 10n, count: units, owner: { commitment: draw.bytes(32) } }],
        purpose: 'scale',
        origin: 'DE',
        destination: 'DE',
        // Another day each lane: orders that share one go together.
        redeemUntil: house.clock.nowSeconds() + 86_400 * (30 + lane),
      }),
    );
    if (!got.ok) throw new Error(`${got.code}: ${got.message}`);
    if (++done % 10_000 === 0)
      process.stderr.write(
        `${done} of ${requests}, ${((performance.now() - startedMs) / done).toFixed(2)} ms each\n`,
      );
  }
}
const share = Math.ceil(requests / (2 * lanes));
await Promise.all(
  issuances.flatMap((issuance) => Array.from({ length: lanes }, (_, lane) => run(issuance, lane, share))),
);

await mkdir(folder, { recursive: true });
await writeFile(join(folder, 'trust.cbor'), keys.bundleBytes);
const madeMs = house.clock.nowMs();
const ledgers: readonly [RoleName, 'central' | 'issuance' | 'quota', string][] = [
  ['central', 'central', 'central'],
  ['issuance', 'issuance', issuer],
  ['other', 'issuance', otherIssuer],
  ['quota', 'quota', 'quota'],
];
for (const [of, role, name] of ledgers) {
  const out = createWriteStream(join(folder, `${of}.extract`));
  await readSqliteLedger({ path: house.pathOf(of), role }, async (content) => {
    for await (const part of encodeExtract({ role, name, madeMs }, content))
      if (!out.write(part)) await once(out, 'drain');
  });
  out.end();
  await once(out, 'finish');
}
await house.remove();
console.log(
  JSON.stringify({ requests: done, units: done * units, minor: String(10n * BigInt(units * done)) }),
);
