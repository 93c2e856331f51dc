/**
 * Central management goes on from an older ledger: what it decided since is forgotten there, and is counted anew from the requests that
 * issuance has. Real tokens, real stores, real decisions; a power cut at each call.
 */
import { randomBytes } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Evidence, gatherEvidence } from '../../src/appliance/anchor-evidence.ts';
import { ledgerOfStore, type OtherLedger } from '../../src/appliance/other-ledger.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { writtenOff } from '../../src/quota/write-off.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import { encodeChange } from '../../src/records/quota-change.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import { nextEntry } from '../../src/store/commit-plan.ts';
import { copyLedger } from '../../src/store/sqlite/ledger-file.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { Cut, Meter, Power, type Side } from '../crash/power.ts';
import { approveChange, keys as samples } from '../records/samples.ts';
import {
  type Authorities,
  draft,
  issuer,
  limits,
  makeAuthorities,
  openTokens,
  type Tokens,
} from './authorities.ts';

let tokens: Tokens;
let authorities: Authorities;
/** While it is set, no credential reaches quota control. */
let isCut = false;

const total = 10_000n;
/** Above the ceiling: it is denied. */
const denied = 60_001n;

beforeAll(async () => {
  tokens = await openTokens();
  authorities = await makeAuthorities(tokens, {
    quota: { total, dayLimit: total },
    limits: { ...limits, frequencyCap: 1_000 },
    peers: (honest) => ({
      ...honest,
      redeemCredential: async (presentation) =>
        isCut
          ? { ok: false, code: 'peer_unavailable', message: 'the line is cut' }
          : honest.redeemCredential(presentation),
    }),
  });
  await issue(100n);
  await lose(50n);
  copy('older');
  await issue(20n);
  await issue(denied);
  await lose(7n);
  await inFrancs(5n);
  copy('middle');
  // What was lost is closed, before the older ledger's end and after it.
  authorities.clock.advanceMs(430_000);
  expect(await authorities.resolution.run()).toEqual({ ok: true, value: 2 });
  await lose(3n);
  copy('newest');
}, 60_000);
afterAll(async () => {
  await authorities.close();
  await tokens.close();
});

async function issue(value: bigint): Promise<string> {
  const outcome = await authorities.issuance.issue(draft([{ value, count: 1 }], authorities.clock));
  return outcome.ok ? outcome.value.kind : outcome.code;
}

/** Approved, and never issued. */
async function lose(value: bigint): Promise<void> {
  isCut = true;
  expect(await issue(value)).toBe('peer_unavailable');
  isCut = false;
}

/** Central management has no such quota, and decides nothing. */
async function inFrancs(value: bigint): Promise<void> {
  const lots = [{ value, count: 1, owner: { commitment: new Uint8Array(32).fill(7) } }];
  const outcome = await authorities.issuance.issue(
    encodeDraft({
      id: makeRequestId(authorities.clock, (length) => new Uint8Array(randomBytes(length))),
      currency: { code: 'CHF', exponent: 2 },
      ...{ total: value, lots, purpose: 'test', origin: 'DE', destination: 'DE' },
    }),
  );
  expect(outcome).toMatchObject({ code: 'quota_missing' });
}

function pathOf(role: string, name: string): string {
  return join(authorities.folder, `${role}-${name}.db`);
}

function copy(name: string): void {
  for (const role of ['central', 'issuance'])
    copyLedger(join(authorities.folder, `${role}.db`), pathOf(role, name));
}

function open(role: 'central' | 'issuance', name: string): Store {
  return openSqliteStore({ path: pathOf(role, name), role, create: false, random: randomBytes });
}

interface Shown {
  readonly issuance?: string;
  /** What becomes of issuance's entries on their way. */
  readonly bend?: (entries: readonly Uint8Array[]) => readonly Uint8Array[];
  readonly isTokenLost?: boolean;
}

async function gatherOf(
  own: Store,
  { issuance = 'newest', bend, isTokenLost }: Shown = {},
): Promise<Evidence> {
  const other = open('issuance', issuance);
  try {
    const honest = ledgerOfStore(other);
    const bent: OtherLedger = {
      ...honest,
      async *entries() {
        const entries: Uint8Array[] = [];
        for await (const entry of honest.entries()) entries.push(entry);
        yield* bend?.(entries) ?? entries;
      },
    };
    const { head } = authorities.anchors.central;
    const anchored = head === undefined || isTokenLost === true ? [] : [head];
    return await gatherEvidence({
      role: 'central',
      issuer,
      own,
      journals: (await own.journals()).map((journal) => ({ ...journal, anchored, epoch: null })),
      others: new Map([['issuance', bent]]),
      keys: makeKeyRing(tokens.bundle, makeNodeVerifySignature()),
    });
  } finally {
    await other.close();
  }
}

async function forgotten(central: string, shown?: Shown): Promise<Readonly<Record<string, bigint>>> {
  const own = open('central', central);
  try {
    return Object.fromEntries((await gatherOf(own, shown)).issued);
  } finally {
    await own.close();
  }
}

const euro = `${issuer}/EUR`;
const franc = `${issuer}/CHF`;
const sinceOlder = { [euro]: 20n + denied + 3n, [franc]: 5n };

it('counts every request that there is no decision on, denied ones too, of each quota, but for those that are closed', async () => {
  expect(await forgotten('older')).toEqual(sinceOlder);
  // That ledger has decided all but the last, and the one that it has no quota for.
  expect(await forgotten('middle')).toEqual({ [euro]: 3n, [franc]: 5n });
});

it('counts what was asked for and is not closed yet', async () => {
  expect(await forgotten('older', { issuance: 'middle' })).toEqual({
    [euro]: 20n + denied + 7n,
    [franc]: 5n,
  });
});

it('counts nothing where the ledger is the newest', async () => {
  expect(await forgotten('newest')).toEqual({});
});

it('counts no request twice where entries are repeated, and none less', async () => {
  const twice = (entries: readonly Uint8Array[]) => entries.flatMap((entry) => [entry, entry]);
  expect(await forgotten('older', { bend: twice })).toEqual(sinceOlder);
  // A request that is shown once more after its closing counts: nobody can say what comes after that.
  const again = await forgotten('older', { bend: (entries) => [...entries, ...entries] });
  expect(again[euro]).toBeGreaterThanOrEqual(sinceOlder[euro] ?? 0n);
});

it('counts by what issuance shows, and no more: what that lacks is not known', async () => {
  expect(await forgotten('older', { issuance: 'older' })).toEqual({});
  const without = (entries: readonly Uint8Array[]) => entries.slice(0, -1);
  expect(await forgotten('older', { bend: without })).toEqual({ [euro]: 20n + denied, [franc]: 5n });
});

it('goes on from nothing where a request cannot be read', async () => {
  const bend = (entries: readonly Uint8Array[]) => [
    ...entries,
    nextEntry(
      { sequence: entries.length, hash: new Uint8Array(32) },
      {
        kind: 'request',
        subject: new Uint8Array(16).fill(9),
        sequence: entries.length + 1,
        createdMs: 1,
        content: encodeCbor(['no intent']),
      },
    ).bytes,
  ];
  await expect(forgotten('older', { bend })).rejects.toMatchObject({ code: 'journal_forked' });
});

/** What two people approve, as `ringmint store propose-anchor` has it. */
async function propose(own: Store): Promise<{ change: Uint8Array; approvals: Uint8Array[] }> {
  const { issued, journals, unexplained } = await gatherOf(own);
  const [one] = journals;
  if (one === undefined) throw new Error('a ledger has a journal');
  const now = authorities.clock.nowSeconds();
  const positions = await own.positions(now * 1000);
  const quotas = positions.flatMap((position) => {
    const { issuer: of, currency, version } = position;
    const amount = issued.get(`${of}/${currency}`) ?? 0n;
    const terms = writtenOff(position, { amount, uncertain: unexplained > 0 });
    return amount === 0n ? [] : [{ issuer: of, currency, version, terms }];
  });
  const change = encodeChange({
    madeAt: now,
    expiresAt: now + 600,
    reason: 'the older ledger',
    action: {
      kind: 'anchor',
      role: 'central',
      journalId: one.journal.journalId,
      head: one.journal.head,
      givenUp: one.beyond,
      epoch: null,
      others: [],
      unexplained,
      quotas,
    },
  });
  const approvals = (['alice', 'bob'] as const).map((name) =>
    approveChange(change, name, samples[name], now),
  );
  return { change, approvals };
}

async function counted(own: Store): Promise<{ issued: bigint; available: bigint }> {
  const position = await own.position(issuer, 'EUR', 0);
  if (position === undefined) throw new Error('there is an account');
  return { issued: position.issued, available: position.available };
}

it.each<Side>(['before', 'after'])('counts it anew once, cut %s each call', async (side) => {
  const createdMs = authorities.clock.nowMs();
  const goOn = async (own: Store) => {
    const made = { ...(await propose(own)), createdMs };
    expect(await own.applyChange(made)).toMatchObject({ ok: true });
    return made;
  };
  const meter = new Meter();
  for (let number = 0; ; number++) {
    copyFileSync(pathOf('central', 'middle'), pathOf('central', 'cut'));
    let own = open('central', 'cut');
    const before = await counted(own);
    const whole = { issued: before.issued + 3n, available: before.available - 3n };
    meter.arm({ at: { number }, side, scope: 'role' });
    await goOn(new Power(meter, 'central').store(own)).catch((error: unknown) => {
      if (!(error instanceof Cut)) throw error;
    });
    await own.close();
    // Checked as it is opened: what counts follows from its journal.
    own = open('central', 'cut');
    const left = await counted(own);
    expect([before, whole], `${side} call ${number}`).toContainEqual(left);
    if (left.issued === before.issued) {
      const made = await goOn(own);
      expect(await own.applyChange(made)).toMatchObject({ ok: true });
    }
    expect(await counted(own), `${side} call ${number}`).toEqual(whole);
    await own.close();
    if (meter.fallen === undefined) {
      expect(number).toBeGreaterThan(5);
      break;
    }
  }
});

it('leaves no room where more is forgotten than there was', async () => {
  copyFileSync(pathOf('central', 'older'), pathOf('central', 'full'));
  const own = open('central', 'full');
  try {
    const { change, approvals } = await propose(own);
    expect(await own.applyChange({ change, approvals, createdMs: authorities.clock.nowMs() })).toMatchObject({
      ok: true,
    });
    expect(await own.position(issuer, 'EUR', 0)).toMatchObject({
      allocated: total,
      issued: total,
      available: 0n,
    });
  } finally {
    await own.close();
  }
});
