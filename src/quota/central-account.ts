/**
 * Central management's own account of a quota: what it has approved, less what was never issued of it. So that a quota control that lies
 * gets no more approved than two people allowed.
 *
 * ```
 * adoption    [ terms, version, counted ]                          once a quota, where the appliance was made without such an account
 * resolution  [ issuer, currency, approved, freed, word, mark ]    word: issuance's record of the request; freed once a request
 * return      [ total ]                                            written no more: what came back to the quota, as quota control said
 * ```
 * Amounts are minor units.
 */
import { type CborValue, encodeCbor } from '../kit/encoding.ts';
import { ClaimReader, nameAccepted, namePattern } from '../records/claims.ts';
import { encodeTerms, type QuotaTerms, readTerms } from '../records/quota-terms.ts';
import { least } from './sum.ts';

/** What counts in central management's account of a quota. */
export interface CentralSums {
  /** Approved, whatever became of it. */
  readonly issued: bigint;
  /** Of that, what never was issued and never will be. */
  readonly voided: bigint;
  readonly returned: bigint;
}

export type CentralEvent =
  /** Approved before, or forgotten since: counted anew. */
  | { readonly kind: 'counted'; readonly amount: bigint }
  | { readonly kind: 'freed'; readonly amount: bigint }
  /** Quota control's ledger has lost so much of what was issued, and its quota was lowered by it; this ledger has it still. */
  | { readonly kind: 'written-off'; readonly amount: bigint }
  | { readonly kind: 'returned'; readonly total: bigint };

/** INVARIANT: no event makes more room than there was, but for what was freed or came back; voided ≤ issued. */
export function followEvent<S extends CentralSums>(sums: S, event: CentralEvent): S {
  switch (event.kind) {
    case 'counted':
      return { ...sums, issued: sums.issued + event.amount };
    case 'freed':
      return { ...sums, voided: sums.voided + event.amount };
    case 'written-off': {
      // Above what is approved and not void there is nothing that could have been lost: the room is gone then.
      return { ...sums, voided: sums.voided + least(event.amount, sums.issued - sums.voided) };
    }
    case 'returned':
      return { ...sums, returned: event.total };
  }
}

export interface Adoption {
  readonly terms: QuotaTerms;
  /** Of the quota at quota control. */
  readonly version: number;
  /** Sum of the credentials that there are. */
  readonly counted: bigint;
}

export interface Resolution {
  readonly issuer: string;
  readonly currency: string;
  /** The credential's total. */
  readonly approved: bigint;
  readonly freed: bigint;
  /** The currency record of the request, or its closing, as issuance signed it. */
  readonly word: Uint8Array;
  /** The journal's number up to which, when this was written, every credential was used whole or resolved. */
  readonly mark: number;
}

export function encodeAdoption({ terms, version, counted }: Adoption): Uint8Array {
  return encodeCbor([encodeTerms(terms), version, counted]);
}

export function decodeAdoption(content: CborValue): Adoption | undefined {
  const reader = new ClaimReader(new Map());
  const [terms, version, counted] = reader.listOf(content, 'adoption', 3);
  const adoption = {
    terms: readTerms(reader, terms, 'terms'),
    version: reader.integerOf(version, 'version', 1),
    counted: readSum(reader, counted, 'counted'),
  };
  return reader.refusal === undefined ? adoption : undefined;
}

export function encodeResolution(resolution: Resolution): Uint8Array {
  const { issuer, currency, approved, freed, word, mark } = resolution;
  return encodeCbor([issuer, currency, approved, freed, word, mark]);
}

export function decodeResolution(content: CborValue): Resolution | undefined {
  const reader = new ClaimReader(new Map());
  const [issuer, currency, approved, freed, word, mark] = reader.listOf(content, 'resolution', 6);
  if (!(word instanceof Uint8Array)) return undefined;
  const resolution = {
    issuer: reader.textOf(issuer, 'issuer', namePattern, nameAccepted),
    currency: reader.currencyCodeOf(currency, 'currency'),
    approved: reader.amountOf(approved, 'approved'),
    freed: readSum(reader, freed, 'freed'),
    word,
    mark: reader.integerOf(mark, 'mark'),
  };
  if (resolution.freed > resolution.approved) reader.fail('freed', 'at most what was approved');
  return reader.refusal === undefined ? resolution : undefined;
}

export function encodeReturn(total: bigint): Uint8Array {
  return encodeCbor([total]);
}

export function decodeReturn(content: CborValue): bigint | undefined {
  const reader = new ClaimReader(new Map());
  const [total] = reader.listOf(content, 'return', 1);
  const returned = readSum(reader, total, 'total');
  return reader.refusal === undefined ? returned : undefined;
}

/** Zero and above; of many requests it may be more than one record can say. */
function readSum(reader: ClaimReader, value: CborValue | undefined, name: string): bigint {
  if ((typeof value === 'number' && Number.isSafeInteger(value)) || typeof value === 'bigint') {
    const sum = BigInt(value);
    if (sum >= 0n && sum < 2n ** 63n) return sum;
  }
  reader.fail(name, 'minor units from 0 on');
  return 0n;
}
