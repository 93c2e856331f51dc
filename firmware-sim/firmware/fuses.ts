/**
 * The fuses: the first sector of the die, whose bits go from 1 to 0 once and for all.
 *
 * ```
 * at 0      alarms │ zeroising │ zeroised                                    one word each
 * row 0     begun │ UDS (32) │ serial (16) │ signer (32) │ floor │ made │ confirmed │ abandoned
 * row 1 … 3 the same: for a manufacture that was cut, whose bits nobody knows
 * ```
 *
 * INVARIANT: one row at most is in use: the first that is not abandoned. A row is abandoned only before its `confirmed` was ever touched, so that it
 * never again reads as finished; and where `confirmed` was touched, everything else in the row is solid.
 */
import { assert } from '../../src/kit/result.ts';
import { isErased, type Memory, pagesOf } from '../chip/memory.ts';

const rowCount = 4;

/** Where something is, in bytes from the beginning of the die. */
interface Place {
  readonly at: number;
  readonly length: number;
}

export interface FuseRow {
  readonly begun: Place;
  /** Unique device secret. */
  readonly uds: Place;
  readonly serial: Place;
  /** SHA-256 of the point of the key that signs images. */
  readonly signer: Place;
  /** One bit for each image version of which older ones are not taken. */
  readonly floor: Place;
  readonly made: Place;
  readonly confirmed: Place;
  readonly abandoned: Place;
}

export interface FuseMap {
  readonly alarms: Place;
  readonly zeroising: Place;
  readonly zeroised: Place;
  readonly rows: readonly FuseRow[];
}

const maps = new Map<string, FuseMap>();

/** Where the fuses of this die are. */
export function fuseMap(die: Memory): FuseMap {
  const { wordBytes, sectorBytes } = die.geometry;
  const name = `${wordBytes}/${sectorBytes}`;
  const known = maps.get(name);
  if (known !== undefined) return known;
  let at = 0;
  const next = (length: number): Place => {
    const place = { at, length };
    at += length;
    return place;
  };
  const word = (): Place => next(wordBytes);
  const row = (): FuseRow => ({
    begun: word(),
    uds: next(32),
    serial: next(16),
    signer: next(32),
    floor: word(),
    made: word(),
    confirmed: word(),
    abandoned: word(),
  });
  const map = {
    alarms: word(),
    zeroising: word(),
    zeroised: word(),
    rows: Array.from({ length: rowCount }, row),
  };
  assert(at <= sectorBytes && 16 % wordBytes === 0, 'the fuses fit into one sector, in whole words');
  maps.set(name, map);
  return map;
}

export function readFuse(die: Memory, { at, length }: Place): Uint8Array {
  return die.read(at, length);
}

/** Whether every bit is 0: so reads what was burnt whole, always, and what was burnt in part, at times. */
export function isBurnt(die: Memory, place: Place): boolean {
  return readFuse(die, place).every((byte) => byte === 0);
}

/** Whether no bit is 0: so reads what nobody touched, always, and what was burnt in part, at times. */
export function isBlank(die: Memory, place: Place): boolean {
  return isErased(readFuse(die, place));
}

/** Page by page; what lies there is ANDed. */
export function burn(die: Memory, place: Place, bytes: Uint8Array): void {
  assert(bytes.length === place.length, 'a fuse is burnt whole');
  for (const [at, page] of pagesOf(die.geometry, place.at, bytes)) die.program(at, page);
}

/** All bits of it, and on the medium. */
export function burnOut(die: Memory, place: Place): void {
  burn(die, place, new Uint8Array(place.length));
  die.settle();
}

/** The first that is not abandoned; `undefined` where there is none left. */
export function currentRow(die: Memory): FuseRow | undefined {
  return fuseMap(die).rows.find((row) => !isBurnt(die, row.abandoned));
}

/** The row of a chip whose manufacture was finished; where it was cut at its very end, one boot may see it as finished and the next not. */
export function finishedRow(die: Memory): FuseRow | undefined {
  const row = currentRow(die);
  return row !== undefined && isBurnt(die, row.made) && !isBlank(die, row.confirmed) ? row : undefined;
}

/** The device's number, 16 bytes: of one that was never made, whatever is there. */
export function readSerial(die: Memory): Uint8Array {
  const row = currentRow(die);
  return row === undefined ? new Uint8Array(16).fill(0xff) : readFuse(die, row.serial);
}

/** How many bits are 0. */
export function countBits(bytes: Uint8Array): number {
  let zeros = 0;
  for (const byte of bytes) for (let bit = 0; bit < 8; bit++) if (((byte >> bit) & 1) === 0) zeros++;
  return zeros;
}

/** `length` bytes of which the first `zeros` bits are 0. */
export function unary(length: number, zeros: number): Uint8Array {
  assert(zeros <= 8 * length, 'a fuse has a bit for each step');
  const bytes = new Uint8Array(length).fill(0xff);
  for (let bit = 0; bit < zeros; bit++)
    bytes[bit >> 3] = (bytes[bit >> 3] as number) & ~(1 << (bit & 7)) & 0xff;
  return bytes;
}
