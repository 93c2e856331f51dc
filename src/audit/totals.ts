/** The sums of an audit: by issuer and currency, and of those by the day (UTC) on which units began to be valid or were retired. */

/** Minor units. */
export interface Sums {
  /** Of batches with both authorities' signatures. */
  issued: bigint;
  /** Units in them. */
  units: number;
  /** Of control bits that are signed, where issuance shows no currency: it may have made it. */
  withheld: bigint;
  /** Retired for good on that day. */
  retired: bigint;
  /** Of currency that quota control's journal has no control bit of: it is beyond every quota. */
  outside: bigint;
}

export interface DaySums extends Sums {
  readonly issuer: string;
  readonly currency: string;
  /** `2026-11-20` */
  readonly day: string;
}

export class Totals {
  private readonly days = new Map<string, DaySums>();

  /** Of the day of that moment, seconds. */
  at(issuer: string, currency: string, seconds: number): Sums {
    const day = new Date(seconds * 1000).toISOString().slice(0, 10);
    const key = `${issuer}/${currency}/${day}`;
    const known = this.days.get(key);
    if (known !== undefined) return known;
    const made = { issuer, currency, day, issued: 0n, units: 0, withheld: 0n, retired: 0n, outside: 0n };
    this.days.set(key, made);
    return made;
  }

  /** By issuer, currency and day. */
  all(): readonly DaySums[] {
    return [...this.days].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, sums]) => sums);
  }
}
