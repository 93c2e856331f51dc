/**
 * Owners who settle at a quota control that lies, and what it tells central management of that. Owners lie too: they sign for a unit twice, and
 * for more than their account has.
 */
import { sha256, toHex } from '../../src/kit/bytes.ts';
import type { Clock } from '../../src/kit/clock.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { succeed } from '../../src/kit/result.ts';
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import { leafHash } from '../../src/records/merkle.ts';
import { ownerOfKey } from '../../src/records/owner.ts';
import { encodeRetirement } from '../../src/records/retirement.ts';
import { decodeSettlement, encodeSettlement, type SettlementRecord } from '../../src/records/settlement.ts';
import { encodeTransfer } from '../../src/records/transfer.ts';
import { commitOwner, decodeUnit } from '../../src/records/unit.ts';
import type { ListSettled, SettledItem, SettledItems } from '../../src/roles/settled-list.ts';
import type { QuotaPosition, UnitSerial } from '../../src/store/store.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { accepted, testKey } from '../records/samples.ts';
import { issuer } from '../roles/authorities.ts';
import { flipped, signAs } from './forgery.ts';
import { type LiarKeys, makeSigner } from './keys.ts';

const euro = { code: 'EUR', exponent: 2 } as const;
const ownerOf = (name: string) => ({ ...makeSigner(name), publicKey: testKey(name).key });
const owners = [ownerOf('ann'), ownerOf('ben')] as const;
const thief = ownerOf('thief');
type Owner = typeof thief;

interface Holding {
  readonly serial: UnitSerial;
  readonly hash: Uint8Array;
  readonly value: bigint;
  readonly owner: Owner;
  readonly blinding: Uint8Array;
}

/** What somebody signs. */
interface Will {
  readonly by: Owner;
  readonly units: readonly Holding[];
  readonly total: bigint;
  readonly creditTo: Uint8Array | null;
}

export class SettledLies {
  /** As quota control has them, in their order. */
  private readonly settled: SettledItem[] = [];
  private readonly commitments = new Map<string, { owner: Owner; blinding: Uint8Array }>();
  private held: Holding[] = [];
  private readonly spent: Holding[] = [];
  private readonly balances = new Map<Owner, bigint>();
  /** What owners have signed away: units, each once, and what is retired for good. */
  private readonly signed = { units: new Map<string, bigint>(), forGood: 0n };
  /** Of instructions, by id, that an owner signed. */
  private readonly wills = new Set<string>();
  private readonly draw: Draw;
  private readonly keys: LiarKeys;
  private readonly clock: Clock;

  constructor({ draw, keys, clock }: { draw: Draw; keys: LiarKeys; clock: Clock }) {
    this.draw = draw;
    this.keys = keys;
    this.clock = clock;
  }

  /** Of one of the owners. */
  commitment(): Uint8Array {
    const owner = this.draw.pick(owners);
    const blinding = this.draw.bytes(32);
    const commitment = commitOwner(ownerOfKey(owner.publicKey.keyId), blinding);
    this.commitments.set(toHex(commitment), { owner, blinding });
    return commitment;
  }

  /** A currency file that a caller was handed out. */
  got(file: Uint8Array): void {
    const decoded = decodeCurrencyFile(file);
    if (!decoded.ok) return;
    for (const leaf of decoded.value.leaves) {
      const unit = decodeUnit(leaf);
      const known = unit.ok ? this.commitments.get(toHex(unit.value.owner)) : undefined;
      if (!unit.ok || known === undefined) continue;
      const { epoch, sequence, index, value } = unit.value;
      this.held.push({ serial: { epoch, sequence, index }, hash: leafHash(leaf), value, ...known });
    }
  }

  /** An owner retires units or moves what is in its account; some of them cheat. */
  async settle(): Promise<string> {
    const { draw } = this;
    const by = draw.pick(owners);
    const cheats = draw.chance(15);
    const creditTo = draw.chance(50) ? null : draw.pick(owners).publicKey.keyId;
    const from = cheats ? this.spent : this.held;
    const units = from.filter(({ owner }) => owner === by).slice(0, 1 + draw.below(2));
    if (units.length > 0 && draw.chance(60)) {
      if (!cheats) this.held = this.held.filter((one) => !units.includes(one));
      const total = units.reduce((sum, { value }) => sum + value, 0n);
      await this.take({ by, units, total, creditTo });
      return cheats ? 'units again' : 'units';
    }
    const balance = this.balances.get(by) ?? 0n;
    const total = cheats ? 500n : balance / BigInt(1 + draw.below(2));
    if (total <= 0n) return 'nothing there';
    const other = creditTo === by.publicKey.keyId ? null : creditTo;
    await this.take({ by, units: [], total, creditTo: other });
    return cheats ? 'more than there is' : 'of an account';
  }

  /** The owner signs it: whatever comes of it, so much is signed away. */
  private async take(will: Will): Promise<void> {
    const { by, units, total, creditTo } = will;
    for (const unit of units) {
      this.signed.units.set(toHex(unit.hash), unit.value);
      if (!this.spent.includes(unit)) this.spent.push(unit);
    }
    if (creditTo === null) this.signed.forGood += total;
    if (units.length === 0) this.balances.set(by, (this.balances.get(by) ?? 0n) - total);
    const to = owners.find(({ publicKey }) => publicKey.keyId === creditTo);
    if (to !== undefined) this.balances.set(to, (this.balances.get(to) ?? 0n) + total);
    this.settled.push(await this.itemOf(will));
  }

  private async itemOf(
    { by, units, total, creditTo }: Will,
    receipt: Partial<SettlementRecord> = {},
    signer = by,
  ): Promise<SettledItem> {
    const now = this.clock.nowSeconds();
    const sorted = [...units].sort((a, b) => (toHex(a.hash) < toHex(b.hash) ? -1 : 1));
    const instruction = {
      id: this.draw.bytes(16),
      issuer,
      issuedAt: now,
      expiresAt: now + 600,
      currency: euro,
      total,
      ownerKey: by.publicKey,
      creditTo,
      reason: 'liars',
    };
    const toBeSigned =
      units.length === 0
        ? encodeTransfer(instruction)
        : encodeRetirement({ ...instruction, units: sorted.map(({ hash }) => hash) });
    if (signer === by && by !== thief) this.wills.add(toHex(instruction.id));
    // In the name of `by`, whoever signs.
    const bytes = await signAs(signer, toBeSigned);
    const record = {
      id: instruction.id,
      settledHash: sha256(toBeSigned),
      issuer,
      issuedAt: now,
      currency: euro,
      total,
      count: units.length,
      creditTo,
      returned: creditTo === null ? total : 0n,
      ...receipt,
    };
    const { quota } = this.keys.of;
    return {
      kind: units.length === 0 ? 'transfer' : 'retirement',
      evidence: units.length === 0 ? bytes : encodeCbor([bytes, sorted.map(({ blinding }) => blinding)]),
      units: sorted.map(({ serial }) => serial),
      receipt: await signAs(quota, encodeSettlement(record, quota.publicKey.keyId)),
    };
  }

  /** The list of quota control's, true or not. */
  readonly list: ListSettled = async ({ after }) => {
    const { draw } = this;
    if (draw.chance(3)) return { ok: false, code: 'peer_unavailable', message: 'a lie' };
    const truth = this.truthAfter(after);
    // What is new is asked for once.
    if (truth.items.length > 0 && draw.chance(25)) return succeed(await this.inflated(truth));
    return succeed(draw.chance(40) ? truth : await draw.pick(this.lies)(truth));
  };

  private truthAfter(after: string | undefined): SettledItems {
    const from = Number(after ?? '0') || 0;
    const items = this.settled.slice(from, from + 5);
    const to = from + items.length;
    return { items, next: String(to), more: to < this.settled.length };
  }

  /** Units that nobody has retired, or others. */
  private loot(): Holding[] {
    const found = this.held.length === 0 ? this.spent : this.held;
    return found.slice(-2);
  }

  private async with(truth: SettledItems, will: Will, ...rest: [Partial<SettlementRecord>?, Owner?]) {
    return { ...truth, items: [...truth.items, await this.itemOf(will, ...rest)] };
  }

  private readonly lies: readonly ((truth: SettledItems) => Promise<SettledItems> | SettledItems)[] = [
    (truth) => ({ ...truth, items: [...truth.items, ...truth.items] }),
    (truth) => ({ ...truth, items: [...truth.items].reverse() }),
    (truth) => ({ ...truth, items: truth.items.slice(1) }),
    (truth) => ({ ...truth, items: [] }),
    (truth) => ({ ...truth, items: this.settled.slice(-20) }),
    (truth) => ({ ...truth, next: this.draw.pick(['0', 'nonsense', '1000000']), more: this.draw.chance(50) }),
    // Signatures of others, or none.
    (truth) => ({ ...truth, items: truth.items.map((item) => ({ ...item, receipt: item.evidence })) }),
    (truth) => ({
      ...truth,
      items: truth.items.map((item) => ({ ...item, evidence: flipped(item.evidence, this.draw) })),
    }),
    (truth) => ({
      ...truth,
      items: truth.items.map((item) => ({ ...item, receipt: flipped(item.receipt, this.draw) })),
    }),
    (truth) => {
      const [first] = truth.items;
      return { ...truth, items: truth.items.map((item) => ({ ...item, units: first?.units ?? [] })) };
    },
    (truth) => {
      const receipt = this.settled.at(-1)?.receipt;
      return {
        ...truth,
        items: truth.items.map((item) => ({ ...item, receipt: receipt ?? item.receipt })),
      };
    },
    (truth) => this.inflated(truth),
    // An owner that is in it: its own unit, for more than that is worth.
    (truth) => this.overvalued(truth),
    // Retirements that no owner signed.
    (truth) => this.robbed(truth, this.loot(), {}),
    (truth) =>
      this.robbed(
        truth,
        this.loot().map((one) => ({ ...one, owner: thief })),
        {},
      ),
    (truth) =>
      this.robbed(
        truth,
        this.loot().map((one) => ({ ...one, value: one.value * 100n, owner: thief })),
        {},
      ),
    // Units that were never issued.
    (truth) =>
      this.robbed(
        truth,
        [
          {
            serial: { epoch: 1, sequence: 10_000 + this.draw.below(1_000), index: 0 },
            hash: this.draw.bytes(32),
            value: 900n,
            owner: thief,
            blinding: this.draw.bytes(32),
          },
        ],
        {},
      ),
    // An account that has nothing, and its own key.
    (truth) => this.with(truth, { by: thief, units: [], total: 900n, creditTo: null }),
    // Of an owner's transfer: another amount in the receipt.
    (truth) =>
      this.with(truth, { by: thief, units: [], total: 1n, creditTo: null }, { total: 900n, returned: 900n }),
    (truth) => this.with(truth, { by: owners[0], units: [], total: 900n, creditTo: null }, {}, thief),
  ];

  /** Receipts of more than their owners signed away. */
  private async inflated(truth: SettledItems): Promise<SettledItems> {
    const { quota } = this.keys.of;
    const items = truth.items.map(async (item) => {
      const { record } = accepted(decodeSettlement(item.receipt));
      const total = record.total + 700n;
      const returned = record.creditTo === null ? total : 0n;
      const more = encodeSettlement({ ...record, total, returned }, quota.publicKey.keyId);
      return { ...item, receipt: await signAs(quota, more) };
    });
    return { ...truth, items: await Promise.all(items) };
  }

  private async overvalued(truth: SettledItems): Promise<SettledItems> {
    const unit = this.held.pop();
    if (unit === undefined) return truth;
    const total = unit.value + 700n;
    this.spent.push(unit);
    this.signed.units.set(toHex(unit.hash), unit.value);
    this.signed.forGood += total;
    return this.with(truth, { by: unit.owner, units: [unit], total, creditTo: null });
  }

  private robbed(truth: SettledItems, units: readonly Holding[], receipt: Partial<SettlementRecord>) {
    const by = units[0]?.owner ?? thief;
    const total = units.reduce((sum, { value }) => sum + value, 0n);
    if (total === 0n) return truth;
    // In the owner's name, but for where the thief calls it its own.
    return this.with(truth, { by, units, total, creditTo: null }, receipt, thief);
  }

  /**
   * INVARIANT: what came back in central management's account was retired for good by whoever owned it, and was of units that are spent by
   * that, each once.
   */
  check({ returned }: QuotaPosition): void {
    const { forGood } = this.signed;
    const spent = this.spentValue();
    if (returned > forGood)
      throw new Broken(`returned: ${returned} came back, and owners have retired ${forGood}`);
    if (returned > spent) throw new Broken(`returned: ${returned} came back of units of ${spent}`);
  }

  /** INVARIANT: what central management follows, an owner has signed. */
  checkFollowed(id: Uint8Array): void {
    if (!this.wills.has(toHex(id))) throw new Broken(`followed: ${toHex(id)}, which no owner has signed`);
  }

  /** What is in nobody's hands any more, at least. */
  get gone(): bigint {
    const spent = this.spentValue();
    return spent < this.signed.forGood ? spent : this.signed.forGood;
  }

  private spentValue(): bigint {
    return [...this.signed.units.values()].reduce((sum, value) => sum + value, 0n);
  }
}
