/** What lets a system sign, or holds it up: closed until a witness has answered, and for good once one has proven that the journal is not the newest. */
import { WitnessError } from './witness-error.ts';

export interface WitnessGate {
  /** Resolves while it is open; waits a little where it is not, and then throws a WitnessError. */
  pass(): Promise<void>;
  open(): void;
  /** Closes it until the next `open`, for this reason. */
  close(reason: string): void;
  /** Closes it for good. */
  halt(error: WitnessError): void;
  readonly isOpen: boolean;
  /** Resolves when it opens for the first time. */
  readonly opened: Promise<void>;
  /** Resolves when it is halted. */
  readonly halted: Promise<WitnessError>;
}

/** `patienceMs` is how long a caller is kept waiting: a system that has just started asks its witnesses within a second. */
export function makeWitnessGate(reason: string, patienceMs: number): WitnessGate {
  let closedFor: string | undefined = reason;
  let error: WitnessError | undefined;
  const waiting = new Set<() => void>();
  let tellOpened: () => void = () => undefined;
  let tellHalted: (error: WitnessError) => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    tellOpened = resolve;
  });
  const halted = new Promise<WitnessError>((resolve) => {
    tellHalted = resolve;
  });

  function change(): void {
    for (const wake of waiting) wake();
    waiting.clear();
  }

  async function waitForChange(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      waiting.add(resolve);
      timer = setTimeout(() => {
        waiting.delete(resolve);
        resolve();
      }, patienceMs);
    });
    clearTimeout(timer);
  }

  return {
    async pass() {
      if (error === undefined && closedFor !== undefined) await waitForChange();
      if (error !== undefined) throw error;
      if (closedFor !== undefined) throw new WitnessError('witness_unavailable', closedFor);
    },
    open() {
      closedFor = undefined;
      tellOpened();
      change();
    },
    close(why) {
      closedFor = why;
    },
    halt(why) {
      if (error !== undefined) return;
      error = why;
      tellHalted(why);
      change();
    },
    get isOpen() {
      return error === undefined && closedFor === undefined;
    },
    opened,
    halted,
  };
}
