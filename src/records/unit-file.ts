/**
 * The unit file: one unit with a receipt (RFC 9942 §5) of each authority, all that its holder needs.
 *
 * ```
 * ┌ array(5) ──────────────────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.unit-file" │ version 1 │ unit │ receipt of quota control │ receipt of issuance   │
 * └────────────────────────────────────────────────────────────────────────────────────────────┘
 * receipt = the COSE_Sign1 over the root, its payload detached, the proof in its unprotected header:
 *           { 396: { -1: [ bstr [ tree size, leaf index, [ hash, … ] ] ] } }
 * ```
 */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { header, inclusionProofs, type RecordErrorCode } from './claims.ts';
import { decodeControlBit } from './control-bit.ts';
import { decodeSign1, encodeSign1 } from './cose.ts';
import { decodeCurrencyRecord } from './currency.ts';
import { type CurrencyFile, describeUnits } from './currency-file.ts';
import { buildRange, type MerkleTree, rootFromProof } from './merkle.ts';

export const unitFileKind = 'ringmint.unit-file';
const version = 1;
/** A proof in a tree of 65,536 leaves has 16 hashes; a unit file is some 3 KiB. */
const unitFileSizeLimit = 16 * 1024;

/** A unit file taken apart: the receipts made whole again with the root that their proofs lead to. */
export interface UnitFile {
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly size: number;
  /** The signed records as they were before the root was detached. */
  readonly controlBit: Uint8Array;
  readonly currencyRecord: Uint8Array;
}

/** Takes units out of a currency file; a unit is named by its place in the batch. */
export interface UnitExtractor {
  /** Units in the batch, as the control bit says. */
  readonly batchCount: number;
  /** The unit file of a unit that the currency file holds; one proof, not one tree. */
  readonly extract: (index: number) => Uint8Array;
}

/**
 * Opens a decoded currency file, of a whole batch or of a part, so that its units can be taken out one by one.
 *
 * Refuses a file whose records do not decode, or whose hashes do not fit its place in the batch. It verifies
 * nothing: a unit of a forged file is as forged.
 */
export function unitExtractor(file: CurrencyFile): Result<UnitExtractor, RecordErrorCode> {
  const controlBit = decodeControlBit(file.controlBit);
  if (!controlBit.ok) return controlBit;
  const currency = decodeCurrencyRecord(file.currencyRecord);
  if (!currency.ok) return currency;
  const { count } = controlBit.value.record;
  const tree = buildRange(file.leaves, file.first, count, file.proof);
  if (tree === undefined) {
    return refuse(
      'record_malformed',
      `not a part of its batch: ${describeUnits(file.first, file.leaves.length)} with the hashes that this place asks for, of the ${count} that the control bit is for, are accepted`,
    );
  }
  return succeed({
    batchCount: count,
    extract(index) {
      const leaf = file.leaves[index - file.first];
      assert(leaf !== undefined, 'the unit is one of the file');
      return encodeUnitFile(file, leaf, index, tree);
    },
  });
}

/** The unit file of the leaf at `index` of `tree`, under the records of its batch. */
export function encodeUnitFile(
  records: Pick<CurrencyFile, 'controlBit' | 'currencyRecord'>,
  leaf: Uint8Array,
  index: number,
  tree: MerkleTree,
): Uint8Array {
  const proof = encodeCbor([tree.size, index, tree.proof(index)]);
  return encodeCbor([
    unitFileKind,
    version,
    leaf,
    detach(records.controlBit, proof),
    detach(records.currencyRecord, proof),
  ]);
}

function detach(record: Uint8Array, proof: Uint8Array): Uint8Array {
  const envelope = decodeSign1(record);
  assert(envelope.ok, 'a record of a currency file decodes');
  const proofs = new Map<number, CborValue>([[inclusionProofs, [proof]]]);
  return encodeSign1(
    envelope.value.protectedHeader,
    new Map([[header.verifiableProofs, proofs]]),
    null,
    envelope.value.signature,
  );
}

/** Decodes an untrusted unit file; both proofs must be of one place in one tree, which the signatures then have to cover. */
export function decodeUnitFile(bytes: Uint8Array): Result<UnitFile, RecordErrorCode> {
  if (bytes.length > unitFileSizeLimit)
    return refuse('too_large', `${bytes.length} bytes: at most ${unitFileSizeLimit} are accepted`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 5) return malformed('five parts');
  const [kind, number, leaf, quotaReceipt, issuanceReceipt] = decoded.value;
  if (kind !== unitFileKind || number !== version) return malformed('`ringmint.unit-file`, version 1');
  if (
    !(leaf instanceof Uint8Array) ||
    !(quotaReceipt instanceof Uint8Array) ||
    !(issuanceReceipt instanceof Uint8Array)
  ) {
    return malformed('a unit and two receipts as byte strings');
  }
  const controlBit = attachRoot(leaf, quotaReceipt);
  if (!controlBit.ok) return controlBit;
  const currency = attachRoot(leaf, issuanceReceipt);
  if (!currency.ok) return currency;
  const { index, size } = controlBit.value;
  if (currency.value.index !== index || currency.value.size !== size)
    return malformed('two proofs of one place in one tree');
  return succeed({
    leaf,
    index,
    size,
    controlBit: controlBit.value.record,
    currencyRecord: currency.value.record,
  });
}

function attachRoot(
  leaf: Uint8Array,
  receipt: Uint8Array,
): Result<{ record: Uint8Array; index: number; size: number }, RecordErrorCode> {
  const envelope = decodeSign1(receipt);
  if (!envelope.ok) return envelope;
  const { unprotected, payload, protectedHeader, signature } = envelope.value;
  if (payload !== undefined) return malformed('receipts with a detached payload');
  const proofs = unprotected.size === 1 ? unprotected.get(header.verifiableProofs) : undefined;
  const list = proofs instanceof Map && proofs.size === 1 ? proofs.get(inclusionProofs) : undefined;
  const encoded = Array.isArray(list) && list.length === 1 ? list[0] : undefined;
  if (!(encoded instanceof Uint8Array)) return malformed('one inclusion proof a receipt');
  const decoded = decodeCbor(encoded);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 3)
    return malformed('a proof of size, index and path');
  const [size, index, path] = decoded.value;
  if (typeof size !== 'number' || typeof index !== 'number' || !Array.isArray(path))
    return malformed('a proof of size, index and path');
  if (!path.every((hash) => hash instanceof Uint8Array)) return malformed('a path of hashes');
  const root = rootFromProof(leaf, index, size, path);
  if (root === undefined) return malformed('a proof that fits the size of its tree');
  return succeed({ record: encodeSign1(protectedHeader, new Map(), root, signature), index, size });
}

function malformed(accepted: string): Refusal<'record_malformed'> {
  return refuse('record_malformed', `not a unit file: ${accepted} is accepted`);
}
