/** A request that was carried through the six steps, with what each of its orders came to. */
import type { Clock } from '../kit/clock.ts';
import { assert } from '../kit/result.ts';
import type { ControlBit } from '../records/control-bit.ts';
import { type CurrencyFile, encodeCurrencyFile } from '../records/currency-file.ts';
import type { DeniedOrder } from '../records/denial.ts';
import { type Request, sumLots } from '../records/request.ts';

/** One of the six steps, as it went: for the operator's screen and the log. */
export interface IssuanceStep {
  readonly step: 1 | 2 | 3 | 4 | 5 | 6;
  readonly name: 'request' | 'validation' | 'credential' | 'forwarding' | 'control bit' | 'currency';
  readonly by: 'issuance' | 'central' | 'quota';
  /** The key that signed, hex, where this step made a signature. */
  readonly signedBy: string | null;
  readonly detail: string;
  readonly ms: number;
}

export interface Batch {
  readonly request: Request;
  readonly requestBytes: Uint8Array;
  readonly steps: readonly IssuanceStep[];
  /** The orders that come to nothing, by their number. */
  readonly denied: ReadonlyMap<number, DeniedOrder>;
  /** Central management's signed record of those that it denied. */
  readonly denialBytes: Uint8Array | null;
  /** `undefined` where every order was denied. */
  readonly issued:
    | {
        readonly controlBit: ControlBit;
        readonly controlBitBytes: Uint8Array;
        /** Of each order. */
        readonly places: readonly Place[];
        /** The file of the units [first, first + count). */
        readonly partOf: (first: number, count: number) => CurrencyFile;
      }
    | undefined;
}

/** An order's units: `count` of the batch's from the one numbered `first`. */
export interface Place {
  readonly first: number;
  readonly count: number;
}

interface Outcome {
  readonly request: Request;
  /** Its number in the request. */
  readonly order: number;
  readonly steps: readonly IssuanceStep[];
}

export type IssuanceOutcome =
  | (Outcome &
      Place & {
        readonly kind: 'issued';
        readonly controlBit: ControlBit;
        /** The records as they were signed, and the currency file with the units of this order; the request where it has no other order. */
        readonly files: {
          readonly request?: Uint8Array;
          readonly controlBit: Uint8Array;
          readonly currency: Uint8Array;
        };
      })
  | (Outcome & {
      readonly kind: 'denied';
      readonly denial: DeniedOrder;
      /** What shows it: central management's denial, or the control bit that names the orders that the quota had room for. */
      readonly files: {
        readonly request?: Uint8Array;
        readonly denial?: Uint8Array;
        readonly controlBit?: Uint8Array;
      };
    });

/** Why an order that the rules approved has no units: when quota control came to it, others had taken what was left. */
export const quotaTaken = 'quota_taken';

/** Which units of the batch each order has; those of a denied one are none. */
export function placesOf(request: Request, denied: Batch['denied']): readonly Place[] {
  let first = 0;
  return request.orders.map(({ lots }, order) => {
    const place = { first, count: denied.has(order) ? 0 : sumLots(lots).count };
    first += place.count;
    return place;
  });
}

/** What the order numbered `order` came to. */
export function outcomeOf(batch: Batch, order: number): IssuanceOutcome {
  const { request, steps, denied, denialBytes, issued } = batch;
  // A request with others' orders is not for the caller of one.
  const files = request.orders.length === 1 ? { request: batch.requestBytes } : {};
  const denial = denied.get(order);
  if (denial !== undefined) {
    const shown =
      denial.reasons[0] === quotaTaken
        ? { controlBit: issued?.controlBitBytes ?? new Uint8Array() }
        : { denial: denialBytes ?? new Uint8Array() };
    return { kind: 'denied', request, order, steps, denial, files: { ...files, ...shown } };
  }
  const place = issued?.places[order];
  assert(issued !== undefined && place !== undefined, 'an order that is not denied is issued');
  const { controlBit, controlBitBytes, partOf } = issued;
  const currency = encodeCurrencyFile(partOf(place.first, place.count));
  return {
    kind: 'issued',
    request,
    order,
    steps,
    controlBit,
    ...place,
    files: { ...files, controlBit: controlBitBytes, currency },
  };
}

/** Collects the steps with the time that each took. */
export class Steps {
  readonly list: IssuanceStep[] = [];
  private readonly clock: Clock;
  private lastMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.lastMs = clock.nowMs();
  }

  add(
    step: IssuanceStep['step'],
    name: IssuanceStep['name'],
    by: IssuanceStep['by'],
    signedBy: string | null,
    detail: string,
  ): void {
    const nowMs = this.clock.nowMs();
    this.list.push({ step, name, by, signedBy, detail, ms: nowMs - this.lastMs });
    this.lastMs = nowMs;
  }
}
