/**
 * A set of ids of 16 bytes with some numbers to each, in few bytes: an audit holds one row a request and one an order, however large
 * the records are. Rows are numbered in the order in which they were added.
 */
import { sha256 } from '../kit/bytes.ts';

const idBytes = 16;
const firstRows = 1024;

export class IdTable {
  private readonly width: number;
  private rows = 0;
  private ids = new Uint8Array(firstRows * idBytes);
  private numbers: Float64Array;
  /** Open addressing, at most half full: the row plus one, or 0. */
  private slots = new Int32Array(2 * firstRows);

  /** `width`: how many numbers a row has; each is 0 until it is set. */
  constructor(width: number) {
    this.width = width;
    this.numbers = new Float64Array(firstRows * width);
  }

  get size(): number {
    return this.rows;
  }

  /** The row of `id`, or -1. */
  find(id: Uint8Array): number {
    return (this.slots[this.slotOf(id)] ?? 0) - 1;
  }

  /** The row of `id`, made where there was none. */
  add(id: Uint8Array): { readonly row: number; readonly isNew: boolean } {
    const slot = this.slotOf(id);
    const known = this.slots[slot] ?? 0;
    if (known > 0) return { row: known - 1, isNew: false };
    const row = this.rows++;
    if (row * idBytes === this.ids.length) this.growRows();
    this.ids.set(id, row * idBytes);
    this.slots[slot] = row + 1;
    if (this.rows * 2 >= this.slots.length) this.growSlots();
    return { row, isNew: true };
  }

  id(row: number): Uint8Array {
    return this.ids.slice(row * idBytes, (row + 1) * idBytes);
  }

  get(row: number, column: number): number {
    return this.numbers[row * this.width + column] ?? 0;
  }

  set(row: number, column: number, value: number): void {
    this.numbers[row * this.width + column] = value;
  }

  private slotOf(id: Uint8Array): number {
    // Hashed: whoever chooses ids does not choose where they fall.
    const hash = sha256(id);
    const mask = this.slots.length - 1;
    let slot = new DataView(hash.buffer).getUint32(0) & mask;
    for (let known = this.slots[slot] ?? 0; known > 0; known = this.slots[slot] ?? 0) {
      if (this.holds(known - 1, id)) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private holds(row: number, id: Uint8Array): boolean {
    const start = row * idBytes;
    for (let i = 0; i < idBytes; i++) if (this.ids[start + i] !== id[i]) return false;
    return true;
  }

  private growRows(): void {
    const ids = new Uint8Array(2 * this.ids.length);
    ids.set(this.ids);
    this.ids = ids;
    const numbers = new Float64Array(2 * this.numbers.length);
    numbers.set(this.numbers);
    this.numbers = numbers;
  }

  private growSlots(): void {
    this.slots = new Int32Array(2 * this.slots.length);
    for (let row = 0; row < this.rows; row++) this.slots[this.slotOf(this.id(row))] = row + 1;
  }
}
