/**
 * Three honest systems whose clocks are wrong: ten years ahead or behind, put back, frozen, or another at each look; one of them, or all. Time
 * itself goes on beside them.
 *
 * What holds: Σ authentic ≤ Σ quota; the limits over windows, by the time that quota control has counted, which never goes back; a credential
 * is redeemed only while quota control's clock is between a minute before it was made and its end; whoever gets currency gets what verifies;
 * every refusal has a code that says what to do, and once the clocks are right, and people have put the quota's clock right, orders are issued.
 */
import { toHex } from '../../src/kit/bytes.ts';
import type { Clock } from '../../src/kit/clock.ts';
import { succeed } from '../../src/kit/result.ts';
import { decodeControlBit } from '../../src/records/control-bit.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';
import type { Issuance } from '../../src/roles/issuance.ts';
import { Broken } from '../crash/auditor.ts';
import type { Draw } from '../crash/draw.ts';
import { issuer } from '../roles/authorities.ts';
import { Callers } from './callers.ts';
import { credentialSeconds, House } from './house.ts';
import { startMs } from './keys.ts';
import { Observer } from './observer.ts';
import type { World, WorldOptions } from './sequences.ts';

const yearsMs = 3_652 * 86_400_000;
const roles = ['issuance', 'central', 'quota'] as const;
type Role = (typeof roles)[number];

const day = {
  name: 'day',
  counts: 'amount',
  window: { kind: 'day', timeZone: 'Etc/UTC' },
  maximum: 900n,
} as const;
const hour = {
  name: 'hour',
  counts: 'amount',
  window: { kind: 'rolling', seconds: 3_600 },
  maximum: 400n,
} as const;
const minute = {
  name: 'minute',
  counts: 'orders',
  window: { kind: 'rolling', seconds: 60 },
  maximum: 9n,
} as const;
const terms: QuotaTerms = { allocated: 60_000n, frozen: false, limits: [day, hour, minute], returns: false };

/** What a caller may be told; each is in docs/OPERATIONS.md. */
const told: ReadonlySet<string> = new Set([
  'issued',
  'denied',
  'nothing was placed',
  'draft_field_invalid',
  'key_expired',
  'request_expired',
  'request_not_yet_valid',
  'credential_expired',
  'credential_not_yet_valid',
  'quota_exceeded',
  'daily_limit',
  'rolling_limit',
  'frequency_limit',
]);

/** A clock that somebody sets. */
class WrongClock implements Clock {
  private readonly time: () => number;
  private readonly draw: Draw;
  private offsetMs = 0;
  private frozenMs: number | undefined;
  private jumps = false;

  constructor(time: () => number, draw: Draw) {
    this.time = time;
    this.draw = draw;
  }

  set(how: 'right' | 'off' | 'frozen' | 'jumping', offsetMs = 0): void {
    this.offsetMs = how === 'right' ? 0 : offsetMs;
    this.frozenMs = how === 'frozen' ? this.time() + this.offsetMs : undefined;
    this.jumps = how === 'jumping';
  }

  nowMs(): number {
    const jump = this.jumps && this.draw.chance(30) ? offsetOf(this.draw) : 0;
    return (this.frozenMs ?? this.time() + this.offsetMs) + jump;
  }

  nowSeconds(): number {
    return Math.floor(this.nowMs() / 1_000);
  }
}

/** Seconds to ten years, to either side. */
function offsetOf(draw: Draw): number {
  const most = draw.pick([1_000, 61_000, 400_000, 4_000_000, 86_400_000, 40 * 86_400_000, yearsMs, yearsMs]);
  const by = most === yearsMs ? yearsMs : draw.below(most);
  return draw.chance(50) ? by : -by;
}

interface Take {
  readonly sequence: number;
  readonly atMs: number;
  readonly total: bigint;
  readonly orders: number;
}

class WrongClocks implements World {
  readonly actions: World['actions'];
  readonly told: readonly string[] = [];
  private readonly house: House;
  private readonly draw: Draw;
  private readonly observer: Observer;
  private readonly callers: Callers;
  private readonly clocks: Readonly<Record<Role, WrongClock>>;
  private issuance!: Issuance;
  private nowMs = startMs;
  private readonly takes = new Map<string, Take>();
  /** Numbers of the journal at which people put the quota's clock right, and to when. */
  private readonly resets: { sequence: number; atMs: number }[] = [];

  constructor(options: WorldOptions) {
    this.draw = options.draw;
    this.house = new House({ ...options, allocated: terms.allocated, dayLimit: 0n, terms });
    const right: Clock = { nowMs: () => this.nowMs, nowSeconds: () => Math.floor(this.nowMs / 1_000) };
    const source = options.draw.branch('clocks');
    const make = (): WrongClock => new WrongClock(() => this.nowMs, source);
    this.clocks = { issuance: make(), central: make(), quota: make() };
    this.observer = new Observer({ ...options, clock: right });
    this.callers = new Callers({
      observer: this.observer,
      issuance: () => this.issuance,
      clock: right,
      draw: this.draw,
      denialsLast: true,
    });
    this.actions = [
      ['orders', 50, () => this.telling(() => this.callers.place())],
      ['an order again', 15, () => this.telling(() => this.callers.again())],
      ['a clock is set', 20, async () => this.setClock()],
      ['all clocks are set', 6, async () => this.setAll()],
      ['a clock is put right', 8, async () => this.putRight()],
      ['time passes', 25, async () => this.pass()],
      ['a restart', 2, () => this.restart()],
    ];
  }

  async open(): Promise<this> {
    for (const role of roles) await this.house.open(role);
    this.serve();
    return this;
  }

  private serve(): void {
    const quotaControl = this.house.makeQuotaControl(this.clocks.quota);
    // It is told of no limit over a window, so that each is held by quota control alone.
    const central = this.house.makeCentral(
      {
        quotaPositions: async () =>
          succeed((await quotaControl.positions()).map((position) => ({ ...position, limits: [] }))),
        quotaChanges: async () => succeed([]),
        lastWords: async (_, ids, close) => succeed(await this.issuance.closings.lastWords(ids, close)),
      },
      this.clocks.central,
    );
    this.issuance = this.house.makeIssuance(
      'issuance',
      {
        submitRequest: (bytes) => {
          this.callers.sends(bytes);
          return central.submit(bytes, issuer);
        },
        redeemCredential: async (bytes) => {
          const answer = await quotaControl.redeem(bytes, issuer);
          if (answer.ok) await this.take(answer.value);
          return answer;
        },
      },
      this.clocks.issuance,
    );
  }

  private async telling(act: () => Promise<string>): Promise<string> {
    const outcome = await act();
    for (const code of outcome.split(' and '))
      if (!told.has(code)) throw new Broken(`a clear code: a caller was told \`${code}\``);
    return outcome;
  }

  private async take(bytes: Uint8Array): Promise<void> {
    const decoded = decodeControlBit(bytes);
    if (!decoded.ok) throw new Broken(decoded.message);
    const { requestId, issuedAt, total, orders, sequence } = decoded.value.record;
    const key = toHex(requestId);
    if (this.takes.has(key)) return;
    const intent = await this.house.store('quota').findIntent('control-bit', requestId);
    const credential = await this.house.credentialOf(requestId);
    if (intent === undefined || credential === undefined) throw new Broken('a control bit has a credential');
    const count = orders.reduce((sum, run) => sum + run.count, 0);
    this.takes.set(key, { sequence, atMs: intent.createdMs, total, orders: count });
    const { issuedAt: madeAt, expiresAt } = credential;
    if (expiresAt !== madeAt + credentialSeconds) throw new Broken('a credential lives as long as it is to');
    if (issuedAt < madeAt - 60 || issuedAt >= expiresAt)
      throw new Broken(
        `a credential lives no longer: one of ${madeAt} to ${expiresAt} was redeemed at ${issuedAt}`,
      );
  }

  private setClock(): string {
    const how = this.draw.pick(['off', 'off', 'frozen', 'jumping'] as const);
    this.clocks[this.draw.pick(roles)].set(how, offsetOf(this.draw));
    return how;
  }

  /** To one wrong time, or each to its own. */
  private setAll(): string {
    const how = this.draw.pick(['off', 'frozen', 'jumping'] as const);
    const one = this.draw.chance(60) ? offsetOf(this.draw) : undefined;
    for (const role of roles) this.clocks[role].set(how, one ?? offsetOf(this.draw));
    return how;
  }

  private putRight(): string {
    const which = this.draw.chance(40) ? roles : [this.draw.pick(roles)];
    for (const role of which) this.clocks[role].set('right');
    return which.length === 1 ? 'one' : 'all';
  }

  private pass(): string {
    this.nowMs += this.draw.pick([100, 5_000, 61_000, 301_000, 3_600_000, 30_000_000]);
    return 'later';
  }

  private async restart(): Promise<string> {
    for (const role of roles) {
      await this.house.close(role);
      await this.house.open(role);
    }
    this.serve();
    return 'the same databases';
  }

  async check(): Promise<void> {
    const position = await this.house.store('quota').position(issuer, 'EUR', this.nowMs);
    if (position === undefined) throw new Broken('quota: there is none');
    const { issued, reserved, available, allocated } = position;
    if (issued + reserved + available !== allocated) throw new Broken('conservation of the quota');
    if (this.observer.total() > issued) throw new Broken('Σ authentic ≤ Σ quota');
  }

  /** Each limit, held against every window that ends at a take, by plain sums; and then the clocks are put right. */
  async finish(): Promise<void> {
    this.checkWindows();
    for (const role of roles) this.clocks[role].set('right');
    this.nowMs += 2 * 86_400_000;
    // People who look at the quota see that its time is ahead, and put it right.
    const store = this.house.store('quota');
    if (((await store.position(issuer, 'EUR', 0))?.atMs ?? 0) > this.nowMs) {
      const applied = await this.house.resetQuotaClock(Math.floor(this.nowMs / 1_000));
      if (applied !== 'ok') throw new Broken(`stuck: the quota's clock cannot be put right: ${applied}`);
      this.resets.push({ sequence: (await store.head()).sequence, atMs: this.nowMs });
    }
    this.nowMs += 2 * 86_400_000;
    let outcome = 'nothing';
    for (let tries = 0; tries < 20 && !outcome.includes('issued'); tries++) {
      this.nowMs += 3_600_000;
      outcome = await this.telling(() => this.callers.place());
    }
    const { available = 0n } = (await store.position(issuer, 'EUR', this.nowMs)) ?? {};
    if (!outcome.includes('issued') && available > 1_000n)
      throw new Broken(`stuck: with the clocks put right, orders are ${outcome}`);
    for (const order of this.callers.all.slice(-10)) {
      this.callers.placed.add(order);
      await this.telling(() => this.callers.again());
    }
    await this.check();
  }

  private checkWindows(): void {
    let counted = 0;
    const takes = [...this.takes.values()]
      .sort((a, b) => a.sequence - b.sequence)
      .map((take) => {
        counted = Math.max(counted, take.atMs);
        return { ...take, counted };
      });
    for (const [last, { counted: end }] of takes.entries()) {
      const before = takes.slice(Math.max(0, last - 400), last + 1);
      const within = (ms: number) => before.filter((take) => take.counted > end - ms);
      const today = before.filter((take) => dayOf(take.counted) === dayOf(end));
      const sum = (of: typeof takes): bigint => of.reduce((total, take) => total + take.total, 0n);
      if (sum(today) > day.maximum) throw new Broken(`the limit of the day: ${sum(today)}`);
      if (sum(within(3_600_000)) > hour.maximum) throw new Broken('the limit of an hour');
      const orders = within(60_000).reduce((total, take) => total + take.orders, 0);
      if (orders > Number(minute.maximum)) throw new Broken(`the limit of a minute: ${orders} orders`);
    }
  }

  remove(): Promise<void> {
    return this.house.remove();
  }
}

function dayOf(ms: number): number {
  return Math.floor(ms / 86_400_000);
}

export function openWrongClocks(options: WorldOptions): Promise<World> {
  return new WrongClocks(options).open();
}
