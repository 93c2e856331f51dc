/** What the ledgers have of one request, each record opened; `undefined` where there is none that can be read. */
import type { ClosingRecord } from '../records/closing.ts';
import type { ControlBit } from '../records/control-bit.ts';
import type { Credential } from '../records/credential.ts';
import type { CurrencyRecord } from '../records/currency.ts';
import type { Denial } from '../records/denial.ts';
import type { Request } from '../records/request.ts';
import { orderBytes } from './entry.ts';
import type { HeldRecord } from './held-record.ts';

export interface RequestCase {
  readonly id: Uint8Array;
  /** Whether there is an entry, be it one that cannot be read. */
  readonly there: {
    readonly request: boolean;
    readonly credential: boolean;
    readonly controlBit: boolean;
    readonly denial: boolean;
  };
  readonly request: HeldRecord<Request> | undefined;
  readonly credential: HeldRecord<Credential> | undefined;
  readonly denial: HeldRecord<Denial> | undefined;
  readonly controlBit: HeldRecord<ControlBit> | undefined;
  readonly currency: HeldRecord<CurrencyRecord> | undefined;
  readonly closing: HeldRecord<ClosingRecord> | undefined;
  /** The denial that issuance keeps of a whole request. */
  readonly kept: HeldRecord<Denial> | undefined;
}

/** The ids in a list of orders. */
export function orderIdsOf(orders: Uint8Array | null): Uint8Array[] {
  const ids: Uint8Array[] = [];
  for (let at = 0; at < (orders?.length ?? 0); at += orderBytes)
    ids.push(orders?.slice(at, at + 16) ?? new Uint8Array());
  return ids;
}
