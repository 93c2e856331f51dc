/**
 * What an intent settles, as the journal and the intent's row have it.
 *
 * ```
 * settlement [ currency, amount, units, from, to, returned ]     deterministic CBOR; the issuer is the intent's
 * units      20 bytes each: epoch (8) │ sequence (8) │ index (4)   big-endian
 * ```
 */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import { serialName } from '../records/unit.ts';
import { type NewIntent, type Settlement, StoreError, type UnitSerial } from './store.ts';

/** Of one unit: epoch and sequence of its control bit, and its number there. */
const unitBytes = 20;
const accountBytes = 32;

/** What of it is stored. */
export function storedSettlement(settlement: Settlement): Settlement {
  const { issuer, currency, amount, units, from, to, returned } = settlement;
  return { issuer, currency, amount, units, from, to, returned };
}

export function settlementValue({ currency, amount, units, from, to, returned }: Settlement): CborValue {
  return [currency, amount, encodeUnits(units), from, to, returned];
}

export function encodeSettlement(settlement: Settlement): Uint8Array {
  return encodeCbor(settlementValue(settlement));
}

/** Throws `store_corrupt` where the row is not what it was. */
export function decodeSettlement(bytes: Uint8Array, issuer: string): Settlement {
  const decoded = decodeCbor(new Uint8Array(bytes));
  const [currency, amount, units, from, to, returned] =
    decoded.ok && Array.isArray(decoded.value) ? (decoded.value as readonly CborValue[]) : [];
  if (
    typeof currency !== 'string' ||
    !isInteger(amount) ||
    !(units instanceof Uint8Array) ||
    !isAccount(from) ||
    !isAccount(to) ||
    !isInteger(returned)
  )
    throw new StoreError('store_corrupt', 'what an intent settles cannot be read: restore a backup');
  return {
    issuer,
    currency,
    amount: BigInt(amount),
    units: decodeUnits(units),
    from,
    to,
    returned: BigInt(returned),
  };
}

function isInteger(value: CborValue | undefined): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isAccount(value: CborValue | undefined): value is Uint8Array | null {
  return value === null || (value instanceof Uint8Array && value.length === accountBytes);
}

function encodeUnits(units: readonly UnitSerial[]): Uint8Array {
  const bytes = new Uint8Array(unitBytes * units.length);
  const view = new DataView(bytes.buffer);
  for (const [i, { epoch, sequence, index }] of units.entries()) {
    view.setBigUint64(unitBytes * i, BigInt(epoch));
    view.setBigUint64(unitBytes * i + 8, BigInt(sequence));
    view.setUint32(unitBytes * i + 16, index);
  }
  return bytes;
}

function decodeUnits(bytes: Uint8Array): readonly UnitSerial[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / unitBytes) }, (_, i) => ({
    epoch: Number(view.getBigUint64(unitBytes * i)),
    sequence: Number(view.getBigUint64(unitBytes * i + 8)),
    index: view.getUint32(unitBytes * i + 16),
  }));
}

/** What the role has to see to before it asks the store. */
export function assertSettlement({ issuer, take, settles }: NewIntent): void {
  if (settles === undefined) return;
  const { currency, amount, units, from, to, returned } = settles;
  assert(take === undefined, 'what settles takes no quota');
  assert(settles.issuer === issuer, 'an intent settles what its own issuer has issued');
  assert(amount > 0n, 'amounts above zero are settled');
  // So it has one place in the bytes, by which both databases have an index (`settledCurrency`).
  assert(/^[A-Z]{3}$/.test(currency), 'a currency has three letters');
  assert(units.length > 0 !== (from !== null), 'either units are spent, or an account is debited');
  assert(
    [from, to].every((account) => account === null || account.length === accountBytes),
    'an account has 32 bytes',
  );
  assert(
    returned === 0n || (returned === amount && to === null),
    'what is retired for good comes back, or none',
  );
  assert(
    units.every(
      ({ epoch, sequence, index }) =>
        [epoch, sequence, index].every((one) => Number.isSafeInteger(one) && one >= 0) && index < 2 ** 32,
    ),
    'a unit has a serial',
  );
  assert(new Set(units.map(serialName)).size === units.length, 'a unit is spent once in a settlement');
}
