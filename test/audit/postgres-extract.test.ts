/** The extract of a PostgreSQL ledger, with several series, while processes write it. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { genesisHash, verifyChain } from '../../src/journal/chain.ts';
import { type ExtractedEntry, openExtract } from '../../src/journal/extract.ts';
import { readPostgresLedger } from '../../src/store/postgres/extract.ts';
import { addSeries } from '../../src/store/postgres/load.ts';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { allocated, bytes, newIntent, recordOne, signedHead, take } from '../store/intents.ts';
import { type PostgresServer, skipReason, startPostgres } from '../store/postgres-server.ts';
import { sourceOf } from './ledgers.ts';
import { extractBytes } from './world.ts';

const title =
  skipReason === undefined ? 'a PostgreSQL ledger' : `a PostgreSQL ledger (SKIPPED: ${skipReason})`;

describe.skipIf(skipReason !== undefined)(title, () => {
  let server: PostgresServer;
  beforeAll(() => {
    server = startPostgres();
  });
  afterAll(() => server.remove());

  it('is extracted as one moment has it, each series in its chain, and holds up no writer', async () => {
    const url = server.url(server.makeDatabase());
    const common = { url, role: 'quota', random: randomBytes };
    const first = await openPostgresStore({ ...common, series: 'main', create: true });
    await addSeries({ ...common, series: 'quota-2' });
    const second = await openPostgresStore({ ...common, series: 'quota-2', create: false });
    try {
      await allocated(first, 100_000n, 100_000n);
      // More than two pages, in turns.
      for (let round = 0; round < 25; round++) {
        for (const [index, store] of [first, second].entries())
          await store.commit(
            Array.from({ length: 10 }, (_, i) => newIntent(`${index} ${round} ${i}`, take(1n))),
          );
      }
      await recordOne(first, newIntent('0 0 0').id, bytes(64, 'signed'));
      await first.holdHead(signedHead({ role: 'central', name: 'central', epoch: null }), 1);
      const file = await readPostgresLedger({ url, role: 'quota' }, async (content) => {
        // Both go on meanwhile.
        await Promise.all([first.commit([newIntent('later')]), second.commit([newIntent('later too')])]);
        const about = { role: 'quota', name: 'quota', madeMs: 1 } as const;
        return extractBytes(about, content);
      });
      const extract = openExtract(sourceOf(file));
      expect(extract.header.journals.map(({ series }) => series)).toEqual(['main', 'quota-2']);
      expect(extract.heads).toHaveLength(1);
      const entries: ExtractedEntry[] = [...extract.entries()];
      expect(entries.map(({ journal }) => journal)).toContain(1);
      for (const [index, { id }] of extract.header.journals.entries()) {
        const own = entries.filter(({ journal }) => journal === index);
        expect(verifyChain(own, genesisHash('quota', id))).toMatchObject({
          ok: true,
          value: { sequence: index === 0 ? 251 : 250 },
        });
      }
      const ordinals = entries.map(({ ordinal }) => ordinal);
      expect(ordinals).toEqual([...new Set(ordinals)].sort((a, b) => a - b));
      expect(entries.filter(({ signed }) => signed !== null).map(({ signed }) => signed)).toEqual([
        bytes(64, 'signed'),
      ]);
      await expect(readPostgresLedger({ url, role: 'central' }, async () => 0)).rejects.toMatchObject({
        code: 'store_foreign',
      });
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
  });
});
