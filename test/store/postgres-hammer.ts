/** Commits groups that take from one quota, without end or as many as told, and tells of each group: the test that started it may kill it. */
import { randomBytes } from 'node:crypto';
import { openPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { newIntent, take } from './intents.ts';

const [url = '', series = '', size = '16', amount = '1'] = process.argv.slice(2);
const store = await openPostgresStore({ url, role: 'quota', series, create: true, random: randomBytes });
process.send?.({ ready: true });
await new Promise<void>((resolve) => process.once('message', () => resolve()));
for (let group = 0; ; group++) {
  const names = Array.from({ length: Number(size) }, (_, i) => `${series} ${process.pid} ${group} ${i}`);
  const committed = await store.commit(names.map((name) => newIntent(name, take(BigInt(amount)))));
  const accepted = names.filter((_, i) => committed[i]?.ok);
  if (accepted.length > 0 && group % 2 === 0)
    await store.recordSigned(
      accepted.map((name) => ({ kind: 'control-bit', id: newIntent(name).id, signed: randomBytes(64) })),
    );
  process.send?.({ accepted: accepted.length });
  if (accepted.length === 0) break;
}
await store.close();
process.disconnect?.();
