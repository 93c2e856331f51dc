/**
 * A unit of currency: the leaf of the Merkle tree that both authorities sign.
 *
 * ```
 * ┌ array(13) ──────────────────────────────────────────────────────────────────────────────┐
 * │ 1 │ code │ exponent │ value │ epoch │ sequence │ index │ owner(32) │ reservation(16)    │
 * │ key set(32) │ not before │ redeem until │ salt(16)                                      │
 * └─────────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 * Its serial is (epoch, sequence, index). The salt keeps whoever holds one unit and its proof from
 * guessing the others.
 */
import { concatBytes, sha256, sha256Into, utf8 } from '../kit/bytes.ts';
import { decodeCbor, encodeCbor, headLimit, putHead } from '../kit/encoding.ts';
import { assert, type Result } from '../kit/result.ts';
import { ClaimReader, type Currency, type RecordErrorCode } from './claims.ts';
import { currencyExponent } from './iso4217.ts';
import type { Lot } from './request.ts';

const version = 1;
const fieldCount = 13;
const saltLength = 16;

export interface Unit {
  readonly currency: Currency;
  readonly value: bigint;
  readonly epoch: number;
  readonly sequence: number;
  readonly index: number;
  readonly owner: Uint8Array;
  readonly reservation: Uint8Array;
  readonly keySet: Uint8Array;
  readonly notBefore: number;
  readonly redeemUntil: number;
  readonly salt: Uint8Array;
}

/** All that the units of one batch follow from: issuance and quota control derive them each for itself. */
export interface BatchTerms {
  readonly currency: Currency;
  readonly lots: readonly Lot[];
  readonly epoch: number;
  readonly sequence: number;
  readonly reservation: Uint8Array;
  readonly keySet: Uint8Array;
  readonly notBefore: number;
  readonly redeemUntil: number;
  /** 32 random bytes. */
  readonly seed: Uint8Array;
}

/**
 * The encoded units of a batch, in the order of its lots.
 *
 * Written for 65,536 units a call, each of a lot of its own: what is the same in every unit is encoded once, by the CBOR library,
 * and all leaves lie in one piece of memory. A test holds the bytes against `encodeUnit`.
 */
export function deriveLeaves(terms: BatchTerms): Uint8Array[] {
  assert(terms.seed.length === 32, 'a seed has 32 bytes');
  const { currency, epoch, sequence, lots } = terms;
  const head = concatBytes(
    Uint8Array.of(0x80 | fieldCount),
    encodeCbor(version),
    encodeCbor(currency.code),
    encodeCbor(currency.exponent),
  );
  const serial = concatBytes(encodeCbor(epoch), encodeCbor(sequence));
  const shared = concatBytes(
    encodeCbor(terms.reservation),
    encodeCbor(terms.keySet),
    encodeCbor(terms.notBefore),
    encodeCbor(terms.redeemUntil),
    Uint8Array.of(0x50),
  );
  const count = lots.reduce((sum, lot) => sum + lot.count, 0);
  // Value, index, owner and salt beside what is the same.
  const most = head.length + serial.length + shared.length + headLimit * 3 + 32 + saltLength;
  const bytes = new Uint8Array(count * most);
  const saltInput = concatBytes(terms.seed, new Uint8Array(8));
  const saltIndex = new DataView(saltInput.buffer, 32);
  const leaves: Uint8Array[] = [];
  let at = 0;
  for (const { value, owner, count: units } of lots) {
    assert(owner.length === 32, 'an owner commitment has 32 bytes');
    const amount = Number(value);
    for (let i = 0; i < units; i++) {
      const start = at;
      bytes.set(head, at);
      at = putHead(bytes, at + head.length, 0, amount);
      bytes.set(serial, at);
      at = putHead(bytes, at + serial.length, 0, leaves.length);
      at = putHead(bytes, at, 2, owner.length);
      bytes.set(owner, at);
      bytes.set(shared, at + owner.length);
      at += owner.length + shared.length;
      // The high half stays zero: a batch has at most 65,536 units.
      saltIndex.setUint32(4, leaves.length);
      sha256Into(saltInput, bytes, at, saltLength);
      at += saltLength;
      leaves.push(bytes.subarray(start, at));
    }
  }
  return leaves;
}

/** The salt of the unit at `index`: the first 16 bytes of SHA-256(seed ‖ index as 64 bits, big-endian). */
export function deriveSalt(seed: Uint8Array, index: number): Uint8Array {
  const input = concatBytes(seed, new Uint8Array(8));
  new DataView(input.buffer).setBigUint64(32, BigInt(index));
  return sha256(input).slice(0, 16);
}

/** A unit's serial for people: `epoch.sequence.index`. */
export function serialName({ epoch, sequence, index }: Pick<Unit, 'epoch' | 'sequence' | 'index'>): string {
  return `${epoch}.${sequence}.${index}`;
}

export function encodeUnit(unit: Unit): Uint8Array {
  return encodeCbor([
    version,
    unit.currency.code,
    unit.currency.exponent,
    unit.value,
    unit.epoch,
    unit.sequence,
    unit.index,
    unit.owner,
    unit.reservation,
    unit.keySet,
    unit.notBefore,
    unit.redeemUntil,
    unit.salt,
  ]);
}

/** Decodes an untrusted leaf. */
export function decodeUnit(leaf: Uint8Array): Result<Unit, RecordErrorCode> {
  const decoded = decodeCbor(leaf);
  if (!decoded.ok) return decoded;
  const reader = new ClaimReader(new Map());
  const fields = reader.listOf(decoded.value, 'unit', fieldCount);
  const bytesAt = (index: number, name: string, length: number): Uint8Array => {
    const value = fields[index];
    if (value instanceof Uint8Array && value.length === length) return value;
    reader.fail(name, `a byte string of ${length} bytes`);
    return new Uint8Array(length);
  };
  const code = fields[1];
  const exponent = typeof code === 'string' ? currencyExponent(code) : undefined;
  if (fields[0] !== version) reader.fail('version', '1');
  if (exponent === undefined || exponent !== fields[2])
    reader.fail('currency', 'a code of ISO 4217 with its exponent', 'currency_unknown');
  return reader.finish({
    currency: { code: typeof code === 'string' ? code : '', exponent: exponent ?? 0 },
    value: reader.amountOf(fields[3], 'value'),
    epoch: reader.integerOf(fields[4], 'epoch', 1),
    sequence: reader.integerOf(fields[5], 'sequence', 1),
    index: reader.integerOf(fields[6], 'index'),
    owner: bytesAt(7, 'owner', 32),
    reservation: bytesAt(8, 'reservation', 16),
    keySet: bytesAt(9, 'keySet', 32),
    notBefore: reader.timeOf(fields[10], 'notBefore'),
    redeemUntil: reader.timeOf(fields[11], 'redeemUntil'),
    salt: bytesAt(12, 'salt', 16),
  });
}

/**
 * Commits to an owner without telling who: SHA-256('ringmint.owner.v1' ‖ 0x00 ‖ blinding ‖ name), 32 bytes.
 * Name and blinding (32 random bytes) together open it.
 */
export function commitOwner(name: string, blinding: Uint8Array): Uint8Array {
  assert(blinding.length === 32, 'a blinding has 32 bytes');
  return sha256(concatBytes(ownerDomain, blinding, utf8(name)));
}

const ownerDomain = concatBytes(utf8('ringmint.owner.v1'), Uint8Array.of(0));
