/** Units by their serials, derived from the request and the control bit that they are of. */
import { decodeControlBit } from '../records/control-bit.ts';
import { decodeRequest, type Lot, lotsOf } from '../records/request.ts';
import { select } from '../records/selection.ts';
import { deriveSalt, type Unit } from '../records/unit.ts';
import { Findings } from './finding.ts';
import { openPlaced } from './held-record.ts';
import type { RequestIndex } from './request-index.ts';
import type { AuditContext } from './system.ts';

/** One batch, as far as its ledgers have it. */
export interface Batch {
  readonly issuer: string;
  readonly count: number;
  readonly isSigned: boolean;
  /** The unit at this place, from 0; `undefined` where its request is not here. */
  unit(index: number): Unit | undefined;
}

/** Batches that are held at once: the units of a retirement are mostly of a few. */
const heldBatches = 8;

export class BatchUnits {
  private readonly context: AuditContext;
  private readonly index: RequestIndex;
  private readonly held = new Map<number, Batch>();

  constructor(context: AuditContext, index: RequestIndex) {
    // What is wrong with a request's records is found where the request is checked, and once.
    this.context = { ...context, findings: new Findings() };
    this.index = index;
  }

  /** The batch of the request in this row; `undefined` where it has no control bit that can be read. */
  of(row: number): Batch | undefined {
    const known = this.held.get(row);
    if (known !== undefined) return known;
    const bit = openPlaced(this.context, this.index.place(row, 'control-bit'), decodeControlBit);
    if (bit === undefined) return undefined;
    const { record, isSigned } = bit;
    const request = openPlaced(this.context, this.index.place(row, 'request'), decodeRequest);
    const orders = request === undefined ? undefined : select(request.record.orders, record.orders);
    const places = placesOf(orders === undefined ? [] : lotsOf(orders));
    const seed = request?.entry.context ?? new Uint8Array();
    const batch: Batch = {
      issuer: record.issuer,
      count: record.count,
      isSigned,
      unit(index) {
        const lot = lotAt(places, index);
        if (lot === undefined || seed.length !== 32 || index >= record.count) return undefined;
        const { currency, epoch, sequence, reservation, keySet, redeemUntil } = record;
        return {
          currency,
          value: lot.value,
          epoch,
          sequence,
          index,
          owner: lot.owner,
          reservation,
          keySet,
          notBefore: record.issuedAt,
          redeemUntil,
          salt: deriveSalt(seed, index),
        };
      },
    };
    const [oldest] = this.held.keys();
    if (this.held.size >= heldBatches && oldest !== undefined) this.held.delete(oldest);
    this.held.set(row, batch);
    return batch;
  }
}

/** By halves: a batch may have as many lots as units. */
function lotAt(places: ReturnType<typeof placesOf>, index: number): Lot | undefined {
  let [from, to] = [0, places.length];
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if ((places[middle]?.first ?? 0) <= index) from = middle;
    else to = middle;
  }
  return places[from]?.lot;
}

function placesOf(lots: readonly Lot[]): { readonly first: number; readonly lot: Lot }[] {
  let next = 0;
  return lots.map((lot) => {
    const first = next;
    next += lot.count;
    return { first, lot };
  });
}
