/** `ringmint owner`, `retire --offline`, `account transfer --offline` and `request --owner`: what needs no appliance. */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeChunkOrder } from '../../src/cli/bulk/chunk-order.ts';
import { fromHex, toHex } from '../../src/kit/bytes.ts';
import { encodeCurrencyFile, partExtractor } from '../../src/records/currency-file.ts';
import { decodeDraft } from '../../src/records/draft.ts';
import { keyOfOwner } from '../../src/records/owner.ts';
import { decodeRetirementFile } from '../../src/records/retirement-file.ts';
import { decodeTransfer } from '../../src/records/transfer.ts';
import { commitOwner } from '../../src/records/unit.ts';
import { unitExtractor } from '../../src/records/unit-file.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { makeBatch, signBundle } from '../records/batches.ts';
import { accepted, fill, now, trustBundle } from '../records/samples.ts';
import { enterFolder, type Folder, ringmint, type Said } from './session.ts';

let folder: Folder;
let ann: string;
/** Places of ann's units in the batch: 0 to 3, and 5; 4 is of a plain name and 6 of nobody whose opening is known. */
const mine = [0, 1, 2, 3, 5];

beforeAll(async () => {
  folder = enterFolder();
  ann = String((await ringmint(['owner', 'create', '--out', 'ann.pem', '--json'])).json()['owner']);
  const openings = [
    { owner: ann, blinding: fill(32, 1) },
    { owner: 'Bob', blinding: fill(32, 2) },
  ].map(({ owner, blinding }) => ({
    owner,
    commitment: toHex(commitOwner(owner, blinding)),
    blinding: toHex(blinding),
  }));
  writeFileSync('owners.json', JSON.stringify(openings));
  const [own, plain] = openings.map(({ commitment }) => fromHex(commitment) ?? fill(32, 0));
  const batch = makeBatch({
    lots: [own, own, own, own, plain, own, fill(32, 9)].map((owner) => ({
      value: 500n,
      count: 1,
      owner: owner ?? fill(32, 0),
    })),
  });
  writeFileSync('currency.cbor', encodeCurrencyFile(batch));
  writeFileSync('part.cbor', encodeCurrencyFile(partExtractor(batch)(1, 3)));
  for (const place of [4, 5])
    writeFileSync(`unit-${place}.cbor`, accepted(unitExtractor(batch)).extract(place));
});
afterAll(() => folder.leave());

const retire = (...words: string[]): Promise<Said> =>
  ringmint(['retire', '--key', 'ann.pem', '--owners', 'owners.json', '--offline', '--json', ...words]);

function expectRefused(said: Said, code: string, exit: number): void {
  expect([said.code, said.json()], said.out).toMatchObject([exit, { ok: false, code }]);
}

let written = 0;
async function retirementOf(...words: string[]) {
  const out = `retirement-${written++}.cbor`;
  const said = await retire(...words, '--reason', 'test', '--out', out);
  expect(said.json(), said.out).toMatchObject({ ok: true, file: out });
  return accepted(decodeRetirementFile(new Uint8Array(readFileSync(out))));
}

describe('a retirement', () => {
  it.each([
    ['the key has in the file', ['currency.cbor'], mine.length, 2],
    ['are named by places', ['currency.cbor', '--unit', '0-1', '--unit', '3'], 3, 2],
    ['are in a part of a batch', ['part.cbor'], 3, 1],
    ['are in several files', ['part.cbor', 'unit-5.cbor', 'unit-4.cbor'], 4, 2],
  ])('takes the units that %s, and nothing else of it', async (_title, words, units, files) => {
    const made = await retirementOf(...words);
    const { record } = made.retirement;
    expect([record.units.length, made.files.length]).toEqual([units, files]);
    expect(record).toMatchObject({ total: 500n * BigInt(units), creditTo: null, reason: 'test' });
    // Each part still leads to the root that both authorities signed.
    let count = 0;
    for (const file of made.files) {
      const verified = verifyFile(file, {
        bundle: signBundle(trustBundle),
        at: now,
        verifySignature: makeNodeVerifySignature(),
      });
      count += accepted(verified).count;
    }
    expect(count).toBe(units);
    expect(made.blindings).toEqual(record.units.map(() => fill(32, 1)));
  });

  it('credits the account that is named', async () => {
    const account = `key:${'ab'.repeat(32)}`;
    const { retirement } = await retirementOf('part.cbor', '--credit-to', account);
    expect(retirement.record.creditTo).toEqual(keyOfOwner(account));
  });

  it.each<readonly [string, string, number, string[]]>([
    ['units of plain names only', 'owner_not_key', 2, ['unit-4.cbor']],
    ['units that nobody opens', 'owner_mismatch', 3, ['currency.cbor', '--unit', '6']],
    ['one unit in two files', 'retirement_mismatch', 3, ['part.cbor', 'currency.cbor']],
    ['places of several files', 'usage', 2, ['part.cbor', 'unit-5.cbor', '--unit', '1']],
    ['a range that ends before it begins', 'usage', 2, ['part.cbor', '--unit', '3-1']],
    ['a place beyond any batch', 'usage', 2, ['part.cbor', '--unit', '65536']],
    ['a file that is none', 'not_cbor', 2, ['owners.json']],
    ['a file that is not there', 'file_unreadable', 2, ['nothing.cbor']],
    ['an account that is none', 'usage', 2, ['part.cbor', '--credit-to', 'Alice']],
    ['no time to be sent', 'usage', 2, ['part.cbor', '--valid', '0']],
    ['openings that are none', 'openings_malformed', 2, ['part.cbor', '--owners', 'samples/request.json']],
    ['no openings', 'file_unreadable', 2, ['part.cbor', '--owners', 'nothing.json']],
  ])('is refused of %s, and nothing is written', async (_title, code, exit, words) => {
    expectRefused(await retire(...words, '--reason', 'test', '--out', 'refused.cbor'), code, exit);
    expect(() => statSync('refused.cbor')).toThrow('ENOENT');
  });

  it('is refused without a reason, and with one that no record takes', async () => {
    expectRefused(await retire('part.cbor', '--out', 'refused.cbor'), 'usage', 2);
    for (const reason of ['', 'x'.repeat(141), 'a\nb'])
      expectRefused(
        await retire('part.cbor', '--reason', reason, '--out', 'refused.cbor'),
        'record_malformed',
        2,
      );
  });

  it('is never written over a file that is there, which may have been sent', async () => {
    writeFileSync('kept.cbor', 'earlier');
    expectRefused(await retire('part.cbor', '--reason', 'x', '--out', 'kept.cbor'), 'file_exists', 2);
    expect(readFileSync('kept.cbor', 'utf8')).toBe('earlier');
  });

  it('takes the openings that a bulk issue writes', async () => {
    const euro = { code: 'EUR', exponent: 2 };
    const order = makeChunkOrder(
      {
        seed: fill(32, 3),
        createdMs: 0,
        chunks: [],
        terms: {
          currency: euro,
          purpose: '',
          origin: 'DE',
          destination: 'DE',
          chunkPayees: 9,
          rootKeyId: '',
        },
      },
      {
        number: 1,
        firstLine: 2,
        lastLine: 3,
        payees: 2,
        total: 1_500n,
        hash: '',
        rows: [
          { line: 2, owner: { name: ann }, value: 500n },
          { line: 3, owner: { name: 'Bob' }, value: 1_000n },
        ],
      },
    );
    writeFileSync('bulk.owners.json', [...order.openings()].join(''));
    const lots = order.lots.map(({ value, owner }) => ({ value, count: 1, owner: owner.commitment }));
    writeFileSync('bulk.cbor', encodeCurrencyFile(makeBatch({ lots })));
    const { retirement } = await retirementOf('bulk.cbor', '--owners', 'bulk.owners.json');
    expect([retirement.record.units.length, retirement.record.total]).toEqual([1, 500n]);
  });

  it('takes openings whose blinding does not open the commitment for none', async () => {
    const [first] = JSON.parse(readFileSync('owners.json', 'utf8')) as Record<string, string>[];
    writeFileSync('altered.json', JSON.stringify([{ ...first, blinding: toHex(fill(32, 7)) }]));
    const said = await retire(
      'part.cbor',
      '--owners',
      'altered.json',
      '--reason',
      'x',
      '--out',
      'refused.cbor',
    );
    expectRefused(said, 'openings_malformed', 2);
    expect(said.json()['message']).toContain('[0]');
  });
});

describe('a transfer', () => {
  const transfer = (...words: string[]): Promise<Said> =>
    ringmint([
      'account',
      'transfer',
      '--key',
      'ann.pem',
      '--reason',
      'test',
      '--offline',
      '--json',
      ...words,
    ]);
  const euros = ['--currency', 'EUR', '--issuer', 'demo-issuer'];
  const to = ['--to', `key:${'cd'.repeat(32)}`];

  it('says who pays whom how much, signed', async () => {
    const said = await transfer(...euros, ...to, '--amount', '12.50', '--out', 'transfer.cose');
    expect(said.json()).toMatchObject({ ok: true, total: '12.50', creditTo: to[1] });
    const { record } = accepted(decodeTransfer(new Uint8Array(readFileSync('transfer.cose'))));
    expect(record).toMatchObject({ total: 1_250n, issuer: 'demo-issuer', creditTo: fill(32, 0xcd) });
    expect(record.ownerKey.keyId).toEqual(keyOfOwner(ann));
  });

  it.each<readonly [string, string, string[]]>([
    ['neither an account nor --retire', 'usage', [...euros, '--amount', '1.00']],
    ['both', 'usage', [...euros, ...to, '--retire', '--amount', '1.00']],
    ['no amount', 'amount_malformed', [...euros, ...to]],
    ['an amount of nothing', 'amount_not_positive', [...euros, ...to, '--amount', '0.00']],
    [
      'a currency that is none',
      'currency_unknown',
      [...euros, ...to, '--amount', '1.00', '--currency', 'XYZ'],
    ],
    ['no issuer', 'usage', ['--currency', 'EUR', ...to, '--amount', '1.00']],
    ['an account that is none', 'usage', [...euros, '--to', 'ben', '--amount', '1.00']],
    ['a file and a key', 'usage', ['transfer.cose', ...euros, ...to, '--amount', '1.00']],
  ])('is refused with %s', async (_title, code, words) => {
    expectRefused(await transfer(...words, '--out', 'refused.cose'), code, 2);
  });

  it('to the account that it debits is refused, and nothing is written', async () => {
    const said = await transfer(...euros, '--to', ann, '--amount', '1.00', '--out', 'refused.cose');
    expectRefused(said, 'record_malformed', 2);
    expect(() => statSync('refused.cose')).toThrow('ENOENT');
  });
});

describe('an owner key', () => {
  it('that others can read is refused, and said so', async () => {
    await ringmint(['owner', 'create', '--out', 'open.pem']);
    chmodSync('open.pem', 0o644);
    const said = await ringmint(['owner', 'show', 'open.pem', '--json']);
    expectRefused(said, 'key_exposed', 2);
  });

  it('is shown with what it is for', async () => {
    const said = await ringmint(['owner', 'show', 'ann.pem']);
    expect(said.out).toContain(ann);
  });
});

describe('the owner of a request', () => {
  const json = {
    currency: 'EUR',
    total: '10.00',
    denominations: [{ value: '5.00', count: 2 }],
    purpose: 'test',
    origin: 'DE',
    destination: 'CH',
  };
  const request = (draft: object, ...words: string[]): Promise<Said> => {
    writeFileSync('draft.json', JSON.stringify(draft));
    return ringmint(['request', 'draft.json', '--out', 'owned.cbor', '--json', ...words]);
  };

  it('is a key where the option says so: committed to, and opened by what is kept', async () => {
    expect((await request(json, '--owner', ann)).code).toBe(0);
    const [opening] = JSON.parse(readFileSync('owned.cbor.owners.json', 'utf8')) as Record<string, string>[];
    expect(opening).toMatchObject({ owner: ann });
    const commitment = commitOwner(ann, fromHex(opening?.['blinding'] ?? '') ?? fill(32, 0));
    const { lots } = accepted(decodeDraft(new Uint8Array(readFileSync('owned.cbor'))));
    expect(lots).toEqual([{ value: 500n, count: 2, owner: { commitment } }]);
  });

  it('is refused where it looks like a key and is none, in a draft and in a CSV, with what is accepted', async () => {
    for (const owner of ['key:alice', ann.toUpperCase(), ann.slice(0, -1)]) {
      expectRefused(await request(json, '--owner', owner), 'draft_field_invalid', 2);
      expectRefused(await request({ ...json, owner }), 'draft_field_invalid', 2);
      writeFileSync('payees.csv', `payee,amount\n${owner},1.00\n`);
      const terms = ['--currency', 'EUR', '--origin', 'DE', '--destination', 'DE'];
      const said = await ringmint(['request', 'payees.csv', ...terms, '--out', 'csv.cbor', '--json']);
      expectRefused(said, 'draft_field_invalid', 2);
      expect(said.json()['message']).toContain('64 small hex digits');
    }
  });

  it('is given once: by the option, or by the draft', async () => {
    expectRefused(await request({ ...json, owner: 'Bob' }, '--owner', ann), 'draft_field_invalid', 2);
    const { denominations, ...rest } = json;
    const payees = [{ owner: 'Bob', amount: '10.00' }];
    expect(denominations).toHaveLength(1);
    expectRefused(await request({ ...rest, payees }, '--owner', ann), 'draft_field_invalid', 2);
    writeFileSync('payees.csv', 'payee,amount\nBob,1.00\n');
    expectRefused(await ringmint(['request', 'payees.csv', '--owner', ann, '--json']), 'usage', 2);
    expectRefused(
      await ringmint(['request', 'owned.cbor', '--owner', ann, '--json']),
      'draft_field_invalid',
      2,
    );
  });
});
