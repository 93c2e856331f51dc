/** Where in the extracts each request's entries are: a few numbers a request, so that a ledger of any length fits. */
import { assert } from '../kit/result.ts';
import { IdTable } from './id-table.ts';

/** What the three systems have of one request. */
const parts = [
  'request',
  'credential',
  'denial',
  'control-bit',
  'currency',
  'kept-denial',
  'closing',
  'resolution',
] as const;
export type Part = (typeof parts)[number];

/** An entry of a system, by the place of its frame. */
export interface EntryPlace {
  readonly system: number;
  readonly offset: number;
}

/** A place is one number: extracts are shorter than 2^43 bytes, and there are at most 1,024 systems. */
const systemLimit = 1_024;

export class RequestIndex {
  private readonly table = new IdTable(parts.length);

  get size(): number {
    return this.table.size;
  }

  /** Gives the request's row, and whether the part was not there yet; the first one stays. */
  add(
    id: Uint8Array,
    part: Part,
    { system, offset }: EntryPlace,
  ): { readonly row: number; readonly isNew: boolean } {
    assert(system < systemLimit, 'an audit is of at most 1,024 ledgers');
    const { row } = this.table.add(id);
    const column = parts.indexOf(part);
    if (this.table.get(row, column) !== 0) return { row, isNew: false };
    this.table.set(row, column, offset * systemLimit + system + 1);
    return { row, isNew: true };
  }

  id(row: number): Uint8Array {
    return this.table.id(row);
  }

  place(row: number, part: Part): EntryPlace | undefined {
    const place = this.table.get(row, parts.indexOf(part));
    if (place === 0) return undefined;
    return { system: (place - 1) % systemLimit, offset: Math.floor((place - 1) / systemLimit) };
  }
}
