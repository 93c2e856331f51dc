/**
 * What the journal entry of a decision keeps as its context: how many orders were flagged, for whoever follows the journal, and the record of
 * the decision, which only central management opens.
 *
 * ```
 * context  deterministic CBOR  [ 1, flagged, sealed record ]
 * ```
 * A decision of an earlier version has an empty one; of a request with a credential and a denial the first has it.
 */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';

/** The type under which the record is sealed. */
export const decisionRecordType = 'application/vnd.ringmint.decision-record+cose';

export interface DecisionContext {
  /** Orders that passed, and of which a rule has something to tell. */
  readonly flagged: number;
  readonly sealed: Uint8Array;
}

const version = 1;

export function encodeDecisionContext({ flagged, sealed }: DecisionContext): Uint8Array {
  return encodeCbor([version, flagged, sealed]);
}

/** `undefined` where nothing is recorded, or by a later version. */
export function decodeDecisionContext(context: Uint8Array): DecisionContext | undefined {
  const decoded = decodeCbor(context);
  const items = decoded.ok && Array.isArray(decoded.value) ? (decoded.value as readonly CborValue[]) : [];
  const [written, flagged, sealed] = items;
  if (items.length !== 3 || written !== version) return undefined;
  return typeof flagged === 'number' && sealed instanceof Uint8Array ? { flagged, sealed } : undefined;
}
