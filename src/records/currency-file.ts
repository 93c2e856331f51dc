/**
 * The currency file: a batch, or a part of one, as it is handed out. Its two signed records cover the root of all
 * units of the batch; with the hashes beside its own units a part leads to that root, and shows no other unit.
 *
 * ```
 * ┌ array(8) ──────────────────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.currency-file" │ version 2 │ currency record │ control bit │ place of the first  │
 * │ unit in the batch │ [ hash(32), … ] left │ [ hash(32), … ] right │ [ unit, unit, … ]       │
 * └────────────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 * A whole batch begins at 0 and has no hashes. How many units the batch has, the control bit says.
 */
import { equalBytes } from '../kit/bytes.ts';
import { CborWriter, decodeCbor } from '../kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { type RecordErrorCode, unitLimit } from './claims.ts';
import { decodeControlBit } from './control-bit.ts';
import { buildTree, type RangeProof } from './merkle.ts';

export const currencyFileKind = 'ringmint.currency-file';
const version = 2;
/** Items of the array in version 2, and in version 1, which is refused by its name. */
export const currencyFileItems: readonly number[] = [8, 5];

/** No file of ours is larger: 65,536 units take some 12 MiB. */
export const fileSizeLimit = 64 * 1024 * 1024;

/** All units of a batch, with what both authorities signed over them. */
export interface Batch {
  readonly currencyRecord: Uint8Array;
  readonly controlBit: Uint8Array;
  readonly leaves: readonly Uint8Array[];
}

/** The units [first, first + leaves.length) of a batch, and what leads from them to its root. */
export interface CurrencyFile extends Batch {
  readonly first: number;
  readonly proof: RangeProof;
}

export function wholeBatch(batch: Batch): CurrencyFile {
  return { ...batch, first: 0, proof: { left: [], right: [] } };
}

/** Which units of its batch a file holds, in words: `units 4 to 6`. */
export function describeUnits(first: number, count: number): string {
  return count === 1 ? `unit ${first}` : `units ${first} to ${first + count - 1}`;
}

/**
 * Takes parts out of a batch: each call gives the file of the units [first, first + count), at least one.
 *
 * The tree is built once, unless the caller has it already; each call then costs its own units and at most two
 * hashes a level.
 *
 * @example
 * const partOf = partExtractor(batch);
 * const bytes = encodeCurrencyFile(partOf(4, 3)); // units 4, 5 and 6
 */
export function partExtractor(
  batch: Batch,
  tree = buildTree(batch.leaves),
): (first: number, count: number) => CurrencyFile {
  const controlBit = decodeControlBit(batch.controlBit);
  // Of a part, or with a tree of other units, every proof would be wrong, and only its holder would find out.
  assert(
    controlBit.ok && equalBytes(controlBit.value.record.root, tree.root),
    'the units of a batch lead to the root that was signed',
  );
  return (first, count) => ({
    ...batch,
    leaves: batch.leaves.slice(first, first + count),
    first,
    proof: tree.rangeProof(first, count),
  });
}

export function encodeCurrencyFile(file: CurrencyFile): Uint8Array {
  const { currencyRecord, controlBit, first, proof, leaves } = file;
  const writer = new CborWriter().array(8).text(currencyFileKind).integer(version);
  writer.byteString(currencyRecord).byteString(controlBit).integer(first);
  for (const list of [proof.left, proof.right, leaves]) {
    writer.array(list.length);
    for (const item of list) writer.byteString(item);
  }
  return writer.finish();
}

/** Decodes the container only; what is in it is the verifier's to check, and whether its hashes fit the batch too. */
export function decodeCurrencyFile(bytes: Uint8Array): Result<CurrencyFile, RecordErrorCode> {
  if (bytes.length > fileSizeLimit)
    return refuse('too_large', `${bytes.length} bytes: at most ${fileSizeLimit} are accepted`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value)) return malformed();
  const [kind, number, currencyRecord, controlBit, first, left, right, leaves] = decoded.value;
  if (kind === currencyFileKind && number === 1) {
    return refuse(
      'record_malformed',
      'a currency file of version 1, which was never released: version 2 is accepted; `ringmint issue` with the same draft gives the same currency as that',
    );
  }
  if (kind !== currencyFileKind || number !== version || decoded.value.length !== currencyFileItems[0])
    return malformed();
  if (!(currencyRecord instanceof Uint8Array) || !(controlBit instanceof Uint8Array)) return malformed();
  if (typeof first !== 'number' || first < 0 || !isHashes(left) || !isHashes(right)) return malformed();
  if (!Array.isArray(leaves) || leaves.length < 1 || leaves.length > unitLimit) return malformed();
  if (!leaves.every((leaf) => leaf instanceof Uint8Array)) return malformed();
  return succeed({ currencyRecord, controlBit, leaves, first, proof: { left, right } });
}

function isHashes(value: unknown): value is Uint8Array[] {
  return Array.isArray(value) && value.every((hash) => hash instanceof Uint8Array && hash.length === 32);
}

function malformed(): Refusal<'record_malformed'> {
  return refuse(
    'record_malformed',
    'not a currency file: two records, a place, hashes of 32 bytes and from 1 to 65,536 units under `ringmint.currency-file`, version 2, are accepted',
  );
}
