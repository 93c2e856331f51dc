/** Ledgers that are backed up while the systems issue, put back, and gone on from, with the compiled program. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { verifyLedger } from '../../src/appliance/ledger-verification.ts';
import { lockFile } from '../../src/store/sqlite/file-lock.ts';
import { type LedgerPlace, makeLedgerPlace } from './ledger-place.ts';
import { copyDevice, processesOf, project, type Ran, type Systems, waitFor } from './ringmint.ts';

// Each command is a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

let place: LedgerPlace;
let systems: Systems | undefined;

beforeAll(async () => {
  place = await makeLedgerPlace();
});

afterAll(async () => {
  await systems?.stop();
  place.remove();
});

function expectRefused(ran: Ran, exit: number, code: string): void {
  expect([ran.code, ran.json()], ran.err).toMatchObject([exit, { ok: false, code }]);
}

async function stop(): Promise<void> {
  await systems?.stop();
  systems = undefined;
}

const propose = (out: string, ...words: string[]): Promise<Ran> =>
  place.run(
    'store',
    'propose-anchor',
    '--role',
    'quota',
    '--reason',
    'a drill',
    '--out',
    out,
    ...words,
    '--json',
  );

describe('a ledger of quota control', () => {
  let approvals: string[] = [];
  let second: Buffer;

  it('is backed up while the systems issue, and the backup is behind what is issued after it', async () => {
    systems = await place.up();
    const [made] = await Promise.all([
      place.succeed('store', 'backup', '--role', 'quota', '--out', 'early'),
      place.issue('meanwhile'),
    ]);
    expect(made).toMatchObject({ role: 'quota', folder: 'early' });
    // From here on nothing is in flight: what is missing later is one control bit.
    await place.succeed('store', 'backup', '--role', 'quota', '--out', 'backup');
    second = await place.issue('second');
    expectRefused(await place.run('store', 'restore', 'backup', '--json'), 6, 'store_in_use');
    await stop();
    const { journals, standings } = (await place.succeed('store', 'verify', 'backup')) as {
      journals: { head: { sequence: number } }[];
      standings: unknown[];
    };
    const after = Number(journals[0]?.head.sequence) + 1;
    expect(standings).toEqual([
      { of: 'anchor', series: null, standing: 'behind', sequence: after, problem: null },
      { of: 'central', series: null, standing: 'behind', sequence: after, problem: null },
      { of: 'issuance', series: null, standing: 'behind', sequence: after, problem: null },
    ]);
  });

  it('that is put back says what will happen, and happens so: the system does not start on it', async () => {
    const whole = await propose('whole.cbor');
    expectRefused(whole, 3, 'anchor_in_place');
    expectRefused(await place.run('store', 'restore', 'backup', '--json'), 2, 'ledger_exists');
    const restored = await place.run('store', 'restore', 'backup', '--set-aside');
    expect([restored.code, restored.err], restored.err).toEqual([
      0,
      expect.stringContaining('it lacks 1 entry'),
    ]);
    expect(restored.out).toContain('will not start on it (journal_behind_anchor)');
    expect(restored.out).toContain('ringmint store propose-anchor');
    await place.expectHalted('journal_behind_anchor');
  });

  it('is gone on from when two people say so, with what was issued since written off', async () => {
    const proposed = await place.run(
      ...['store', 'propose-anchor', '--role', 'quota', '--reason', 'a drill', '--out', 'anchor.cbor'],
    );
    expect(proposed.code, proposed.err).toBe(0);
    expect(proposed.err).toContain('issuance has 250000.00 demo-issuer/EUR that this ledger does not count');
    expect(proposed.out).toMatch(/GIVEN UP: 1 entry after it[\s\S]*allocated 9750000.00/);
    expect(proposed.out).toContain('ringmint store anchor-anew anchor.cbor');
    approvals = await place.approve('anchor.cbor');
    const alone = await place.run('store', 'anchor-anew', 'anchor.cbor', approvals[0] ?? '', '--json');
    expectRefused(alone, 3, 'approvals_too_few');
  });

  it.each([
    ['writing the journal entry', ['behind', 'behind', 'behind'], undefined],
    ['naming the anchor', ['forked', 'forked', 'forked'], undefined],
    ['anchoring the journal', ['none', 'forked', 'forked'], 'anchor_missing'],
    ['releasing what central', ['whole', 'forked', 'forked'], undefined],
    ['releasing what issuance', ['whole', 'none', 'forked'], undefined],
  ])(
    'killed before %s it is known to anchor and witnesses as %j, and the same command goes on',
    async (step, standings, code) => {
      const script = join(import.meta.dirname, 'cut-anchor.ts');
      const files = ['anchor.cbor', ...approvals].map((name) => place.inFolder(name));
      const words = ['--import', 'tsx', script, place.home, project, step, ...files];
      const cut = spawnSync(process.execPath, words, { encoding: 'utf8' });
      expect([cut.signal, cut.stderr]).toEqual(['SIGKILL', '']);
      const path = join(place.home, 'quota/ledger.db');
      const verified = await verifyLedger({ home: place.home, path, progress: () => undefined }, project);
      expect(verified.standings.map(({ standing }) => standing)).toEqual(standings);
      if (code !== undefined) await place.expectHalted(code);
    },
  );

  it('issues again, and no more than its quota with what was issued from the lost ledger', async () => {
    const anchored = await place.succeed('store', 'anchor-anew', 'anchor.cbor', ...approvals);
    expect(anchored).toMatchObject({
      role: 'quota',
      journals: [{ series: null, epoch: 2 }],
      released: ['issuance'],
    });
    const again = await place.succeed('store', 'anchor-anew', 'anchor.cbor', ...approvals);
    expect(again).toMatchObject({ sequence: anchored['sequence'], released: [] });
    systems = await place.up();
    expect(await place.euro()).toMatchObject({ allocated: '9750000.00', issued: '250000.00', frozen: false });
    expect((await place.issue('second')).equals(second)).toBe(true);
    await place.issue('third');
    // Of 10000000.00 that were allocated 500000.00 are issued by this ledger, and 250000.00 by the lost one.
    expect(await place.euro()).toMatchObject({ issued: '500000.00', available: '9250000.00' });
    for (const name of ['second', 'third'])
      expect(await place.succeed('verify', `${name}/currency.cbor`)).toMatchObject({ authentic: true });
    await stop();
  });

  it('put back once more is not let through by what was approved before', async () => {
    const restored = await place.succeed('store', 'restore', 'backup', '--set-aside');
    await place.expectHalted('journal_behind_anchor');
    const again = await place.run('store', 'anchor-anew', 'anchor.cbor', ...approvals, '--json');
    expectRefused(again, 3, 'change_stale');
    rmSync(join(place.home, 'quota/ledger.db'));
    cpSync(String(restored['setAside']), join(place.home, 'quota'), { recursive: true });
  });
});

describe('a device that was put back, flash and die together', () => {
  it('is anchored anew where the ledger is the newest, with nothing written off', async () => {
    const device = join(place.home, 'quota/device');
    copyDevice(device, place.inFolder('older-device'));
    systems = await place.up();
    await place.issue('fourth');
    await stop();
    copyDevice(place.inFolder('older-device'), device);
    await place.expectHalted('anchor_behind');
    const proposed = await propose('device.cbor');
    expect(proposed.code, proposed.err).toBe(0);
    expect((proposed.json()['change'] as string[]).join('\n')).toContain(
      'no entry after it is known anywhere',
    );
    const anchored = await place.succeed(
      'store',
      'anchor-anew',
      'device.cbor',
      ...(await place.approve('device.cbor')),
    );
    expect(anchored).toMatchObject({ journals: [{ epoch: null }], released: [] });
    systems = await place.up();
    expect(await place.euro()).toMatchObject({ allocated: '9750000.00', issued: '750000.00' });
  });
});

describe('a system that ended, and cannot be started at once', () => {
  it('is tried again until what kept it has passed', async () => {
    const [quota] = processesOf(place.folder).filter((id) =>
      readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('serve\0quota'),
    );
    const before = systems?.said().length ?? 0;
    const said = (): string => systems?.said().slice(before) ?? '';
    if (quota === undefined) throw new Error('quota control runs');
    process.kill(quota, 'SIGKILL');
    let release: (() => void) | undefined;
    await waitFor('its ledger to be free', () => {
      release = lockFile(join(place.home, 'quota/ledger.db.lock'));
      return release !== undefined;
    });
    await waitFor('it to be tried again', () => said().includes('it is tried again in 2 s'), 60_000);
    release?.();
    await waitFor('it to serve', () => said().includes('quota serves at'), 60_000);
  });
});
