/** 10,000 cuts, on real SQLite and real tokens: no unit too many, none twice, no answer lost. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { openTokens, type Tokens } from '../roles/authorities.ts';
import { Places, sweep } from './sweep.ts';

/** The nightly sweep has one a day. */
const seed = nightly ? new Date().toISOString().slice(0, 10) : '1';
const byDay = 10_000;
const atNight = 100_000;
const cuts = nightly ? atNight : byDay;
/** Sweeps at once: one works while another waits for its signers. */
const lanes = 2;

/** What has to be among the places: reservations, and settlements that central management follows. */
const wanted = [
  'issuance → quota reservation',
  'issuance → quota release',
  'issuance sign reservation',
  'issuance sign release',
  'central → quota reservation',
  'quota commit reservation',
  'quota sign reservation',
  'quota release',
  'central → quota settled',
  'central → issuance vouch',
  'central commit retirement',
  'central recordSigned retirement',
];

let tokens: Tokens;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());

it(`${cuts} cuts anywhere: Σ issued ≤ Σ quota, one order one outcome, and what was answered is never lost (seed ${seed})`, {
  timeout: nightly ? 14_400_000 : 1_800_000,
}, async () => {
  const startedMs = performance.now();
  const places = new Places();
  const reports = await Promise.all(
    Array.from({ length: lanes }, (_, lane) =>
      sweep({ tokens, seed: `${seed}/lane ${lane}`, cuts: cuts / lanes, places }),
    ),
  );
  const sum = (of: (report: (typeof reports)[number]) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const { single } = places;
  console.log(
    `${sum((one) => one.cuts)} cuts at ${places.seen.size} places, ${sum((one) => one.doubles)} of them in a start or in what is asked again; ` +
      `${sum((one) => one.orders)} orders, ${sum((one) => one.units)} units, ${sum((one) => one.olderRefused)} older databases refused; ` +
      `${((performance.now() - startedMs) / cuts).toFixed(1)} ms a cut`,
  );
  expect(sum((one) => one.cuts)).toBeGreaterThanOrEqual(cuts);
  expect(places.missed, 'points that no cut fell on').toEqual([]);
  expect(single.length).toBeGreaterThanOrEqual(170);
  expect(single).toEqual(
    expect.arrayContaining(wanted.flatMap((name) => [`before ${name}`, `after ${name}`])),
  );
  for (const scope of ['role', 'all', 'line'] as const)
    expect(
      sum((one) => one.byScope.get(scope) ?? 0),
      scope,
    ).toBeGreaterThan(cuts / 50);
  expect(sum((one) => one.orders)).toBeGreaterThan(cuts / 2);
});

it('docs/CRASHES.md says how many', () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/CRASHES.md'), 'utf8');
  expect(document).toContain(`${byDay.toLocaleString('en')} cuts in \`npm test\``);
  expect(document).toContain(`${atNight.toLocaleString('en')} in \`npm run test:nightly\``);
});
