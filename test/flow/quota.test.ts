/** Quotas that people change, stop and start, with the compiled program: two for a change, one for a stop, and processes that die meanwhile. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeApprovers } from './approvers.ts';
import { makeWorkplace, processesOf, type Ran, type Systems, type Workplace, waitFor } from './ringmint.ts';

let place: Workplace;
let systems: Systems;

const inFolder = (name: string): string => join(place.folder, name);

beforeAll(async () => {
  place = makeWorkplace();
  const [euro] = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../samples/quotas.json'), 'utf8'),
  ) as object[];
  const limits = [
    { name: 'hour', amount: '1500000.00', seconds: 3_600 },
    { name: 'orders', orders: 100, timeZone: 'Asia/Kolkata' },
  ];
  writeFileSync(inFolder('quotas.json'), JSON.stringify([{ ...euro, limits }]));
  const made = await place.run('init', '--quotas', 'quotas.json', '--time-zone', 'Europe/Berlin');
  expect(made.err).not.toContain('[');
  systems = await place.up();
  writeApprovers(place.folder, 1);
});

// Each command is a process of its own.
vi.setConfig({ testTimeout: 240_000 });

afterAll(async () => {
  await systems.stop();
  place.remove();
});

interface Position {
  version: number;
  allocated: string;
  issued: string;
  reserved: string;
  frozen: boolean;
  returns: boolean;
  stopped: boolean;
  limits: { name: string; maximum: string; used: string }[];
}

async function position(): Promise<Position> {
  const { positions } = (await place.run('quota', '--json')).json() as { positions: Position[] };
  if (positions[0] === undefined) throw new Error('there is a quota');
  return positions[0];
}

async function journalLength(): Promise<number> {
  const status = (await place.run('status', '--json')).json() as {
    systems: { role: string; journal: { sequence: number } }[];
  };
  return status.systems.find(({ role }) => role === 'quota')?.journal.sequence ?? 0;
}

function expectRefused(ran: Ran, code: string, exit = 3): void {
  expect([ran.code, ran.json()], ran.err).toMatchObject([exit, { ok: false, code }]);
}

async function propose(out: string, ...words: string[]): Promise<Record<string, unknown>> {
  const made = await place.run(
    'quota',
    'propose',
    'EUR',
    ...words,
    '--reason',
    'a test',
    '--out',
    out,
    '--json',
  );
  expect(made.json()).toMatchObject({ ok: true, file: out });
  return made.json();
}

async function approve(change: string, ...names: string[]): Promise<string[]> {
  for (const name of names) {
    const out = `${name}.cose`;
    const approved = await place.run(
      'quota',
      'approve',
      change,
      '--key',
      `${name}.pem`,
      '--out',
      out,
      '--json',
    );
    expect(approved.json(), approved.out).toMatchObject({ ok: true, approver: name });
  }
  return names.map((name) => `${name}.cose`);
}

const apply = (change: string, ...approvals: string[]): Promise<Ran> =>
  place.run('quota', 'apply', change, ...approvals, '--json');

/** A request of 250.00, which can be sent again. */
async function makeRequest(out: string): Promise<void> {
  const json = {
    currency: 'EUR',
    total: '250.00',
    denominations: [{ value: '250.00', count: 1 }],
    owner: 'Alice',
    purpose: 'test',
    origin: 'DE',
    destination: 'FR',
  };
  writeFileSync(inFolder(`${out}.json`), JSON.stringify(json));
  expect((await place.run('request', `${out}.json`, '--out', out)).err).toBe('');
}

const issue = (request: string): Promise<Ran> => place.run('issue', request, '--out', 'issued', '--json');

/** Of the process that serves quota control. */
function quotaProcess(): number {
  const found = processesOf(place.folder).find((id) => {
    const words = readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0');
    return words.includes('serve') && words.includes('quota');
  });
  if (found === undefined) throw new Error('quota control runs');
  return found;
}

async function killQuotaControl(): Promise<void> {
  const before = quotaProcess();
  process.kill(before, 'SIGKILL');
  await waitFor(
    'quota control to come back',
    async () => (await place.run('status', '--json')).code === 0,
    60_000,
  );
}

describe('without approvers in the trust bundle', () => {
  it('nothing is changed, and it is said how to name approvers; the operator can stop all the same', async () => {
    expect(await position()).toMatchObject({
      version: 1,
      limits: [{ name: 'day', maximum: '2000000.00' }, { name: 'hour' }, { name: 'orders', maximum: '100' }],
    });
    expect(await propose('early.cbor', '--total', '20000000.00')).toMatchObject({ warnings: [] });
    // The keys' own ceiling of a day does not follow: whoever proposes is told of all three.
    const larger = await propose('larger.cbor', '--limit', 'day=2000000.01/Europe/Berlin');
    expect(larger['warnings']).toHaveLength(3);
    const status = (await place.run('status', '--json')).json();
    expect(status).toMatchObject({ warnings: [], systems: [{}, { amountPerDay: { EUR: '400000000' } }, {}] });
    const approved = await place.run('quota', 'approve', 'early.cbor', '--key', 'alice.pem', '--json');
    expectRefused(approved, 'approval_policy_missing');
    expect(String(approved.json()['message'])).toContain('ringmint ceremony plan --approvers');
    writeFileSync(inFolder('empty.cose'), 'no approval');
    expectRefused(await apply('early.cbor', 'empty.cose'), 'approval_policy_missing');
    const stop = await place.run('stop', '--reason', 'x', '--key', 'alice.pem', '--json');
    expectRefused(stop, 'approver_unknown');
    expect(await position()).toMatchObject({ version: 1, allocated: '10000000.00', stopped: false });
    // Of the command itself, not of `quota`, which has the option too.
    const elsewhere = await place.run(
      'quota',
      'propose',
      'EUR',
      '--total',
      '1.00',
      '--reason',
      'x',
      '--home',
      'nowhere',
      '--json',
    );
    expectRefused(elsewhere, 'home_missing', 2);
    expect(await journalLength()).toBe(1);
  });

  it('approvers are named in a ceremony, one of whom would be enough for keys', async () => {
    expect(
      (await place.run('ceremony', 'plan', '--approvers', 'approvers.json', '--out', 'plan.cbor')).code,
    ).toBe(0);
    expect((await place.run('ceremony', 'run', 'plan.cbor', '--out', 'ceremony.cose')).code).toBe(0);
    // Systems take the new bundle by themselves, and while they do they do not answer.
    const probe = ['EUR', '--total', '20000000.00', '--reason', 'a test', '--out', 'probe.cbor'];
    await waitFor(
      'quota control to answer',
      async () => (await place.run('quota', 'propose', ...probe)).code === 0,
    );
    const [alice = ''] = await approve('probe.cbor', 'alice');
    await waitFor('quota control to know the approvers', async () => {
      const applied = await apply('probe.cbor', alice);
      return applied.out !== '' && applied.json()['code'] === 'approvals_too_few';
    });
  });
});

describe('a change of a quota', () => {
  it('needs two people: one alone, or one twice, does not do', async () => {
    await propose(
      'raise.cbor',
      '--total',
      '20000000.00',
      '--limit',
      'hour=1000000.00/7200s',
      '--remove-limit',
      'orders',
    );
    const [alice = '', bob = ''] = await approve('raise.cbor', 'alice', 'bob');
    const before = await journalLength();
    expectRefused(await apply('raise.cbor', alice), 'approvals_too_few');
    expectRefused(await apply('raise.cbor', alice, alice), 'approval_repeated');
    expect(await journalLength()).toBe(before);
    expect(await position()).toMatchObject({ version: 1, allocated: '10000000.00' });

    const applied = await apply('raise.cbor', alice, bob);
    expect(applied.json()).toMatchObject({ ok: true, sequence: before + 1 });
    expect(await position()).toMatchObject({
      version: 2,
      allocated: '20000000.00',
      limits: [
        { name: 'day', maximum: '2000000.00' },
        { name: 'hour', maximum: '1000000.00', seconds: 7_200 },
      ],
    });
    // The same once more changes nothing, and is answered the same; what was proposed for the old state comes too late.
    expect((await apply('raise.cbor', alice, bob)).json()).toEqual(applied.json());
    const late = await approve('probe.cbor', 'alice', 'bob');
    expectRefused(await apply('probe.cbor', ...late), 'change_stale');
    expect(await journalLength()).toBe(before + 1);
  });

  it('is explained by `inspect`, as is its approval', async () => {
    const change = (await place.run('inspect', 'raise.cbor', '--json')).json();
    expect(change).toMatchObject({ ok: true, kind: 'quota change' });
    expect(JSON.stringify(change)).toContain('allocated 20000000.00');
    expect((await place.run('inspect', 'bob.cose', '--json')).json()).toMatchObject({
      kind: 'quota approval',
    });
  });

  it('freezes, which issuing meets at once, and unfreezes, and the same request is then issued', async () => {
    await makeRequest('frozen.cbor');
    await propose('freeze.cbor', '--freeze', '--returns');
    expect((await apply('freeze.cbor', ...(await approve('freeze.cbor', 'bob', 'carol')))).code).toBe(0);
    expectRefused(await issue('frozen.cbor'), 'quota_frozen');
    expect((await place.run('quota')).out).toContain('frozen');
    expect(await position()).toMatchObject({ frozen: true, returns: true });
    await propose('thaw.cbor', '--unfreeze', '--no-returns');
    expect((await apply('thaw.cbor', ...(await approve('thaw.cbor', 'carol', 'alice')))).code).toBe(0);
    expect((await issue('frozen.cbor')).json()).toMatchObject({ ok: true, kind: 'issued' });
  });

  it('decreases to what is issued, and says so where less is asked for', async () => {
    await propose('below.cbor', '--total', '249.99');
    const refused = await apply('below.cbor', ...(await approve('below.cbor', 'alice', 'bob')));
    expectRefused(refused, 'allocation_below_issued');
    expect(String(refused.json()['message'])).toContain('25000 or more is accepted');
  });

  it('is made once, whenever quota control is killed', async () => {
    for (let round = 0; round < 2; round++) {
      const { version } = await position();
      await propose('killed.cbor', '--total', `${30_000_000 + round}.00`);
      const approvals = await approve('killed.cbor', 'alice', 'carol');
      const before = await journalLength();
      const first = apply('killed.cbor', ...approvals);
      // Some die before the commit, some after it.
      await new Promise((resolve) => setTimeout(resolve, 200 + 900 * round));
      await killQuotaControl();
      await first;
      expect((await apply('killed.cbor', ...approvals)).json()).toMatchObject({
        ok: true,
        sequence: before + 1,
      });
      expect(await position()).toMatchObject({ version: version + 1, allocated: `${30_000_000 + round}.00` });
      expect(await journalLength()).toBe(before + 1);
    }
  });
});

describe('the emergency stop', () => {
  it('is ordered by one person, holds through kill -9, and is lifted by two', async () => {
    await makeRequest('stopped.cbor');
    const stopped = await place.run('stop', '--reason', 'amounts look wrong', '--json');
    expect(stopped.json()).toMatchObject({ ok: true, by: 'operator operator', reason: 'amounts look wrong' });
    expectRefused(await issue('stopped.cbor'), 'issuance_stopped');
    await killQuotaControl();
    expectRefused(await issue('stopped.cbor'), 'issuance_stopped');
    expect((await place.run('status')).out).toContain('STOPPED by operator operator: amounts look wrong');

    expect(
      (await place.run('start', '--reason', 'checked', '--out', 'start.cbor', '--json')).json(),
    ).toMatchObject({
      ok: true,
    });
    const [alice = '', bob = ''] = await approve('start.cbor', 'alice', 'bob');
    expectRefused(await apply('start.cbor', alice), 'approvals_too_few');
    // Another stop, by an approver alone, is not lifted by the start that was approved before it.
    const second = await place.run('stop', '--reason', 'still wrong', '--key', 'carol.pem', '--json');
    expect(second.json()).toMatchObject({ ok: true, by: 'approver carol' });
    expectRefused(await apply('start.cbor', alice, bob), 'change_stale');
    expectRefused(await issue('stopped.cbor'), 'issuance_stopped');

    expect((await place.run('start', '--reason', 'checked twice', '--out', 'start.cbor')).code).toBe(0);
    expect((await apply('start.cbor', ...(await approve('start.cbor', 'carol', 'bob')))).code).toBe(0);
    expect((await position()).stopped).toBe(false);
    expect((await issue('stopped.cbor')).json()).toMatchObject({ ok: true, kind: 'issued' });
    expectRefused(await place.run('start', '--reason', 'again', '--json'), 'issuance_not_stopped');
  });

  it('that was acknowledged holds, and one that was not is made by the next try, whenever quota control is killed', async () => {
    for (let round = 0; round < 2; round++) {
      const first = place.run('stop', '--reason', `round ${round}`, '--json');
      await new Promise((resolve) => setTimeout(resolve, 200 + 900 * round));
      await killQuotaControl();
      const acknowledged = (await first).code === 0;
      if (acknowledged) expect((await position()).stopped).toBe(true);
      else expect((await place.run('stop', '--reason', `round ${round} again`)).code).toBe(0);
      expect((await position()).stopped).toBe(true);
      expect((await place.run('start', '--reason', 'next', '--out', 'next.cbor')).code).toBe(0);
      expect((await apply('next.cbor', ...(await approve('next.cbor', 'alice', 'carol')))).code).toBe(0);
    }
    expect(await position()).toMatchObject({ stopped: false, issued: '500.00', reserved: '0.00' });
  });
});
