/** The commands on a part of a batch: its holder verifies it, takes units out of it, and is never told that it is the whole. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operator } from '../../src/cli/appliance.ts';
import { runIssue } from '../../src/cli/issue.ts';
import { makeTerminal } from '../../src/cli/terminal.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { succeed } from '../../src/kit/result.ts';
import { encodeCurrencyFile, partExtractor } from '../../src/records/currency-file.ts';
import { makeBatch, signBundle } from '../records/batches.ts';
import { fill, keys, now, lots as orderLots, trustBundle } from '../records/samples.ts';
import { ringmint, type Said } from './session.ts';

/** A batch of two orders: twelve units of 250.00 EUR, then eight of 1.00 EUR. */
const batch = makeBatch({ lots: [...orderLots, { value: 100n, count: 8, owner: fill(32, 5) }] });
const partOf = partExtractor(batch);

let folder: string;
const inFolder = (name: string): string => join(folder, name);
const verify = (file: string, ...words: string[]): Promise<Said> =>
  ringmint([
    'verify',
    inFolder(file),
    ...['--trust', inFolder('trust.cbor'), '--root', toHex(keys.root.key.keyId)],
    ...['--at', new Date((now + 60) * 1000).toISOString(), ...words],
  ]);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringmint part-'));
  writeFileSync(inFolder('trust.cbor'), signBundle(trustBundle));
  writeFileSync(inFolder('whole.cbor'), encodeCurrencyFile(batch));
  writeFileSync(inFolder('part.cbor'), encodeCurrencyFile(partOf(12, 8)));
  writeFileSync(inFolder('claimed.cbor'), encodeCurrencyFile({ ...partOf(12, 8), first: 4 }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('ringmint verify', () => {
  it('tells how much of its batch a part holds', async () => {
    const said = await verify('part.cbor');
    expect([said.code, said.err]).toEqual([0, '']);
    expect(said.out).toContain('authentic: 8.00 EUR in 8 units, issued by');
    expect(said.out).toContain('a part of a batch: units 12 to 19 of 20, 8.00 of 258.00 EUR');
    expect((await verify('part.cbor', '--json')).json()).toMatchObject({
      authentic: true,
      whole: false,
      first: 12,
      count: 8,
      total: '8.00',
      batchCount: 20,
      batchTotal: '258.00',
    });
  });

  it('says of a whole batch that it is whole, and speaks of no part', async () => {
    const said = await verify('whole.cbor');
    expect(said.code).toBe(0);
    expect(said.out).not.toMatch(/\bpart\b/);
    expect((await verify('whole.cbor', '--json')).json()).toMatchObject({
      whole: true,
      first: 0,
      count: 20,
      total: '258.00',
      batchTotal: '258.00',
    });
  });

  it('refuses a part that claims another place', async () => {
    const said = await verify('claimed.cbor', '--json');
    expect([said.code, said.json()]).toMatchObject([4, { authentic: false, ok: false }]);
  });
});

describe('ringmint unit', () => {
  it('takes a unit out of a part by its place in the batch', async () => {
    for (const index of [12, 19]) {
      const out = inFolder(`unit-${index}.cbor`);
      const said = await ringmint(['unit', inFolder('part.cbor'), String(index), '--out', out, '--json']);
      expect([said.code, said.json()]).toMatchObject([0, { index, of: 20 }]);
      const whole = inFolder('of-whole.cbor');
      expect((await ringmint(['unit', inFolder('whole.cbor'), String(index), '--out', whole])).code).toBe(0);
      expect(readFileSync(out).equals(readFileSync(whole))).toBe(true);
      expect((await verify(`unit-${index}.cbor`, '--json')).json()).toMatchObject({
        kind: 'unit',
        first: index,
        whole: false,
        total: '1.00',
      });
    }
  });

  it('refuses a unit that the part does not hold, and says which it does', async () => {
    for (const index of ['0', '11', '20', '1e1', '-1', '']) {
      const said = await ringmint(['unit', inFolder('part.cbor'), '--', index]);
      expect([index, said.code]).toEqual([index, 2]);
      expect(said.err).toContain('from 12 to 19');
    }
  });

  it('refuses a file whose hashes do not fit its place', async () => {
    const said = await ringmint(['unit', inFolder('claimed.cbor'), '4', '--json']);
    expect(said.json()).toMatchObject({ ok: false, code: 'record_malformed' });
  });
});

it('ringmint inspect tells which units a part holds', async () => {
  const said = await ringmint(['inspect', inFolder('part.cbor')]);
  expect(said.out).toContain('units 12 to 19 of 20 of a batch');
});

it('ringmint issue tells the units and the amount of the order, and which part of the batch they are', async () => {
  writeFileSync(
    inFolder('draft.json'),
    JSON.stringify({
      currency: 'EUR',
      total: '250.00',
      denominations: [
        { value: '100.00', count: 2 },
        { value: '5.00', count: 10 },
      ],
      owner: 'Treasury',
      purpose: 'payroll',
      origin: 'DE',
      destination: 'CH',
    }),
  );
  /** What an issuance that puts several orders into a batch answers to the first of them. */
  const answer = {
    kind: 'issued' as const,
    steps: [],
    denied: null,
    files: {
      controlBit: batch.controlBit,
      currency: encodeCurrencyFile(partOf(0, 12)),
    },
  };
  const operator: Operator = {
    issue: () => Promise.resolve(succeed(answer)),
    orders: () => {
      throw new Error('not asked for');
    },
    journal: () => {
      throw new Error('not asked for');
    },
    events: () => {
      throw new Error('not asked for');
    },
    quotaPositions: () => Promise.resolve(succeed([])),
    changeQuota: () => Promise.reject(new Error('not asked for')),
    stop: () => Promise.reject(new Error('not asked for')),
    retire: () => Promise.reject(new Error('not asked for')),
    transfer: () => Promise.reject(new Error('not asked for')),
    receipt: () => Promise.reject(new Error('not asked for')),
    units: () => Promise.reject(new Error('not asked for')),
    makeReservation: () => Promise.reject(new Error('not asked for')),
    releaseReservation: () => Promise.reject(new Error('not asked for')),
    reservations: () => {
      throw new Error('not asked for');
    },
    account: () => Promise.reject(new Error('not asked for')),
    status: () => Promise.reject(new Error('not asked for')),
    checkHead: () => Promise.reject(new Error('not asked for')),
    close: () => Promise.resolve(),
  };
  const stdin = {
    isTerminal: false,
    chunks: () => {
      throw new Error('not asked for');
    },
  };
  const appliance = { connect: () => Promise.resolve(operator) };
  const issue = async (json: boolean): Promise<string> => {
    let out = '';
    const streams = { out: (text: string) => (out += text), error: (text: string) => (out += text) };
    const given = {
      home: folder,
      file: inFolder('draft.json'),
      out: inFolder('issued'),
      confirmed: undefined,
    };
    expect(await runIssue(appliance, makeTerminal(streams, json), stdin, given)).toBe(0);
    return out;
  };
  const said = await issue(false);
  expect(said).toContain('issued: 250.00 EUR in 12 units');
  expect(said).toContain('units 0 to 11 of a batch of 20');
  expect(JSON.parse(await issue(true))).toMatchObject({
    total: '250.00',
    units: 12,
    first: 0,
    batchUnits: 20,
  });
});
