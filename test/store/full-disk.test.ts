/** A disk that is really full: a tmpfs of 3 MiB. `max_page_count` in sqlite.test.ts limits the file; this limits the WAL too. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { allocated, commitOne, day, issuer, newIntent, noon, take } from './intents.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringmint-full-'));
// Only root may mount, and not in every container.
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder]).status === 0;
const title = mounted ? 'a full tmpfs' : 'a full tmpfs (SKIPPED: needs the right to mount one)';

afterAll(() => {
  if (mounted) spawnSync('umount', [folder]);
  rmdirSync(folder);
});

describe.skipIf(!mounted)(title, () => {
  const open = (): Store =>
    openSqliteStore({ path: join(folder, 'ledger.db'), role: 'quota', create: true, random: randomBytes });

  it('writes nothing half, and serves the same handle again when there is room', async () => {
    const ballast = join(folder, 'ballast');
    writeFileSync(ballast, new Uint8Array(512 * 1024));
    const store = await allocated(open(), 10n ** 12n, 10n ** 12n);
    let stored = 0;
    let failure: unknown;
    while (failure === undefined && stored < 5_000) {
      const intent = newIntent(stored, { toBeSigned: new Uint8Array(4_000), ...take(1n) });
      await commitOne(store, intent).then(
        () => stored++,
        (error: unknown) => {
          failure = error;
        },
      );
    }
    expect(failure).toMatchObject({ code: 'store_full' });
    expect(stored).toBeGreaterThan(0);
    expect((await store.head()).sequence).toBe(stored + 1);
    expect(await store.position(issuer, 'EUR', noon(day))).toMatchObject({ reserved: BigInt(stored) });

    rmSync(ballast);
    const next = newIntent(stored, take(1n));
    expect(await commitOne(store, next)).toMatchObject({ ok: true, value: { created: true } });
    await store.close();

    const reopened = open();
    expect((await reopened.head()).sequence).toBe(stored + 2);
    expect(await reopened.position(issuer, 'EUR', noon(day))).toMatchObject({ reserved: BigInt(stored + 1) });
    await reopened.close();
  });
});
