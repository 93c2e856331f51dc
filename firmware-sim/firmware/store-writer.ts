/** Writes records into flash so that a record is committed only when it reads back as what was to be sealed. */
import { equalBytes } from '../../src/kit/bytes.ts';
import type { Chip } from '../chip/chip.ts';
import { GlitchError } from '../chip/cpu.ts';
import { isErased, pagesOf, wholeWords } from '../chip/memory.ts';
import { gate } from './gate.ts';
import type { Sealer, Sealing } from './seal.ts';
import { placeOf, type Slot } from './slot.ts';

export class StoreWriter {
  private readonly chip: Chip;
  private readonly sealer: Sealer;
  /** Sectors in which a bit was seen to stay 1. */
  private readonly worn = new Set<number>();

  constructor(chip: Chip, sealer: Sealer) {
    this.chip = chip;
    this.sealer = sealer;
  }

  /**
   * Writes and commits a record at this address, where the flash is blank; gives the sector that is worn where it did not take the record. Throws
   * GlitchError, before it is committed, where it reads back as it was written and is not what was to be sealed.
   */
  write(address: number, record: Uint8Array, sealing: Sealing): number | undefined {
    const { flash, cpu } = this.chip;
    this.program(address, record);
    const isRight = (time: number): boolean => {
      const bytes = cpu.value(`store.verify.read.${time}`, flash.read(address, record.length));
      return this.sealer.holds(bytes, sealing);
    };
    if (!gate(cpu, 'store.verify', isRight)) return this.diagnose(address, record);
    const { wordBytes } = flash.geometry;
    const commitWord = address + wholeWords(record.length, wordBytes);
    cpu.run('store.commit', () => flash.program(commitWord, new Uint8Array(wordBytes)));
    const isThere = (time: number): boolean =>
      !isErased(cpu.value(`store.commit.read.${time}`, flash.read(commitWord, wordBytes)));
    // Where it is not, the snapshot that follows elsewhere has the same version and the same state: it does not matter which of the two counts.
    if (!gate(cpu, 'store.committed', isThere)) return this.wear(commitWord);
    return undefined;
  }

  /**
   * Erases the slot whole and writes a snapshot at the beginning of its longest run of sectors that are sound. Gives where it lies, and where the run
   * ends; undefined where no place takes it.
   */
  writeFirst(
    slot: Slot,
    record: Uint8Array,
    sealing: Sealing,
  ): { readonly at: number; readonly end: number } | undefined {
    const { sectorBytes, wordBytes } = this.chip.flash.geometry;
    const place = placeOf(sealing.content.length, wordBytes);
    const sound = new Set<number>();
    for (let sector = slot.first; sector < slot.first + slot.sectors; sector++)
      if (this.erase(sector) && !this.worn.has(sector)) sound.add(sector);
    for (;;) {
      const run = longestRun(slot, sound);
      if ((run.to - run.from) * sectorBytes < place) return undefined;
      const at = run.from * sectorBytes;
      const worn = this.write(at, record, sealing);
      if (worn === undefined) return { at, end: run.to * sectorBytes };
      // What took a part of it is not blank any more.
      for (let sector = run.from; sector * sectorBytes < at + place; sector++)
        if (sector === worn || !this.erase(sector)) sound.delete(sector);
    }
  }

  /** False where a bit of it stays 0. */
  private erase(sector: number): boolean {
    const { flash, cpu } = this.chip;
    const { sectorBytes } = flash.geometry;
    for (const site of ['store.erase', 'store.erase.again']) {
      cpu.run(site, () => flash.erase(sector));
      if (cpu.branch(`${site}.blank`, isErased(flash.read(sector * sectorBytes, sectorBytes)))) return true;
    }
    return false;
  }

  private program(address: number, record: Uint8Array): void {
    const { flash, cpu } = this.chip;
    for (const [at, page] of pagesOf(flash.geometry, address, record))
      cpu.run('store.program', () => flash.program(at, page));
  }

  /** The sector in which a bit stayed 1. Throws GlitchError where none did: then an operation was left out, or a guard. */
  private diagnose(address: number, record: Uint8Array): number {
    const { flash } = this.chip;
    if (!equalBytes(flash.read(address, record.length), record)) {
      this.program(address, record);
      const bytes = flash.read(address, record.length);
      const at = bytes.findIndex((byte, index) => byte !== record[index]);
      if (at !== -1) return this.wear(address + at);
    }
    throw new GlitchError('a record does not read back as what was to be sealed');
  }

  private wear(address: number): number {
    const sector = Math.floor(address / this.chip.flash.geometry.sectorBytes);
    this.worn.add(sector);
    return sector;
  }
}

/** Sectors from `from`, before `to`, all of them sound; the first of the longest. */
function longestRun({ first, sectors }: Slot, sound: ReadonlySet<number>): { from: number; to: number } {
  let longest = { from: first, to: first };
  for (let from = first, to = first; to < first + sectors; ) {
    to++;
    if (!sound.has(to - 1)) from = to;
    else if (to - from > longest.to - longest.from) longest = { from, to };
  }
  return longest;
}
