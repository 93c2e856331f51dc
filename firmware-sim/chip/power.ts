/**
 * The power of one chip: all its memories hang on it, count their operations on it, and go off together.
 *
 * A cut is planned for the `at`-th operation from now (from 0), whichever memory it is of. After it every operation and every reading throws
 * `PowerCutError`, until power is on again.
 */
import type { TamperEvent } from './chip.ts';
import { Draw } from './draw.ts';
import { PowerCutError } from './memory.ts';

export type CutPlace = 'before' | 'during' | 'after';

export interface Cut {
  /** Of the operations from the plan on, which one; from 0. */
  readonly at: number;
  readonly where: CutPlace;
  /** What of the operation was done when power went, where it is cut `during`. */
  readonly seed: number;
  /**
   * Whether what was not settled may be lost, as a file's pages are when its host loses power; a flash chip forgets nothing. The power has to have been
   * `forgetful` from before.
   */
  readonly forgets?: boolean;
}

/** One operation of the hardware, as whoever watches it can have it done again elsewhere. */
export type Operation =
  | {
      readonly kind: 'program';
      readonly memory: string;
      readonly address: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'erase'; readonly memory: string; readonly sector: number }
  | { readonly kind: 'latch'; readonly cause: TamperEvent | 'command' };

/** What happens as power goes. */
type Loss = (draw: Draw) => void;

export class Power {
  private on = true;
  private count = 0;
  private cut: Cut | undefined;
  private readonly losses: Loss[] = [];
  /** Whether memories keep what they were at the last settle, so that a cut can forget what was done since. */
  forgetful = false;
  /** Told of each operation before it begins. */
  watcher: ((operation: Operation) => void) | undefined;

  /** Operations since the last plan, or since it was made. */
  get operations(): number {
    return this.count;
  }

  /** Counts from 0 again, and cuts power there; never where nothing is given. */
  plan(cut?: Cut): void {
    this.count = 0;
    this.cut = cut;
  }

  turnOn(): void {
    this.on = true;
  }

  /** Registers a memory that loses what it has not settled. */
  whenForgetting(loss: Loss): void {
    this.losses.push(loss);
  }

  /** Throws `PowerCutError` where power is off. */
  assertOn(): void {
    if (!this.on) throw new PowerCutError();
  }

  /** One operation: done as a whole, or in the part that a cut leaves of it. */
  operate(operation: Operation, whole: () => void, part: (draw: Draw) => void): void {
    this.assertOn();
    this.watcher?.(operation);
    const { cut } = this;
    if (cut === undefined || cut.at !== this.count) {
      this.count++;
      // A medium that fails is off from then on: nothing is told to anybody that may not be on it.
      this.on = false;
      whole();
      this.on = true;
      return;
    }
    this.count++;
    const draw = new Draw(cut.seed);
    if (cut.where === 'after') whole();
    if (cut.where === 'during') part(draw);
    if (cut.forgets === true) for (const forget of this.losses) forget(draw);
    this.cut = undefined;
    this.on = false;
    throw new PowerCutError();
  }
}
