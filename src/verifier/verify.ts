/**
 * Offline verification: is this currency authentic? It needs the trust bundle and the file, no network
 * and no HSM; it runs in a browser. Authentic is not unspent: that only the register can tell.
 *
 * May import records and kit. It stands alone, so that anyone can audit with it.
 */
import { equalBytes, sha256, toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount } from '../records/amount.ts';
import type { Currency, RecordErrorCode } from '../records/claims.ts';
import { type ControlBit, decodeControlBit } from '../records/control-bit.ts';
import { verifyRecord } from '../records/cose.ts';
import { type CurrencyRecord, decodeCurrencyRecord } from '../records/currency.ts';
import {
  currencyFileItems,
  currencyFileKind,
  decodeCurrencyFile,
  describeUnits,
} from '../records/currency-file.ts';
import { type KeyRingCode, makeKeyRing } from '../records/key-ring.ts';
import { rootFromRange } from '../records/merkle.ts';
import type { VerifySignature } from '../records/signature.ts';
import { decodeTrustBundle, keySetId, type TrustBundle } from '../records/trust-bundle.ts';
import { decodeUnit, type Unit } from '../records/unit.ts';
import { decodeUnitFile, unitFileKind } from '../records/unit-file.ts';

export type VerificationCode =
  | RecordErrorCode
  | 'file_empty'
  | 'file_not_verifiable'
  | 'bundle_signature_invalid'
  | 'bundle_expired'
  | 'bundle_not_yet_valid'
  | 'bundle_superseded'
  | 'root_mismatch'
  | KeyRingCode
  | 'proof_mismatch'
  | 'merkle_root_mismatch'
  | 'control_bit_mismatch'
  | 'issuance_key_mismatch'
  | 'unit_mismatch'
  | 'unit_expired'
  | 'total_mismatch';

export interface VerificationOptions {
  /** The trust bundle's bytes. */
  readonly bundle: Uint8Array;
  /** Id of the root key that the bundle must be signed with; without it whoever handed over the bundle is trusted. */
  readonly rootKeyId?: Uint8Array;
  /** The highest revocation epoch that the caller knows of; a bundle of a lower one lacks a revocation, and is refused. */
  readonly minimumEpoch?: number;
  /** The moment to verify at, seconds since the epoch. */
  readonly at: number;
  readonly verifySignature: VerifySignature;
}

export interface Verification {
  readonly kind: 'currency' | 'unit';
  readonly issuer: string;
  readonly currency: Currency;
  /** Minor units: of the file, so of one unit in a unit file. */
  readonly total: bigint;
  /** Units in the file. */
  readonly count: number;
  /** Place of the file's first unit in the batch, from 0. */
  readonly first: number;
  /** Units in the batch that both authorities signed, and their minor units. */
  readonly batchCount: number;
  readonly batchTotal: bigint;
  /** Whether the file holds the whole batch: only then were its units added up to `batchTotal`. */
  readonly whole: boolean;
  readonly epoch: number;
  readonly sequence: number;
  readonly root: Uint8Array;
  readonly issuedAt: number;
  readonly redeemUntil: number;
  readonly rootKeyId: Uint8Array;
  /** Of the trust bundle; the next verification is to ask for this one at least. */
  readonly revocationEpoch: number;
  /** What was checked, in words, in order. */
  readonly checks: readonly string[];
}

/** Verifies a currency file or a unit file; nothing is authentic before every check has passed. */
export function verifyFile(
  bytes: Uint8Array,
  options: VerificationOptions,
): Result<Verification, VerificationCode> {
  const kind = readKind(bytes);
  if (!kind.ok) return kind;
  const bundle = openBundle(options);
  return bundle.ok ? verifyKind(kind.value, bytes, bundle.value, options) : bundle;
}

/** The same with a bundle that `openBundle` has opened: for whoever verifies many files at one moment. */
export function verifyWith(
  bytes: Uint8Array,
  bundle: TrustBundle,
  options: Moment,
): Result<Verification, VerificationCode> {
  const kind = readKind(bytes);
  return kind.ok ? verifyKind(kind.value, bytes, bundle, options) : kind;
}

type Moment = Pick<VerificationOptions, 'at' | 'verifySignature'>;

function readKind(bytes: Uint8Array): Result<Verification['kind'], VerificationCode> {
  if (bytes.length === 0)
    return refuse('file_empty', 'the file is empty: a currency file or a unit file is accepted');
  const kind = kindOf(bytes);
  if (kind !== undefined) return succeed(kind);
  return refuse(
    'file_not_verifiable',
    'neither a currency file nor a unit file: these two can be verified; `ringmint inspect` tells what this is',
  );
}

function verifyKind(
  kind: Verification['kind'],
  bytes: Uint8Array,
  bundle: TrustBundle,
  options: Moment,
): Result<Verification, VerificationCode> {
  return kind === 'currency' ? verifyCurrency(bytes, bundle, options) : verifyUnit(bytes, bundle, options);
}

/** Reads the kind off the first bytes, a short array that begins with a short text, so that a broken rest is reported as what it is. */
function kindOf(bytes: Uint8Array): Verification['kind'] | undefined {
  const items = (bytes[0] ?? 0) - 0x80;
  const start = new TextDecoder().decode(bytes.subarray(2, 2 + currencyFileKind.length));
  if (currencyFileItems.includes(items) && start === currencyFileKind) return 'currency';
  return items === 5 && start.startsWith(unitFileKind) ? 'unit' : undefined;
}

/** The bundle, signed by its root and valid at `at`. */
export function openBundle(options: VerificationOptions): Result<TrustBundle, VerificationCode> {
  const decoded = decodeTrustBundle(options.bundle);
  if (!decoded.ok) return decoded;
  const bundle = decoded.value.record;
  if (options.rootKeyId !== undefined && !equalBytes(options.rootKeyId, bundle.rootKey.keyId)) {
    return refuse(
      'root_mismatch',
      `the trust bundle is of root \`${toHex(bundle.rootKey.keyId)}\`, not of the one that was asked for`,
    );
  }
  const verified = verifyRecord(decoded.value, bundle.rootKey, options.verifySignature);
  if (!verified.ok)
    return refuse('bundle_signature_invalid', 'the trust bundle is not signed by its root: it was altered');
  const { minimumEpoch = 0 } = options;
  if (bundle.revocationEpoch < minimumEpoch)
    return refuse(
      'bundle_superseded',
      `the trust bundle is of revocation epoch ${bundle.revocationEpoch}, and ${minimumEpoch} is known: ask for the newer one`,
    );
  if (options.at < bundle.issuedAt)
    return refuse('bundle_not_yet_valid', 'the trust bundle is of a later time than the one to verify at');
  if (options.at > bundle.expiresAt)
    return refuse('bundle_expired', 'the trust bundle has expired: ask for a newer one');
  return succeed(bundle);
}

interface SignedPair {
  readonly controlBit: ControlBit;
  readonly record: CurrencyRecord;
}

function verifyCurrency(
  bytes: Uint8Array,
  bundle: TrustBundle,
  options: Moment,
): Result<Verification, VerificationCode> {
  const file = decodeCurrencyFile(bytes);
  if (!file.ok) return file;
  const { leaves, first, proof } = file.value;
  const pair = verifyPair(file.value, bundle, options.verifySignature);
  if (!pair.ok) return pair;
  const { controlBit } = pair.value;
  const units = describeUnits(first, leaves.length);
  if (leaves.length > controlBit.count - first)
    return refuse(
      'total_mismatch',
      `the file has ${units}; the control bit is for ${controlBit.count} in all`,
    );
  const root = rootFromRange(leaves, first, controlBit.count, proof);
  if (root === undefined) {
    return refuse(
      'proof_mismatch',
      `the file has ${units} of ${controlBit.count}, and not the hashes that this place asks for: units or hashes were dropped or added`,
    );
  }
  if (!equalBytes(root, controlBit.root)) {
    return refuse(
      'merkle_root_mismatch',
      'the units are not those that were signed: one was altered, exchanged or put in another place',
    );
  }
  let total = 0n;
  for (const [place, leaf] of leaves.entries()) {
    const unit = verifyLeaf(leaf, first + place, controlBit, options.at);
    if (!unit.ok) return unit;
    total += unit.value.value;
  }
  const summed = checkTotal(total, leaves.length, controlBit);
  if (!summed.ok) return summed;
  return succeed(describe('currency', pair.value, bundle, total, { first, count: leaves.length }));
}

function verifyUnit(
  bytes: Uint8Array,
  bundle: TrustBundle,
  options: Moment,
): Result<Verification, VerificationCode> {
  const file = decodeUnitFile(bytes);
  if (!file.ok) return file;
  const pair = verifyPair(file.value, bundle, options.verifySignature);
  if (!pair.ok) return pair;
  const { controlBit } = pair.value;
  const { leaf, index, size } = file.value;
  if (size !== controlBit.count)
    return refuse('total_mismatch', 'the proof is of a tree of another size than the control bit names');
  const unit = verifyLeaf(leaf, index, controlBit, options.at);
  if (!unit.ok) return unit;
  const { value } = unit.value;
  const summed = checkTotal(value, 1, controlBit);
  if (!summed.ok) return summed;
  return succeed(describe('unit', pair.value, bundle, value, { first: index, count: 1 }));
}

/** A signed root alone does not bind the sum: a whole batch is added up here, and a part leaves each other unit a minor unit at least. */
function checkTotal(total: bigint, count: number, controlBit: ControlBit): Result<null, 'total_mismatch'> {
  const others = BigInt(controlBit.count - count);
  if (others === 0n && total !== controlBit.total)
    return refuse('total_mismatch', 'the units do not add up to the total of the control bit');
  if (total + others > controlBit.total)
    return refuse('total_mismatch', 'the units are worth more than the total of the control bit leaves them');
  return succeed(null);
}

/** Both signatures, by the right keys, over one root; and that the two records speak of the same batch. */
function verifyPair(
  file: { readonly controlBit: Uint8Array; readonly currencyRecord: Uint8Array },
  bundle: TrustBundle,
  verifySignature: VerifySignature,
): Result<SignedPair, VerificationCode> {
  const decodedBit = decodeControlBit(file.controlBit);
  if (!decodedBit.ok) return decodedBit;
  const decodedRecord = decodeCurrencyRecord(file.currencyRecord);
  if (!decodedRecord.ok) return decodedRecord;
  const keys = makeKeyRing(bundle, verifySignature);
  const { issuer, issuedAt } = decodedRecord.value.record;
  // The later of two dates by two authorities: whoever stole one key can date back one of them, and gains nothing by it.
  const seenAt = Math.max(decodedBit.value.record.issuedAt, issuedAt);
  const bit = keys.verify(
    decodedBit.value,
    { role: 'quota', name: 'quota' },
    { madeAt: decodedBit.value.record.issuedAt, seenAt },
  );
  if (!bit.ok) return bit;
  const holder = { role: 'issuance', name: issuer } as const;
  const record = keys.verify(decodedRecord.value, holder, { madeAt: issuedAt, seenAt });
  if (!record.ok) return record;
  const controlBit = bit.value;
  const currency = record.value;
  if (!equalBytes(currency.root, controlBit.root))
    return refuse('merkle_root_mismatch', 'the two authorities signed different roots');
  if (
    !equalBytes(currency.controlBitHash, sha256(file.controlBit)) ||
    !equalBytes(currency.requestId, controlBit.requestId) ||
    currency.issuer !== controlBit.issuer ||
    currency.epoch !== controlBit.epoch ||
    currency.sequence !== controlBit.sequence ||
    currency.count !== controlBit.count ||
    currency.total !== controlBit.total ||
    currency.currency.code !== controlBit.currency.code
  ) {
    return refuse(
      'control_bit_mismatch',
      'the currency record is bound to another control bit than this one',
    );
  }
  if (!equalBytes(controlBit.issuanceKey, decodedRecord.value.keyId)) {
    return refuse(
      'issuance_key_mismatch',
      'the currency is signed by another key than the control bit allows',
    );
  }
  return succeed({ controlBit, record: currency });
}

function verifyLeaf(
  leaf: Uint8Array,
  index: number,
  controlBit: ControlBit,
  at: number,
): Result<Unit, VerificationCode> {
  const decoded = decodeUnit(leaf);
  if (!decoded.ok) return refuse(decoded.code, `unit ${index}: ${decoded.message}`, decoded.field);
  const unit = decoded.value;
  if (
    unit.index !== index ||
    unit.epoch !== controlBit.epoch ||
    unit.sequence !== controlBit.sequence ||
    unit.currency.code !== controlBit.currency.code ||
    unit.redeemUntil !== controlBit.redeemUntil ||
    unit.notBefore !== controlBit.issuedAt ||
    !equalBytes(unit.reservation, controlBit.reservation) ||
    !equalBytes(unit.keySet, controlBit.keySet)
  ) {
    return refuse('unit_mismatch', `unit ${index}: its serial or its terms are not those of the control bit`);
  }
  // A key set that has been rotated since is named by the bundle that was current then; the keys are checked above.
  if (at > unit.redeemUntil) {
    return refuse(
      'unit_expired',
      `unit ${index}: it could be redeemed until ${new Date(unit.redeemUntil * 1000).toISOString().slice(0, 10)}`,
    );
  }
  return succeed(unit);
}

function describe(
  kind: Verification['kind'],
  pair: SignedPair,
  bundle: TrustBundle,
  total: bigint,
  { first, count }: { readonly first: number; readonly count: number },
): Verification {
  const { controlBit, record } = pair;
  const { currency } = controlBit;
  const whole = count === controlBit.count;
  const amount = `${formatAmount(total, currency)} ${currency.code}`;
  const batchAmount = `${formatAmount(controlBit.total, currency)} ${currency.code}`;
  return {
    kind,
    issuer: controlBit.issuer,
    currency,
    total,
    count,
    first,
    batchCount: controlBit.count,
    batchTotal: controlBit.total,
    whole,
    epoch: controlBit.epoch,
    sequence: controlBit.sequence,
    root: controlBit.root,
    issuedAt: record.issuedAt,
    redeemUntil: controlBit.redeemUntil,
    rootKeyId: bundle.rootKey.keyId,
    revocationEpoch: bundle.revocationEpoch,
    checks: [
      `trust bundle signed by root ${toHex(bundle.rootKey.keyId).slice(0, 16)} and valid`,
      'control bit signed by quota control',
      `currency signed by issuance of ${record.issuer}, by the key that the control bit names`,
      'both signatures cover one Merkle root, and the currency names this control bit',
      kind === 'unit'
        ? `the unit of ${amount} is one of ${controlBit.count} under that root`
        : whole
          ? `all ${count} units recomputed to that root, and add up to ${amount}`
          : `${describeUnits(first, count)} of ${controlBit.count} recomputed to that root with the hashes of the others: a part, ${amount} of ${batchAmount}`,
      ...(equalBytes(controlBit.keySet, keySetId(bundle))
        ? ['key set of the trust bundle is the one it was issued under']
        : []),
    ],
  };
}
