/** A chip in RAM: power is cut at any of its operations, it is copied as it stands, and its flash is exchanged, as whoever opens the case can. */
import type { Chip } from './chip.ts';
import { type Cpu, steadyCpu } from './cpu.ts';
import { Draw } from './draw.ts';
import { Flash } from './flash.ts';
import { RamLatch } from './latch.ts';
import type { Geometry } from './memory.ts';
import { type Cut, type Operation, Power } from './power.ts';

export interface RamChipOptions {
  readonly flash: Geometry;
  readonly die: Geometry;
  /** Of all that is drawn, random numbers too. */
  readonly seed: number;
}

interface Parts {
  readonly flash: Flash;
  readonly die: Flash;
  readonly latch: RamLatch;
  readonly draw: Draw;
}

export class RamChip implements Chip {
  private readonly power: Power;
  private fitted: Flash;
  readonly die: Flash;
  readonly latch: RamLatch;
  /** No glitches, and random numbers of the seed; another one, such as a `GlitchCpu`, may be put in its place. */
  cpu: Cpu;
  private readonly draw: Draw;

  private constructor(power: Power, { flash, die, latch, draw }: Parts) {
    this.power = power;
    this.fitted = flash;
    this.die = die;
    this.latch = latch;
    this.draw = draw;
    this.cpu = steadyCpu((length) => draw.bytes(length));
  }

  /** Nothing was ever written to it. */
  static make({ flash, die, seed }: RamChipOptions): RamChip {
    const power = new Power();
    return new RamChip(power, {
      flash: new Flash({ geometry: flash, power, seed, name: 'flash' }),
      die: new Flash({ geometry: die, power, seed: seed ^ 0x5bd1e995, name: 'die' }),
      latch: new RamLatch(power),
      draw: new Draw(seed ^ 0x2545f491),
    });
  }

  get flash(): Flash {
    return this.fitted;
  }

  /** Programs, erases and latchings, of flash and die together, since the last `cutAt`. */
  get operations(): number {
    return this.power.operations;
  }

  /** Plans a cut, counted from now; none where nothing is given. */
  cutAt(cut?: Cut): void {
    this.power.plan(cut);
  }

  /** From now on memories keep what they were at their last settle: for cuts that forget. */
  makeForgetful(): void {
    this.power.forgetful = true;
  }

  /** Is told of each operation before it begins, so that it may take a clone of the chip as it was; nobody where nothing is given. */
  watch(watcher?: (operation: Operation) => void): void {
    this.power.watcher = watcher;
  }

  /** Does what another chip was seen to do. */
  repeat(operation: Operation): void {
    if (operation.kind === 'latch') {
      this.latch.set(operation.cause);
      return;
    }
    const memory = operation.memory === 'die' ? this.die : this.flash;
    if (operation.kind === 'erase') memory.erase(operation.sector);
    else memory.program(operation.address, operation.bytes);
  }

  /** After a cut, or after it was switched off by whoever drops its firmware; no cut is planned any more. */
  powerOn(): void {
    this.power.plan();
    this.power.turnOn();
  }

  /** As it stands, with a power of its own that is on; the processor is a steady one. Cheap: sectors are shared until they are written. */
  clone(): RamChip {
    const power = new Power();
    power.forgetful = this.power.forgetful;
    return new RamChip(power, {
      flash: this.flash.clone(power),
      die: this.die.clone(power),
      latch: this.latch.clone(power),
      draw: this.draw.clone(),
    });
  }

  /** The same for chips that no firmware can tell apart, but by wear and random numbers. */
  get fingerprint(): string {
    return `${this.flash.fingerprint}\n${this.die.fingerprint}\n${this.latch.fingerprint}`;
  }

  /** Metastable bits read otherwise from now on; random numbers stay. */
  reseed(seed: number): void {
    this.flash.reseed(seed);
    this.die.reseed(seed ^ 0x5bd1e995);
  }

  /** Takes off the flash and puts on a copy of another chip's: that of an earlier clone is a flash that is rolled back. */
  fitFlash(of: RamChip): void {
    this.fitted = of.flash.clone(this.power);
  }
}
