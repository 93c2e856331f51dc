/** Retirements and accounts at quota control, with real tokens and a real ledger: what is settled, what is refused, and what a crash leaves. */
import { p256 } from '@noble/curves/nist.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, fromHex, sha256, toHex } from '../../src/kit/bytes.ts';
import { decodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeCurrencyRecord } from '../../src/records/currency.ts';
import { encodeCurrencyFile } from '../../src/records/currency-file.ts';
import { formatUuid } from '../../src/records/request-id.ts';
import { decodeRetirementFile, encodeRetirementFile } from '../../src/records/retirement-file.ts';
import { decodeSettlement, type SettlementRecord } from '../../src/records/settlement.ts';
import type { Store } from '../../src/store/store.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { verifySettlement } from '../../src/verifier/verify-settlement.ts';
import { accepted, bitFlips, fill, type TestKey } from '../records/samples.ts';
import { changeOf, stopOf, termsAction } from '../store/intents.ts';
import {
  type Authorities,
  type AuthorityOptions,
  draft,
  issuer,
  makeAuthorities,
  openTokens,
  otherIssuer,
  quota,
  type Tokens,
} from './authorities.ts';
import {
  ann,
  ben,
  blindingOf,
  codeOf,
  forgeOwned,
  issueOwned,
  nextId,
  type OwnedCurrency,
  partOf,
  retirementOf,
  retirementParts,
  transferOf,
} from './owned-currency.ts';

let tokens: Tokens;
let authorities: Authorities;
/** Five units of 10.00 of ann, and three of 20.00 of ben. */
let issued: OwnedCurrency;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());
/** New ledgers, and currency of two owners. */
async function begin(): Promise<void> {
  authorities = await makeAuthorities(tokens);
  issued = await issueOwned(authorities, [
    { owner: ann, value: 1_000n, count: 5 },
    { owner: ben, value: 2_000n, count: 3 },
  ]);
}

/** Of a group of tests each of which changes its ledgers. */
function freshEach(): void {
  beforeEach(begin);
  afterEach(() => authorities.close());
}

const retire = (file: Uint8Array) => authorities.settlements.retire(file, 'operator');
const transfer = (bytes: Uint8Array) => authorities.settlements.transfer(bytes, 'operator');
/** The record with the other signature that verifies. */
function otherSignature(record: Uint8Array): Uint8Array {
  const s = BigInt(`0x${toHex(record.slice(-32))}`);
  const turned = fromHex((p256.Point.Fn.ORDER - s).toString(16).padStart(64, '0')) ?? fill(32, 0);
  return concatBytes(record.slice(0, -32), turned);
}

const verification = () => ({
  bundle: tokens.bundleBytes,
  at: authorities.clock.nowSeconds(),
  verifySignature: makeNodeVerifySignature(),
});

const receiptOf = (bytes: Uint8Array): SettlementRecord => accepted(decodeSettlement(bytes)).record;

async function position() {
  const found = await authorities.quotaControl.position(issuer, 'EUR');
  if (found === undefined) throw new Error('no quota');
  const { available, issued: all, retired, returned, credited, outstanding } = found;
  return { available, issued: all, retired, returned, credited, outstanding };
}

async function balance(owner: TestKey): Promise<bigint> {
  const balances = await authorities.settlements.account(owner.key.keyId, 'operator');
  return balances.reduce((sum, { amount }) => sum + amount, 0n);
}

async function spentPlaces(): Promise<number[]> {
  const { epoch, sequence, count } = accepted(decodeControlBit(issued.file.controlBit)).record;
  const standing = await authorities.settlements.units({ epoch, sequence, first: 0, count }, 'operator');
  return accepted(standing).spent.map(({ index }) => index);
}

async function setReturns(returns: boolean): Promise<void> {
  const known = await authorities.quotaControl.position(issuer, 'EUR');
  if (known === undefined) throw new Error('no quota');
  const { allocated, frozen, version } = known;
  const limits = known.limits.map(({ name, counts, window, maximum }) => ({ name, counts, window, maximum }));
  const action = termsAction(version, { allocated, frozen, limits, returns });
  const change = changeOf(action, authorities.clock.nowMs());
  accepted(await authorities.stores.quota.applyChange(change));
  // What came back until then, by quota control's word; the change itself has no approvals that it could follow.
  accepted(await authorities.account.ask());
  accepted(await authorities.stores.central.applyChange(change));
}

describe('a retirement', () => {
  freshEach();
  it('spends the units that it names, and its receipt verifies offline', async () => {
    const file = retirementOf(authorities, ann, issued, [0, 3]);
    const receipt = accepted(await retire(file));
    expect(receiptOf(receipt)).toMatchObject({
      issuer,
      total: 2_000n,
      count: 2,
      creditTo: null,
      returned: 0n,
    });
    expect(await position()).toEqual({
      available: quota.total - 11_000n,
      issued: 11_000n,
      retired: 2_000n,
      returned: 0n,
      credited: 0n,
      outstanding: 9_000n,
    });
    expect(await spentPlaces()).toEqual([0, 3]);
    const options = verification();
    expect(verifySettlement(receipt, file, options)).toMatchObject({
      ok: true,
      value: { ownerKeyId: ann.key.keyId },
    });
    const other = retirementOf(authorities, ann, issued, [1]);
    expect(verifySettlement(receipt, other, options)).toMatchObject({
      code: 'settlement_mismatch',
      field: 'id',
    });
    const forged = receipt.with(receipt.length - 1, (receipt.at(-1) ?? 0) ^ 1);
    expect(verifySettlement(forged, file, options)).toMatchObject({ code: 'signature_invalid' });
  });

  it('takes a whole currency file, parts of it and unit files together', async () => {
    const all = [0, 1, 2, 3, 4];
    const unit = retirementParts(authorities, ann, issued, [4]).files[0] ?? fill(0, 0);
    const files = [partOf(issued, 0, 3, 8), partOf(issued, 3, 1, 8), unit];
    accepted(await retire(retirementOf(authorities, ann, issued, all, { files })));
    expect(await spentPlaces()).toEqual(all);
    const whole = await issueOwned(authorities, [{ owner: ann, value: 500n, count: 4 }]);
    accepted(
      await retire(
        retirementOf(authorities, ann, whole, [0, 1, 2, 3], { files: [encodeCurrencyFile(whole.file)] }),
      ),
    );
    expect((await position()).retired).toBe(7_000n);
  });

  it('gives the same receipt to the same bytes, for ever, and refuses other content under its id', async () => {
    const file = retirementOf(authorities, ann, issued, [0]);
    const first = accepted(await retire(file));
    expect(accepted(await retire(file))).toEqual(first);
    authorities = await authorities.restart();
    // Long after it expired.
    authorities.clock.advanceMs(30 * 86_400_000);
    expect(accepted(await retire(file))).toEqual(first);
    authorities.clock.advanceMs(-30 * 86_400_000);
    const { id } = receiptOf(first);
    const conflicting = retirementOf(authorities, ann, issued, [1], { record: { id } });
    expect(codeOf(await retire(conflicting))).toBe('request_id_conflict');
    expect(await spentPlaces()).toEqual([0]);
  });

  it('gives the quota back where the terms say so at that time, and it can be issued again; a limit over a day gets nothing', async () => {
    accepted(await retire(retirementOf(authorities, ann, issued, [0])));
    await setReturns(true);
    const before = await position();
    const back = receiptOf(accepted(await retire(retirementOf(authorities, ann, issued, [1, 2]))));
    expect(back.returned).toBe(2_000n);
    expect((await position()).available).toBe(before.available + 2_000n);
    await setReturns(false);
    const gone = receiptOf(accepted(await retire(retirementOf(authorities, ann, issued, [3]))));
    expect(gone.returned).toBe(0n);
    expect(await position()).toMatchObject({ retired: 4_000n, returned: 2_000n, outstanding: 7_000n });
    const limit = (await authorities.quotaControl.position(issuer, 'EUR'))?.limits[0];
    expect(limit?.used).toBe(11_000n);
    // Σ issued − returned never passes the total: all that is left, and not one cent more.
    const issue = async (value: bigint): Promise<string> =>
      accepted(await authorities.issuance.issue(draft([{ value, count: 1 }], authorities.clock))).kind;
    const { available } = await position();
    expect(available).toBe(191_000n);
    for (const amounts of [
      [60_000n, 60_000n],
      [60_000n, 11_000n],
    ]) {
      authorities.clock.advanceMs(86_400_000);
      for (const amount of amounts) expect(await issue(amount)).toBe('issued');
    }
    expect(await issue(1n)).toBe('denied');
    expect(await position()).toMatchObject({ available: 0n, issued: quota.total + 2_000n });
  });

  it('credits an account instead, which is outstanding still and returns nothing', async () => {
    await setReturns(true);
    const file = retirementOf(authorities, ann, issued, [0, 1], { record: { creditTo: ben.key.keyId } });
    expect(receiptOf(accepted(await retire(file)))).toMatchObject({ creditTo: ben.key.keyId, returned: 0n });
    expect(await balance(ben)).toBe(2_000n);
    expect(await position()).toMatchObject({
      retired: 0n,
      credited: 2_000n,
      outstanding: 11_000n,
      returned: 0n,
    });
    expect(await spentPlaces()).toEqual([0, 1]);
  });

  it('makes the receipt anew where the terms are changed between the look and the commit', async () => {
    let looks = 0;
    authorities = await authorities.restart({
      wrapStore: (store, role) =>
        role !== 'quota'
          ? store
          : new Proxy(store, {
              get(target, name: keyof Store) {
                const method = target[name].bind(target) as (...given: unknown[]) => Promise<unknown>;
                if (name !== 'position') return method;
                return async (...given: unknown[]) => {
                  const found = await method(...given);
                  if (looks++ === 0) {
                    const action = termsAction(1, {
                      allocated: quota.total,
                      limits: [],
                      returns: true,
                    });
                    accepted(await target.applyChange(changeOf(action, authorities.clock.nowMs())));
                  }
                  return found;
                };
              },
            }),
    });
    const receipt = receiptOf(accepted(await retire(retirementOf(authorities, ann, issued, [0]))));
    expect(receipt.returned).toBe(1_000n);
    expect(looks).toBe(2);
    expect(await position()).toMatchObject({ retired: 1_000n, returned: 1_000n });
  });
});

describe('a unit is spent once', () => {
  freshEach();
  it('whoever asks: in one retirement, in two after each other, and where only some were spent before', async () => {
    const twice = retirementOf(authorities, ann, issued, [0, 1], {
      files: [partOf(issued, 0, 2, 8), partOf(issued, 1, 1, 8)],
    });
    expect(await retire(twice)).toMatchObject({ code: 'retirement_mismatch', field: 'files[1]' });
    const first = receiptOf(accepted(await retire(retirementOf(authorities, ann, issued, [1]))));
    const refused = await retire(retirementOf(authorities, ann, issued, [0, 1, 2]));
    expect(refused).toMatchObject({ ok: false, code: 'unit_spent' });
    // Which unit, and by what.
    if (!refused.ok) {
      expect(refused.message).toContain(formatUuid(first.id));
      expect(refused.field).toMatch(/^units\[[012]\]$/);
    }
    expect(await spentPlaces()).toEqual([1]);
    expect((await position()).retired).toBe(1_000n);
  });

  it('by one of many retirements that come at once, for good or to an account', async () => {
    const all = Array.from({ length: 8 }, (_, index) =>
      retirementOf(authorities, ann, issued, [2, index % 2], {
        record: { creditTo: index % 3 === 0 ? ben.key.keyId : null },
      }),
    );
    const results = await Promise.all(all.map(retire));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    for (const result of results) if (!result.ok) expect(result.code).toBe('unit_spent');
    const { retired, credited } = await position();
    expect(retired + credited).toBe(2_000n);
  });

  it('under whichever currency record of its batch it is brought', async () => {
    // Issuance signs the same control bit a second time: two files of one unit, each of which verifies.
    const now = authorities.clock.nowSeconds();
    const { record } = accepted(decodeControlBit(issued.file.controlBit));
    const second = encodeCurrencyRecord(
      { ...record, issuedAt: now + 1, controlBitHash: sha256(issued.file.controlBit) },
      tokens.of.issuance.publicKey.keyId,
    );
    const currencyRecord = attachSignature(second, await tokens.of.issuance.sign(second));
    const again = { ...issued, file: { ...issued.file, currencyRecord } };
    accepted(await retire(retirementOf(authorities, ann, again, [0])));
    expect(codeOf(await retire(retirementOf(authorities, ann, issued, [0])))).toBe('unit_spent');
    expect((await position()).retired).toBe(1_000n);
  });

  it("and a retirement whose signature was turned into the other one that verifies spends it once, and the owner's own bytes get its receipt", async () => {
    const parts = retirementParts(authorities, ann, issued, [0]);
    const own = encodeRetirementFile(parts);
    const turned = encodeRetirementFile({ ...parts, retirement: otherSignature(parts.retirement) });
    const receipt = accepted(await retire(turned));
    expect(accepted(await retire(own))).toEqual(receipt);
    for (const file of [own, turned])
      expect(verifySettlement(receipt, file, verification())).toMatchObject({ ok: true });
    expect(await spentPlaces()).toEqual([0]);
    expect((await position()).retired).toBe(1_000n);
    authorities = await authorities.restart();
    expect(accepted(await retire(own))).toEqual(receipt);
    // Both at once, before either is there.
    const both = retirementParts(authorities, ann, issued, [1]);
    const files = [both.retirement, otherSignature(both.retirement)].map((retirement) =>
      encodeRetirementFile({ ...both, retirement }),
    );
    const [one, two] = await Promise.all(files.map(retire));
    expect(one).toEqual(two);
    expect(await spentPlaces()).toEqual([0, 1]);
  });

  it('and so is a transfer: whichever of its two signatures comes first', async () => {
    accepted(
      await retire(retirementOf(authorities, ann, issued, [0], { record: { creditTo: ann.key.keyId } })),
    );
    const own = transferOf(authorities, ann, 400n, ben);
    const receipt = accepted(await transfer(otherSignature(own)));
    expect(accepted(await transfer(own))).toEqual(receipt);
    expect(verifySettlement(receipt, own, verification())).toMatchObject({ ok: true });
    expect([await balance(ann), await balance(ben)]).toEqual([600n, 400n]);
  });

  it('and a ledger of before, which knew it by its signed bytes, still gives its receipt and refuses other content', async () => {
    const older = (bytes: Uint8Array): Uint8Array =>
      sha256(accepted(decodeRetirementFile(bytes)).retirement.bytes);
    const file = retirementOf(authorities, ann, issued, [0]);
    authorities = await authorities.restart({
      wrapStore: (store, role) =>
        role !== 'quota'
          ? store
          : exchanged(store, {
              commit: (intents) =>
                store.commit(intents.map((intent) => ({ ...intent, bodyHash: older(file) }))),
            }),
    });
    const receipt = accepted(await retire(file));
    authorities = await authorities.restart({ wrapStore: (store) => store });
    expect(accepted(await retire(file))).toEqual(receipt);
    const { id } = receiptOf(receipt);
    const conflicting = retirementOf(authorities, ann, issued, [1], { record: { id } });
    expect(codeOf(await retire(conflicting))).toBe('request_id_conflict');
  });

  it('and one retirement that is sent many times at once has one receipt', async () => {
    const file = retirementOf(authorities, ann, issued, [0, 1]);
    const receipts = await Promise.all(Array.from({ length: 6 }, () => retire(file)));
    expect(new Set(receipts.map((one) => toHex(accepted(one)))).size).toBe(1);
    expect((await position()).retired).toBe(2_000n);
    // One that looked for itself before another of it was committed, and for its units after.
    authorities = await authorities.restart({
      wrapStore: (store, role) =>
        role !== 'quota' ? store : exchanged(store, { findIntent: () => Promise.resolve(undefined) }),
    });
    expect(accepted(await retire(file))).toEqual(receipts[0]?.ok === true ? receipts[0].value : undefined);
    const { id } = receiptOf(accepted(receipts[0] ?? { ok: false, code: '', message: '' }));
    const other = retirementOf(authorities, ann, issued, [0, 1], { record: { id, reason: 'other' } });
    expect(codeOf(await retire(other))).toBe('request_id_conflict');
    expect((await position()).retired).toBe(2_000n);
  });
});

describe('refused, and nothing is spent:', () => {
  // One ledger for all of them: none changes it.
  beforeAll(begin);
  afterAll(() => authorities.close());
  it('a retirement file with any of its bits turned', async () => {
    const file = retirementOf(authorities, ann, issued, [0, 1]);
    let refused = 0;
    for (const [bit, altered] of bitFlips(file)) {
      if (bit % 101 !== 0) continue;
      expect((await retire(altered)).ok, `bit ${bit}`).toBe(false);
      refused++;
    }
    expect(refused).toBeGreaterThan(200);
    expect(await spentPlaces()).toEqual([]);
    expect(await position()).toMatchObject({ retired: 0n, credited: 0n });
  });

  const cases: [string, string, string | undefined, () => Uint8Array | Promise<Uint8Array>][] = [
    ["another's units", 'owner_mismatch', 'blindings[0]', () => retirementOf(authorities, ann, issued, [5])],
    [
      "another's units with the blinding that opens them",
      'owner_mismatch',
      'blindings[0]',
      () => retirementOf(authorities, ann, issued, [5], { blinding: blindingOf(ben, 1) }),
    ],
    [
      "one's own units with another's blinding",
      'owner_mismatch',
      'blindings[0]',
      () => retirementOf(authorities, ann, issued, [0], { blinding: blindingOf(ben, 1) }),
    ],
    [
      'a signature of another key',
      'signature_invalid',
      undefined,
      () => retirementOf(authorities, ann, issued, [0], { signer: ben }),
    ],
    [
      'a total that is too high by one',
      'retirement_mismatch',
      'total',
      () => retirementOf(authorities, ann, issued, [0, 1], { record: { total: 2_001n } }),
    ],
    [
      'a total that is too low by one',
      'retirement_mismatch',
      'total',
      () => retirementOf(authorities, ann, issued, [0, 1], { record: { total: 1_999n } }),
    ],
    [
      'another currency',
      'retirement_mismatch',
      'files[0]',
      () =>
        retirementOf(authorities, ann, issued, [0], { record: { currency: { code: 'USD', exponent: 2 } } }),
    ],
    [
      'another issuer',
      'retirement_mismatch',
      'files[0]',
      () => retirementOf(authorities, ann, issued, [0], { record: { issuer: otherIssuer } }),
    ],
    [
      'a file with a unit that the retirement does not name',
      'retirement_mismatch',
      'files[0]',
      () => retirementOf(authorities, ann, issued, [0], { files: [partOf(issued, 0, 2, 8)] }),
    ],
    [
      'a unit that no file holds',
      'retirement_mismatch',
      'units[',
      () => retirementOf(authorities, ann, issued, [0, 1], { files: [partOf(issued, 0, 1, 8)] }),
    ],
    [
      'a file with another proof',
      'merkle_root_mismatch',
      'files[0]',
      () => {
        const part = { ...issued.file, first: 0, leaves: issued.file.leaves.slice(0, 1) };
        const right = [fill(32, 1), fill(32, 2), fill(32, 3)];
        return retirementOf(authorities, ann, issued, [0], {
          files: [encodeCurrencyFile({ ...part, proof: { left: [], right } })],
        });
      },
    ],
    [
      'a record in the place of a file',
      'file_not_verifiable',
      'files[0]',
      () => retirementOf(authorities, ann, issued, [0], { files: [issued.file.controlBit] }),
    ],
    [
      'an empty file',
      'file_empty',
      'files[0]',
      () => retirementOf(authorities, ann, issued, [0], { files: [new Uint8Array()] }),
    ],
    [
      'a retirement at its last second',
      'request_expired',
      'expiresAt',
      () => {
        const expiresAt = authorities.clock.nowSeconds();
        return retirementOf(authorities, ann, issued, [0], {
          record: { issuedAt: expiresAt - 60, expiresAt },
        });
      },
    ],
    [
      'units under a control bit of a stolen key, with a serial that was never used',
      'unit_unknown',
      'files[0]',
      async () => {
        const forged = await forgeOwned(tokens, authorities, { epoch: 1, sequence: 99 });
        // Anybody would take them for authentic: that is what the journal is asked for.
        const options = {
          bundle: tokens.bundleBytes,
          at: authorities.clock.nowSeconds(),
          verifySignature: makeNodeVerifySignature(),
        };
        expect(verifyFile(forged.bytes, options)).toMatchObject({ ok: true, value: { total: 10_000n } });
        return retirementOf(authorities, ann, forged, [0, 1]);
      },
    ],
    [
      'units under a control bit of a stolen key, with a serial that is in the journal',
      'unit_unknown',
      'files[0]',
      async () => {
        const { epoch, sequence } = accepted(decodeControlBit(issued.file.controlBit)).record;
        const forged = await forgeOwned(tokens, authorities, { epoch, sequence });
        return retirementOf(authorities, ann, forged, [0, 1]);
      },
    ],
    ['nothing', 'not_cbor', undefined, () => new Uint8Array()],
    [
      'a retirement without its file',
      'not_cbor',
      undefined,
      () => retirementParts(authorities, ann, issued, [0]).retirement,
    ],
  ];
  it.each(cases)('%s, as %s', async (_title, code, field, make) => {
    const result = await retire(await make());
    expect(codeOf(result)).toBe(code);
    if (!result.ok && field !== undefined) expect(result.field).toContain(field);
    expect(await spentPlaces()).toEqual([]);
    expect((await position()).retired).toBe(0n);
  });
});

describe('refused', () => {
  freshEach();

  it('a retirement from more than 60 seconds ahead of the clock, and from before that not', async () => {
    const from = (ahead: number): Uint8Array => {
      const issuedAt = authorities.clock.nowSeconds() + ahead;
      const record = { issuedAt, expiresAt: issuedAt + 60 };
      return retirementOf(authorities, ann, issued, [0], { record });
    };
    expect(codeOf(await retire(from(61)))).toBe('request_not_yet_valid');
    accepted(await retire(from(60)));
  });

  it('units after the day that they could be redeemed until, and not at its last second', async () => {
    const until = authorities.clock.nowSeconds() + 100;
    const short = await issueOwned(authorities, [{ owner: ann, value: 100n, count: 2 }], until);
    authorities.clock.advanceMs(100_000);
    accepted(await retire(retirementOf(authorities, ann, short, [0])));
    authorities.clock.advanceMs(1_000);
    expect(codeOf(await retire(retirementOf(authorities, ann, short, [1])))).toBe('unit_expired');
  });

  it('units of another issuer that an issuer brings, and it is told nothing of them', async () => {
    const file = retirementOf(authorities, ann, issued, [0]);
    const stranger = { issuer: otherIssuer };
    expect(codeOf(await authorities.settlements.retire(file, stranger))).toBe('issuer_mismatch');
    const { epoch, sequence } = accepted(decodeControlBit(issued.file.controlBit)).record;
    const range = { epoch, sequence, first: 0, count: 1 };
    expect(codeOf(await authorities.settlements.units(range, stranger))).toBe('issuer_mismatch');
    accepted(await authorities.settlements.retire(file, { issuer }));
    // Nor is its receipt given to the other one.
    expect(codeOf(await authorities.settlements.retire(file, stranger))).toBe('issuer_mismatch');
    expect(codeOf(await authorities.settlements.units({ ...range, sequence: 98 }, 'operator'))).toBe(
      'unit_unknown',
    );
    expect(codeOf(await authorities.settlements.units({ ...range, first: 8 }, 'operator'))).toBe(
      'unit_unknown',
    );
  });
});

describe('an account', () => {
  freshEach();
  beforeEach(async () => {
    const record = { creditTo: ann.key.keyId };
    accepted(await retire(retirementOf(authorities, ann, issued, [0, 1, 2], { record })));
  });

  it('is debited and credited by transfers that its key signs, each once', async () => {
    const bytes = transferOf(authorities, ann, 1_200n, ben);
    const receipt = accepted(await transfer(bytes));
    expect(receiptOf(receipt)).toMatchObject({
      total: 1_200n,
      count: 0,
      creditTo: ben.key.keyId,
      returned: 0n,
    });
    expect(accepted(await transfer(bytes))).toEqual(receipt);
    expect([await balance(ann), await balance(ben)]).toEqual([1_800n, 1_200n]);
    const options = {
      bundle: tokens.bundleBytes,
      at: authorities.clock.nowSeconds(),
      verifySignature: makeNodeVerifySignature(),
    };
    expect(verifySettlement(receipt, bytes, options)).toMatchObject({ ok: true });
    expect(await position()).toMatchObject({ credited: 3_000n, retired: 0n, outstanding: 11_000n });
  });

  it('is debited to the last cent, and not by one more', async () => {
    const refused = await transfer(transferOf(authorities, ann, 3_001n, ben));
    expect(codeOf(refused)).toBe('balance_too_low');
    accepted(await transfer(transferOf(authorities, ann, 3_000n, ben)));
    expect(await authorities.settlements.account(ann.key.keyId, 'operator')).toEqual([]);
    expect(codeOf(await transfer(transferOf(authorities, ann, 1n, null)))).toBe('balance_too_low');
  });

  it('never goes below zero when many transfers come at once', async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, () => transfer(transferOf(authorities, ann, 700n, ben))),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(4);
    for (const result of results) if (!result.ok) expect(result.code).toBe('balance_too_low');
    expect([await balance(ann), await balance(ben)]).toEqual([200n, 2_800n]);
  });

  it('is retired from for good, and the quota comes back where the terms say so', async () => {
    await setReturns(true);
    const before = await position();
    const receipt = receiptOf(accepted(await transfer(transferOf(authorities, ann, 500n, null))));
    expect(receipt).toMatchObject({ creditTo: null, returned: 500n });
    const after = await position();
    expect(after).toEqual({
      ...before,
      available: before.available + 500n,
      retired: 500n,
      returned: 500n,
      credited: 2_500n,
      outstanding: before.outstanding - 500n,
    });
  });

  it('is not debited by another key, by a currency or an issuer that it has nothing of, or out of time', async () => {
    const now = authorities.clock.nowSeconds();
    const usd = { code: 'USD', exponent: 2 };
    const cases: [Uint8Array, string][] = [
      [transferOf(authorities, ann, 1n, ben, {}, ben), 'signature_invalid'],
      [transferOf(authorities, ben, 1n, ann), 'balance_too_low'],
      [transferOf(authorities, ann, 1n, ben, { currency: usd }), 'quota_missing'],
      [transferOf(authorities, ann, 1n, ben, { issuer: otherIssuer }), 'balance_too_low'],
      [
        transferOf(authorities, ann, 1n, ben, { issuedAt: now + 61, expiresAt: now + 90 }),
        'request_not_yet_valid',
      ],
      [transferOf(authorities, ann, 1n, ben, { issuedAt: now - 9, expiresAt: now }), 'request_expired'],
      [issued.file.controlBit, 'record_type_mismatch'],
    ];
    for (const [bytes, code] of cases) expect(codeOf(await transfer(bytes))).toBe(code);
    const id = nextId(1);
    accepted(await transfer(transferOf(authorities, ann, 1n, ben, { id })));
    expect(codeOf(await transfer(transferOf(authorities, ann, 2n, ben, { id })))).toBe('request_id_conflict');
    expect([await balance(ann), await balance(ben)]).toEqual([2_999n, 1n]);
  });

  it('is shown to an issuer as far as its own currency is in it', async () => {
    const shown = (name: string) => authorities.settlements.account(ann.key.keyId, { issuer: name });
    expect(await shown(issuer)).toEqual([{ issuer, currency: 'EUR', amount: 3_000n }]);
    expect(await shown(otherIssuer)).toEqual([]);
  });
});

describe('a stop', () => {
  freshEach();
  it('holds up neither retirements nor transfers, nor what a crash left of them; only what takes quota', async () => {
    const dead = await authorities.restart({ wrapSigner: dying('retirement') });
    authorities = dead;
    const file = retirementOf(authorities, ann, issued, [0], { record: { creditTo: ann.key.keyId } });
    await expect(retire(file)).rejects.toThrow('cut off');
    await authorities.stores.quota.stop(stopOf('halt', authorities.clock.nowMs()));
    authorities = await authorities.restart();
    expect(await authorities.quotaControl.finishUnsigned()).toBe(1);
    accepted(await retire(file));
    accepted(await transfer(transferOf(authorities, ann, 400n, ben)));
    accepted(await retire(retirementOf(authorities, ben, issued, [5])));
    expect(await position()).toMatchObject({ retired: 2_000n, credited: 1_000n });
    const asked = await authorities.issuance.issue(draft([{ value: 1n, count: 1 }], authorities.clock));
    expect(asked.ok && asked.value.kind === 'issued').toBe(false);
  });

  it('leaves a control bit unsigned that a crash left, and finishes the settlement beside it', async () => {
    authorities = await authorities.restart({ wrapSigner: dying('control-bit', 'retirement') });
    const file = retirementOf(authorities, ann, issued, [0]);
    await expect(retire(file)).rejects.toThrow('cut off');
    const asked = await authorities.issuance
      .issue(draft([{ value: 100n, count: 1 }], authorities.clock))
      .catch(() => undefined);
    expect(asked?.ok ?? false).toBe(false);
    await authorities.stores.quota.stop(stopOf('halt', authorities.clock.nowMs()));
    authorities = await authorities.restart();
    expect((await authorities.stores.quota.unsigned()).map(({ kind }) => kind).sort()).toEqual([
      'control-bit',
      'retirement',
    ]);
    expect(await authorities.quotaControl.finishUnsigned()).toBe(1);
    expect((await authorities.stores.quota.unsigned()).map(({ kind }) => kind)).toEqual(['control-bit']);
  });
});

/** The store with some of its methods exchanged. */
function exchanged(store: Store, others: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name: keyof Store) {
      const method = others[name] ?? target[name];
      return typeof method === 'function' ? method.bind(target) : method;
    },
  });
}

/** A signer of quota control that fails for these purposes, as if the process had ended there. */
function dying(...purposes: string[]): NonNullable<AuthorityOptions['wrapSigner']> {
  return (signer, role) =>
    role !== 'quota'
      ? signer
      : {
          publicKey: signer.publicKey,
          holds: (id) => signer.holds(id),
          check: () => signer.check(),
          close: () => signer.close(),
          sign: async (message, request) => {
            if (request !== undefined && purposes.includes(request.purpose)) throw new Error('cut off');
            return signer.sign(message, request);
          },
        };
}

describe('a crash', () => {
  freshEach();

  it('between commit and signature has no receipt by its id until it is signed, and then the one that was stored', async () => {
    const file = retirementOf(authorities, ann, issued, [0]);
    const { id } = accepted(decodeRetirementFile(file)).retirement.record;
    const receipt = () => authorities.settlements.receipt('retirement', id, 'operator');
    expect(codeOf(await receipt())).toBe('settlement_unknown');
    authorities = await authorities.restart({ wrapSigner: dying('retirement') });
    await expect(retire(file)).rejects.toThrow();
    expect(codeOf(await receipt())).toBe('in_progress');
    authorities = await authorities.restart({ wrapSigner: (signer) => signer });
    const signed = accepted(await retire(file));
    expect(accepted(await receipt())).toEqual(signed);
    const asking = { issuer: otherIssuer };
    expect(codeOf(await authorities.settlements.receipt('retirement', id, asking))).toBe('issuer_mismatch');
  });

  it('between commit and signature is finished by the caller as well as by the start', async () => {
    authorities = await authorities.restart({ wrapSigner: dying('retirement') });
    const file = retirementOf(authorities, ann, issued, [0]);
    await expect(retire(file)).rejects.toThrow('cut off');
    authorities = await authorities.restart();
    const receipt = accepted(await retire(file));
    expect(receiptOf(receipt).total).toBe(1_000n);
    expect(await authorities.quotaControl.finishUnsigned()).toBe(0);
    // Another retirement of the same unit meanwhile would have been refused: the unit is spent by the commit.
    expect(codeOf(await retire(retirementOf(authorities, ann, issued, [0])))).toBe('unit_spent');
  });
});
