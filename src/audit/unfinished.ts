/** What was begun and has no end: allowed, counted, and listed up to a bound. A crash leaves it, a denial, or an issuer who never asked again. */

const unfinishedKinds = [
  /** A request that central management has no decision on. */
  'undecided',
  /** A credential that no control bit used. */
  'unused',
  /** Quota that was taken for a control bit that is not signed. */
  'reserved',
  /** A control bit that issuance shows no signed currency for. */
  'withheld',
  /** A retirement or transfer whose receipt is not signed: it is made all the same. */
  'unreceipted',
  /** Newer than the extract of the system that would have to have it. */
  'in-flight',
] as const;

export type UnfinishedKind = (typeof unfinishedKinds)[number];

export interface UnfinishedItem {
  readonly kind: UnfinishedKind;
  readonly system: string;
  readonly entry: number;
  /** Minor units with their currency; `null` where it is of none. */
  readonly amount: { readonly currency: string; readonly minor: bigint } | null;
}

const listLimit = 1_000;

export class Unfinished {
  readonly list: UnfinishedItem[] = [];
  private readonly counts = new Map<UnfinishedKind, number>();

  add(kind: UnfinishedKind, system: string, entry: number, amount: UnfinishedItem['amount']): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    if (this.list.length < listLimit) this.list.push({ kind, system, entry, amount });
  }

  counted(): readonly { readonly kind: UnfinishedKind; readonly count: number }[] {
    return unfinishedKinds.map((kind) => ({ kind, count: this.counts.get(kind) ?? 0 }));
  }
}
