/** A tablespace that is really full: a tmpfs. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RandomBytes } from '../../src/kit/clock.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { migrations } from '../../src/store/postgres/schema.ts';
import type { Store } from '../../src/store/store.ts';
import { allocated, commitOne, issuer, newIntent, noon, take } from './intents.ts';
import { fillOlder, fixedRandom, makeOlderTables, stateOf } from './older-ledger.ts';
import { type PostgresServer, skipReason, startPostgres } from './postgres-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringmint-pgfull-'));
// Only root may mount, and not in every container.
const mounted =
  skipReason === undefined &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=1777', 'tmpfs', folder]).status === 0;
const why = skipReason ?? 'it needs the right to mount a tmpfs';
const title = mounted ? 'a full tablespace' : `a full tablespace (SKIPPED: ${why})`;

afterAll(() => {
  if (mounted) spawnSync('umount', [folder]);
  rmdirSync(folder);
});

describe.skipIf(!mounted)(title, () => {
  const ballast = join(folder, 'ballast');
  let server: PostgresServer;
  beforeAll(() => {
    server = startPostgres();
    const space = join(folder, 'space');
    server.makeFolder(space);
    server.sql(`CREATE TABLESPACE small LOCATION '${space}'`);
  });
  afterAll(() => server.remove());
  const open = (random: RandomBytes = randomBytes): Promise<Store> =>
    openPostgresStore({ url: server.url('ledger'), role: 'quota', series: 'main', create: true, random });

  it('writes nothing half, says so, and goes on when there is room', async () => {
    writeFileSync(ballast, new Uint8Array(4 * 1024 * 1024));
    server.sql('CREATE DATABASE ledger TABLESPACE small');
    try {
      const store = await open();
      await allocated(store, 10n ** 9n, 10n ** 9n);
      let stored = 0;
      let failure: unknown;
      while (failure === undefined && stored < 20_000) {
        const group = Array.from({ length: 50 }, (_, i) =>
          newIntent(stored + i, { toBeSigned: randomBytes(4_000), ...take(1n) }),
        );
        await store.commit(group).then(
          () => {
            stored += group.length;
          },
          (error: unknown) => {
            failure = error;
          },
        );
      }
      expect(failure).toMatchObject({ code: 'store_full' });
      expect(stored).toBeGreaterThan(0);
      expect((await store.head()).sequence).toBe(stored + 1);
      const now = noon('2026-11-20');
      expect(await store.position(issuer, 'EUR', now)).toMatchObject({ reserved: BigInt(stored) });
      rmSync(ballast);
      expect(await commitOne(store, newIntent(stored, take(1n)))).toMatchObject({
        ok: true,
        value: { created: true },
      });
      await store.close();
    } finally {
      server.sql('DROP DATABASE ledger WITH (FORCE)');
    }
  });

  it('leaves a ledger of the version before as it was, and brings it up when there is room', async () => {
    server.sql('CREATE DATABASE ledger TABLESPACE small');
    try {
      const newer = await open(fixedRandom);
      await fillOlder(newer, 3);
      const before = await stateOf(newer);
      await newer.close();
      makeOlderTables(server, 'ledger', 2);
      server.sql('CHECKPOINT');
      const version = (): string => server.sql('SELECT version FROM ringmint.store', 'ledger');
      const fill = spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k']);
      expect(String(fill.stderr)).toContain('No space left');
      await expect(open()).rejects.toMatchObject({ code: 'store_full' });
      expect(version()).toBe('2');
      rmSync(ballast);
      const store = await open();
      expect(await stateOf(store)).toEqual(before);
      expect(version()).toBe(String(migrations.length));
      await store.close();
    } finally {
      server.sql('DROP DATABASE ledger WITH (FORCE)');
    }
  });
});
