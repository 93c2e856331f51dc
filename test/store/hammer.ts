/** Commits without end, and tells of each that was acknowledged: the test that started it kills it. */
import { randomBytes } from 'node:crypto';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { bytes, commitOne, newIntent, recordOne, take } from './intents.ts';

const [path = '', from = '0'] = process.argv.slice(2);
const store = openSqliteStore({ path, role: 'quota', create: false, random: randomBytes });
for (let name = Number(from); ; name++) {
  const intent = newIntent(name, take(1n));
  const committed = await commitOne(store, intent);
  if (!committed.ok) throw new Error(committed.message);
  process.send?.({ committed: name });
  if (name % 2 === 0) {
    await recordOne(store, intent.id, bytes(64, name));
    process.send?.({ signed: name });
  }
}
