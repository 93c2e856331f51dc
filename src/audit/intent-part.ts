/** Parts of an intent's entry as an auditor reads them: strictly, from bytes that may be forged. */
import type { CborValue } from '../kit/encoding.ts';
import type { ClaimReader } from '../records/claims.ts';

export interface Take {
  readonly currency: string;
  readonly amount: bigint;
  readonly orders: number;
  readonly atMs: number;
  /** The reservation that it is of, 16 bytes. */
  readonly reservation: Uint8Array | null;
}

export interface Reserves {
  readonly currency: string;
  readonly amount: bigint;
  readonly expiresMs: number;
  readonly atMs: number;
}

export interface UnitSerial {
  readonly epoch: number;
  readonly sequence: number;
  readonly index: number;
}

export interface Settles {
  readonly currency: string;
  readonly amount: bigint;
  /** Spent by it; none where an account is debited. */
  readonly units: readonly UnitSerial[];
  /** Accounts, 32 bytes. */
  readonly from: Uint8Array | null;
  readonly to: Uint8Array | null;
  readonly returned: bigint;
}

export function anyBytes(reader: ClaimReader, value: CborValue | undefined, name: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  reader.fail(name, 'a byte string');
  return new Uint8Array();
}

export function readSerial(
  reader: ClaimReader,
  value: CborValue | undefined,
): { epoch: number; number: number } {
  const [epoch, number] = reader.listOf(value, 'serial', 2);
  return {
    epoch: reader.integerOf(epoch, 'serial.epoch', 1),
    number: reader.integerOf(number, 'serial.number', 1),
  };
}

export function readTake(reader: ClaimReader, value: CborValue | undefined): Take {
  const isOfReservation = Array.isArray(value) && value.length === 5;
  const [currency, amount, orders, atMs, reservation] = reader.listOf(value, 'take', isOfReservation ? 5 : 4);
  return {
    reservation: isOfReservation ? reader.bytesOf(reservation, 'take.reservation', 16) : null,
    currency: reader.currencyCodeOf(currency, 'take.currency'),
    amount: reader.amountOf(amount, 'take.amount'),
    orders: reader.integerOf(orders, 'take.orders', 1),
    atMs: reader.momentOf(atMs, 'take.atMs'),
  };
}

export function readApproves(
  reader: ClaimReader,
  value: CborValue | undefined,
): { currency: string; amount: bigint } {
  const [currency, amount] = reader.listOf(value, 'approves', 2);
  return {
    currency: reader.currencyCodeOf(currency, 'approves.currency'),
    amount: reader.amountOf(amount, 'approves.amount'),
  };
}

export function readReserves(reader: ClaimReader, value: CborValue | undefined): Reserves {
  const [currency, amount, expiresMs, atMs] = reader.listOf(value, 'reserve', 4);
  return {
    currency: reader.currencyCodeOf(currency, 'reserve.currency'),
    amount: reader.amountOf(amount, 'reserve.amount'),
    expiresMs: reader.momentOf(expiresMs, 'reserve.expiresMs'),
    atMs: reader.momentOf(atMs, 'reserve.atMs'),
  };
}

/** Bytes of a unit's serial: epoch (8), sequence (8) and index (4), big-endian. */
const unitBytes = 20;

export function readSettles(reader: ClaimReader, value: CborValue | undefined): Settles {
  const [currency, amount, units, from, to, returned] = reader.listOf(value, 'settlement', 6);
  const account = (item: CborValue | undefined, name: string): Uint8Array | null =>
    item === null ? null : reader.bytesOf(item, name, 32);
  return {
    currency: reader.currencyCodeOf(currency, 'settlement.currency'),
    amount: reader.amountOf(amount, 'settlement.amount'),
    units: readUnits(reader, units),
    from: account(from, 'settlement.from'),
    to: account(to, 'settlement.to'),
    returned: returned === 0 ? 0n : reader.amountOf(returned, 'settlement.returned'),
  };
}

function readUnits(reader: ClaimReader, value: CborValue | undefined): readonly UnitSerial[] {
  const bytes = anyBytes(reader, value, 'settlement.units');
  if (bytes.length % unitBytes !== 0) reader.fail('settlement.units', `${unitBytes} bytes a unit`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / unitBytes) }, (_, unit) => ({
    epoch: Number(view.getBigUint64(unitBytes * unit)),
    sequence: Number(view.getBigUint64(unitBytes * unit + 8)),
    index: view.getUint32(unitBytes * unit + 16),
  }));
}
