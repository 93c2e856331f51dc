/** A plain model of what is kept, used and given back, and the commands that it is compared by. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { NewIntent, ReservationState, Store } from '../../src/store/store.ts';
import type { StoreUnderTest } from './contract.ts';
import {
  bytes,
  changeOf,
  day,
  issuer,
  noon,
  recordOne,
  releaseOf,
  reserving,
  taking,
  termsAction,
} from './intents.ts';

const start = noon(day);

type Step =
  | { what: 'reserve'; amount: bigint; lasts: number }
  /** `of`: which of all reservations, ended ones as well; none where it is null. */
  | { what: 'take'; amount: bigint; of: number | null };

export type ReservationCommand =
  /** Steps are decided together, in one commit. */
  | { what: 'commit'; steps: readonly Step[] }
  | { what: 'sign' | 'reopen' }
  | { what: 'release'; of: number }
  /** How far the clock goes, also back. */
  | { what: 'wait'; by: number }
  | { what: 'change'; allocated: bigint };

const amount = fc.bigInt({ min: 1n, max: 300n });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ what: fc.constant('reserve' as const), amount, lasts: fc.integer({ min: 1, max: 100 }) }),
  fc.record({
    what: fc.constant('take' as const),
    amount,
    of: fc.option(fc.nat({ max: 20 }), { nil: null }),
  }),
);

export const anyReservationCommand: fc.Arbitrary<ReservationCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('commit' as const),
      steps: fc.array(anyStep, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('sign' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('reopen' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('release' as const), of: fc.nat({ max: 20 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('wait' as const), by: fc.integer({ min: -20, max: 60 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('change' as const),
      allocated: fc.bigInt({ min: 0n, max: 2_000n }),
    }),
  },
);

interface Kept {
  readonly name: string;
  readonly amount: bigint;
  readonly expiresMs: number;
  readonly takes: bigint[];
  ended: 'released' | 'expired' | undefined;
}

/** Keeps single takes, and each total is added up anew: nothing is carried on as a number. */
export class ReservationModel {
  private allocated = 1_000n;
  private version = 1;
  private turn = 0;
  private nowMs = start;
  /** Where the quota's clock is: at its last take. */
  private clockMs = 0;
  private readonly kept: Kept[] = [];
  private readonly open: bigint[] = [];
  private readonly unsigned: Uint8Array[] = [];

  async run(command: ReservationCommand, under: StoreUnderTest): Promise<void> {
    switch (command.what) {
      case 'commit':
        await this.commit(command.steps, under.store);
        break;
      case 'sign':
        for (const id of this.unsigned.splice(0)) await recordOne(under.store, id, bytes(64, 1));
        break;
      case 'reopen':
        await under.reopen();
        break;
      case 'release':
        await this.release(command.of, under.store);
        break;
      case 'wait':
        this.nowMs += command.by;
        break;
      case 'change':
        await this.change(command.allocated, under.store);
        break;
    }
    await this.compare(under.store);
  }

  private get atMs(): number {
    return Math.max(this.nowMs, this.clockMs);
  }

  private stateOf({ ended, expiresMs, amount: all, takes }: Kept, atMs = this.atMs): ReservationState {
    if (ended !== undefined) return ended;
    if (sum(takes) === all) return 'used';
    return expiresMs <= atMs ? 'expired' : 'open';
  }

  private get held(): bigint {
    const open = this.kept.filter((one) => this.stateOf(one) === 'open');
    return sum(open.map((one) => one.amount - sum(one.takes)));
  }

  private get taken(): bigint {
    return sum(this.open) + sum(this.kept.flatMap(({ takes }) => takes));
  }

  private get available(): bigint {
    return this.allocated - this.taken - this.held;
  }

  /** What has expired by now is ended for good. */
  private end(): void {
    for (const one of this.kept) if (this.stateOf(one) === 'expired') one.ended = 'expired';
  }

  private async commit(steps: readonly Step[], store: Store): Promise<void> {
    const intents: NewIntent[] = [];
    const expected: string[] = [];
    for (const step of steps) {
      const name = `step ${this.turn++}`;
      if (step.what === 'reserve') {
        const expiresMs = this.nowMs + step.lasts;
        intents.push(reserving(name, step.amount, { expiresMs, atMs: this.nowMs }));
        expected.push(this.reserve(name, step.amount, expiresMs));
      } else {
        const of = step.of === null ? undefined : this.kept[step.of];
        const named = step.of === null ? undefined : (of?.name ?? 'nobody');
        const intent = taking(name, step.amount, {
          atMs: this.nowMs,
          ...(named === undefined ? {} : { of: named }),
        });
        intents.push(intent);
        const outcome = this.take(step.amount, named, of);
        expected.push(outcome);
        if (outcome === 'ok') this.unsigned.push(intent.id);
      }
    }
    const outcomes = await store.commit(intents);
    expect(outcomes.map((one) => (one.ok ? 'ok' : one.code))).toEqual(expected);
  }

  private reserve(name: string, asked: bigint, expiresMs: number): string {
    if (asked > this.available) return 'quota_exceeded';
    if (expiresMs <= this.atMs) return 'reservation_expired';
    this.end();
    this.kept.push({ name, amount: asked, expiresMs, takes: [], ended: undefined });
    return 'ok';
  }

  private take(asked: bigint, named: string | undefined, of: Kept | undefined): string {
    if (named !== undefined) {
      if (of === undefined) return 'reservation_unknown';
      const state = this.stateOf(of);
      if (state === 'expired' || state === 'released') return `reservation_${state}`;
      if (asked > of.amount - sum(of.takes)) return 'reservation_exceeded';
    } else if (asked > this.available) return 'quota_exceeded';
    this.end();
    this.clockMs = this.atMs;
    (of === undefined ? this.open : of.takes).push(asked);
    return 'ok';
  }

  private async release(index: number, store: Store): Promise<void> {
    const one = this.kept[index];
    const released = await store.release({ ...releaseOf(one?.name ?? 'nobody'), createdMs: this.nowMs });
    if (one === undefined) {
      expect(released).toMatchObject({ ok: false, code: 'reservation_unknown' });
      return;
    }
    const state = this.stateOf(one);
    if (state === 'open') one.ended = 'released';
    if (state === 'expired') one.ended = 'expired';
    expect(released).toMatchObject({ ok: true, value: { state: state === 'open' ? 'released' : state } });
  }

  private async change(to: bigint, store: Store): Promise<void> {
    // Times in a change are whole seconds; the moment that it is carried out at is the clock's.
    const change = changeOf(termsAction(this.version, { allocated: to, limits: [] }), this.nowMs);
    const changed = await store.applyChange({ ...change, createdMs: this.nowMs });
    const fits = to >= this.taken + this.held;
    expect(changed.ok ? 'ok' : changed.code).toBe(fits ? 'ok' : 'allocation_below_issued');
    if (!fits) return;
    this.end();
    this.allocated = to;
    this.version++;
  }

  async compare(store: Store): Promise<void> {
    const found = await store.position(issuer, 'EUR', this.nowMs);
    expect(found).toMatchObject({ allocated: this.allocated, held: this.held, available: this.available });
    expect((found?.reserved ?? 0n) + (found?.issued ?? 0n)).toBe(this.taken);
    const listed = await store.reservations({ after: new Uint8Array(16), limit: 1_000, nowMs: this.nowMs });
    const shown = (names: readonly { id: Uint8Array; used: bigint; state: string }[]): string[] =>
      names.map(({ id, used, state }) => `${Buffer.from(id).toString('hex')} ${used} ${state}`).sort();
    expect(shown(listed)).toEqual(
      shown(
        this.kept.map((one) => ({
          id: reserving(one.name, 1n).id,
          used: sum(one.takes),
          state: this.stateOf(one),
        })),
      ),
    );
  }
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, one) => total + one, 0n);
}
