/** How many signatures a second a vendor's chip makes at most. */

export class SignatureRate {
  private readonly perSecond: number | null;
  private readonly clockMs: () => number;
  /** When the last of them were made, the oldest first. */
  private readonly made: number[] = [];

  constructor(perSecond: number | null, clockMs: () => number) {
    this.perSecond = perSecond;
    this.clockMs = clockMs;
  }

  /** Counts a signature and gives 0; or does not count it, and gives in how many milliseconds one may be made. */
  take(): number {
    if (this.perSecond === null) return 0;
    const now = this.clockMs();
    const [oldest = 0] = this.made;
    if (this.made.length >= this.perSecond) {
      const waitMs = oldest + 1000 - now;
      if (waitMs > 0) return Math.ceil(waitMs);
      this.made.shift();
    }
    this.made.push(now);
    return 0;
  }
}
