/**
 * The shadow: a rule set that decides what was decided, after the answer, so that people see what it would change before it is in force.
 *
 * Nothing of it is on the way of a request: decisions wait in a queue of bounded length, of which those that do not fit are counted and
 * forgotten; between a few orders everything else has a turn; whatever it throws is counted.
 */
import type { Clock } from '../kit/clock.ts';
import { formatUuid } from '../records/request-id.ts';
import { isApproved, type OrderVerdict, type RulesInForce } from '../rules/in-force.ts';
import { factsAt } from '../rules/recording/order-facts.ts';
import type { DecidedOrders } from './order-decisions.ts';

/** `otherwise`: passes or not as before, with another verdict or for other reasons. */
export type DifferenceKind = 'newly_allowed' | 'newly_denied' | 'otherwise';

export interface ShadowExample {
  readonly kind: DifferenceKind;
  readonly atMs: number;
  /** UUID. */
  readonly request: string;
  readonly order: number;
  readonly live: { readonly verdict: string; readonly reasons: readonly string[] };
  readonly shadow: { readonly verdict: string; readonly reasons: readonly string[] };
}

export interface ShadowCount {
  readonly kind: DifferenceKind;
  /** A code that only one of the two gives; empty where the codes are the same. */
  readonly rule: string;
  orders: number;
}

export interface ShadowReport {
  readonly sinceMs: number;
  /** Orders that it decided, too. */
  orders: number;
  /** Orders that it decided otherwise. */
  different: number;
  /** Orders that it never saw, since there was no room for them. */
  dropped: number;
  /** Orders on which it failed. */
  failed: number;
  readonly counts: ShadowCount[];
  readonly examples: ShadowExample[];
}

export interface Shadow {
  /** Takes note of a decision, or of that there was no room for it. Never throws. */
  add(id: Uint8Array, decision: DecidedOrders): void;
  readonly report: ShadowReport;
  /** Resolves when all that waits was decided. */
  idle(): Promise<void>;
  /** Takes nothing more, and forgets what waits. */
  close(): void;
}

/** The most orders that wait. */
const queueLimit = 200_000;
/** Orders at a time: some hundred microseconds. */
const sliceOrders = 32;
/** Of each kind. */
const exampleLimit = 20;
/** Of kinds and rules. */
const countLimit = 1_000;

export function makeShadow(rules: RulesInForce, clock: Clock): Shadow {
  const report: ShadowReport = {
    sinceMs: clock.nowMs(),
    orders: 0,
    different: 0,
    dropped: 0,
    failed: 0,
    counts: [],
    examples: [],
  };
  const queue: { readonly id: Uint8Array; readonly decision: DecidedOrders; next: number }[] = [];
  let waiting = 0;
  let running: Promise<void> | undefined;
  let closed = false;

  function decideOne(id: Uint8Array, { facts, outcomes }: DecidedOrders, order: number): void {
    const live = outcomes[order];
    if (live === undefined) return;
    report.orders++;
    try {
      note(id, order, live, rules.decide(factsAt(facts, order)));
    } catch {
      // A candidate may be anything; that it failed is what there is to say of it.
      report.failed++;
    }
  }

  function note(id: Uint8Array, order: number, live: OrderVerdict, shadow: OrderVerdict): void {
    const kind = differenceOf(live, shadow);
    if (kind === undefined) return;
    report.different++;
    const rulesOf = differing(live.reasons, shadow.reasons);
    for (const rule of rulesOf.length === 0 ? [''] : rulesOf) count(kind, rule);
    if (report.examples.filter((one) => one.kind === kind).length < exampleLimit)
      report.examples.push({
        kind,
        atMs: clock.nowMs(),
        request: formatUuid(id),
        order,
        live: { verdict: live.verdict, reasons: live.reasons },
        shadow: { verdict: shadow.verdict, reasons: shadow.reasons },
      });
  }

  function count(kind: DifferenceKind, rule: string): void {
    const known = report.counts.find((one) => one.kind === kind && one.rule === rule);
    if (known !== undefined) known.orders++;
    else if (report.counts.length < countLimit) report.counts.push({ kind, rule, orders: 1 });
  }

  async function run(): Promise<void> {
    for (let first = queue[0]; first !== undefined && !closed; first = queue[0]) {
      // Whoever answers a request comes first.
      await new Promise((resolve) => setImmediate(resolve));
      const end = Math.min(first.next + sliceOrders, first.decision.outcomes.length);
      for (; first.next < end; first.next++) decideOne(first.id, first.decision, first.next);
      waiting -= sliceOrders;
      if (first.next < first.decision.outcomes.length) continue;
      queue.shift();
      waiting = queue.reduce((sum, { decision, next }) => sum + decision.outcomes.length - next, 0);
    }
    running = undefined;
  }

  return {
    report,
    add(id, decision) {
      const orders = decision.outcomes.length;
      if (closed || waiting + orders > queueLimit) {
        report.dropped += orders;
        return;
      }
      queue.push({ id, decision, next: 0 });
      waiting += orders;
      running ??= run();
    },
    async idle() {
      await running;
    },
    close() {
      closed = true;
      queue.length = 0;
      waiting = 0;
    },
  };
}

function differenceOf(live: OrderVerdict, shadow: OrderVerdict): DifferenceKind | undefined {
  if (isApproved(live) !== isApproved(shadow)) return isApproved(shadow) ? 'newly_allowed' : 'newly_denied';
  const isSame = live.verdict === shadow.verdict && differing(live.reasons, shadow.reasons).length === 0;
  return isSame ? undefined : 'otherwise';
}

/** Codes that only one of the two has. */
function differing(some: readonly string[], others: readonly string[]): string[] {
  return [...some.filter((one) => !others.includes(one)), ...others.filter((one) => !some.includes(one))];
}
