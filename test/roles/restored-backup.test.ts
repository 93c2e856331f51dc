/** Every earlier state of each database, put back in turn while the others are honest: real SQLite, real SoftHSM. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Signer } from '../../hsm/signer.ts';
import { finishIntent, finishLeft } from '../../src/roles/intent.ts';
import type { WitnessedLedger } from '../../src/roles/witnessed-ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { newIntent } from '../store/intents.ts';
import {
  type Authorities,
  draft,
  makeAuthorities,
  openTokens,
  openUnanchored,
  type Tokens,
} from './authorities.ts';
import { makeWitnesses, ownerOf, type Role, roles, type Witnesses } from './witnesses.ts';

const issues = 15;

let tokens: Tokens;
let folder: string;
let authorities: Authorities;
let witnesses: Witnesses;
let own: Map<Role, WitnessedLedger>;
/** Folders, each with one database as it was after one transaction. */
const snapshots: { role: Role; path: string; sequence: number }[] = [];

/** Copies the database as a power cut would leave it: the file and its write-ahead log, between two transactions. */
function snapshotting(store: Store, role: Role): Store {
  const keep = async (): Promise<void> => {
    const { sequence } = await store.head();
    const kept = join(folder, `${role}-${snapshots.length}`);
    mkdirSync(kept);
    for (const suffix of ['', '-wal']) {
      const from = join(authorities.folder, `${role}.db${suffix}`);
      if (existsSync(from)) copyFileSync(from, join(kept, `ledger.db${suffix}`));
    }
    snapshots.push({ role, path: join(kept, 'ledger.db'), sequence });
  };
  const methods: Partial<Store> = {
    async commit(intents) {
      const committed = await store.commit(intents);
      await keep();
      return committed;
    },
    async recordSigned(signed) {
      const recorded = await store.recordSigned(signed);
      await keep();
      return recorded;
    },
  };
  return new Proxy(store, {
    get(target, name: keyof Store) {
      const method = methods[name] ?? target[name];
      return method.bind(target);
    },
  });
}

/** Opens the three, as processes that start together do. */
async function start(): Promise<void> {
  witnesses = makeWitnesses({ tokens, clock: authorities.clock });
  own = new Map();
  authorities = await authorities.restart({
    wrapStore: snapshotting,
    wrapLedger(ledger, role) {
      const witnessed = witnesses.own(ledger, role);
      own.set(role, witnessed);
      return witnessed.ledger;
    },
  });
  for (const role of roles) await witnesses.serve(role, authorities.stores[role]);
  for (const role of roles) {
    expect(await own.get(role)?.ask(), `honest start of ${role}`).toBe(true);
    own.get(role)?.start();
  }
}

async function stop(): Promise<void> {
  for (const role of roles) await own.get(role)?.close();
}

beforeAll(async () => {
  tokens = await openTokens();
  folder = mkdtempSync(join(tmpdir(), 'ringmint-restored-'));
  authorities = await makeAuthorities(tokens);
  await start();
  for (let i = 0; i < issues; i++) {
    authorities.clock.advanceMs(10_000);
    const outcome = await authorities.issuance.issue(draft([{ value: 1n, count: 5 }], authorities.clock));
    if (!outcome.ok) throw new Error(outcome.message);
    if (i % 4 === 3) {
      await stop();
      await start();
    }
  }
  await stop();
});

afterAll(async () => {
  await authorities.close();
  rmSync(folder, { recursive: true });
  await tokens.close();
});

function counting(signer: Signer, signed: { count: number }): Signer {
  return new Proxy(signer, {
    get(target, name: keyof Signer) {
      if (name === 'sign') signed.count++;
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('a database put back to an earlier state', () => {
  it('is halted before anything is signed, whichever of its states it is', async () => {
    expect(roles.map((role) => snapshots.some((snapshot) => snapshot.role === role))).toEqual([
      true,
      true,
      true,
    ]);
    let halted = 0;
    let current = 0;
    for (const [turn, { role, path, sequence }] of snapshots.entries()) {
      // Both others answer, or one of them.
      const silent = roles.filter((other) => other !== role)[turn % 3];
      const last = (await authorities.stores[role].head()).sequence;
      const store = openSqliteStore({ path, role, create: false, random: randomBytes });
      const signed = { count: 0 };
      const restored = makeWitnesses({
        tokens,
        clock: authorities.clock,
        between: (peer, owner) => ({
          ...peer,
          heads: async () =>
            peer.role === silent
              ? { ok: false, code: 'peer_unavailable', message: 'no answer' }
              : { ok: true, value: witnesses.witness(peer.role).headsOf(ownerOf(owner)) },
        }),
        wrapSigner: (signer) => counting(signer, signed),
      }).own(await openUnanchored(store), role);
      const about = `${role} at ${sequence} of ${last}`;
      if (sequence === last) {
        // It lacks no entry, at most a signature over bytes that it still has.
        expect(await restored.ask(), about).toBe(true);
        current++;
      } else {
        await expect(restored.ask(), about).rejects.toMatchObject({ code: 'journal_behind_witness' });
        const error = { code: 'journal_behind_witness' };
        const signer = counting(tokens.of[role], signed);
        await expect(restored.ledger.commit([newIntent('new')])).rejects.toMatchObject(error);
        if ((await store.unsigned()).length > 0)
          await expect(
            finishLeft(restored.ledger, signer, (intent) => finishIntent(restored.ledger, signer, intent)),
          ).rejects.toMatchObject(error);
        expect((await store.head()).sequence, about).toBe(sequence);
        expect(signed.count, about).toBe(0);
        expect(restored.standing.state).toBe('halted');
        halted++;
      }
      await restored.close();
      await store.close();
    }
    console.log(`${snapshots.length} states put back: ${halted} halted, ${current} lack no entry`);
    expect(halted).toBeGreaterThanOrEqual(100);
  });

  it('is served again when the newest is put back', async () => {
    await start();
    expect(
      await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock)),
    ).toMatchObject({ ok: true });
    await stop();
  });
});
