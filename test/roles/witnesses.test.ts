/** Witnesses of a journal, honest and lying, on real SQLite and real SoftHSM. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Signer } from '../../hsm/signer.ts';
import { fixedClock } from '../../src/kit/clock.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeJournalHead, type JournalHeadRecord } from '../../src/records/journal-head.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import type { WitnessPeer } from '../../src/roles/head-showing.ts';
import { checkShownHead } from '../../src/roles/shown-head.ts';
import { makeWitness, type Witness } from '../../src/roles/witness.ts';
import type { WitnessedLedger } from '../../src/roles/witnessed-ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { nightly } from '../nightly.ts';
import { newIntent } from '../store/intents.ts';
import { openTokens, openUnanchored, type Tokens } from './authorities.ts';
import { makeWitnesses, ownerOf, quickly, type Role, roles, type WitnessesOptions } from './witnesses.ts';

const startMs = Date.parse('2026-11-20T12:00:00Z');
const now = startMs / 1000;

let tokens: Tokens;
let folder: string;
let stores: Record<Role, Store>;
let opened: WitnessedLedger[];

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringmint-witnesses-'));
  opened = [];
  stores = { central: open('central'), issuance: open('issuance'), quota: open('quota') };
});
afterEach(async () => {
  for (const own of opened) await own.close();
  for (const role of roles) await stores[role].close();
  rmSync(folder, { recursive: true });
});

function open(role: Role, file: string = role): Store {
  return openSqliteStore({ path: join(folder, `${file}.db`), role, create: true, random: randomBytes });
}

const clock = fixedClock(startMs);

/** Quota control with central management and issuance as its witnesses. */
async function begin(
  changed: Partial<WitnessesOptions> = {},
  present: readonly Role[] = ['central', 'issuance'],
) {
  const witnesses = makeWitnesses({ tokens, clock, ...changed });
  for (const role of present) await witnesses.serve(role, stores[role]);
  const own = witnesses.own(await openUnanchored(stores.quota), 'quota');
  opened.push(own);
  return { witnesses, own };
}

let count = 0;
async function commit(own: WitnessedLedger): Promise<void> {
  expect(await own.ledger.commit([newIntent(`entry ${count++}`)])).toMatchObject([{ ok: true }]);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function headOf(role: Role, changed: Partial<JournalHeadRecord> = {}): Promise<Uint8Array> {
  const head = await stores[role].head();
  const record = {
    ...ownerOf(role),
    issuedAt: now,
    journalId: await stores[role].journalId(),
    epoch: role === 'quota' ? 1 : null,
    ...head,
    ...changed,
  };
  return signedBy(tokens.of[role], record);
}

async function signedBy(signer: Signer, record: JournalHeadRecord): Promise<Uint8Array> {
  const toBeSigned = encodeJournalHead(record, signer.publicKey.keyId);
  const request = { purpose: 'journal-head', intent: 'test', keyId: signer.publicKey.keyId };
  return attachSignature(toBeSigned, await signer.sign(toBeSigned, request));
}

const hash = (value: number): Uint8Array => new Uint8Array(32).fill(value);

/** What a witness may show that proves nothing of quota control's journal. */
const lies: [title: string, make: () => Promise<Uint8Array>][] = [
  ['bytes that are no record', async () => Uint8Array.of(1, 2, 3)],
  ['a head of its own journal', () => headOf('central', { sequence: 99, hash: hash(1) })],
  [
    'a head signed by itself, in the name of quota control',
    async () =>
      signedBy(tokens.of.central, {
        ...ownerOf('quota'),
        issuedAt: now,
        journalId: await stores.quota.journalId(),
        epoch: 1,
        sequence: 99,
        hash: hash(1),
      }),
  ],
  [
    'a head of quota control of another appliance',
    async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const record = { ...ownerOf('quota'), issuedAt: now, epoch: 1, sequence: 99, hash: hash(1) };
      const toBeSigned = encodeJournalHead(
        { ...record, journalId: new Uint8Array(16) },
        new Uint8Array(32).fill(9),
      );
      return attachSignature(
        toBeSigned,
        sign('sha256', toBeSigned, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
      );
    },
  ],
  [
    'a higher head with a forged signature',
    async () => {
      const honest = await headOf('quota', { sequence: 99 });
      honest[honest.length - 1] = (honest.at(-1) ?? 0) ^ 1;
      return honest;
    },
  ],
  [
    'a head that was altered after it was signed',
    async () => {
      const honest = await headOf('quota', { sequence: 23 });
      // The claim's number, and 23 in one byte.
      const at = Buffer.from(honest).indexOf(Buffer.from('3a0001000d17', 'hex'));
      expect(at).toBeGreaterThan(0);
      honest[at + 5] = 22;
      return honest;
    },
  ],
];

describe('a lying witness', () => {
  it.each(lies)('that shows %s is as one that does not answer', async (_title, make) => {
    const shown = await make();
    const lying = (peer: WitnessPeer): WitnessPeer =>
      peer.role === 'central' ? { ...peer, heads: async () => ({ ok: true, value: [shown] }) } : peer;
    const alone = await begin({ between: lying }, ['central']);
    expect(await alone.own.ask()).toBe(false);
    expect(alone.own.standing.witnesses[0]).toMatchObject({ role: 'central', answered: false });
    expect(alone.own.standing.witnesses[0]?.problem).toContain('it shows what is no head of this journal');
    await expect(alone.own.ledger.commit([newIntent('refused')])).rejects.toMatchObject({
      code: 'witness_unavailable',
    });
    expect((await stores.quota.head()).sequence).toBe(0);
    const both = await begin({ between: lying });
    expect(await both.own.ask()).toBe(true);
    await commit(both.own);
  });

  it.each(['journal_forked', 'journal_behind_witness'])(
    'that says %s, and has no proof, halts nobody',
    async (code) => {
      const { own, witnesses } = await begin({
        between: (peer) =>
          peer.role === 'central'
            ? { ...peer, hold: async () => ({ ok: false, code, message: 'it says' }) }
            : peer,
      });
      expect(await own.ask()).toBe(true);
      own.start();
      await commit(own);
      await until('issuance to hold it', () => witnesses.witness('issuance').held[0]?.record.sequence === 1);
      await commit(own);
      expect(own.standing).toMatchObject({ state: 'open' });
    },
  );

  it('that shows an older head, or withholds the one that it has, hides nothing that the honest one holds', async () => {
    const first = await begin();
    expect(await first.own.ask()).toBe(true);
    const older = await headOf('quota');
    first.own.start();
    for (let i = 0; i < 3; i++) await commit(first.own);
    await first.own.close();
    const copy = { store: open('quota', 'copy') };
    // An older copy of the same journal: it has its id and lacks its entries.
    const restored: Store = new Proxy(copy.store, {
      get(target, name: keyof Store) {
        if (name === 'journalId') return () => stores.quota.journalId();
        return target[name].bind(target);
      },
    });
    for (const shown of [[], [older]]) {
      const witnesses = makeWitnesses({
        tokens,
        clock,
        between: (peer) =>
          peer.role === 'central' ? { ...peer, heads: async () => ({ ok: true, value: shown }) } : peer,
      });
      await witnesses.serve('central', stores.central);
      // With the liar alone it would go on; the honest one is asked until it answers.
      const own = witnesses.own(await openUnanchored(restored), 'quota');
      opened.push(own);
      expect(await own.ask()).toBe(true);
      own.start();
      await witnesses.serve('issuance', stores.issuance);
      expect(await own.halted).toMatchObject({ code: 'journal_behind_witness' });
      await expect(own.ledger.commit([newIntent('never')])).rejects.toMatchObject({
        code: 'journal_behind_witness',
      });
      const together = witnesses.own(await openUnanchored(restored), 'quota');
      await expect(together.ask()).rejects.toMatchObject({ code: 'journal_behind_witness' });
    }
    await copy.store.close();
  });
});

describe('a witness', () => {
  it('holds the highest head, also after a restart, and gives it back to whoever shows a lower one', async () => {
    const { witnesses } = await begin();
    let witness = witnesses.witness('central');
    const heads: Uint8Array[] = [];
    for (const sequence of [0, 1, 5]) heads.push(await headOf('quota', { sequence, hash: hash(sequence) }));
    for (const head of heads) expect(await witness.hold(head, ownerOf('quota'))).toMatchObject({ ok: true });
    await stores.central.close();
    stores.central = open('central');
    witness = await witnesses.serve('central', stores.central);
    expect(await witness.hold(heads[1] as Uint8Array, ownerOf('quota'))).toMatchObject({
      ok: false,
      code: 'journal_behind_witness',
    });
    expect(witness.headsOf(ownerOf('quota'))).toEqual([heads[2]]);
    // The same once more, replayed, is no offence; over the same head the later one stays.
    expect(await witness.hold(heads[2] as Uint8Array, ownerOf('quota'))).toMatchObject({ ok: true });
    const later = await headOf('quota', { sequence: 5, hash: hash(5), issuedAt: now + 60 });
    expect(await witness.hold(later, ownerOf('quota'))).toMatchObject({ ok: true });
    expect(await witness.hold(heads[2] as Uint8Array, ownerOf('quota'))).toMatchObject({ ok: true });
    expect(witness.headsOf(ownerOf('quota'))).toEqual([later]);
    expect(witness.headsOf(ownerOf('issuance'))).toEqual([]);
  });

  it('takes a head from nobody but its owner, and no other record in its place', async () => {
    const { witnesses } = await begin();
    const witness = witnesses.witness('central');
    const head = await headOf('quota');
    expect(await witness.hold(head, ownerOf('issuance'))).toMatchObject({ ok: false, code: 'head_foreign' });
    expect(await witness.hold(head, { role: 'quota', name: 'another' })).toMatchObject({
      ok: false,
      code: 'head_foreign',
    });
    expect(await witness.hold(tokens.bundleBytes, ownerOf('quota'))).toMatchObject({
      ok: false,
      code: 'record_type_mismatch',
    });
    const forged = Uint8Array.from(head);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(await witness.hold(forged, ownerOf('quota'))).toMatchObject({
      ok: false,
      code: 'signature_invalid',
    });
    expect(witness.held).toEqual([]);
  });

  it.each([
    ['another hash under the same number', { sequence: 3, hash: hash(4) }],
    ['a head of another journal', { sequence: 9, hash: hash(3), journalId: new Uint8Array(16).fill(7) }],
  ])('keeps both, and works with that system no more, when it sees %s', async (_title, other) => {
    const { witnesses } = await begin();
    let witness = witnesses.witness('issuance');
    const first = await headOf('quota', { sequence: 3, hash: hash(3) });
    const second = await headOf('quota', other);
    expect(await witness.hold(first, ownerOf('quota'))).toMatchObject({ ok: true });
    expect(witness.check(ownerOf('quota'))).toEqual({ ok: true, value: null });
    expect(await witness.hold(second, ownerOf('quota'))).toMatchObject({ ok: false, code: 'journal_forked' });
    await stores.issuance.close();
    stores.issuance = open('issuance');
    witness = await witnesses.serve('issuance', stores.issuance);
    expect(witness.check(ownerOf('quota'))).toMatchObject({ ok: false, code: 'journal_forked' });
    expect(witness.check(ownerOf('central'))).toMatchObject({ ok: true });
    expect(witness.headsOf(ownerOf('quota'))).toEqual([first, second]);
    const third = await headOf('quota', { sequence: 20, hash: hash(5) });
    expect(await witness.hold(third, ownerOf('quota'))).toMatchObject({ ok: false, code: 'journal_forked' });
    expect(witness.headsOf(ownerOf('quota'))).toEqual([first, second]);
    // Shown to the system itself they halt it: it has signed them.
    const { own } = await begin({
      between: (peer) => ({ ...peer, heads: async () => ({ ok: true, value: [second] }) }),
    });
    await expect(own.ask()).rejects.toMatchObject({
      code: other.sequence === 3 ? 'journal_behind_witness' : 'journal_forked',
    });
    // An operator has resolved it.
    expect(await stores.issuance.releaseHead('quota', 'quota')).toBe(true);
    witness = await witnesses.serve('issuance', stores.issuance);
    expect(await witness.hold(third, ownerOf('quota'))).toMatchObject({ ok: true });
  });

  it('holds a head of each journal that the appliance names, works on where one of them is forked, and takes no other', async () => {
    const { witnesses } = await begin();
    const journal = (n: number): Uint8Array => new Uint8Array(16).fill(n);
    let named = [journal(1), journal(2)];
    const keys = makeKeyRing(tokens.bundle, makeNodeVerifySignature());
    const make = () => makeWitness({ store: stores.issuance, keys, clock, several: async () => named });
    let witness = await make();
    const quota = ownerOf('quota');
    const show = async (of: Witness, n: number, sequence: number, value = sequence) =>
      of.hold(await headOf('quota', { journalId: journal(n), sequence, hash: hash(value), epoch: n }), quota);
    for (const n of [1, 2]) expect(await show(witness, n, 5)).toMatchObject({ ok: true });
    expect(await show(witness, 1, 7)).toMatchObject({ ok: true });
    expect(await show(witness, 2, 4)).toMatchObject({ code: 'journal_behind_witness' });
    expect(await show(witness, 3, 9)).toMatchObject({ code: 'journal_unknown' });
    expect(witness.held.map(({ record }) => record.sequence)).toEqual([7, 5]);
    // Another process of the same system, on the same ledger, learns of it.
    const other = await make();
    expect(await show(witness, 1, 7, 8)).toMatchObject({ code: 'journal_forked' });
    expect(other.forkedOf(quota)).toEqual([]);
    await other.refresh();
    witness = await make();
    for (const one of [witness, other]) {
      expect(one.check(quota)).toMatchObject({ ok: true });
      expect(one.forkedOf(quota).map(({ epoch }) => epoch)).toEqual([1, 1]);
      expect(one.headsOf(quota)).toHaveLength(3);
    }
    expect(await show(witness, 2, 6)).toMatchObject({ ok: true });
    expect(await show(witness, 1, 20)).toMatchObject({ code: 'journal_forked' });
    expect(await show(witness, 2, 6, 9)).toMatchObject({ code: 'journal_forked' });
    expect(witness.check(quota)).toMatchObject({ code: 'journal_forked' });
    // Of one journal of several an operator has resolved it.
    expect(await stores.issuance.releaseHead('quota', 'quota', journal(2))).toBe(true);
    await witness.refresh();
    expect(await show(witness, 2, 1)).toMatchObject({ ok: true });
    expect(witness.check(quota)).toMatchObject({ ok: true });
    // What is held of a journal that is named no more, another journal contradicts.
    named = [];
    expect(await show(witness, 4, 1)).toMatchObject({ code: 'journal_forked' });
    expect(witnesses.reports).toEqual([]);
  });

  it('halts a system that has signed another entry under a number than its database has', async () => {
    const { own, witnesses } = await begin();
    expect(await own.ask()).toBe(true);
    // Nobody sees these; meanwhile another copy of the system has shown its own.
    for (const role of ['central', 'issuance'] as const) witnesses.drop(role);
    for (let i = 0; i < 3; i++) await commit(own);
    const other = await headOf('quota', { sequence: 2, hash: hash(9) });
    const again = await begin({}, ['central']);
    expect(await again.witnesses.witness('central').hold(other, ownerOf('quota'))).toMatchObject({
      ok: true,
    });
    await expect(again.own.ask()).rejects.toMatchObject({ code: 'journal_forked' });
    // One that runs already finds it when it shows its next head.
    await witnesses.serve('central', stores.central);
    expect(await own.halted).toMatchObject({ code: 'journal_forked' });
  });
});

describe('a system', () => {
  it('signs nothing before a witness has answered, and then goes on by itself', async () => {
    const { own, witnesses } = await begin({}, []);
    expect(await own.ask()).toBe(false);
    own.start();
    await expect(own.ledger.commit([newIntent('early')])).rejects.toMatchObject({
      code: 'witness_unavailable',
    });
    await expect(own.ledger.anchored(1)).rejects.toMatchObject({ code: 'witness_unavailable' });
    expect((await stores.quota.head()).sequence).toBe(0);
    await witnesses.serve('issuance', stores.issuance);
    await own.opened;
    await commit(own);
    await until('the head to be held', () => witnesses.witness('issuance').held[0]?.record.sequence === 1);
    expect(own.standing).toMatchObject({
      state: 'open',
      witnesses: [
        { role: 'central', answered: false, taken: null },
        { role: 'issuance', answered: true, taken: 1, problem: null },
      ],
    });
    await witnesses.serve('central', stores.central);
    await until('the head to be held', () => witnesses.witness('central').held[0]?.record.sequence === 1);
  });

  it('signs no more when no witness takes its heads, and goes on when one does', async () => {
    const { own, witnesses } = await begin({ policy: { ...quickly, overdueMs: 150 } });
    expect(await own.ask()).toBe(true);
    own.start();
    await commit(own);
    await until('both to hold it', () => own.standing.witnesses.every(({ taken }) => taken === 1));
    witnesses.drop('central');
    witnesses.drop('issuance');
    // At rest it may be alone for as long as it likes.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(own.standing.state).toBe('open');
    await commit(own);
    await until('it to be overdue', () => own.standing.state === 'overdue');
    await expect(own.ledger.commit([newIntent('alone')])).rejects.toMatchObject({
      code: 'witness_unavailable',
    });
    await witnesses.serve('central', stores.central);
    await until('it to go on', () => own.standing.state === 'open');
    await commit(own);
  });

  it('shows its last head when it is stopped', async () => {
    const { own, witnesses } = await begin({
      policy: { quietMs: 60_000, everyMs: 60_000, overdueMs: 60_000, askEveryMs: 10, patienceMs: 10 },
    });
    expect(await own.ask()).toBe(true);
    for (let i = 0; i < 4; i++) await commit(own);
    await own.close();
    for (const role of ['central', 'issuance'] as const)
      expect(witnesses.witness(role).held[0]?.record.sequence).toBe(4);
  });

  it('makes one signature a head, however many witnesses it shows it to and however often', async () => {
    let signatures = 0;
    const { own, witnesses } = await begin({
      wrapSigner: (signer) => ({
        ...signer,
        publicKey: signer.publicKey,
        sign(message, request) {
          signatures++;
          return signer.sign(message, request);
        },
      }),
      policy: { quietMs: 50, everyMs: 100, overdueMs: 60_000, askEveryMs: 10, patienceMs: 10 },
    });
    witnesses.drop('issuance');
    expect(await own.ask()).toBe(true);
    for (let i = 0; i < 50; i++) await commit(own);
    await until('central to hold it', () => witnesses.witness('central').held[0]?.record.sequence === 50);
    await new Promise((resolve) => setTimeout(resolve, 350));
    await witnesses.serve('issuance', stores.issuance);
    await until('issuance to hold it', () => own.standing.witnesses.every(({ taken }) => taken === 50));
    expect(signatures).toBeLessThan(10);
  });

  it('believes a head of a key that was rotated or revoked since', async () => {
    const behind = await headOf('quota', { sequence: 3, hash: hash(3) });
    const first = await headOf('quota', { sequence: 0, hash: hash(0) });
    const at = async (revokedAt: number | null, notAfter: number, head = behind) => {
      const keys = tokens.bundle.keys.map((key) =>
        key.role === 'quota' ? { ...key, revokedAt, notAfter } : key,
      );
      return checkShownHead(head, {
        owner: ownerOf('quota'),
        keys: makeKeyRing({ ...tokens.bundle, keys }, makeNodeVerifySignature()),
        store: stores.quota,
      });
    };
    expect(await at(null, now)).toMatchObject({ code: 'journal_behind_witness' });
    expect(await at(now + 1, now + 60)).toMatchObject({ code: 'journal_behind_witness' });
    // Whoever stole the key may have signed it; an old copy must not pass because the key was revoked.
    expect(await at(now, now + 60)).toMatchObject({ code: 'journal_behind_witness' });
    expect(await at(null, now - 1)).toMatchObject({ code: 'journal_behind_witness' });
    // A system whose last head was signed with the key that was revoked goes on: the head is of its journal.
    for (const revokedAt of [null, 0, now])
      expect(await at(revokedAt, now, first)).toMatchObject({ ok: true });
  });

  it('is never halted by honest witnesses, whatever is lost, cut off or restarted', async () => {
    const turn = fc.constantFrom(
      'commit',
      'commit',
      'show',
      'restart',
      'crash',
      'cut before',
      'cut after',
      'away',
      'back',
      'witness restart',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 5, maxLength: 40 }), async (turns) => {
        let cut: string | undefined;
        const witnesses = makeWitnesses({
          tokens,
          clock,
          policy: { quietMs: 60_000, everyMs: 60_000, overdueMs: 60_000, askEveryMs: 60_000, patienceMs: 1 },
          between: (peer) => ({
            ...peer,
            async hold(head) {
              if (cut === 'cut before') throw new Error('the power went off');
              const held = await peer.hold(head);
              if (cut === 'cut after') throw new Error('the power went off');
              return held;
            },
          }),
        });
        for (const role of ['central', 'issuance'] as const) await witnesses.serve(role, stores[role]);
        let own = witnesses.own(await openUnanchored(stores.quota), 'quota');
        const restart = async (): Promise<void> => {
          await stores.quota.close();
          stores.quota = open('quota');
          own = witnesses.own(await openUnanchored(stores.quota), 'quota');
          expect(await own.ask()).toBe(true);
        };
        expect(await own.ask()).toBe(true);
        for (const what of turns) {
          if (what === 'commit') await commit(own);
          if (what === 'show' || what === 'restart') await own.close();
          if (what.startsWith('cut')) {
            cut = what;
            await own.close();
            cut = undefined;
          }
          if (what === 'away') witnesses.drop('issuance');
          if (what === 'back') await witnesses.serve('issuance', stores.issuance);
          if (what === 'witness restart') {
            await stores.central.close();
            stores.central = open('central');
            await witnesses.serve('central', stores.central);
          }
          // A power cut ends it without a word.
          if (what !== 'commit' && what !== 'away' && what !== 'back') await restart();
        }
        const { sequence } = await stores.quota.head();
        await own.close();
        expect(witnesses.witness('central').held[0]?.record.sequence).toBe(sequence);
      }),
      { numRuns: nightly ? 500 : 25 },
    );
  });
});
