/** Every state that a role's database ever had, put back in its place: found out by the anchor, or harmless. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JournalHead } from '../../src/journal/chain.ts';
import { toHex } from '../../src/kit/bytes.ts';
import type { Store } from '../../src/store/store.ts';
import { type Authorities, draft, issuer, makeAuthorities, openTokens, type Tokens } from './authorities.ts';

type Role = 'central' | 'issuance' | 'quota';
let tokens: Tokens;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());

interface Snapshot {
  readonly path: string;
  readonly head: JournalHead;
}

/** Copies the database after each transaction of the role. */
function recording(role: Role, folder: string, of: () => Authorities, snapshots: Snapshot[]) {
  return (store: Store, wrapped: Role): Store => {
    if (wrapped !== role) return store;
    const snap = async (): Promise<void> => {
      const path = join(folder, `${role}-${snapshots.length}.db`);
      const db = new Database(join(of().folder, `${role}.db`), { readonly: true });
      db.exec(`VACUUM INTO '${path}'`);
      db.close();
      snapshots.push({ path, head: await store.head() });
    };
    return new Proxy(store, {
      get(target, name: keyof Store) {
        const method = target[name].bind(target) as (...given: unknown[]) => Promise<unknown>;
        if (name !== 'commit' && name !== 'recordSigned') return method;
        return async (...given: unknown[]) => {
          const done = await method(...given);
          await snap();
          return done;
        };
      },
    });
  };
}

function putBack(authorities: Authorities, role: Role, path: string): void {
  const target = join(authorities.folder, `${role}.db`);
  for (const suffix of ['-wal', '-shm']) rmSync(target + suffix, { force: true });
  copyFileSync(path, target);
}

describe.each(['quota', 'issuance', 'central'] as const)('an older database of %s', (role) => {
  it('halts it before anything is signed, whichever state it is', { timeout: 240_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringmint-snapshots-'));
    const snapshots: Snapshot[] = [];
    let authorities = await makeAuthorities(tokens);
    authorities = await authorities.restart({
      wrapStore: recording(role, folder, () => authorities, snapshots),
    });
    const all = Array.from({ length: 18 }, () => draft([{ value: 100n, count: 3 }], authorities.clock));
    const files: string[] = [];
    for (const one of all) {
      const outcome = await authorities.issuance.issue(one);
      if (!outcome.ok || outcome.value.kind !== 'issued') throw new Error('not issued');
      files.push(toHex(outcome.value.files.currency));
    }
    authorities = await authorities.restart();
    const newest = join(folder, 'newest.db');
    const db = new Database(join(authorities.folder, `${role}.db`), { readonly: true });
    db.exec(`VACUUM INTO '${newest}'`);
    db.close();
    const end = await authorities.stores[role].head();
    expect(snapshots.length).toBeGreaterThanOrEqual(36);
    let halted = 0;
    for (const { path, head } of snapshots) {
      await authorities.closeStores();
      putBack(authorities, role, path);
      if (head.sequence === end.sequence) {
        // The end of the journal without the last signature: the same bytes are signed again, and nothing more.
        authorities = await authorities.reopen();
        await authorities[role === 'quota' ? 'quotaControl' : role].finishUnsigned();
        expect(await authorities.stores[role].head()).toEqual(end);
      } else {
        await expect(authorities.reopen()).rejects.toMatchObject({ code: 'journal_behind_anchor' });
        halted++;
      }
    }
    expect(halted).toBeGreaterThan(snapshots.length - 4);
    // The newest one is put back, and everything goes on.
    await authorities.closeStores();
    putBack(authorities, role, newest);
    authorities = await authorities.reopen();
    for (const [i, one] of all.entries()) {
      const outcome = await authorities.issuance.issue(one);
      if (!outcome.ok || outcome.value.kind !== 'issued') throw new Error('not issued');
      expect(toHex(outcome.value.files.currency)).toBe(files[i]);
    }
    const position = await authorities.quotaControl.position(issuer, 'EUR');
    expect(position?.issued).toBe(5_400n);
    await authorities.close();
    rmSync(folder, { recursive: true });
  });
});

describe('two databases that went on from one backup', () => {
  it('are not both served: the one that was signed with less is behind, the other one is forked', async () => {
    let authorities = await makeAuthorities(tokens);
    const issue = async (): Promise<void> => {
      const outcome = await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock));
      if (!outcome.ok) throw new Error(outcome.message);
    };
    await issue();
    await authorities.closeStores();
    const copy = join(authorities.folder, 'copy.db');
    copyFileSync(join(authorities.folder, 'quota.db'), copy);
    authorities = await authorities.reopen();
    await issue();
    await authorities.closeStores();
    // Whoever goes on from the copy has to do without the anchor; with it, neither length nor content fits.
    putBack(authorities, 'quota', copy);
    await expect(authorities.reopen()).rejects.toMatchObject({ code: 'journal_behind_anchor' });
    const { quota } = authorities.anchors;
    const anchored = quota.head;
    quota.head = undefined;
    await expect(authorities.reopen()).rejects.toMatchObject({ code: 'anchor_missing' });
    quota.head = { sequence: 3, hash: (anchored as JournalHead).hash };
    await expect(authorities.reopen()).rejects.toMatchObject({ code: 'journal_forked' });
    await authorities.close();
  });
});
