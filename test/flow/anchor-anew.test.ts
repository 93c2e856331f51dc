/** Central management, issuance, and quota control on PostgreSQL go on from an older ledger, with the compiled program and real tokens. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type PostgresServer, skipReason, startPostgres } from '../store/postgres-server.ts';
import { type LedgerPlace, makeLedgerPlace } from './ledger-place.ts';
import type { Systems } from './ringmint.ts';

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

async function stop(): Promise<void> {
  await systems?.stop();
  systems = undefined;
}

/** Two people have the system go on from the ledger that it has; gives what was proposed, and what came of it. */
async function goOn(
  role: string,
  evidence: readonly string[] = [],
): Promise<{ proposed: string; anchored: Record<string, unknown> }> {
  const words = ['--role', role, '--reason', 'a drill', '--out', `${role}.cbor`, ...evidence];
  const { change } = await place.succeed('store', 'propose-anchor', ...words);
  const approvals = await place.approve(`${role}.cbor`);
  const anchored = await place.succeed('store', 'anchor-anew', `${role}.cbor`, ...approvals, ...evidence);
  return { proposed: (change as string[]).join('\n'), anchored };
}

describe('central management', () => {
  it('goes on from an older ledger: what was issued since stays, and no quota is written off', async () => {
    systems = await place.up();
    await place.issue('first');
    await place.succeed('store', 'backup', '--role', 'central', '--out', 'central-backup');
    const second = await place.issue('second');
    await stop();
    await place.succeed('store', 'restore', 'central-backup', '--set-aside');
    await place.expectHalted('journal_behind_anchor');
    const { proposed, anchored } = await goOn('central');
    expect(proposed).toContain('GIVEN UP: 1 entry after it');
    expect(anchored).toMatchObject({ role: 'central', journals: [{ series: null, epoch: null }] });
    expect([...(anchored['released'] as string[])].sort()).toEqual(['issuance', 'quota']);
    systems = await place.up();
    // Its credential is forgotten there, and neither of the others needs it again.
    expect((await place.issue('second')).equals(second)).toBe(true);
    await place.issue('third');
    expect(await place.euro()).toMatchObject({ allocated: '10000000.00', issued: '750000.00' });
  });
});

describe('issuance', () => {
  it('goes on from an older ledger: what it forgot is issued anew, under the quota, and counts twice', async () => {
    systems ??= await place.up();
    await place.succeed('store', 'backup', '--role', 'issuance', '--out', 'issuance-backup');
    const fourth = await place.issue('fourth');
    await stop();
    await place.succeed('store', 'restore', 'issuance-backup', '--set-aside');
    const { proposed, anchored } = await goOn('issuance');
    // A request and its currency.
    expect(proposed).toContain('GIVEN UP: 2 entries after it');
    expect(anchored).toMatchObject({ role: 'issuance', journals: [{ series: null, epoch: null }] });
    systems = await place.up();
    const again = await place.issue('fourth');
    expect(again.equals(fourth)).toBe(false);
    expect(await place.euro()).toMatchObject({ issued: '1250000.00', available: '8750000.00' });
    await stop();
  });
});

const title =
  skipReason === undefined
    ? 'quota control on PostgreSQL'
    : `quota control on PostgreSQL (SKIPPED: ${skipReason})`;

describe.skipIf(skipReason !== undefined)(title, () => {
  let server: PostgresServer | undefined;
  afterAll(() => server?.remove());

  function configure(store: unknown): void {
    const path = join(place.home, 'quota/config.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), store }));
  }

  it('goes on from an older ledger, with what was issued since written off its quota', async () => {
    server = startPostgres();
    const database = server.makeDatabase();
    writeFileSync(place.inFolder('quota.url'), server.url(database), { mode: 0o600 });
    const address = ['--to-file', place.inFolder('quota.url')];
    const moved = await place.succeed(
      'store',
      'migrate',
      '--role',
      'quota',
      ...address,
      '--series',
      'quota-1',
    );
    configure(
      moved['store'] ?? {
        kind: 'postgres',
        urlFile: place.inFolder('quota.url'),
        series: 'quota-1',
        anchor: 'journal',
      },
    );
    systems = await place.up();
    await place.issue('fifth');
    await place.succeed('store', 'backup', '--role', 'quota', '--out', 'quota-backup');
    const sixth = await place.issue('sixth');
    await stop();
    // The server's disk is gone: another database, and the backup in it.
    const other = server.makeDatabase();
    writeFileSync(place.inFolder('quota.url'), server.url(other), { mode: 0o600 });
    await place.succeed('store', 'restore', 'quota-backup');
    await place.expectHalted('journal_behind_anchor');
    // The other two are on machines of their own: they give extracts, and release what they hold themselves.
    const others = ['central', 'issuance'] as const;
    const evidence: string[] = [];
    for (const role of others) {
      await place.succeed('audit', 'extract', '--role', role, '--out', `${role}.extract`);
      evidence.push('--evidence', `${role}.extract`);
      renameSync(join(place.home, role, 'ledger.db'), place.inFolder(`${role}-ledger.db`));
    }
    const { proposed, anchored } = await goOn('quota', evidence);
    for (const role of others)
      renameSync(place.inFolder(`${role}-ledger.db`), join(place.home, role, 'ledger.db'));
    expect(anchored).toMatchObject({ released: [], elsewhere: [...others] });
    for (const role of others)
      expect(await place.succeed('witness', 'release', 'quota', '--at', role)).toMatchObject({
        released: true,
      });
    expect(proposed).toMatch(/GIVEN UP: 1 entry after it[\s\S]*allocated 9750000\.00/);
    expect(anchored).toMatchObject({ role: 'quota', journals: [{ epoch: 2 }] });
    systems = await place.up();
    expect((await place.issue('sixth')).equals(sixth)).toBe(true);
    await place.issue('seventh');
    // Of 10000000.00 this ledger has issued all but the sixth.
    expect(await place.euro()).toMatchObject({
      allocated: '9750000.00',
      issued: '1750000.00',
      available: '8000000.00',
    });
    await stop();
  });
});
