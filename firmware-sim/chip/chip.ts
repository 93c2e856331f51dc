/** The parts of one chip, as its firmware finds them at power-on. */
import type { Cpu } from './cpu.ts';
import type { Memory } from './memory.ts';

export const tamperEvents = ['mesh', 'voltage', 'temperature', 'removal'] as const;

export type TamperEvent = (typeof tamperEvents)[number];

/** A latch with a battery of its own: what it has seen stays, with power and without, until `clear`. */
export interface TamperLatch {
  read(): TamperEvent | 'command' | undefined;
  /** The first cause stays. Takes effect at once, or not at all: no power cut splits it. */
  set(cause: TamperEvent | 'command'): void;
}

export interface Chip {
  /** Beside the die, to be taken off and exchanged by whoever opens the case: certificate, image, sealed store. */
  readonly flash: Memory;
  /** On the die: fuses in its first sector, then the two banks of the monotonic counter. Nobody can read or exchange it. */
  readonly die: Memory;
  readonly latch: TamperLatch;
  readonly cpu: Cpu;
}
