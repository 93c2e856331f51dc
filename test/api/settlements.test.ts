/** Retirements, transfers and the register over real HTTPS: who may ask, and what each resource answers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runUnitStatus } from '../../src/cli/settlement/unit-status.ts';
import { makeTerminal } from '../../src/cli/terminal.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { decodeControlBit } from '../../src/records/control-bit.ts';
import { formatUuid } from '../../src/records/request-id.ts';
import { encodeRetirementFile } from '../../src/records/retirement-file.ts';
import { decodeSettlement } from '../../src/records/settlement.ts';
import { accepted, fill } from '../records/samples.ts';
import { issuer, openTokens, otherIssuer, type Tokens } from '../roles/authorities.ts';
import {
  ann,
  ben,
  forgeOwned,
  issueOwned,
  type OwnedCurrency,
  partOf,
  retirementOf,
  retirementParts,
  transferOf,
} from '../roles/owned-currency.ts';
import { type Asking, type Systems, serveSystems } from './systems.ts';

let tokens: Tokens;
let systems: Systems;
let issued: OwnedCurrency;
/** Of the batch, as a query. */
let batch: string;

beforeAll(async () => {
  tokens = await openTokens();
  systems = await serveSystems(tokens);
  issued = await issueOwned(systems.authorities, [{ owner: ann, value: 1_000n, count: 6 }]);
  const { epoch, sequence } = accepted(decodeControlBit(issued.file.controlBit)).record;
  batch = `epoch=${epoch}&sequence=${sequence}`;
});
afterAll(async () => {
  await systems.close();
  await tokens.close();
});

const post = (body: Uint8Array, type: 'cbor' | 'cose'): Asking => ({
  method: 'POST',
  headers: { 'content-type': `application/${type}` },
  body,
});
const ask = (path: string, holder: 'operator' | 'issuance' | 'central' = 'operator', asking: Asking = {}) =>
  systems.call('quota', holder, path, asking);

describe('retirements and transfers', () => {
  it('are settled for an operator and for the issuer, with a receipt that is the same each time', async () => {
    const file = retirementOf(systems.authorities, ann, issued, [0]);
    const first = await ask('/retirements', 'operator', post(file, 'cbor'));
    expect([first.status, first.type]).toEqual([200, 'application/cose']);
    expect((await ask('/retirements', 'issuance', post(file, 'cbor'))).bytes).toEqual(first.bytes);
    expect(accepted(decodeSettlement(new Uint8Array(first.bytes))).record.total).toBe(1_000n);
    const credit = retirementOf(systems.authorities, ann, issued, [1], {
      record: { creditTo: ann.key.keyId },
    });
    const client = systems.client('issuance');
    accepted(decodeSettlement(accepted(await client.retire(credit))));
    const transfer = transferOf(systems.authorities, ann, 400n, ben);
    const receipt = accepted(await client.transfer(transfer));
    expect(accepted(await systems.client('operator').transfer(transfer))).toEqual(receipt);
    expect(accepted(await client.account(ben.key.keyId))).toEqual([
      { issuer, currency: 'EUR', amount: 400n },
    ]);
  });

  it.each<readonly [string, number, string, string, () => Asking]>([
    [
      'units that were spent',
      409,
      'unit_spent',
      '/retirements',
      () => post(retirementOf(systems.authorities, ann, issued, [0, 2]), 'cbor'),
    ],
    [
      'units of another owner',
      422,
      'owner_mismatch',
      '/retirements',
      () => post(retirementOf(systems.authorities, ben, issued, [2]), 'cbor'),
    ],
    [
      'more than an account has',
      422,
      'balance_too_low',
      '/transfers',
      () => post(transferOf(systems.authorities, ben, 401n, ann), 'cose'),
    ],
    [
      'a retirement where a transfer is accepted',
      422,
      'record_type_mismatch',
      '/transfers',
      () => post(retirementParts(systems.authorities, ann, issued, [2]).retirement, 'cose'),
    ],
    [
      'the other media type',
      415,
      'media_type_unsupported',
      '/transfers',
      () => post(transferOf(systems.authorities, ann, 1n, ben), 'cbor'),
    ],
    [
      'more bytes than a transfer has',
      413,
      'too_large',
      '/transfers',
      () => post(fill(16 * 1024 + 1, 0), 'cose'),
    ],
    ['what is no CBOR', 400, 'not_cbor', '/retirements', () => post(fill(3, 0xff), 'cbor')],
    [
      'a retirement file without a unit file that can be read',
      422,
      'file_not_verifiable',
      '/retirements',
      () => {
        const parts = retirementParts(systems.authorities, ann, issued, [2]);
        return post(encodeRetirementFile({ ...parts, files: [fill(9, 1)] }), 'cbor');
      },
    ],
  ])('of %s are answered %i %s, and nothing changes', async (_title, status, code, path, asking) => {
    const before = await systems.state();
    const answer = await ask(path, 'operator', asking());
    expect([answer.status, answer.json()['code']]).toEqual([status, code]);
    expect(await systems.state()).toEqual(before);
  });

  it('are for operators and for an issuer of its own, and for nobody else', async () => {
    const file = retirementOf(systems.authorities, ann, issued, [3]);
    expect((await ask('/retirements', 'central', post(file, 'cbor'))).status).toBe(403);
    expect((await ask('/transfers', 'central', post(file, 'cose'))).status).toBe(403);
    const foreign = transferOf(systems.authorities, ann, 1n, ben, { issuer: otherIssuer });
    const answer = await ask('/transfers', 'issuance', post(foreign, 'cose'));
    expect([answer.status, answer.json()['code']]).toEqual([403, 'issuer_mismatch']);
  });
});

describe('the register', () => {
  it('tells which units of a range are spent, and by what', async () => {
    const answer = await ask(`/units?${batch}&first=0&count=6`, 'issuance');
    const { root, spent } = answer.json() as { root: string; spent: { index: number; by: string }[] };
    expect(root).toBe(toHex(accepted(decodeControlBit(issued.file.controlBit)).record.root));
    expect(spent.map(({ index }) => index)).toEqual([0, 1]);
    expect((await ask(`/units?${batch}&first=2&count=4`)).json()).toMatchObject({ spent: [] });
  });

  it.each<readonly [string, number, string, () => string]>([
    ['a range that passes the end', 422, 'unit_unknown', () => `/units?${batch}&first=5&count=2`],
    ['a serial that is not known', 422, 'unit_unknown', () => '/units?epoch=1&sequence=77&first=0&count=1'],
    ['no unit', 400, 'parameter_invalid', () => `/units?${batch}&first=0&count=0`],
    ['too many units', 400, 'parameter_invalid', () => `/units?${batch}&first=0&count=4097`],
    ['a place that is no number', 400, 'parameter_invalid', () => `/units?${batch}&first=-1&count=1`],
    ['half a range', 400, 'parameter_invalid', () => `/units?${batch}&first=0`],
    ['a parameter that is none', 400, 'parameter_invalid', () => `/units?${batch}&first=0&count=1&all=1`],
    ['an account in capitals', 400, 'parameter_invalid', () => `/accounts?account=${'AB'.repeat(32)}`],
    ['no account', 400, 'parameter_invalid', () => '/accounts'],
  ])('refuses %s as %i %s', async (_title, status, code, path) => {
    const answer = await ask(path());
    expect([answer.status, answer.json()['code']]).toEqual([status, code]);
  });

  it('shows an account with its balances, and one that was never credited as empty', async () => {
    const shown = await ask(`/accounts?account=${toHex(ann.key.keyId)}`);
    expect(shown.json()).toEqual({ balances: [{ issuer, currency: 'EUR', amount: '600' }] });
    expect((await ask(`/accounts?account=${'00'.repeat(32)}`, 'issuance')).json()).toEqual({ balances: [] });
    expect((await ask(`/accounts?account=${'00'.repeat(32)}`, 'central')).status).toBe(403);
  });
});

describe('`ringmint unit status`', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringmint-status-'));
    writeFileSync(join(folder, 'trust.cbor'), tokens.bundleBytes);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function statusOf(bytes: Uint8Array): Promise<[number, Record<string, unknown>]> {
    const file = join(folder, 'units.cbor');
    writeFileSync(file, bytes);
    let out = '';
    const terminal = makeTerminal({ out: (text) => (out += text), error: () => undefined }, true);
    const code = await runUnitStatus(
      // The systems close their clients.
      { connect: () => Promise.resolve({ ...systems.client('operator'), close: () => Promise.resolve() }) },
      terminal,
      {
        file,
        home: folder,
        trust: join(folder, 'trust.cbor'),
        root: undefined,
        nowSeconds: systems.authorities.clock.nowSeconds(),
      },
    );
    return [code, JSON.parse(out) as Record<string, unknown>];
  }

  it('asks for all units of a batch, of which the register tells some thousands at once', async () => {
    const large = await issueOwned(systems.authorities, [{ owner: ann, value: 1n, count: 4_100 }]);
    const last = retirementOf(systems.authorities, ann, large, [4_096, 4_099]);
    accepted(await systems.client('operator').retire(last));
    const [code, told] = await statusOf(large.bytes);
    expect([code, told]).toMatchObject([
      3,
      { code: 'unit_spent', authentic: true, units: 4_100, unspent: 4_098 },
    ]);
    expect((told['spent'] as { index: number }[]).map(({ index }) => index)).toEqual([4_096, 4_099]);
    const [good, rest] = await statusOf(partOf(large, 0, 4_096, 4_100));
    expect([good, rest]).toMatchObject([0, { ok: true, unspent: 4_096, total: '40.96' }]);
  });

  it('tells units that verify, and that no quota was taken for, from those of the register', async () => {
    const { epoch, sequence } = accepted(decodeControlBit(issued.file.controlBit)).record;
    for (const serial of [
      { epoch, sequence },
      { epoch, sequence: 9_999 },
    ]) {
      const forged = await forgeOwned(tokens, systems.authorities, serial);
      expect(await statusOf(forged.bytes)).toMatchObject([3, { code: 'unit_unknown', authentic: true }]);
    }
    const [code, told] = await statusOf(issued.bytes.with(400, (issued.bytes[400] ?? 0) ^ 1));
    expect([code, told]).toMatchObject([4, { authentic: false }]);
  });
});

describe('what was settled', () => {
  it('has its receipt by its id for ever, for an operator and for the issuer, and for nobody else', async () => {
    const credit = retirementOf(systems.authorities, ann, issued, [5], {
      record: { creditTo: ann.key.keyId },
    });
    const retired = await ask('/retirements', 'operator', post(credit, 'cbor'));
    const { id } = accepted(decodeSettlement(new Uint8Array(retired.bytes))).record;
    const client = systems.client('issuance');
    expect(toHex(accepted(await client.receipt('retirement', id)))).toBe(
      toHex(new Uint8Array(retired.bytes)),
    );
    const paid = accepted(await client.transfer(transferOf(systems.authorities, ann, 1n, ben)));
    const other = accepted(decodeSettlement(paid)).record.id;
    expect(accepted(await systems.client('operator').receipt('transfer', other))).toEqual(paid);
    const shown = await ask(`/transfers?id=${formatUuid(other).toUpperCase()}`);
    expect([shown.status, shown.type]).toEqual([200, 'application/cose']);
    // A transfer is no retirement.
    expect(await client.receipt('retirement', other)).toMatchObject({
      ok: false,
      code: 'settlement_unknown',
    });
    expect((await ask(`/retirements?id=${formatUuid(other)}`)).status).toBe(404);
    expect((await ask('/retirements?id=7')).json()).toMatchObject({ code: 'parameter_invalid', field: 'id' });
    expect((await ask('/retirements')).json()).toMatchObject({ code: 'parameter_invalid' });
    expect((await ask(`/transfers?id=${formatUuid(other)}`, 'central')).status).toBe(403);
  });
});
