/** Corruptions of the ledgers of a real run, seeded: each is found, by the check that is to find it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeReport } from '../../src/audit/report.ts';
import { describeReport } from '../../src/audit/report-text.ts';
import { openTrust } from '../../src/audit/trust.ts';
import { encodeControlBit } from '../../src/records/control-bit.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { drawFrom } from '../crash/draw.ts';
import { openTokens, type Tokens } from '../roles/authorities.ts';
import { type Corruption, controlBitAt, resign } from './corruption.ts';
import { corruptionRows, corruptions } from './corruptions.ts';
import {
  auditBytes,
  editArray,
  editContent,
  field,
  type Ledgers,
  placesOf,
  putTogether,
  rechain,
  resignHeads,
  takeApart,
} from './ledgers.ts';
import { roles, runWorld, signBundle, type World } from './world.ts';

let tokens: Tokens;
let world: World;

beforeAll(async () => {
  tokens = await openTokens();
  world = await runWorld(tokens);
});
afterAll(() => tokens.close());

const seed = Number(process.env['RINGMINT_SEED'] ?? 20_261_121);
const times = process.env['RINGMINT_NIGHTLY'] === undefined ? 2 : 60;

function ledgersOf(of: World['extracts']): Ledgers {
  return Object.fromEntries(roles.map((role) => [role, takeApart(of[role])])) as Ledgers;
}

async function bytesOf(ledgers: Ledgers): Promise<Uint8Array[]> {
  return Promise.all(roles.map((role) => putTogether(ledgers[role])));
}

async function corrupt(corruption: Corruption, ledgers: Ledgers, number: number): Promise<boolean> {
  const draw = drawFrom(`${seed}/${number}`);
  const before = roles.map((role) => [...ledgers[role].entries, ...ledgers[role].heads]);
  if (!(await corruption.apply(ledgers, (below) => draw.below(below), tokens))) return false;
  const changed = roles.filter((role, index) => {
    const then = before[index] ?? [];
    const now = [...ledgers[role].entries, ...ledgers[role].heads];
    return now.length !== then.length || now.some((one, at) => one !== then[at]);
  });
  if (changed.length === 0) return false;
  if (corruption.power === 'written') return true;
  for (const role of changed) rechain(ledgers[role]);
  if (corruption.power === 'signed') for (const role of changed) await resignHeads(ledgers, tokens, role);
  return true;
}

describe(`the audit, of seed ${seed},`, () => {
  it.each(corruptions.map((corruption, index) => ({ ...corruption, corruption, index })))(
    'finds: $kind ($of, $power)',
    async ({ corruption, index }) => {
      let done = 0;
      for (let time = 0; time < times; time++) {
        const ledgers = ledgersOf(world.extracts);
        if (!(await corrupt(corruption, ledgers, index * 1_000 + time))) continue;
        done++;
        const { findings } = auditBytes(world, await bytesOf(ledgers), { atRest: true });
        const codes = findings.byCode().map(({ code }) => code);
        expect(
          corruption.found.some((code) => codes.includes(code)),
          `${corruption.kind}, try ${time}: found ${codes.join(', ') || 'nothing'}`,
        ).toBe(true);
      }
      expect(done).toBeGreaterThan(0);
    },
  );
});

describe('docs/AUDIT.md', () => {
  it('has a row for each kind of corruption, and at least a hundred of them in all', () => {
    const document = readFileSync(join(import.meta.dirname, '../../docs/AUDIT.md'), 'utf8').split('\n');
    expect(corruptionRows().filter((row) => !document.includes(row))).toEqual([]);
    expect(corruptions.length).toBeGreaterThanOrEqual(100);
  });

  it('names every code of a finding', () => {
    const document = readFileSync(join(import.meta.dirname, '../../docs/AUDIT.md'), 'utf8');
    const source = readFileSync(join(import.meta.dirname, '../../src/audit/finding.ts'), 'utf8');
    const codes = [...source.matchAll(/^ {2}\| '([a-z_]+)'/gm)].map(([, code = '']) => code);
    expect(codes.length).toBeGreaterThan(30);
    expect(codes.filter((code) => !document.includes(`\`${code}\``))).toEqual([]);
  });
});

describe('the audit of hostile ledgers', () => {
  it('says what is wrong and never fails, whatever bytes are in them', async () => {
    const trust = openTrust(world.bundles.map(signBundle), { verifySignature: makeNodeVerifySignature() });
    if (!trust.ok) throw new Error(trust.message);
    for (let number = 0; number < 40 * times; number++) {
      const draw = drawFrom(`${seed}/hostile/${number}`);
      const ledgers = ledgersOf(world.extracts);
      const ledger = ledgers[draw.pick(roles)];
      for (let change = 0; change <= draw.below(3); change++) {
        const at = draw.below(ledger.entries.length);
        const entry = ledger.entries[at];
        if (entry === undefined) continue;
        const flipped = (bytes: Uint8Array): Uint8Array => {
          const place = draw.below(bytes.length);
          return bytes.with(place, draw.below(256));
        };
        ledger.entries[at] = {
          ...entry,
          ...(draw.chance(60) ? { bytes: flipped(entry.bytes) } : {}),
          ...(draw.chance(40) && entry.signed !== null ? { signed: flipped(entry.signed) } : {}),
          ...(draw.chance(10) ? { sequence: draw.below(2 ** 32), ordinal: draw.below(2 ** 32) } : {}),
        };
      }
      const extracts = await bytesOf(ledgers);
      const text = (): string[] =>
        describeReport(
          makeReport(auditBytes(world, extracts, { atRest: true }), trust.value, { atRest: true }),
        );
      expect(text, `try ${number}`).not.toThrow();
    }
  });

  it.each(['request', 'control-bit', 'quota-change', 'stop'])(
    'takes no moment that no calendar has: %s',
    async (kind) => {
      const ledgers = ledgersOf(world.extracts);
      const ledger = ledgers[kind === 'request' ? 'issuance' : 'quota'];
      for (const at of placesOf(ledger, kind)) {
        const entry = ledger.entries[at];
        if (entry === undefined) continue;
        const bytes = editArray(entry.bytes, (items) => [
          ...items.slice(0, 3),
          2 ** 53 - 1,
          ...items.slice(4),
        ]);
        ledger.entries[at] = { ...entry, bytes };
      }
      rechain(ledger);
      const { findings } = auditBytes(world, await bytesOf(ledgers), { atRest: true });
      expect(findings.byCode().map(({ code }) => code)).toContain('entry_malformed');
    },
  );

  it('is not led to take memory for what a control bit only says', async () => {
    const ledgers = ledgersOf(world.extracts);
    const { quota } = ledgers;
    const places = placesOf(quota, 'control-bit');
    for (const at of places) {
      const record = controlBitAt(quota, at);
      const toBeSigned = encodeControlBit({ ...record, count: 2 ** 52 }, tokens.of.quota.publicKey.keyId);
      await resign(quota, at, toBeSigned, tokens.of.quota);
      editContent(quota, at, field.serial, () => [1, 2 ** 52 + at]);
    }
    rechain(quota);
    const { findings } = auditBytes(world, await bytesOf(ledgers), { atRest: true });
    expect(findings.byCode().map(({ code }) => code)).toEqual(
      expect.arrayContaining(['serial_mismatch', 'unit_unknown', 'units_mismatch']),
    );
  });
});

describe('a system that has lied from the beginning, alone,', () => {
  const structural = corruptions.filter(({ power }) => power === 'chained');
  it.each(roles)('hides no money that another system knows of, found or not: %s', async (role) => {
    const sums = (audited: ReturnType<typeof auditBytes>): bigint =>
      audited.days.reduce((sum, { issued, withheld }) => sum + issued + withheld, 0n);
    const honest = sums(auditBytes(world, Object.values(world.extracts), { atRest: true }));
    const edits = structural.filter(({ of }) => of === role);
    for (let time = 0; time < 8 * times; time++) {
      const edit = edits[time % edits.length];
      const ledgers = ledgersOf(world.extracts);
      if (edit === undefined || !(await corrupt({ ...edit, power: 'signed' }, ledgers, time))) continue;
      const audited = auditBytes(world, await bytesOf(ledgers), { atRest: true });
      const isTold = audited.findings.count > 0 || audited.missing.count > 0;
      expect(isTold || sums(audited) === honest, `${edit.kind}, try ${time}`).toBe(true);
    }
  });
});
