/** What comes back in central management's account: what owners have settled, and nothing of quota control's word. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { succeed } from '../../src/kit/result.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { makeKeyRing } from '../../src/records/key-ring.ts';
import { instructionHash } from '../../src/records/owner-instruction.ts';
import { encodeChange } from '../../src/records/quota-change.ts';
import { decodeRetirement } from '../../src/records/retirement.ts';
import { decodeRetirementFile, type RetirementParts } from '../../src/records/retirement-file.ts';
import { encodeSettlement } from '../../src/records/settlement.ts';
import { makeCentralAccount } from '../../src/roles/central-account.ts';
import { openLedger } from '../../src/roles/ledger.ts';
import type { SettledItem, SettledItems } from '../../src/roles/settled-list.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { UnitSerial } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { accepted, approveChange, policy, keys as samples } from '../records/samples.ts';
import { terms } from '../store/intents.ts';
import {
  type Authorities,
  type AuthorityOptions,
  draft,
  issuer,
  makeAuthorities,
  openTokens,
  type Tokens,
} from './authorities.ts';
import {
  ann,
  ben,
  issueOwned,
  type OwnedCurrency,
  retirementOf,
  retirementParts,
  transferOf,
} from './owned-currency.ts';

let tokens: Tokens;
let authorities: Authorities;
/** Five units of 100 of ann, and three of 100 of ben: 800 of a quota of 1,000. */
let issued: OwnedCurrency;
/** Cursors that central management asked with. */
let asked: (string | undefined)[];
let lines: string[];
/** What becomes of quota control's list. */
let told: (honest: SettledItems) => SettledItems;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());
const options: AuthorityOptions = {
  quota: { total: 1_000n, dayLimit: 100_000n },
  settled: (honest) => async (query) => {
    asked.push(query.after);
    const listed = await honest(query);
    return listed.ok ? { ok: true, value: told(listed.value) } : listed;
  },
  report: (line) => lines.push(line),
};
beforeEach(async () => {
  [asked, lines, told] = [[], [], (honest) => honest];
  authorities = await makeAuthorities(tokens, options);
});
afterEach(() => authorities.close());

async function begin(returns: boolean): Promise<void> {
  if (returns) await setReturns(1, true);
  issued = await issueOwned(authorities, [
    { owner: ann, value: 100n, count: 5 },
    { owner: ben, value: 100n, count: 3 },
  ]);
}

/** A retirement of an owner's as a quota control that lies has it, with its receipt. */
async function itemOf(
  { retirement, blindings }: RetirementParts,
  units: readonly UnitSerial[],
): Promise<SettledItem> {
  const decoded = accepted(decodeRetirement(retirement));
  const { id, total, currency } = decoded.record;
  const signer = tokens.of.quota;
  const record = encodeSettlement(
    {
      id,
      settledHash: instructionHash(decoded),
      issuer,
      issuedAt: authorities.clock.nowSeconds(),
      currency,
      total,
      count: units.length,
      creditTo: null,
      returned: total,
    },
    signer.publicKey.keyId,
  );
  const receipt = attachSignature(record, await signer.sign(record));
  return { kind: 'retirement', evidence: encodeCbor([retirement, blindings]), units, receipt };
}

/** Two people change what the terms say of what is retired. */
async function setReturns(version: number, returns: boolean): Promise<void> {
  const now = authorities.clock.nowSeconds();
  const action = {
    kind: 'terms',
    issuer,
    currency: 'EUR',
    version,
    terms: { ...terms(1_000n, 100_000n), returns },
    clock: null,
  } as const;
  const change = encodeChange({ madeAt: now, expiresAt: now + 60, reason: 'people want it', action });
  const approvals = (['alice', 'bob'] as const).map((name) =>
    approveChange(change, name, samples[name], now),
  );
  accepted(await authorities.quotaChanges.apply(change, approvals));
}

const own = async () => {
  const position = await authorities.account.position(issuer, 'EUR');
  if (position === undefined) throw new Error('no account');
  const { issued: all, retired, returned, credited, available, version } = position;
  return { issued: all, retired, returned, credited, available, version };
};
const retire = async (places: readonly number[], creditTo: Uint8Array | null = null, owner = ann) =>
  accepted(
    await authorities.settlements.retire(
      retirementOf(authorities, owner, issued, places, { record: { creditTo } }),
      'operator',
    ),
  );
const transfer = async (total: bigint, to: typeof ann | null, owner = ann) =>
  accepted(await authorities.settlements.transfer(transferOf(authorities, owner, total, to), 'operator'));
const round = async () => accepted(await authorities.resolution.run());
const issue = async (value: bigint): Promise<string> => {
  const outcome = await authorities.issuance.issue(draft([{ value, count: 1 }], authorities.clock));
  return outcome.ok ? outcome.value.kind : outcome.code;
};
const kinds = async (): Promise<string[]> =>
  (await authorities.stores.central.unsigned()).map(({ kind }) => kind);

describe('what owners have retired', () => {
  it('comes back when it is needed, once, and as much can be issued again', async () => {
    await begin(true);
    expect(await issue(201n)).toBe('denied');
    await retire([0, 1]);
    expect(await own()).toMatchObject({ returned: 0n, available: 200n });
    expect(await issue(300n)).toBe('issued');
    expect(await own()).toMatchObject({ issued: 1_100n, retired: 200n, returned: 200n, available: 100n });
    expect(await issue(101n)).toBe('denied');
    await round();
    await round();
    expect(await own()).toMatchObject({ returned: 200n });
    expect(await kinds()).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('comes back of accounts too, and what is in accounts does not', async () => {
    await begin(true);
    await retire([0, 1], ann.key.keyId);
    await round();
    expect(await own()).toMatchObject({ credited: 200n, returned: 0n, available: 200n });
    await transfer(150n, ben);
    await transfer(120n, null, ben);
    await retire([5], null, ben);
    await round();
    expect(await own()).toMatchObject({ retired: 220n, returned: 220n, credited: 80n, available: 420n });
    expect(lines).toEqual([]);
  });

  it('does not come back where the terms do not say so, and nothing is asked for', async () => {
    await begin(false);
    await retire([0, 1]);
    await round();
    expect(await issue(201n)).toBe('denied');
    expect(await own()).toMatchObject({ retired: 0n, returned: 0n, available: 200n });
    expect(asked).toEqual([]);
  });

  it('is followed from the beginning once the terms say that it comes back: what was retired before does not', async () => {
    await begin(false);
    await retire([0]);
    await retire([1, 2], ann.key.keyId);
    await setReturns(1, true);
    await transfer(150n, null);
    await round();
    expect(await own()).toMatchObject({ version: 2, retired: 250n, returned: 150n, credited: 50n });
  });

  it('counts where it came back before the terms were changed', async () => {
    await begin(true);
    await retire([0, 1]);
    await setReturns(2, false);
    await retire([2]);
    await round();
    expect(await own()).toMatchObject({ version: 3, returned: 200n, available: 400n });
    expect(await issue(401n)).toBe('denied');
  });
});

describe('a quota that was taken over after something had come back to it', () => {
  it("begins with quota control's number of that, and no more comes back in its account", async () => {
    await begin(true);
    await retire([0, 1]);
    const { folder, clock, quotaControl, settlements, issuance } = authorities;
    const path = `${folder}/old.db`;
    const store = openSqliteStore({ path, role: 'central', create: true, random: randomBytes });
    try {
      const account = makeCentralAccount({
        ledger: await openLedger(store, replicateAnchor([makeMemoryAnchor(await store.head())])),
        policy,
        verifySignature: makeNodeVerifySignature(),
        keys: makeKeyRing(tokens.bundle, makeNodeVerifySignature()),
        quotaPositions: async () => succeed(await quotaControl.positions()),
        quotaChanges: async () => succeed([]),
        lastWords: async (_, ids, close) => succeed(await issuance.closings.lastWords(ids, close)),
        settlements: settlements.list,
        vouching: async (_, shown) => succeed(await issuance.vouching.vouch(shown)),
        clockSkewSeconds: 60,
        clock,
        report: () => undefined,
      });
      accepted(await account.ask());
      const taken = { issued: 800n, returned: 200n, available: 400n, version: 2 };
      expect(await account.position(issuer, 'EUR')).toMatchObject(taken);
      await retire([2]);
      await account.followSettlements();
      accepted(await account.ask());
      expect(await account.position(issuer, 'EUR')).toMatchObject(taken);
    } finally {
      await store.close();
    }
  });
});

describe('a list that is long', () => {
  it('is gone on with after a restart where it ended', async () => {
    await begin(true);
    await retire([0]);
    await round();
    await retire([1]);
    await round();
    const [last] = asked.slice(-1);
    authorities = await authorities.restart(options);
    asked = [];
    await retire([2]);
    await round();
    expect(last).toEqual(expect.any(String));
    expect(asked[0]).toBe(last);
    expect(await own()).toMatchObject({ returned: 300n });
  });

  it('is asked for again from the beginning where the cursor is of another journal', async () => {
    await begin(true);
    await retire([0]);
    await round();
    await retire([1]);
    told = (honest) => ({ ...honest, next: 'nonsense' });
    await round();
    told = (honest) => honest;
    await retire([2]);
    await round();
    expect(lines.join()).toContain('cursor_invalid');
    await round();
    expect(await own()).toMatchObject({ returned: 300n });
  });

  it('ends before a receipt that is not signed yet, and goes on when it is', async () => {
    await begin(true);
    let broken = true;
    authorities = await authorities.restart({
      ...options,
      wrapSigner: (signer, role) => ({
        ...signer,
        sign: (message, request) => {
          if (broken && role === 'quota' && request.purpose === 'retirement')
            return Promise.reject(new Error('no HSM'));
          return signer.sign(message, request);
        },
      }),
    });
    const file = retirementOf(authorities, ann, issued, [0]);
    await expect(authorities.settlements.retire(file, 'operator')).rejects.toThrow('no HSM');
    await round();
    expect(await own()).toMatchObject({ returned: 0n });
    broken = false;
    accepted(await authorities.settlements.retire(file, 'operator'));
    await retire([1]);
    await round();
    expect(await own()).toMatchObject({ returned: 200n });
  });
});

describe('a quota control that lies of settlements', () => {
  const changed = (change: (item: SettledItem) => Partial<SettledItem>): void => {
    told = (honest) => ({
      ...honest,
      items: honest.items.map((item) => ({ ...item, ...change(item) })),
    });
  };

  it('is not believed what no owner has signed', async () => {
    await begin(true);
    await retire([0]);
    const flip = (bytes: Uint8Array): Uint8Array => bytes.with(-20, (bytes.at(-20) ?? 0) ^ 1);
    for (const change of [
      ({ evidence }: SettledItem) => ({ evidence: flip(evidence) }),
      ({ receipt }: SettledItem) => ({ receipt: flip(receipt) }),
      ({ units }: SettledItem) => ({ units: [...units, ...units] }),
      ({ units }: SettledItem) => ({ units: units.map((unit) => ({ ...unit, index: unit.index + 1 })) }),
      () => ({ units: [] }),
      () => ({ kind: 'transfer' as const }),
      () => ({ evidence: new Uint8Array() }),
    ]) {
      changed(change);
      const restarted = await authorities.restart(options);
      authorities = restarted;
      lines = [];
      await round();
      expect(await own()).toMatchObject({ returned: 0n, retired: 0n });
      expect(lines.join()).toContain('central does not follow');
    }
    told = (honest) => honest;
    authorities = await authorities.restart(options);
    await round();
    expect(await own()).toMatchObject({ returned: 100n });
  });

  it('gets nothing twice, neither of one settlement nor of one unit', async () => {
    await begin(true);
    await retire([0]);
    const again: SettledItem[] = [];
    told = (honest) => {
      again.push(...honest.items);
      return { ...honest, items: [...honest.items, ...again] };
    };
    await round();
    await round();
    expect(await own()).toMatchObject({ returned: 100n });
    // The owner signs once more for the same unit, and quota control has forgotten the first time.
    const twice = await itemOf(retirementParts(authorities, ann, issued, [0]), again[0]?.units ?? []);
    told = (honest) => ({ ...honest, items: [twice] });
    await round();
    expect(await own()).toMatchObject({ returned: 100n });
    expect(lines.join()).toContain('unit_spent');
  });

  it('is passed over where issuance does not vouch for the units', async () => {
    await begin(true);
    await retire([0]);
    const lost = { ok: false, code: 'unit_unknown', message: 'none of mine' } as const;
    const { vouching } = authorities.issuance;
    const honest = vouching.vouch.bind(vouching);
    Object.assign(vouching, { vouch: async () => [lost] });
    await round();
    expect(await own()).toMatchObject({ returned: 0n });
    expect(lines.join()).toContain('unit_unknown');
    Object.assign(vouching, { vouch: honest });
  });
});

describe('issuance', () => {
  it('vouches for units of its own, of the amount and the owner that are named, and for no others', async () => {
    await begin(true);
    const { vouching } = authorities.issuance;
    const read = (file: Uint8Array) => {
      const { retirement, blindings } = accepted(decodeRetirementFile(file));
      return { retirement: retirement.bytes, blindings, record: retirement.record };
    };
    const honest = read(retirementOf(authorities, ann, issued, [0, 1]));
    // In the order of the retirement, which is that of the hashes.
    accepted(
      await authorities.settlements.retire(retirementOf(authorities, ann, issued, [0, 1]), 'operator'),
    );
    const listed = accepted(await authorities.settlements.list({ issuer, currency: 'EUR' }));
    const units = listed.items[0]?.units ?? [];
    const { retirement, blindings } = honest;
    const shown = { retirement, blindings, units };
    const bens = read(retirementOf(authorities, ben, issued, [0, 1]));
    const more = read(retirementOf(authorities, ann, issued, [0, 1], { record: { total: 900n } }));
    const words = await vouching.vouch([
      shown,
      { ...shown, units: [...units].reverse() },
      { ...shown, units: units.slice(1) },
      { ...shown, units: units.map((unit) => ({ ...unit, epoch: 9 })) },
      { ...shown, units: units.map((unit) => ({ ...unit, index: 7_000 })) },
      { ...shown, blindings: blindings.map((one) => one.with(0, (one[0] ?? 0) ^ 1)) },
      { ...shown, retirement: bens.retirement },
      { ...shown, retirement: more.retirement },
      { ...shown, retirement: new Uint8Array(3) },
    ]);
    expect(words.map((word) => (word.ok ? 'vouched' : word.code))).toEqual([
      'vouched',
      ...Array.from({ length: 7 }, () => 'unit_unknown'),
      'record_malformed',
    ]);
  });
});

describe('a crash', () => {
  it('between the commit and the record leaves the settlement counted, and the next start records the receipt', async () => {
    await begin(true);
    await retire([0]);
    let cut = true;
    authorities = await authorities.restart({
      ...options,
      wrapLedger: (ledger, role) => ({
        ...ledger,
        record: (signed) =>
          cut && role === 'central' ? Promise.reject(new Error('power')) : ledger.record(signed),
      }),
    });
    await expect(authorities.resolution.run()).rejects.toThrow('power');
    cut = false;
    authorities = await authorities.restart(options);
    expect(await own()).toMatchObject({ returned: 100n });
    expect(await kinds()).toEqual(['retirement']);
    expect(await authorities.central.finishUnsigned()).toBe(1);
    expect(await kinds()).toEqual([]);
    await round();
    expect(await own()).toMatchObject({ returned: 100n });
    const id = accepted(await authorities.settlements.list({ issuer, currency: 'EUR' })).items[0];
    const [known] = await authorities.stores.central.reads().intentsAfter('retirement', 0, 5);
    const kept = await authorities.stores.central.findIntent('retirement', known?.id ?? new Uint8Array());
    expect(kept?.signed).toEqual(id?.receipt);
  });
});
