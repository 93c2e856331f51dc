/**
 * `npm run bench`: figures of this machine, side by side in one run, as a table; `-- --write` puts it into
 * docs/BENCHMARKS.md with its date; `-- machine` runs that part alone; `-- rules --million` replays a million requests, for 100,000. The appliance is three real
 * processes, three real SoftHSM tokens, SQLite with FULL.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { findModule } from '../../hsm/module-path.ts';
import { readTokenDirectory } from '../../hsm/token-directory.ts';
import { openToken } from '../../hsm/token-signer.ts';
import type { Client } from '../../src/api/client.ts';
import { homeAt } from '../../src/appliance/home.ts';
import { tokenLabel } from '../../src/appliance/token-label.ts';
import { systemClock } from '../../src/kit/clock.ts';
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import { merkleRoot } from '../../src/records/merkle.ts';
import { deriveLeaves } from '../../src/records/unit.ts';
import { unitExtractor } from '../../src/records/unit-file.ts';
import type { Facts } from '../../src/rules/checker/checked.ts';
import { openIssuanceRules } from '../../src/rules/issuance-rules.ts';
import { shippedRuleSet } from '../../src/rules/policy/shipped-set.ts';
import { verifySignatureNoble } from '../../src/verifier/signature-noble.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { project, type Workplace } from '../flow/ringmint.ts';
import { benchAnchor } from './anchor.ts';
import {
  batchesPerSecond,
  batchUnits,
  type Issued,
  issue,
  ordersPerCall,
  perSecond,
  show,
  singlesPerSecond,
  time,
  whileUp,
  withAppliance,
} from './appliance.ts';
import { benchEmbeddedCall } from './embedded-call.ts';
import { median, percentile, type Row } from './figure.ts';
import { benchGrowth } from './growth.ts';
import { benchLoad } from './load.ts';
import { benchMachine } from './machine.ts';
import { benchPostgres } from './postgres.ts';
import { benchProcesses } from './processes.ts';
import { benchRules } from './rules.ts';
import { benchSealedStore } from './sealed-store.ts';
import { benchSigning } from './signing.ts';
import { benchSlowHsm } from './slow-hsm.ts';
import { benchStores } from './store.ts';
import { benchTranslator } from './translator.ts';

const loneRequests = 100;
const signatures = 4_000;
const orderCalls = 30;

/** Issues through the three systems: one by one, eight at once, and in full batches. */
async function benchIssuing(
  client: Client,
): Promise<{ rows: Row[]; batchPerSecond: number; currency: Uint8Array }> {
  for (let i = 0; i < 10; i++) await issue(client, 1);
  const lone: number[] = [];
  for (let i = 0; i < loneRequests; i++) lone.push(await time(() => issue(client, 1)));
  const together = await time(() =>
    Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < loneRequests / 4; i++) await issue(client, 1);
      }),
    ),
  );
  const batches: number[] = [];
  let last: Issued | undefined;
  for (let i = 0; i < 5; i++) {
    batches.push(
      await time(async () => {
        last = await issue(client, batchUnits);
      }),
    );
  }
  if (last === undefined) throw new Error('a batch was issued');
  const batchPerSecond = perSecond(batchUnits, median(batches));
  return {
    currency: last.currency,
    batchPerSecond,
    rows: [
      {
        what: 'units/s end to end, requests of one unit, one after another',
        figure: show(perSecond(1, median(lone))),
      },
      {
        what: '… latency p50, p99',
        figure: `${show(median(lone))} ms, ${show(percentile(lone, 0.99))} ms`,
      },
      {
        what: 'units/s end to end, requests of one unit, eight at once',
        figure: show(perSecond(loneRequests * 2, together)),
      },
      {
        what: `units/s end to end, a batch of ${batchUnits.toLocaleString('en-US')}`,
        figure: show(batchPerSecond),
      },
      {
        what: `units/s end to end, orders of one unit, ${ordersPerCall} a call, six calls at once`,
        figure: show(await singlesPerSecond(client, orderCalls, 6)),
      },
      {
        what: `units/s end to end, batches of ${batchUnits.toLocaleString('en-US')}, three at once`,
        figure: show(await batchesPerSecond(client, 9)),
      },
      { what: '… latency of the batch', figure: `${show(median(batches))} ms` },
      {
        what: '… where it goes, by step; the rest is the answer, sent and decoded',
        figure: last.steps.map(({ name, ms }) => `${name} ${ms}`).join(', '),
      },
    ],
  };
}

/** One signature a unit, on the token that signed the batches, with nothing else to do. */
async function benchSignatures(place: Workplace): Promise<number> {
  const home = homeAt(place.home);
  const module = findModule('auto', process.env, project);
  const directory = readTokenDirectory(home.token('issuance'), module, tokenLabel('issuance'));
  if (directory === undefined) throw new Error('the issuance token is there');
  const token = await openToken({
    address: directory.address,
    environment: directory.environment,
    signingKey: 'signing',
    queueLimit: 64,
  });
  const message = new Uint8Array(200);
  const ms = await time(() =>
    Promise.all(
      Array.from({ length: 32 }, async () => {
        for (let i = 0; i < signatures / 32; i++) await token.sign(message);
      }),
    ),
  );
  await token.close();
  return perSecond(signatures, ms);
}

/** The parts of an issue and of a verification, each alone. */
async function benchParts(place: Workplace, currency: Uint8Array): Promise<Row[]> {
  const bundle = readFileSync(homeAt(place.home).trustBundle);
  const file = decodeCurrencyFile(currency);
  if (!file.ok) throw new Error(file.message);
  const extractor = unitExtractor(file.value);
  if (!extractor.ok) throw new Error(extractor.message);
  const unit = extractor.value.extract(4_711);
  const terms = {
    currency: { code: 'EUR', exponent: 2 },
    lots: [{ value: 1n, count: batchUnits, owner: new Uint8Array(32) }],
    epoch: 1,
    sequence: 7,
    reservation: new Uint8Array(16),
    keySet: new Uint8Array(32),
    notBefore: 1_795_000_000,
    redeemUntil: 2_110_000_000,
    seed: new Uint8Array(32),
  };
  const leaves = deriveLeaves(terms);
  const rules = await openIssuanceRules(
    shippedRuleSet(),
    new Uint8Array(readFileSync(join(project, 'vm/machine.wasm'))),
    'bench',
  );
  const input: Facts = {
    kind: 'issuance',
    fields: new Map<string, bigint | string>([
      ['tx.currency', 'EUR'],
      ['tx.origin', 'DE'],
      ['tx.destination', 'FR'],
      ['tx.time', 1_795_000_000n],
      ['tx.units', 1n],
      ['tx.amount', 5n],
      ['account.available', 9n],
      ['account.day_remaining', 9n],
      ['account.requests', 0n],
      ['account.frequency_cap', 9n],
      ['account.request_maximum', 9n],
      ['account.ceiling', 9n],
    ]),
    feeds: new Map(),
    windows: new Map(),
  };
  const node = makeNodeVerifySignature();
  const verify = (bytes: Uint8Array, verifySignature: typeof node): void => {
    const verified = verifyFile(bytes, { bundle, at: systemClock.nowSeconds(), verifySignature });
    if (!verified.ok) throw new Error(verified.message);
  };
  const bench = new Bench({ time: 1_000, iterations: 3, warmupTime: 100, warmupIterations: 1 });
  bench.add('derive', () => deriveLeaves(terms));
  bench.add('root', () => merkleRoot(leaves));
  bench.add('verify batch', () => verify(currency, node));
  bench.add('verify unit', () => verify(unit, node));
  bench.add('verify unit, noble', () => verify(unit, verifySignatureNoble));
  bench.add('decide', () => rules.decide(input));
  await bench.run();
  const ms = (name: string): number => {
    const { result } = bench.getTask(name) ?? {};
    if (result === undefined || !('latency' in result)) throw new Error(`no result of ${name}`);
    return result.latency.p50;
  };
  return [
    { what: 'units/s derived from their batch', figure: show(perSecond(batchUnits, ms('derive'))) },
    { what: 'units/s hashed to their root', figure: show(perSecond(batchUnits, ms('root'))) },
    {
      what: 'offline verifications/s of unit files, node:crypto',
      figure: show(perSecond(1, ms('verify unit'))),
    },
    {
      what: 'offline verifications/s of unit files, @noble/curves',
      figure: show(perSecond(1, ms('verify unit, noble'))),
    },
    {
      what: 'units/s verified offline in a currency file',
      figure: show(perSecond(batchUnits, ms('verify batch'))),
    },
    {
      what: 'decisions/s by the issuance policy in the label machine, with marshalling and trace hash',
      figure: show(perSecond(1, ms('decide'))),
    },
  ];
}

function benchAppliance(): Promise<Row[]> {
  console.error('making an appliance');
  return withAppliance(async (place) => {
    console.error('issuing through the three systems');
    const issuing = await whileUp(place, benchIssuing);
    console.error('one signature a unit');
    const signaturesPerSecond = await benchSignatures(place);
    console.error('the parts');
    return [
      ...issuing.rows,
      {
        what: 'signatures/s of the same token, one a unit and nothing else',
        figure: show(signaturesPerSecond),
      },
      {
        what: 'a batch beside one signature a unit and an authority',
        figure: `${show(issuing.batchPerSecond / signaturesPerSecond)} : 1`,
      },
      ...(await benchParts(place, issuing.currency)),
    ];
  });
}

const parts: Readonly<Record<string, () => Promise<Row[]>>> = {
  appliance: benchAppliance,
  signing: benchSigning,
  anchor: benchAnchor,
  machine: benchMachine,
  translator: benchTranslator,
  embedded: benchEmbeddedCall,
  stores: benchStores,
  'sealed-store': benchSealedStore,
  load: benchLoad,
  'slow-hsm': benchSlowHsm,
  postgres: benchPostgres,
  processes: benchProcesses,
  growth: benchGrowth,
  rules: () => benchRules(values.million === true ? 1_000_000 : 100_000),
};
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean' }, million: { type: 'boolean' } },
});
const unknown = positionals.find((name) => parts[name] === undefined);
if (unknown !== undefined) {
  console.error(`bench: there is no part ${unknown}: ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
const rows: Row[] = [];
for (const [name, bench] of Object.entries(parts)) {
  if (positionals.length === 0 || positionals.includes(name)) rows.push(...(await bench()));
}
const version = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
  cwd: project,
  encoding: 'utf8',
}).stdout.trim();
const heading = `${new Date().toISOString().slice(0, 10)}, ${version}, Node ${process.versions.node}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'})`;
const table = [
  '| what | figure |',
  '|---|---|',
  ...rows.map(({ what, figure }) => `| ${what} | ${figure} |`),
].join('\n');
console.log(`${heading}\n\n${table}`);
if (values.write === true) {
  const path = join(project, 'docs/BENCHMARKS.md');
  const text = readFileSync(path, 'utf8');
  const mark = '<!-- newest first -->';
  writeFileSync(path, text.replace(mark, `${mark}\n\n## ${heading}\n\n${table}`));
}
