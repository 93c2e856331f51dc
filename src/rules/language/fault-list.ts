/** Faults of one text as they are found; a hostile text has at most so many. */
import type { Fault, Span } from './syntax.ts';

const most = 100;

export class FaultList {
  readonly #faults: Fault[] = [];
  readonly #starts = new Set<number>();
  #count = 0;

  get full(): boolean {
    return this.#faults.length >= most;
  }

  /** How many were found, told or not. */
  get count(): number {
    return this.#count;
  }

  /** One at a place: what follows from it at the same place says no more. */
  add(code: string, { start, end }: Span, message: string): void {
    this.#count++;
    if (this.full || this.#starts.has(start)) return;
    this.#starts.add(start);
    this.#faults.push({ code, span: { start, end }, message });
  }

  /** In the order of the text. */
  list(): readonly Fault[] {
    return this.#faults.toSorted((a, b) => a.span.start - b.span.start || a.span.end - b.span.end);
  }
}
