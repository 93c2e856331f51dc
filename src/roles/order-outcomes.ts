/** What issuance's journal says that the orders of a request came to: from the currency intent, which keeps what both others signed, or from the denial. */
import { assert } from '../kit/result.ts';
import { type ControlBit, decodeControlBit } from '../records/control-bit.ts';
import { attachSignature } from '../records/cose.ts';
import type { DeniedOrder } from '../records/denial.ts';
import type { Intent } from '../store/store.ts';
import { withoutUnits } from './carriage.ts';
import { decodeContext } from './currency-intent.ts';
import { readKept } from './kept-denial.ts';

export interface OrderOutcomes {
  readonly controlBit: ControlBit;
  /** Why an order has no units, by its number; the others have theirs. */
  readonly denied: ReadonlyMap<number, { readonly reasons: readonly string[] }>;
}

/** `context` is the currency intent's; both records were verified before it was committed. */
export function readOutcomes(context: Uint8Array, orders: readonly unknown[]): OrderOutcomes {
  const stored = decodeContext(context);
  const controlBit = decodeControlBit(stored.controlBit);
  assert(controlBit.ok, 'a stored control bit decodes');
  const denied = stored.denial === null ? [] : readDenied(stored.denial);
  const { record } = controlBit.value;
  return {
    controlBit: record,
    denied: withoutUnits({ orders }, record, new Map(denied.map((one) => [one.order, one]))),
  };
}

/** Why an order has no units, by its number, as the intent of the currency or of the denial says. */
export function readDeniedOf(
  { kind, context }: Pick<Intent, 'kind' | 'context'>,
  orders: readonly unknown[],
): OrderOutcomes['denied'] {
  if (kind === 'currency') return readOutcomes(context, orders).denied;
  return new Map(readDenied(context).map((one) => [one.order, one]));
}

function readDenied(denialBytes: Uint8Array): readonly DeniedOrder[] {
  return readKept(denialBytes).record.denials;
}

/** The record of bytes to be signed, to be read and not to be verified: it may not be signed yet. */
export function asRecord(toBeSigned: Uint8Array): Uint8Array {
  return attachSignature(toBeSigned, new Uint8Array(64));
}
