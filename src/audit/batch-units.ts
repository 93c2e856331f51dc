/** Units by their serials, derived from the request and the control bit that they are of. */
import { unitFinder } from '../records/batch-unit.ts';
import { decodeControlBit } from '../records/control-bit.ts';
import { decodeRequest, lotsOf } from '../records/request.ts';
import { select } from '../records/selection.ts';
import type { Unit } from '../records/unit.ts';
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
    const seed = request?.entry.context ?? new Uint8Array();
    const find =
      orders === undefined || seed.length !== 32
        ? undefined
        : unitFinder({ ...record, lots: lotsOf(orders), notBefore: record.issuedAt, seed });
    const batch: Batch = {
      issuer: record.issuer,
      count: record.count,
      isSigned,
      unit: (index) => (index < record.count ? find?.(index) : undefined),
    };
    const [oldest] = this.held.keys();
    if (this.held.size >= heldBatches && oldest !== undefined) this.held.delete(oldest);
    this.held.set(row, batch);
    return batch;
  }
}
