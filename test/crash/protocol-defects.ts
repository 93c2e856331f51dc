/** Protocols with one rule bent, between a system's code and its devices: what the sweep has to find. Nothing of this is in the program. */
import Database from 'better-sqlite3';
import type { JournalHead } from '../../src/journal/chain.ts';
import { sha256, toHex } from '../../src/kit/bytes.ts';
import { attachSignature } from '../../src/records/cose.ts';
import type { Committed, Intent, NewIntent, SignedIntent, Store } from '../../src/store/store.ts';
import type { Bent, Defect } from './plant.ts';

/** The same store with some of its methods replaced. */
function bend(store: Store, changed: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, key: keyof Store) => {
      const method = changed[key] ?? target[key];
      return method.bind(target);
    },
  });
}

/** A statement on the database beside the store, as a program with a second connection would make it; a point of its own. */
function alter({ path, power }: Bent, name: string, sql: string, ...given: unknown[]): Promise<void> {
  return power.spend(name, async () => {
    const db = new Database(path);
    db.prepare(sql).run(...given);
    db.close();
  });
}

const refund = 'UPDATE quota SET reserved = reserved - ? WHERE issuer = ? AND currency = ?';

/** Gives the quota of an unsigned control bit back. */
async function refundOf(bent: Bent, intent: Intent): Promise<void> {
  const db = new Database(bent.path, { readonly: true });
  const row = db
    .prepare(
      'SELECT take_amount AS amount, issuer, take_currency AS currency FROM intent WHERE kind = ? AND id = ?',
    )
    .get(intent.kind, intent.id) as { amount: number; issuer: string; currency: string };
  db.close();
  await alter(bent, 'refund', refund, row.amount, row.issuer, row.currency);
}

const hold = 'UPDATE quota SET held = held + ? WHERE issuer = ? AND currency = ?';

/** Gives back what is left of an open reservation, and leaves it open. */
async function unhold(bent: Bent, id: Uint8Array): Promise<void> {
  const db = new Database(bent.path, { readonly: true });
  const row = db
    .prepare('SELECT amount - used AS left, issuer, currency FROM reservation WHERE id = ?')
    .get(id);
  db.close();
  const { left, issuer, currency } = row as { left: number; issuer: string; currency: string };
  await alter(bent, 'unhold', hold, -left, issuer, currency);
}

function without(intent: NewIntent, part: 'orders' | 'take'): NewIntent {
  return Object.fromEntries(Object.entries(intent).filter(([name]) => name !== part)) as unknown as NewIntent;
}

const nothing: JournalHead = { sequence: 0, hash: new Uint8Array(32) };

export const protocolDefects: readonly Defect[] = [
  {
    name: 'signs before the commit',
    ledger: (ledger, { power }) => ({
      ...ledger,
      commit: (async (intents: readonly NewIntent[]) => {
        const { sequence } = await ledger.store.head();
        // Goes on as if they were stored, and stores them behind its back.
        setImmediate(() => void ledger.commit(intents).catch(() => undefined));
        return intents.map((intent, index): Committed => {
          const made = { ...intent, sequence: sequence + 1 + index, own: true, signed: null };
          return { ok: true, value: { intent: made, created: !power.off } };
        });
      }) as typeof ledger.commit,
      anchored: () => Promise.resolve(),
    }),
  },
  {
    name: 'signs before the anchor',
    ledger: (ledger) => ({
      ...ledger,
      async anchored(sequence) {
        setImmediate(() => void ledger.anchored(sequence).catch(() => undefined));
      },
    }),
  },
  {
    name: 'anchors only what a start finds',
    ledger: (ledger) => ({ ...ledger, anchored: () => Promise.resolve() }),
  },
  {
    name: 'gives the quota back when the caller asks again',
    store: (store, bent) =>
      bend(store, {
        async findIntent(kind, id) {
          const found = await store.findIntent(kind, id);
          if (kind === 'control-bit' && found?.signed === null) await refundOf(bent, found);
          return found;
        },
      }),
  },
  {
    name: 'gives the quota back at the start',
    store: (store, bent) =>
      bend(store, {
        async unsigned() {
          const left = await store.unsigned();
          for (const intent of left) if (intent.kind === 'control-bit') await refundOf(bent, intent);
          return left;
        },
      }),
  },
  {
    name: 'takes a new serial when the caller asks again',
    store: (store) => {
      const again = new Map<string, number>();
      return bend(store, {
        async findIntent(kind, id) {
          const found = await store.findIntent(kind, id);
          if (kind !== 'control-bit' || found?.signed !== null) return found;
          again.set(toHex(id), (again.get(toHex(id)) ?? 0) + 1);
          return undefined;
        },
        commit: (intents) =>
          store.commit(
            intents.map((intent) => {
              const times = again.get(toHex(intent.id));
              if (times === undefined || intent.kind !== 'control-bit') return intent;
              const id = sha256(Buffer.concat([intent.id, Buffer.of(times)])).slice(0, 16);
              return { ...intent, id, spends: id };
            }),
          ),
      });
    },
  },
  {
    name: 'forgets which request an order is in',
    store: (store) =>
      bend(store, {
        commit: (intents) => store.commit(intents.map((intent) => without(intent, 'orders'))),
        findOrders: async (ids) => ids.map(() => undefined),
      }),
  },
  {
    name: 'records before it signs',
    signer: (signer, bent) => ({
      ...signer,
      async sign(message, request) {
        const { purpose, intent } = request;
        if (purpose !== 'control-bit' && purpose !== 'currency') return signer.sign(message, request);
        const id = Buffer.from(intent, 'hex');
        const early = attachSignature(message, new Uint8Array(64));
        await bent.power.spend('record early', () =>
          bent.store.recordSigned([{ kind: purpose, id, signed: early }]),
        );
        const signature = await signer.sign(message, request);
        const late = Buffer.from(attachSignature(message, signature));
        const sql = 'UPDATE intent SET signed = ? WHERE kind = ? AND id = ?';
        await alter(bent, 'record late', sql, late, purpose, id);
        return signature;
      },
    }),
  },
  {
    name: 'takes the quota outside of the transaction',
    store: (store, bent) =>
      bend(store, {
        async commit(intents) {
          const committed = await store.commit(intents.map((intent) => without(intent, 'take')));
          for (const { take } of intents)
            if (take !== undefined)
              await alter(bent, 'take', refund, -take.amount, take.issuer, take.currency);
          return committed;
        },
      }),
  },
  {
    name: 'holds what is kept after the commit',
    store: (store, bent) =>
      bend(store, {
        async commit(intents) {
          const committed = await store.commit(intents);
          for (const [index, { id, reserves }] of intents.entries()) {
            const one = committed[index];
            if (reserves === undefined || one?.ok !== true || !one.value.created) continue;
            await unhold(bent, id);
            await alter(bent, 'hold', hold, reserves.amount, reserves.issuer, reserves.currency);
          }
          return committed;
        },
      }),
  },
  {
    name: 'gives back what is kept without a receipt at the start',
    store: (store, bent) =>
      bend(store, {
        async unsigned() {
          const left = await store.unsigned();
          if (bent.role === 'quota')
            for (const { kind, id } of left) if (kind === 'reservation') await unhold(bent, id);
          return left;
        },
      }),
  },
  {
    name: 'gives back again when a release comes again',
    store: (store, bent) =>
      bend(store, {
        async release(release) {
          const before = await store.findReservation(release.id, release.createdMs);
          const released = await store.release(release);
          if (before?.state === 'released') {
            const { amount, used, issuer, currency } = before;
            await alter(bent, 'give back', hold, used - amount, issuer, currency);
          }
          return released;
        },
      }),
  },
  {
    name: 'answers before the record',
    ledger: (ledger) => ({
      ...ledger,
      async record(signed: SignedIntent) {
        const found = await ledger.store.findIntent(signed.kind, signed.id);
        setImmediate(() => void ledger.record(signed).catch(() => undefined));
        if (found === undefined) throw new Error('only a committed intent is signed');
        return { ...found, signed: found.signed ?? signed.signed };
      },
    }),
  },
  {
    name: 'answers with its own signature where another one was stored',
    ledger: (ledger) => ({
      ...ledger,
      record: async (signed: SignedIntent) => ({ ...(await ledger.record(signed)), signed: signed.signed }),
    }),
  },
  {
    name: 'does not look at the anchor when it starts',
    store: (store, { anchored }) =>
      bend(store, {
        head: async () => {
          const head = await store.head();
          const known = anchored.head ?? nothing;
          return known.sequence > head.sequence ? known : head;
        },
        hashAt: async (sequence) =>
          sequence === anchored.head?.sequence ? anchored.head.hash : store.hashAt(sequence),
      }),
  },
  {
    name: 'draws a new seed when the caller asks again',
    store: (store) => {
      let asked = 0;
      return bend(store, {
        async findIntent(kind, id) {
          const found = await store.findIntent(kind, id);
          if (kind !== 'request' || found === undefined) return found;
          return { ...found, context: sha256(Buffer.concat([id, Buffer.of(asked++ % 256)])) };
        },
      });
    },
  },
  {
    name: 'signs again what was signed, and keeps the later one',
    store: (store, bent) =>
      bend(store, {
        async findIntent(kind, id) {
          const found = await store.findIntent(kind, id);
          if (kind !== 'control-bit' || found === undefined || found.signed === null) return found;
          // The second signature replaces the first: what was handed out is another record by then.
          await alter(bent, 'forget', 'UPDATE intent SET signed = NULL WHERE kind = ? AND id = ?', kind, id);
          return { ...found, signed: null };
        },
      }),
  },
];
