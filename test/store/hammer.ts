/** Commits without end, and tells of each that was acknowledged: the test that started it kills it. */
import { randomBytes } from 'node:crypto';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { bytes, nextIntent, take } from './intents.ts';

const [path = '', from = '0'] = process.argv.slice(2);
const store = openSqliteStore({ path, role: 'quota', create: false, random: randomBytes });
for (let name = Number(from); ; name++) {
  const intent = await nextIntent(store, name, take(1n));
  const committed = await store.commitIntent(intent);
  if (!committed.ok) throw new Error(committed.message);
  process.send?.({ committed: name });
  if (name % 2 === 0) {
    await store.recordSigned('control-bit', intent.id, bytes(64, name));
    process.send?.({ signed: name });
  }
}
