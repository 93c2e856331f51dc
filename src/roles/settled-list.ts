/**
 * What was settled of a quota, as quota control tells it to central management: each with what its owner signed, the units that it spent,
 * and the receipt. A cursor says up to where each of quota control's journals was told.
 *
 * ```
 * cursor   base64url of [ [ journal (16), number, first 8 bytes of the journal's hash there ], … ]      deterministic CBOR
 * ```
 * A journal that has another hash there was gone on from an older one: it is told from its beginning again.
 */
import type { Signer } from '../../hsm/signer.ts';
import { equalBytes, mapKey } from '../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { readToBeSigned } from '../records/cose.ts';
import type { Intent, Mark, SeriesHead, SettledPage, UnitSerial } from '../store/store.ts';
import { checkAbandoned, type IsAbandoned } from './abandoned.ts';
import type { Ledger } from './ledger.ts';

export type SettledKind = 'retirement' | 'transfer';

export interface SettledItem {
  readonly kind: SettledKind;
  /** What quota control keeps of the owner's will: of a transfer its bytes, of a retirement [ bytes, [ blinding, … ] ] as CBOR. */
  readonly evidence: Uint8Array;
  /** Those that a retirement spends, in the order in which it names them. */
  readonly units: readonly UnitSerial[];
  /** The signed settlement. */
  readonly receipt: Uint8Array;
}

export interface SettledItems {
  /** In the order in which they were settled. */
  readonly items: readonly SettledItem[];
  /** As `after` it gives what comes after these. */
  readonly next: string;
  /** Whether there may be more: none now, where there are no items and `next` is what was asked after, since a receipt is being signed. */
  readonly more: boolean;
}

/** A quota, and after which cursor: from the beginning without one. */
export interface SettledQuery {
  readonly issuer: string;
  readonly currency: string;
  readonly after?: string;
}

export type ListSettled = (query: SettledQuery) => Promise<Result<SettledItems>>;

export interface SettledListDependencies {
  readonly ledger: Ledger;
  readonly signer: Pick<Signer, 'holds'>;
  /** Where there are several processes. */
  readonly isAbandoned?: IsAbandoned;
}

/** Of one page; central management asks issuance for all of it at once. */
export const settledLimit = 200;
/** Evidence and receipts of one page, but for its first item. */
const settledBytes = 2 * 1024 * 1024;
/** No cursor is longer: it has some 40 characters a journal. */
export const settledCursorLimit = 8_192;
const hashBytes = 8;

export function makeSettledList(dependencies: SettledListDependencies): ListSettled {
  const { ledger, signer, isAbandoned } = dependencies;
  const { store } = ledger;

  /** What has no receipt: whether it never will have, so that the list goes on after it. */
  async function isPassed(intent: Intent): Promise<boolean> {
    if (intent.own) return !signer.holds(readToBeSigned(intent.toBeSigned).keyId);
    return !(await checkAbandoned(ledger, intent, isAbandoned)).ok;
  }

  async function marksOf(
    after: string | undefined,
    journals: readonly SeriesHead[],
  ): Promise<Result<readonly Mark[], 'cursor_invalid'>> {
    const marks = after === undefined ? [] : decodeCursor(after);
    if (marks === undefined)
      return refuse(
        'cursor_invalid',
        `after ${quote(after ?? '')}: \`next\` of an earlier answer is accepted, or none for the beginning`,
        'after',
      );
    const known: Mark[] = [];
    for (const own of journals) {
      const mark = marks.find(({ journal }) => equalBytes(journal, own.journalId));
      const hash = mark === undefined ? undefined : await own.hashAt(mark.sequence);
      if (mark !== undefined && hash !== undefined && equalBytes(hash.subarray(0, hashBytes), mark.hash))
        known.push(mark);
    }
    return succeed(known);
  }

  async function encodeNext(marks: readonly Mark[], journals: readonly SeriesHead[]): Promise<string> {
    const told: CborValue[] = [];
    for (const { journal, sequence } of marks) {
      const found = journals.find(({ journalId }) => equalBytes(journalId, journal));
      const hash = await found?.hashAt(sequence);
      if (hash !== undefined) told.push([journal, sequence, hash.slice(0, hashBytes)]);
    }
    return Buffer.from(encodeCbor(told)).toString('base64url');
  }

  return async ({ issuer, currency, after }) => {
    const journals = await store.journals();
    const marks = await marksOf(after, journals);
    if (!marks.ok) return marks;
    const page = await store
      .reads()
      .settlementsAfter(issuer, currency, marks.value, { most: settledLimit, bytes: settledBytes });
    const items: SettledItem[] = [];
    for (const [place, { intent }] of page.settled.entries()) {
      const item = itemOf(intent);
      if (item !== undefined) items.push(item);
      else if (!(await isPassed(intent))) {
        // It is being signed, and what comes after it may rest on it.
        const next = await encodeNext(marksBefore(page, place, marks.value), journals);
        return succeed({ items, next, more: true });
      }
    }
    return succeed({ items, next: await encodeNext(page.marks, journals), more: page.settled.length > 0 });
  };
}

function itemOf({ kind, context, settles, signed }: Intent): SettledItem | undefined {
  if (signed === null || settles === undefined || (kind !== 'retirement' && kind !== 'transfer'))
    return undefined;
  return { kind, evidence: context, units: settles.units, receipt: signed };
}

/** Where the journals stand before the item at `place`. */
function marksBefore({ settled }: SettledPage, place: number, before: readonly Mark[]): readonly Mark[] {
  const marks = new Map(before.map((mark) => [mapKey(mark.journal), mark]));
  for (const { journal, intent } of settled.slice(0, place))
    marks.set(mapKey(journal), { journal, sequence: intent.sequence });
  return [...marks.values()];
}

interface HashedMark extends Mark {
  readonly hash: Uint8Array;
}

function decodeCursor(text: string): readonly HashedMark[] | undefined {
  const decoded = decodeCbor(new Uint8Array(Buffer.from(text, 'base64url')));
  if (!decoded.ok || !Array.isArray(decoded.value)) return undefined;
  const marks = (decoded.value as readonly CborValue[]).map((item) => {
    const [journal, sequence, hash] = Array.isArray(item) ? (item as readonly CborValue[]) : [];
    return journal instanceof Uint8Array && typeof sequence === 'number' && hash instanceof Uint8Array
      ? { journal, sequence, hash }
      : undefined;
  });
  const read = marks.filter((mark) => mark !== undefined);
  return read.length === marks.length ? read : undefined;
}
