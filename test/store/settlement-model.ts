/** A plain model of what is issued, spent, retired and in accounts, and the commands that it is compared by. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { equalBytes } from '../../src/kit/bytes.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';
import type { Committed, NewIntent, Settlement, Store, UnitSerial } from '../../src/store/store.ts';
import type { StoreUnderTest } from './contract.ts';
import {
  account,
  bytes,
  changeOf,
  day,
  issuer,
  newIntent,
  noon,
  settling,
  take,
  terms,
  termsAction,
} from './intents.ts';

const names = ['a', 'b', 'c'] as const;
const epoch = 1;
const start = noon(day);

type Step =
  | { what: 'issue'; values: readonly bigint[] }
  /** `picks`: which of all units, spent ones as well; `over`: how much more than they are worth. */
  | { what: 'retire'; picks: readonly number[]; to: string | null; stale: boolean; over: bigint }
  | { what: 'transfer'; from: string; to: string | null; amount: bigint; stale: boolean };

export type SettlementCommand =
  /** Steps are decided together, in one commit. */
  | { what: 'commit'; steps: readonly Step[] }
  | { what: 'sign' | 'reopen' }
  | { what: 'change'; allocated: bigint; returns: boolean };

const anyAccount = fc.constantFrom(...names);
const anyTo = fc.option(anyAccount, { nil: null, freq: 1 });
const rarely = fc.integer({ min: 0, max: 4 }).map((one) => one === 4);

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('issue' as const),
      values: fc.array(fc.bigInt({ min: 1n, max: 120n }), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('retire' as const),
      picks: fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 3 }),
      to: anyTo,
      stale: rarely,
      over: rarely.map((more) => (more ? 2_000n : 0n)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('transfer' as const),
      from: anyAccount,
      to: anyTo,
      amount: fc.bigInt({ min: 1n, max: 60n }),
      stale: rarely,
    }),
  },
);

export const anySettlementCommand: fc.Arbitrary<SettlementCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('commit' as const),
      steps: fc.array(anyStep, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('sign' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('reopen' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('change' as const),
      allocated: fc.bigInt({ min: 0n, max: 2_000n }),
      returns: fc.boolean(),
    }),
  },
);

interface Unit {
  readonly serial: UnitSerial;
  readonly value: bigint;
  spentBy: Uint8Array | undefined;
}

interface Issue {
  readonly id: Uint8Array;
  readonly units: readonly Unit[];
  signed: boolean;
}

/**
 * Keeps single units, and each total is added up anew: nothing is carried on as a number. Of central management's ledger what it approves counts
 * as issued at once, and what it settles was settled before.
 */
export class SettlementModel {
  private readonly role: 'central' | 'quota';
  private terms: QuotaTerms = terms(1_000n, 10n ** 12n);
  private version = 1;
  private turn = 0;
  private readonly issues: Issue[] = [];
  private readonly retired: { readonly amount: bigint; readonly returned: bigint }[] = [];
  private readonly moves: { readonly name: string; readonly by: bigint }[] = [];

  constructor(role: 'central' | 'quota') {
    this.role = role;
  }

  async run(command: SettlementCommand, under: StoreUnderTest): Promise<void> {
    switch (command.what) {
      case 'commit':
        await this.commit(command.steps, under.store);
        break;
      case 'sign':
        await this.sign(under.store);
        break;
      case 'reopen':
        await under.reopen();
        break;
      case 'change':
        await this.change(command, under.store);
    }
    await this.compare(under.store);
  }

  /** What the store says, and that nothing is lost or made. */
  async compare(store: Store): Promise<void> {
    const found = await store.position(issuer, 'EUR', start);
    if (found === undefined) throw new Error('no position');
    const { inUnits, balances } = this;
    const inAccounts = sum(names.map((name) => balances(name)));
    expect(found).toMatchObject({
      version: this.version,
      returns: this.terms.returns,
      issued: this.issued,
      reserved: this.reserved,
      retired: sum(this.retired.map(({ amount }) => amount)),
      returned: this.returned,
      credited: inAccounts,
      outstanding: inUnits + inAccounts,
      available: this.available,
    });
    expect(found.issued).toBe(inUnits + inAccounts + found.retired);
    expect(found.available).toBe(found.allocated - found.reserved - found.issued + found.returned);
    expect(found.available).toBeGreaterThanOrEqual(0n);
    for (const name of names) {
      const amount = balances(name);
      expect(amount).toBeGreaterThanOrEqual(0n);
      expect(await store.balances(account(name))).toEqual(
        amount === 0n ? [] : [{ issuer, currency: 'EUR', amount }],
      );
    }
    const { units } = this;
    expect(await store.findSpent(units.map(({ serial }) => serial))).toEqual(
      units.map(({ spentBy }) => spentBy),
    );
  }

  private async commit(steps: readonly Step[], store: Store): Promise<void> {
    const asked: { readonly intent: NewIntent; readonly expected: string }[] = [];
    for (const step of steps) {
      this.turn++;
      if (step.what === 'issue') asked.push(this.issue(step.values));
      else {
        const settles = step.what === 'retire' ? this.retirement(step) : this.transfer(step);
        if (settles !== undefined) asked.push(this.settle(settles));
      }
    }
    const committed = await store.commit(asked.map(({ intent }) => intent));
    expect(committed.map(outcome)).toEqual(asked.map(({ expected }) => expected));
  }

  private issue(values: readonly bigint[]): { intent: NewIntent; expected: string } {
    const number = this.turn;
    const isCentral = this.role === 'central';
    const intent = isCentral
      ? newIntent(number, {
          kind: 'credential',
          approves: { issuer, currency: 'EUR', amount: sum(values) },
        })
      : newIntent(number, { ...take(sum(values)), serial: { epoch, number } });
    if (sum(values) > this.available) return { intent, expected: 'quota_exceeded' };
    const units = values.map((value, index) => ({
      serial: { epoch, sequence: number, index },
      value,
      spentBy: undefined,
    }));
    this.issues.push({ id: intent.id, units, signed: isCentral });
    return { intent, expected: 'created' };
  }

  /** Of nothing where nothing was issued yet. */
  private retirement({ picks, to, stale, over }: Step & { what: 'retire' }): Partial<Settlement> | undefined {
    const all = this.issues.filter(({ signed }) => signed).flatMap(({ units }) => units);
    const picked = [...new Set(picks.map((pick) => all[pick % all.length]))].filter(
      (one) => one !== undefined,
    );
    if (picked.length === 0) return undefined;
    const amount = sum(picked.map(({ value }) => value)) + over;
    const target = to === null ? null : account(to);
    const returned = this.returnedBy(amount, to, stale);
    return { amount, units: picked.map(({ serial }) => serial), to: target, returned };
  }

  private transfer({ from, to, amount, stale }: Step & { what: 'transfer' }): Partial<Settlement> {
    const target = to === null ? null : account(to);
    return { amount, from: account(from), to: target, returned: this.returnedBy(amount, to, stale) };
  }

  /** By the terms, or by terms that are not in force. */
  private returnedBy(amount: bigint, to: string | null, stale: boolean): bigint {
    if (to !== null) return 0n;
    return this.terms.returns !== stale ? amount : 0n;
  }

  private settle(changed: Partial<Settlement>): { intent: NewIntent; expected: string } {
    const isCentral = this.role === 'central';
    const followed = isCentral ? ({ followed: true } as const) : {};
    const intent = settling(this.turn, changed.amount ?? 0n, { ...changed, ...followed });
    const { amount, from, to, returned } = intent.settles;
    const spent = this.units.filter(({ serial }) => intent.settles.units.includes(serial));
    const nameOf = (id: Uint8Array): string => names.find((name) => equalBytes(account(name), id)) ?? '';
    if (spent.some(({ spentBy }) => spentBy !== undefined)) return { intent, expected: 'unit_spent' };
    if (from !== null && this.balances(nameOf(from)) < amount) return { intent, expected: 'balance_too_low' };
    if (from === null && amount > this.inUnits) return { intent, expected: 'outstanding_exceeded' };
    const due = to === null && this.terms.returns ? amount : 0n;
    if (returned !== due && !(isCentral && returned === 0n)) return { intent, expected: 'quota_changed' };
    for (const unit of spent) unit.spentBy = intent.id;
    if (from !== null) this.moves.push({ name: nameOf(from), by: -amount });
    if (to === null) this.retired.push({ amount, returned });
    else this.moves.push({ name: nameOf(to), by: amount });
    return { intent, expected: 'created' };
  }

  private async sign(store: Store): Promise<void> {
    // All but the last, so that there mostly is one that is not issued yet.
    const waiting = this.issues.slice(0, -1).filter(({ signed }) => !signed);
    const signed = bytes(64, 'signed');
    await store.recordSigned(waiting.map(({ id }) => ({ kind: 'control-bit', id, signed })));
    for (const issue of waiting) issue.signed = true;
  }

  private async change(
    { allocated, returns }: SettlementCommand & { what: 'change' },
    store: Store,
  ): Promise<void> {
    this.turn++;
    const to = { ...this.terms, allocated, returns };
    const action = termsAction(this.version, to);
    const done = await store.applyChange(changeOf(action, start, `turn ${this.turn}`));
    const least = this.issued + this.reserved - this.returned;
    expect(done.ok ? 'changed' : done.code).toBe(allocated < least ? 'allocation_below_issued' : 'changed');
    if (!done.ok) return;
    this.terms = to;
    this.version++;
  }

  private get units(): readonly Unit[] {
    return this.issues.flatMap(({ units }) => units);
  }

  private get issued(): bigint {
    return sum(this.issues.filter(({ signed }) => signed).flatMap(({ units }) => units.map(worthOf)));
  }

  private get reserved(): bigint {
    return sum(this.issues.filter(({ signed }) => !signed).flatMap(({ units }) => units.map(worthOf)));
  }

  private get returned(): bigint {
    return sum(this.retired.map(({ returned }) => returned));
  }

  private get available(): bigint {
    return this.terms.allocated - this.issued - this.reserved + this.returned;
  }

  /** Of issued units those that are not spent. */
  private get inUnits(): bigint {
    const issued = this.issues.filter(({ signed }) => signed).flatMap(({ units }) => units);
    return sum(issued.filter(({ spentBy }) => spentBy === undefined).map(worthOf));
  }

  private readonly balances = (name: string): bigint =>
    sum(this.moves.filter((move) => move.name === name).map(({ by }) => by));
}

function outcome(committed: Committed): string {
  if (!committed.ok) return committed.code;
  return committed.value.created ? 'created' : 'known';
}

function worthOf({ value }: Unit): bigint {
  return value;
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
