/** From issue to retirement with the compiled program and its three processes: units, an account, the quota, and receipts that verify offline. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeWorkplace, processesOf, type Ran, type Systems, type Workplace, waitFor } from './ringmint.ts';

let place: Workplace;
let systems: Systems;

const inFolder = (name: string): string => join(place.folder, name);

// Each command is a process of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

beforeAll(async () => {
  place = makeWorkplace();
  const [euro] = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../samples/quotas.json'), 'utf8'),
  ) as object[];
  // Little, so that more can be issued only of what has come back.
  await place.init([{ ...euro, total: '110.00', returns: true }]);
  systems = await place.up();
});

afterAll(async () => {
  await systems.stop();
  place.remove();
});

/** Runs a command that has to succeed, and gives its JSON. */
async function done(...words: string[]): Promise<Record<string, unknown>> {
  const ran = await place.run(...words, '--json');
  expect([ran.code, ran.err, ran.json()['ok']], ran.out).toEqual([0, '', true]);
  return ran.json();
}

async function refused(code: string, exit: number, ...words: string[]): Promise<Record<string, unknown>> {
  const ran: Ran = await place.run(...words, '--json');
  expect([ran.code, ran.json()], ran.err).toMatchObject([exit, { ok: false, code }]);
  return ran.json();
}

async function position(): Promise<Record<string, unknown>> {
  const { positions } = (await done('quota')) as { positions: Record<string, unknown>[] };
  return positions[0] ?? {};
}

describe('an owner with a key', () => {
  let ann: string;
  let ben: string;

  it('is made by a command, in a file that only its owner reads and that is never written over', async () => {
    ann = String((await done('owner', 'create', '--out', 'ann.pem'))['owner']);
    ben = String((await done('owner', 'create', '--out', 'ben.pem'))['owner']);
    expect(ann).toMatch(/^key:[0-9a-f]{64}$/);
    expect(statSync(inFolder('ann.pem')).mode & 0o777).toBe(0o600);
    const before = readFileSync(inFolder('ann.pem'));
    await refused('file_exists', 2, 'owner', 'create', '--out', 'ann.pem');
    expect(readFileSync(inFolder('ann.pem'))).toEqual(before);
  });

  it('gets units, retires some of them, once, and holds a receipt; their quota comes back', async () => {
    const json = {
      currency: 'EUR',
      total: '50.00',
      denominations: [{ value: '10.00', count: 5 }],
      purpose: 'test',
      origin: 'DE',
      destination: 'FR',
    };
    writeFileSync(inFolder('draft.json'), JSON.stringify(json));
    const more = { ...json, total: '65.00', denominations: [{ value: '65.00', count: 1 }] };
    writeFileSync(inFolder('more.json'), JSON.stringify(more));
    await done('request', 'draft.json', '--out', 'request.cbor', '--owner', ann);
    expect(await done('issue', 'request.cbor', '--out', 'issued')).toMatchObject({
      kind: 'issued',
      units: 5,
    });
    const currency = 'issued/currency.cbor';
    expect(await done('unit', 'status', currency)).toMatchObject({ authentic: true, units: 5, unspent: 5 });
    const retire = ['retire', currency, '--key', 'ann.pem', '--owners', 'request.cbor.owners.json'];
    const reason = ['--reason', 'paid out'];
    const before = await position();
    const receipt = await done(...retire, ...reason, '--unit', '0-1', '--out', 'first.cbor');
    expect(receipt).toMatchObject({ units: 2, total: '20.00', creditTo: null, returned: '20.00' });
    expect(await position()).toMatchObject({ issued: '50.00', retired: '20.00', outstanding: '30.00' });
    expect(Number((await position())['available'])).toBe(Number(before['available']) + 20);
    // The same bytes again are the same retirement; the same units again are spent.
    const bytes = readFileSync(inFolder('first.cbor.settlement.cose'));
    expect(await done('retire', 'first.cbor')).toEqual(receipt);
    expect(readFileSync(inFolder('first.cbor.settlement.cose'))).toEqual(bytes);
    const spent = await refused('unit_spent', 3, ...retire, ...reason, '--unit', '1-2', '--out', 'no.cbor');
    expect(spent['message']).toContain(String(receipt['id']));
    const told = await refused('unit_spent', 3, 'unit', 'status', currency);
    expect(told).toMatchObject({ authentic: true, unspent: 3, spent: [{ index: 0 }, { index: 1 }] });
    // Whoever has lost the receipt gets it by the id that the register names.
    const [first] = told['spent'] as { by: string }[];
    const found = await done('receipt', String(first?.by), '--out', 'found.cose');
    expect(found).toMatchObject({ id: receipt['id'], units: 2, total: '20.00', receipt: 'found.cose' });
    expect(readFileSync(inFolder('found.cose'))).toEqual(bytes);
    await refused('settlement_unknown', 3, 'receipt', String(first?.by), '--transfer');
    await refused('usage', 2, 'receipt', 'none');
  });

  it('has an account credited, transfers from it though quota control is killed, and retires what is there', async () => {
    const credit = ['--credit-to', ann, '--out', 'second.cbor', '--offline', '--reason', 'to the account'];
    const currency = 'issued/currency.cbor';
    const owners = ['--owners', 'request.cbor.owners.json'];
    await done('retire', currency, '--key', 'ann.pem', ...owners, '--unit', '2-4', ...credit);
    expect(await done('retire', 'second.cbor')).toMatchObject({ creditTo: ann, returned: '0.00' });
    const euros = ['--currency', 'EUR', '--issuer', 'demo-issuer', '--reason', 'invoice 12'];
    const transfer = ['account', 'transfer', '--key', 'ann.pem', ...euros];
    await done(...transfer, '--to', ben, '--amount', '12.50', '--out', 'third.cose', '--offline');
    // Whether it dies before the commit or after it: the same file again settles it once.
    const first = place.run('account', 'transfer', 'third.cose', '--json');
    await new Promise((resolve) => setTimeout(resolve, 600));
    const quota = processesOf(place.folder).find((id) => {
      const words = readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0');
      return words.includes('serve') && words.includes('quota');
    });
    if (quota === undefined) throw new Error('quota control runs');
    process.kill(quota, 'SIGKILL');
    await first;
    await waitFor(
      'the transfer to be settled',
      async () => (await place.run('account', 'transfer', 'third.cose')).code === 0,
      60_000,
    );
    expect(await done('account', 'show', ann)).toMatchObject({ balances: [{ amount: '17.50' }] });
    expect(await done('account', 'show', ben)).toMatchObject({
      balances: [{ issuer: 'demo-issuer', currency: 'EUR', amount: '12.50' }],
    });
    const over = ['--to', ben, '--amount', '17.51', '--out', 'over.cose'];
    await refused('balance_too_low', 3, ...transfer, ...over);
    const fourth = await done(...transfer, '--retire', '--amount', '7.50', '--out', 'fourth.cose');
    expect(fourth).toMatchObject({ units: 0, creditTo: null, returned: '7.50' });
    expect(await position()).toMatchObject({
      issued: '50.00',
      reserved: '0.00',
      retired: '27.50',
      outstanding: '22.50',
      inAccounts: '22.50',
      returns: true,
      returned: '27.50',
    });
    // Central management has counted what came back by what the owners signed.
    await done('request', 'more.json', '--out', 'more.cbor', '--owner', ben);
    const issued = await done('issue', 'more.cbor', '--out', 'more', '--confirm-amount', '65.00');
    expect(issued).toMatchObject({ kind: 'issued', total: '65.00' });
    expect(await position()).toMatchObject({ issued: '115.00', available: '22.50' });
  });

  it('has receipts that verify without the systems, each of its own record only', async () => {
    await systems.stop();
    for (const file of ['first.cbor', 'third.cose']) {
      const verified = await done('verify', `${file}.settlement.cose`, '--of', file);
      expect(verified).toMatchObject({ authentic: true, kind: 'settlement', owner: ann });
    }
    await refused('settlement_mismatch', 4, 'verify', 'first.cbor.settlement.cose', '--of', 'second.cbor');
    // Nobody is there to be asked: a file that was not sent says how it is.
    await refused('peer_unavailable', 6, 'retire', 'no.cbor');
  });
});
