/** Commits groups that take from one quota for some seconds, and tells how many intents were accepted. */
import { randomBytes } from 'node:crypto';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { newIntent, take } from '../store/intents.ts';

const [kind = '', where = '', series = '', size = '1', seconds = '1'] = process.argv.slice(2);
const common = { role: 'quota', create: true, random: randomBytes };
const store =
  kind === 'sqlite'
    ? openSqliteStore({ ...common, path: where })
    : await openPostgresStore({ ...common, url: where, series });
process.send?.({ ready: true });
await new Promise<void>((resolve) => process.once('message', () => resolve()));
const endMs = performance.now() + Number(seconds) * 1_000;
let accepted = 0;
for (let group = 0; performance.now() < endMs; group++) {
  const intents = Array.from({ length: Number(size) }, (_, i) =>
    newIntent(`${process.pid} ${group} ${i}`, {
      ...take(1n),
      spends: randomBytes(16),
      toBeSigned: randomBytes(300),
    }),
  );
  for (const one of await store.commit(intents)) if (one.ok) accepted++;
}
await store.close();
process.send?.({ accepted });
process.disconnect?.();
