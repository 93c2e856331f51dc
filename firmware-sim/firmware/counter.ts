/**
 * The monotonic counter on the die: what it has reached it never reads less than again, whatever is cut, and it wears by one bit a step.
 *
 * Two banks, one of them live. A bank is a page of places for its header, then bits that are programmed one after the other:
 *
 * ```
 * ┌──────────────────────────────┬───┬──────────────────────────────────────────────┐
 * │ base (8, big-endian) ‖ ¬base │ … │ 0 0 0 0 0 0 0 1 1 1 1 …   value = base + the  │
 * └──────────────────────────────┴───┴────────────────────── number of bits that are 0 ┘
 * ```
 *
 * - A header that a cut left half programmed does not read as another: bits went from 1 to 0 only, and base and its complement then differ.
 * - Bits are programmed one at a time, the lowest that reads 1 first: so at most one of them is metastable, and the next step programs that one.
 * - A full bank is followed by the other one, whose base is what was reached. Of two banks with the same value the one of the lower base
 *   is live: the other is begun anew, for its header may be half programmed.
 * - Before a bank is erased its headers are programmed to 0: an erase that is cut may have pulled bits down, which would count.
 * - A bit that stays 1 is passed over; bits that stay 0 after an erase are taken off the base.
 */
import { equalBytes } from '../../src/kit/bytes.ts';
import { type Cpu, GlitchError } from '../chip/cpu.ts';
import type { Memory } from '../chip/memory.ts';
import { gate } from './gate.ts';

const headerBytes = 16;

interface Bank {
  readonly index: 0 | 1;
  readonly base: number;
  /** Of its header, in the bank. */
  readonly header: number;
  readonly value: number;
}

export class MonotonicCounter {
  private readonly memory: Memory;
  private readonly cpu: Cpu;
  private readonly bankBytes: number;
  private readonly areaBytes: number;
  /** Bytes of a header, in whole words. */
  private readonly span: number;
  private live: Bank | undefined;
  private reached: number;
  /** Of the live bank: 1 for bits that can be programmed still. */
  private free = new Uint8Array();
  /** The first byte that may have one. */
  private next = 0;
  /** Changes of the bank since the last step. */
  private idleChanges = 0;
  /** What the counter may have been raised to: the highest of three readings. */
  readonly bound: number;

  /** Throws GlitchError where readings differ by more than the one bit that a cut can have left. */
  constructor(memory: Memory, cpu: Cpu) {
    this.memory = memory;
    this.cpu = cpu;
    const { sectorBytes, sectors, fuseSectors, wordBytes, pageBytes } = memory.geometry;
    this.bankBytes = Math.floor((sectors - fuseSectors) / 2) * sectorBytes;
    this.areaBytes = pageBytes;
    this.span = Math.ceil(headerBytes / wordBytes) * wordBytes;
    const readings = [1, 2, 3].map((time) =>
      cpu.value(`counter.open.${time}`, memory.read(this.addressOf(0), 2 * this.bankBytes)),
    );
    this.bound = Math.max(...readings.map((bytes) => this.liveOf(bytes)?.value ?? 0));
    // A bit is programmed again only where all readings have it 0: what one of them has may be a glitch, and what is programmed stays.
    const solid = allOnes(readings);
    const live = this.liveOf(solid);
    this.reached = live?.value ?? 0;
    if (!gate(cpu, 'counter.open.alike', () => this.bound - this.reached <= 1))
      throw new GlitchError('readings of the counter differ');
    if (live !== undefined) this.resume(live, solid);
  }

  /** What it is known to be; `bound`, or one less, until it is raised. */
  get value(): number {
    return this.reached;
  }

  /** Sees to it that there is a bit for the next step; false where the memory is worn out. */
  reserve(): boolean {
    while (this.nextFree() === undefined) {
      // Both banks were begun anew, and no bit of either took a step.
      if (this.idleChanges === 2 || !this.changeBank()) return false;
      this.idleChanges++;
    }
    return true;
  }

  /**
   * It is `to`, on the medium, when this returns true; false where no bit is left to be programmed. A cut leaves a value between. Throws GlitchError
   * where what is read back disagrees.
   */
  raise(to: number): boolean {
    while (this.reached < to) {
      if (!this.reserve()) return false;
      const bit = this.nextFree();
      if (bit === undefined) continue;
      const { at, mask } = bit;
      if (this.programBit(at, mask)) {
        this.reached++;
        this.idleChanges = 0;
      }
      this.free[at] = (this.free[at] as number) & ~mask;
    }
    this.memory.settle();
    return true;
  }

  /** False for a bit that stays 1. */
  private programBit(at: number, mask: number): boolean {
    const { live } = this;
    if (live === undefined) return false;
    const { wordBytes } = this.memory.geometry;
    const from = at - (at % wordBytes);
    const address = this.addressOf(live.index) + from;
    const word = new Uint8Array(wordBytes).fill(0xff);
    word[at - from] = 0xff & ~mask;
    const isZero = (site: string): boolean =>
      ((this.cpu.value(site, this.memory.read(address, wordBytes))[at - from] as number) & mask) === 0;
    this.cpu.run('counter.program', () => this.memory.program(address, word));
    if (gate(this.cpu, 'counter.raised', (time) => isZero(`counter.read.${time}`))) return true;
    this.cpu.run('counter.program.again', () => this.memory.program(address, word));
    if (!gate(this.cpu, 'counter.stuck', (time) => !isZero(`counter.read.again.${time}`)))
      throw new GlitchError('a bit of the counter was not programmed');
    return false;
  }

  /** Goes on in a bank that was found, and programs once more what a cut may have left: its header, and its last bits. */
  private resume(live: Bank, solid: Uint8Array): void {
    const { wordBytes } = this.memory.geometry;
    const from = live.index * this.bankBytes;
    const bytes = solid.slice(from, from + this.bankBytes);
    const again = (at: number, length: number): void =>
      this.cpu.run('counter.solidify', () =>
        this.memory.program(this.addressOf(live.index) + at, bytes.subarray(at, at + length)),
      );
    again(live.header, this.span);
    let last = bytes.length - 1;
    while (last >= this.areaBytes && bytes[last] === 0xff) last--;
    if (last >= this.areaBytes) again(last - (last % wordBytes), wordBytes);
    this.enter(live, bytes);
  }

  private enter(live: Bank, bytes: Uint8Array): void {
    this.live = live;
    this.free = bytes.slice();
    this.free.fill(0, 0, this.areaBytes);
    this.next = this.areaBytes;
  }

  private nextFree(): { readonly at: number; readonly mask: number } | undefined {
    while (this.next < this.free.length && this.free[this.next] === 0) this.next++;
    const byte = this.free[this.next];
    if (byte === undefined) return undefined;
    return { at: this.next, mask: 1 << (31 - Math.clz32(byte)) };
  }

  /**
   * Goes on in the other bank. A cut leaves the old one live, for the new one has no header, or the same value. Settles twice: bits of an
   * earlier life must not be found under a new header, nor bits that an erase pulled down under an old one.
   */
  private changeBank(): boolean {
    const { memory, cpu } = this;
    const index = this.live?.index === 0 ? 1 : 0;
    const address = this.addressOf(index);
    cpu.run('counter.bank.void', () => memory.program(address, new Uint8Array(this.areaBytes)));
    memory.settle();
    const { sectorBytes } = memory.geometry;
    for (let sector = address / sectorBytes; sector < (address + this.bankBytes) / sectorBytes; sector++)
      cpu.run('counter.bank.erase', () => memory.erase(sector));
    memory.settle();
    const bytes = cpu.value('counter.bank.blank', memory.read(address, this.bankBytes));
    // A base that is too low would have steps count for nothing: the old bank says more for a while.
    const isAlike = (time: number): boolean =>
      equalBytes(bytes, cpu.value(`counter.bank.blank.${time}`, memory.read(address, this.bankBytes)));
    if (!gate(cpu, 'counter.bank.alike', isAlike)) throw new GlitchError('readings of a bank differ');
    const isVoid = zerosIn(bytes.subarray(0, this.areaBytes), 0) === 8 * this.areaBytes;
    if (cpu.branch('counter.bank.erased', isVoid))
      throw new GlitchError('a bank of the counter was not erased');
    const base = this.reached - zerosIn(bytes, this.areaBytes);
    if (base < 0) return false;
    const header = this.writeHeader(address, base);
    if (header === undefined) return false;
    this.enter({ index, base, header, value: this.reached }, bytes);
    return true;
  }

  /** At the first place that takes it. */
  private writeHeader(address: number, base: number): number | undefined {
    const { memory, cpu } = this;
    const header = new Uint8Array(this.span).fill(0xff);
    const view = new DataView(header.buffer);
    view.setBigUint64(0, BigInt(base));
    view.setBigUint64(8, ~BigInt(base) & 0xffff_ffff_ffff_ffffn);
    for (let at = 0; at + this.span <= this.areaBytes; at += this.span) {
      cpu.run('counter.bank.header', () => memory.program(address + at, header));
      const reads = (time: number): boolean =>
        Buffer.compare(
          cpu
            .value(`counter.bank.read.${time}`, memory.read(address + at, this.span))
            .subarray(0, headerBytes),
          header.subarray(0, headerBytes),
        ) === 0;
      if (gate(cpu, 'counter.bank.begun', reads)) return at;
      memory.program(address + at, new Uint8Array(this.span));
    }
    return undefined;
  }

  private addressOf(bank: 0 | 1): number {
    const { fuseSectors, sectorBytes } = this.memory.geometry;
    return fuseSectors * sectorBytes + bank * this.bankBytes;
  }

  /** The live one of both banks' bytes; undefined where nothing was ever counted. */
  private liveOf(bytes: Uint8Array): Bank | undefined {
    const [first, second] = [this.bankOf(0, bytes), this.bankOf(1, bytes)];
    if (first === undefined || second === undefined) return first ?? second;
    if (first.value !== second.value) return first.value > second.value ? first : second;
    return first.base <= second.base ? first : second;
  }

  private bankOf(index: 0 | 1, both: Uint8Array): Bank | undefined {
    const bytes = both.subarray(index * this.bankBytes, (index + 1) * this.bankBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let header = 0; header + this.span <= this.areaBytes; header += this.span) {
      const base = view.getBigUint64(header);
      if ((base ^ view.getBigUint64(header + 8)) !== 0xffff_ffff_ffff_ffffn) continue;
      if (base > BigInt(Number.MAX_SAFE_INTEGER)) continue;
      return { index, base: Number(base), header, value: Number(base) + zerosIn(bytes, this.areaBytes) };
    }
    return undefined;
  }
}

/** Bits of each byte that are 0. */
const zeros = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 8;
  for (let left = byte; left !== 0; left &= left - 1) count--;
  return count;
});

/** Bits that are 1 in any of them. */
function allOnes(readings: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(), ...others] = readings;
  const ones = first.slice();
  for (const bytes of others) {
    if (equalBytes(bytes, ones)) continue;
    for (let at = 0; at < ones.length; at++) ones[at] = (ones[at] as number) | (bytes[at] as number);
  }
  return ones;
}

function zerosIn(bytes: Uint8Array, from: number): number {
  let count = 0;
  for (let at = from; at < bytes.length; at++) count += zeros[bytes[at] as number] as number;
  return count;
}
