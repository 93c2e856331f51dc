/**
 * The sweep: issues, settlements and reservations one after another over three databases, each cut at a drawn point, and cut again while it is started and asked for
 * again; after each cut the auditor holds every invariant. The same seed draws the same issues and the same cuts.
 */
import { copyFileSync, rmSync } from 'node:fs';
import { equalBytes, toHex } from '../../src/kit/bytes.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import type { Refusal, Result } from '../../src/kit/result.ts';
import { encodeDraft } from '../../src/records/draft.ts';
import { encodeChange } from '../../src/records/quota-change.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import type { IssuanceOutcome } from '../../src/roles/issuance.ts';
import { byOpenssl } from '../records/openssl.ts';
import { approveChange, keys } from '../records/samples.ts';
import type { Tokens } from '../roles/authorities.ts';
import { Auditor } from './auditor.ts';
import { Broken } from './broken.ts';
import { type Draw, drawFrom } from './draw.ts';
import { type Keep, Keeping } from './keeping.ts';
import { type Defect, Plant } from './plant.ts';
import { Cut, type Plan, type Role, roles, type Scope, type Side, sides } from './power.ts';
import { type Sent, Settling } from './settling.ts';

/** What is issued under the cut; each has points of its own. */
const kinds = ['single', 'group', 'denied', 'mixed', 'scarce', 'stopped', 'settled', 'kept'] as const;
/** Or nothing is issued, and central management frees what was not. */
type Kind = (typeof kinds)[number] | 'resolved';

/** Issues over the same databases: more make each start slower, which verifies the whole journal, and fewer make more databases. */
const issuesPerPlant = 25;
/** Points from a start on that a further cut is drawn from: most fall in the start, and early in what is asked again. */
const nearPoints = 16;
const allocated = 30_000n;
const people = { alice: byOpenssl(keys.alice), bob: byOpenssl(keys.bob) };
/** More than central management's confidential ceiling lets pass. */
const tooMuch = 60_001n;

/** Where cuts have fallen, of sweeps that run at once. */
export class Places {
  /** Cuts by point and side. */
  readonly cut = new Map<string, number>();
  /** Points that came by, each with both of its sides. */
  readonly seen = new Set<string>();

  /** What shares a transaction (`a+b`) depends on what arrives together; some of that comes by once in a thousand. */
  get single(): readonly string[] {
    return [...this.seen].filter((place) => !place.includes('+'));
  }

  get missed(): readonly string[] {
    return this.single.filter((place) => !this.cut.has(place));
  }

  /** The side of a point that no cut has fallen on yet. */
  readonly uncut = (name: string): Side | undefined => sides.find((side) => !this.cut.has(`${side} ${name}`));
}

/** So many more cuts are made where a point was seen that none has fallen on. */
const mostMore = 1.3;

export interface SweepOptions {
  readonly tokens: Tokens;
  readonly seed: string;
  readonly cuts: number;
  /** Of all sweeps that run at once; each place is to be cut. */
  readonly places?: Places;
  readonly defect?: Defect;
}

export interface SweepReport {
  readonly cuts: number;
  /** Cuts that fell while a cut system was started or asked again. */
  readonly doubles: number;
  readonly byScope: ReadonlyMap<Scope, number>;
  readonly byKind: ReadonlyMap<string, number>;
  readonly orders: number;
  readonly units: number;
  readonly olderRefused: number;
  readonly plants: number;
}

/** The rule that was broken, with what repeats it. */
export class SweepFailure extends Error {
  readonly cuts: number;
  constructor(cause: unknown, cuts: number, where: string) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(`${message} (${where})`, { cause });
    this.cuts = cuts;
  }
}

interface Order {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly amount: bigint;
}

/** What is asked for until it has an answer. */
type Asked = Order | Sent | Keep;

/** Resolves when as many cuts have fallen; throws SweepFailure where a rule was broken. */
export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const run = new Run(options);
  while (!run.isDone) await run.usePlant();
  return run;
}

class Run implements SweepReport {
  cuts = 0;
  doubles = 0;
  orders = 0;
  units = 0;
  olderRefused = 0;
  plants = 0;
  private readonly places: Places;
  readonly byScope = new Map<Scope, number>();
  readonly byKind = new Map<string, number>();
  private readonly options: SweepOptions;
  /** Points by kind of issue, with how often each of its sides was cut. */
  private readonly cells = new Map<Kind, Map<string, number>>();
  private readonly lengths = new Map<Kind, number>();
  private draw: Draw;
  private plant!: Plant;
  private returns = false;
  private auditor!: Auditor;
  private settling!: Settling;
  private keeping!: Keeping;
  private answered: { order: Order; files: string }[] = [];
  private receipts: { sent: Sent | Keep; receipt: Uint8Array }[] = [];
  private readonly last: string[] = [];

  constructor(options: SweepOptions) {
    this.options = options;
    this.places = options.places ?? new Places();
    this.draw = drawFrom(options.seed);
  }

  get isDone(): boolean {
    const { cuts, places } = this.options;
    if (this.cuts < cuts) return false;
    return places === undefined || places.missed.length === 0 || this.cuts >= mostMore * cuts;
  }

  /** New databases, and a number of issues over them. */
  async usePlant(): Promise<void> {
    const { tokens, seed, defect } = this.options;
    // Of every other one what is retired comes back, and central management follows it.
    this.returns = this.plants % 2 === 1;
    this.draw = drawFrom(`${seed}/${this.plants++}`);
    this.answered = [];
    this.receipts = [];
    this.last.length = 0;
    this.plant = await Plant.make({ tokens, draw: this.draw, allocated, returns: this.returns, defect });
    this.auditor = new Auditor(this.plant, tokens, allocated);
    this.plant.watch = this.auditor;
    try {
      for (const role of roles) await this.plant.open(role);
      this.settling = new Settling(this.plant, this.draw);
      this.keeping = new Keeping(this.plant, this.draw);
      await this.settling.begin();
      await this.keeping.begin();
      for (let issue = 0; issue < issuesPerPlant && !this.isDone; issue++) {
        this.plant.clock.advanceMs(1_000);
        if (this.draw.chance(15)) await this.resolve();
        else await this.issue(this.draw.pick(kinds));
      }
      await this.startFromOlder(this.draw.pick(roles));
      this.orders += this.auditor.sums.orders;
      this.units += this.auditor.sums.units;
    } catch (error) {
      throw new SweepFailure(
        error,
        this.cuts,
        `seed ${seed}, plant ${this.plants - 1}: ${this.last.slice(-12).join(', ')}`,
      );
    } finally {
      await this.plant.remove();
    }
  }

  private async issue(kind: Kind): Promise<void> {
    const { draw, plant } = this;
    let open: readonly Asked[] = this.make(kind);
    if (kind === 'stopped' && draw.chance(50)) await this.stop();
    this.last.push(kind);
    let plan: Plan | undefined = this.makePlan(kind);
    for (let attempt = 0; open.length > 0; attempt++) {
      if (attempt > 60) throw new Broken(`progress: ${open.length} orders have no answer`);
      plant.meter.arm(plan);
      const isCutAgain = attempt > 0;
      const lost = await this.restart(isCutAgain && draw.chance(15));
      if (!lost) open = await this.ask(kind, open);
      const passed = plant.meter.passed.length;
      const wasCut = this.count(kind, isCutAgain);
      if (!isCutAgain && !wasCut) this.lengths.set(kind, Math.max(passed, this.lengths.get(kind) ?? 0));
      plant.meter.arm(undefined);
      plan = attempt < 40 && draw.chance(93) ? this.makePlan(kind, nearPoints) : undefined;
      if (roles.every((role) => !plant.isLost(role))) await this.auditor.check();
      // A caller who never comes back: what was taken for it is lost, or finished by a start.
      if (wasCut && draw.chance(4)) break;
    }
    plant.meter.arm(undefined);
    await this.restart(false);
    await this.start();
    // Or it stays for a later start, while others are served.
    if (draw.chance(50)) for (const role of roles) await plant.finishUnsigned(role);
    await this.auditor.check();
    await this.askAgain();
  }

  /** An order that nobody asks for again, and then a round of central management's, cut and run again until it went through. */
  private async resolve(): Promise<void> {
    const { draw, plant } = this;
    this.last.push('resolved');
    const name = 'issuance → quota credential';
    plant.meter.arm({ at: { name, skip: 0 }, side: draw.pick(sides), scope: 'line' });
    await Promise.all(this.makeOrders('group').map(({ bytes }) => plant.issuance.issue(bytes)));
    plant.meter.arm(undefined);
    if (this.returns) {
      // One settlement alone is to be followed: what came before it is.
      await plant.resolution.run();
      for (const sent of this.settling.make(1)) this.takeReceipt(sent, await this.send(sent));
    }
    // Its credential expires, and clocks may be apart.
    plant.clock.advanceMs(430_000);
    if (draw.chance(10)) await this.stop();
    for (let attempt = 0; ; attempt++) {
      plant.meter.arm(
        attempt < 4 ? this.makePlan('resolved', attempt > 0 ? nearPoints : undefined) : undefined,
      );
      const lost = await this.restart(false);
      const [round] = lost ? [] : await Promise.allSettled([plant.resolution.run()]);
      if (round !== undefined) this.assertExpected(round);
      const passed = plant.meter.passed.length;
      const wasCut = this.count('resolved', attempt > 0);
      if (!wasCut) this.lengths.set('resolved', Math.max(passed, this.lengths.get('resolved') ?? 0));
      plant.meter.arm(undefined);
      if (!wasCut && !lost && attempt > 0) break;
    }
    await this.restart(false);
    await this.start();
    await this.auditor.check();
  }

  /** Opens what has no power; gives whether it was cut again in that. */
  private async restart(all: boolean): Promise<boolean> {
    const { plant, draw } = this;
    const lost = roles.filter((role) => all || plant.isLost(role));
    for (const role of lost) {
      await plant.close(role);
      try {
        await plant.open(role);
        // As the program does it: a start finishes what is left before it serves. Or the caller is quicker.
        if (draw.chance(50)) await plant.finishUnsigned(role);
      } catch (error) {
        if (!(error instanceof Cut)) throw error;
        return true;
      }
    }
    return false;
  }

  /** Asks for each order, with a start finishing at the same moment or not; gives those that have no answer yet. */
  private async ask(kind: Kind, orders: readonly Asked[]): Promise<Asked[]> {
    const { plant, draw } = this;
    if (kind === 'stopped' && draw.chance(40)) await this.start();
    const together = draw.chance(25) ? roles.map((role) => plant.finishUnsigned(role)) : [];
    const stops = kind === 'stopped' && draw.chance(30) ? [this.stop()] : [];
    const [settled, others] = await Promise.all([
      Promise.allSettled(
        orders.map(async (order) =>
          'amount' in order
            ? this.take(order, await plant.issuance.issue(order.bytes))
            : this.takeReceipt(order, await this.send(order)),
        ),
      ),
      Promise.allSettled([...together, ...stops]),
    ]);
    for (const one of others) this.assertExpected(one);
    return orders.filter((_, index) => {
      const one = settled[index];
      if (one === undefined) throw new Error('each order has an outcome');
      this.assertExpected(one);
      return one.status === 'rejected' || !one.value;
    });
  }

  private assertExpected(settled: PromiseSettledResult<unknown>): void {
    if (settled.status === 'fulfilled' || settled.reason instanceof Cut) return;
    if ((settled.reason as { code?: unknown }).code === 'issuance_stopped') return;
    throw settled.reason;
  }

  /** Gives whether this is the last word on the order. */
  private take(order: Order, got: Result<IssuanceOutcome>): boolean {
    if (got.ok) {
      this.auditor.outcome(order.id, order.amount, got.value);
      this.answered.push({ order, files: filesOf(got.value) });
      return true;
    }
    if (got.code === 'peer_unavailable' || got.code === 'issuance_stopped') return false;
    // Others took what was left while the whole request was under way: nothing is issued for it.
    if (got.code === 'quota_exceeded' || got.code === 'daily_limit') return true;
    // As much of the reservation was used, or it has ended, while the request was under way.
    if (['reservation_exceeded', 'reservation_released', 'reservation_expired'].includes(got.code))
      return true;
    // It was cut for so long that its request was closed.
    if (got.code === 'request_closed' || got.code === 'credential_expired') return true;
    throw new Broken(`refusal: an order got \`${got.code}\`: ${got.message}`);
  }

  private send(sent: Sent | Keep): Promise<Result<Uint8Array>> {
    return 'kind' in sent ? this.settling.send(sent) : this.keeping.send(sent);
  }

  private takeReceipt(sent: Sent | Keep, got: Result<Uint8Array>): boolean {
    if (!got.ok) return this.takeRefusal(sent, got);
    this.auditor.receipt(nameOf(sent), got.value);
    if ('kind' in sent) this.settling.settled(sent);
    else this.keeping.settled(sent);
    this.receipts.push({ sent, receipt: got.value });
    return true;
  }

  /** A settlement is never refused; a part of the quota may not be there to be kept. */
  private takeRefusal(sent: Sent | Keep, { code, message }: Refusal): boolean {
    if ('does' in sent && (code === 'peer_unavailable' || code === 'issuance_stopped')) return false;
    if ('does' in sent && sent.does === 'keep' && code === 'quota_exceeded') return true;
    throw new Broken(`refusal: ${nameOf(sent)} got \`${code}\`: ${message}`);
  }

  /** What was answered once is answered so again. */
  private async askAgain(): Promise<void> {
    if (this.receipts.length > 0) {
      const { sent, receipt } = this.draw.pick(this.receipts);
      const again = await this.send(sent);
      if (!again.ok || !equalBytes(again.value, receipt))
        throw new Broken(`an answer is never lost: ${nameOf(sent)} got another receipt`);
    }
    if (this.answered.length === 0) return;
    const { order, files } = this.draw.pick(this.answered);
    const again = await this.plant.issuance.issue(order.bytes);
    if (!again.ok || filesOf(again.value) !== files)
      throw new Broken(`an answer is never lost: order ${order.id} got another one`);
  }

  private count(kind: Kind, isCutAgain: boolean): boolean {
    const { meter } = this.plant;
    const cells = this.cells.get(kind) ?? new Map<string, number>();
    this.cells.set(kind, cells);
    for (const name of meter.passed) {
      if (cells.has(`before ${name}`)) continue;
      for (const side of sides) {
        this.places.seen.add(`${side} ${name}`);
        cells.set(`${side} ${name}`, 0);
      }
    }
    const { fallen } = meter;
    if (fallen === undefined) return false;
    const place = `${fallen.side} ${fallen.name}`;
    this.last.push(`${place} (${fallen.scope})`);
    cells.set(place, (cells.get(place) ?? 0) + 1);
    this.places.cut.set(place, (this.places.cut.get(place) ?? 0) + 1);
    this.byScope.set(fallen.scope, (this.byScope.get(fallen.scope) ?? 0) + 1);
    this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + 1);
    this.cuts++;
    if (isCutAgain) this.doubles++;
    return true;
  }

  /** Half of the cuts go where the fewest of this kind of issue have fallen, and half anywhere; but of places that are each to be cut, one that was not yet is cut as soon as it comes by. */
  private makePlan(kind: Kind, limit = Number.POSITIVE_INFINITY): Plan {
    const { draw } = this;
    const side = draw.pick(sides);
    const scope: Scope = draw.pick(['role', 'role', 'role', 'line', 'line', 'line', 'all']);
    const sooner = this.options.places?.uncut;
    const cells = [...(this.cells.get(kind) ?? [])];
    if (cells.length === 0 || draw.chance(50)) {
      const number = draw.below(Math.min(this.lengths.get(kind) ?? 40, limit));
      return { at: { number }, side, scope, sooner };
    }
    const fewest = cells.toSorted((a, b) => a[1] - b[1]).slice(0, 8);
    const [place, tried] = draw.pick(fewest);
    // Most of the rarest do not come by when they are waited for: once each has been cut, a try counts as much as a cut.
    if (sooner !== undefined) this.cells.get(kind)?.set(place, tried + 1);
    const [least, name] = splitCell(place);
    return { at: { name, skip: draw.chance(80) ? 0 : draw.below(4) }, side: least, scope, sooner };
  }

  private make(kind: Kind): readonly Asked[] {
    if (kind === 'settled') return this.settling.make();
    if (kind !== 'kept') return this.makeOrders(kind);
    if (this.draw.chance(30)) this.keeping.expire();
    const orders = Array.from({ length: 1 + this.draw.below(3) }, () => {
      const { amount, reservation } = this.keeping.use(BigInt(1 + this.draw.below(60)));
      return this.makeOrder(amount, reservation);
    });
    return [...this.keeping.make(), ...orders];
  }

  private makeOrders(kind: Kind): Order[] {
    const { draw } = this;
    const amounts: bigint[] = [];
    const size =
      kind === 'single' || kind === 'denied' || kind === 'stopped'
        ? 1
        : 2 + Math.min(draw.below(7), draw.below(7));
    for (let i = 0; i < size; i++) {
      if (kind === 'denied' || (kind === 'mixed' && i % 2 === 0)) amounts.push(tooMuch);
      else if (kind === 'scarce') amounts.push(BigInt(1 + draw.below(20_000)));
      else amounts.push(BigInt(1 + draw.below(60)));
    }
    return amounts.map((asked) => {
      const { amount, reservation } =
        kind === 'group' && draw.chance(15) ? this.keeping.use(asked) : { amount: asked };
      return this.makeOrder(amount, reservation);
    });
  }

  private makeOrder(amount: bigint, reservation?: Uint8Array): Order {
    const id = makeRequestId(this.plant.clock, (length) => this.draw.bytes(length));
    const owner = { commitment: new Uint8Array(32).fill(7) };
    const half = amount / 2n;
    const values = half > 0n && this.draw.chance(50) ? [half, amount - half] : [amount];
    const bytes = encodeDraft({
      ...(reservation === undefined ? {} : { reservation }),
      id,
      currency: { code: 'EUR', exponent: 2 },
      total: amount,
      lots: values.map((value) => ({ value, count: 1, owner })),
      purpose: 'sweep',
      origin: 'DE',
      destination: 'DE',
    });
    return { id: toHex(id), bytes, amount };
  }

  private async stop(): Promise<void> {
    const { plant, draw } = this;
    await plant.quotaChanges.stop(encodeCbor([draw.bytes(16), 'the sweep']), 'operator').catch(passCut);
  }

  /** Lifts the stop in force, with the approval of two; a cut in it is tried again. */
  private async start(): Promise<void> {
    const { plant } = this;
    for (let stop = await inForce(plant); stop !== undefined; stop = await inForce(plant)) {
      const now = plant.clock.nowSeconds();
      const change = encodeChange({
        madeAt: now,
        expiresAt: now + 600,
        reason: 'the sweep goes on',
        action: { kind: 'start', stop },
      });
      const approvals = (['alice', 'bob'] as const).map((name) =>
        approveChange(change, name, people[name], now),
      );
      const applied = await plant.quotaChanges.apply(change, approvals).catch(passCut);
      if (plant.isLost('quota')) return;
      if (applied !== undefined && !applied.ok) throw new Broken(`start: ${applied.code} ${applied.message}`);
    }
  }

  /** A database that is put back to what it was before its first issue does not start; the newest one does. */
  private async startFromOlder(role: Role): Promise<void> {
    const { plant } = this;
    const head = await plant.storeOf(role).head();
    if (head.sequence < 2) return;
    await plant.close(role);
    const older = `${plant.pathOfOld(role)}.db`;
    copyFileSync(plant.pathOfOld(role), older);
    const code = await plant.open(role, older).then(
      () => 'started',
      (error: { code?: string }) => error.code,
    );
    await plant.close(role);
    for (const end of ['', '-wal', '-shm', '.lock']) rmSync(`${older}${end}`, { force: true });
    if (code !== 'journal_behind_anchor') throw new Broken(`start: ${role} on an older database: ${code}`);
    this.olderRefused++;
    await plant.open(role);
  }
}

async function inForce(plant: Plant): Promise<number | undefined> {
  return (await plant.storeOf('quota').stopped())?.sequence;
}

function passCut(error: unknown): undefined {
  if (error instanceof Cut) return undefined;
  throw error;
}

function splitCell(cell: string): [Side, string] {
  const [side = '', ...name] = cell.split(' ');
  return [side as Side, name.join(' ')];
}

function nameOf(sent: Sent | Keep): string {
  return 'kind' in sent ? `the ${sent.kind} ${sent.id}` : `the ${sent.does} of ${toHex(sent.id)}`;
}

function filesOf({ kind, files }: IssuanceOutcome): string {
  return `${kind} ${Object.values(files).map(toHex).join(' ')}`;
}
