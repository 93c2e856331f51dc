/**
 * NOR flash to the bit: what is programmed is ANDed, a sector is erased whole, fuses never, and power may go at any of its operations.
 *
 * It lies in RAM; with a medium each operation is written through to it. Nothing of it is lost at a cut but what the cut itself splits.
 */
import { Draw } from './draw.ts';
import type { Geometry, Memory } from './memory.ts';
import type { Power } from './power.ts';
import { Sector } from './sector.ts';

/** Where a memory is kept while there is no power at all. Throws `MediumError`. */
export interface Medium {
  /** As it was found. */
  readonly bytes: Uint8Array;
  readonly wear: readonly number[];
  write(address: number, bytes: Uint8Array): void;
  writeWear(sector: number, erases: number): void;
  settle(): void;
}

export interface FlashOptions {
  readonly geometry: Geometry;
  readonly power: Power;
  /** In RAM, and blank, where none is given. */
  readonly medium?: Medium;
  /** Of what is drawn: how metastable bits read, and which bits stick of wear. */
  readonly seed?: number;
  /** What an operation says that it is of. */
  readonly name?: string;
}

/** Where a file's pages are lost, they are lost by blocks. */
const blockBytes = 512;

/** What a sector was before an operation on some bytes of it. */
interface Unsettled {
  readonly sector: number;
  readonly at: number;
  readonly length: number;
  readonly was: Sector;
}

export class Flash implements Memory {
  readonly geometry: Geometry;
  private readonly power: Power;
  private readonly medium: Medium | undefined;
  private readonly seed: number;
  private readonly name: string;
  private draw: Draw;
  private readonly sectors: Sector[];
  /** Sectors that no clone shares. */
  private readonly own = new Set<number>();
  /** Since the last settle, where a cut may forget it. */
  private unsettled: Unsettled[] = [];

  constructor(
    { geometry, power, medium, seed = 0, name = 'flash' }: FlashOptions,
    shared?: readonly Sector[],
  ) {
    this.geometry = geometry;
    this.name = name;
    this.power = power;
    this.medium = medium;
    this.seed = seed;
    this.draw = new Draw(seed);
    this.sectors = shared === undefined ? this.found() : [...shared];
    power.whenForgetting((draw) => this.forget(draw));
  }

  read(address: number, length: number): Uint8Array {
    this.power.assertOn();
    this.assertInside(address, length);
    const { sectorBytes } = this.geometry;
    const into = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = (address + done) % sectorBytes;
      const part = Math.min(length - done, sectorBytes - at);
      this.sector(Math.floor((address + done) / sectorBytes)).read(at, part, into, done, this.draw);
      done += part;
    }
    return into;
  }

  program(address: number, bytes: Uint8Array): void {
    const { sectorBytes, wordBytes, pageBytes } = this.geometry;
    this.assertInside(address, bytes.length);
    if (bytes.length === 0 || address % wordBytes !== 0 || bytes.length % wordBytes !== 0)
      throw new RangeError(`${bytes.length} bytes at ${address} are no whole words of ${wordBytes}`);
    if (Math.floor(address / pageBytes) !== Math.floor((address + bytes.length - 1) / pageBytes))
      throw new RangeError(`${bytes.length} bytes at ${address} are not within one page of ${pageBytes}`);
    const index = Math.floor(address / sectorBytes);
    const at = address % sectorBytes;
    this.power.operate(
      { kind: 'program', memory: this.name, address, bytes: bytes.slice() },
      () => {
        this.writable(index, at, bytes.length).program(at, bytes);
        this.writeThrough(index, at, bytes.length);
      },
      (draw) => {
        this.writable(index, at, bytes.length).programPart(at, bytes, wordBytes, draw);
        this.writeThrough(index, at, bytes.length);
      },
    );
  }

  erase(sector: number): void {
    const { sectorBytes, sectors, fuseSectors, endurance } = this.geometry;
    if (!Number.isInteger(sector) || sector < fuseSectors || sector >= sectors)
      throw new RangeError(`sector ${sector} cannot be erased: ${fuseSectors} to ${sectors - 1} can`);
    const seed = this.seedOf(sector);
    this.power.operate(
      { kind: 'erase', memory: this.name, sector },
      () => {
        this.writable(sector, 0, sectorBytes).erase(endurance, seed);
        this.writeThrough(sector, 0, sectorBytes);
      },
      (draw) => {
        this.writable(sector, 0, sectorBytes).erasePart(endurance, seed, draw);
        this.writeThrough(sector, 0, sectorBytes);
      },
    );
  }

  settle(): void {
    this.power.assertOn();
    this.medium?.settle();
    this.unsettled = [];
  }

  wear(sector: number): number {
    this.power.assertOn();
    return this.sector(sector).wear;
  }

  /** One bit of one byte stays at this value whatever is programmed or erased. */
  stick(address: number, bit: number, value: 0 | 1): void {
    this.assertInside(address, 1);
    const { sectorBytes } = this.geometry;
    const index = Math.floor(address / sectorBytes);
    this.writable(index).stick(address % sectorBytes, bit, value);
  }

  /** One bit of one byte reads as it likes from now on, as after a cut. */
  loosen(address: number, bit: number): void {
    this.assertInside(address, 1);
    const { sectorBytes } = this.geometry;
    const index = Math.floor(address / sectorBytes);
    this.writable(index).loosen(address % sectorBytes, bit);
  }

  /** How many bits read as they like. */
  get looseBits(): number {
    return this.sectors.reduce((sum, sector) => sum + sector.looseBits, 0);
  }

  /** The same for memories of which no reading can tell which is which, however worn they are. */
  get fingerprint(): string {
    return this.sectors.map((sector) => sector.fingerprint).join('\n');
  }

  /** Metastable bits are drawn from another seed from now on. */
  reseed(seed: number): void {
    this.draw = new Draw(seed);
  }

  /** The same in RAM, on another power, without a medium; what either does from now on the other does not see. */
  clone(power: Power): Flash {
    const { geometry, seed, name } = this;
    const copy = new Flash({ geometry, power, seed, name }, this.sectors);
    copy.draw = this.draw.clone();
    copy.unsettled = [...this.unsettled];
    this.own.clear();
    return copy;
  }

  /** The sectors as the medium has them; blank ones where there is none. */
  private found(): Sector[] {
    const { medium, geometry } = this;
    const { sectorBytes, sectors, endurance } = geometry;
    return Array.from({ length: sectors }, (_, index) => {
      const bytes =
        medium?.bytes.slice(index * sectorBytes, (index + 1) * sectorBytes) ??
        new Uint8Array(sectorBytes).fill(0xff);
      const sector = new Sector(bytes, medium?.wear[index] ?? 0);
      sector.stickAsWorn(endurance, this.seedOf(index));
      this.own.add(index);
      return sector;
    });
  }

  private sector(index: number): Sector {
    const sector = this.sectors[index];
    if (sector === undefined)
      throw new RangeError(`there are ${this.geometry.sectors} sectors, and no ${index}`);
    return sector;
  }

  /** The sector, to be changed in these bytes. */
  private writable(index: number, at = 0, length = 0): Sector {
    let sector = this.sector(index);
    if (this.power.forgetful && length > 0)
      this.unsettled.push({ sector: index, at, length, was: sector.clone() });
    if (this.own.has(index)) return sector;
    sector = sector.clone();
    this.sectors[index] = sector;
    this.own.add(index);
    return sector;
  }

  private writeThrough(index: number, at: number, length: number): void {
    const { medium } = this;
    if (medium === undefined) return;
    const sector = this.sector(index);
    const bytes = new Uint8Array(length);
    sector.read(at, length, bytes, 0, this.draw);
    // The wear first: a cut between the two has a sector that seems older than it is.
    if (sector.wear !== medium.wear[index]) medium.writeWear(index, sector.wear);
    medium.write(index * this.geometry.sectorBytes + at, bytes);
  }

  /** Of each block what one of the operations since the last settle left, or none of them. */
  private forget(draw: Draw): void {
    const blocks = new Map<string, Unsettled[]>();
    for (const change of this.unsettled) {
      const last = Math.floor((change.at + change.length - 1) / blockBytes);
      for (let block = Math.floor(change.at / blockBytes); block <= last; block++) {
        const key = `${change.sector}/${block}`;
        blocks.set(key, [...(blocks.get(key) ?? []), change]);
      }
    }
    for (const [key, changes] of blocks) {
      const kept = changes[draw.below(changes.length + 1)];
      if (kept === undefined) continue;
      const from = Number(key.slice(key.indexOf('/') + 1)) * blockBytes;
      this.writable(kept.sector).restore(kept.was, from, blockBytes);
    }
    this.unsettled = [];
  }

  private assertInside(address: number, length: number): void {
    const { sectorBytes, sectors } = this.geometry;
    const inside = Number.isInteger(address) && Number.isInteger(length) && address >= 0 && length >= 0;
    if (!inside || address + length > sectorBytes * sectors)
      throw new RangeError(`${length} bytes at ${address} are not within ${sectorBytes * sectors}`);
  }

  private seedOf(sector: number): number {
    return (this.seed ^ Math.imul(sector + 1, 0xc2b2ae35)) >>> 0;
  }
}
