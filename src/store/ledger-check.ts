/**
 * What is checked of the journal before it is served: that each entry follows from the one before it, and that each intent says what
 * its entry says. Memory stays bounded: rows come one after another.
 */
import { encodeEntry, followEntry, genesisHash, type JournalHead } from '../journal/chain.ts';
import { orderBytes } from '../journal/entry.ts';
import { equalBytes } from '../kit/bytes.ts';
import type { Corrupt } from './quota-check.ts';
import { entryOf, entryOfIntent, type IntentRow, type JournalRow, newIntentOf } from './row.ts';

/** Takes a series at a time, and its entries in their order; throws what `corrupt` makes of the first that is not what it should be. */
export class LedgerCheck {
  private readonly corrupt: Corrupt;
  private head: JournalHead = { sequence: 0, hash: new Uint8Array(32) };
  private intents = 0n;
  private orders = 0n;

  constructor(corrupt: Corrupt) {
    this.corrupt = corrupt;
  }

  series(role: string, id: Uint8Array): void {
    this.head = { sequence: 0, hash: genesisHash(role, id) };
  }

  /** The next entry of the series, with the intent of its number, or undefined where it has none. */
  entry(row: JournalRow, intent: IntentRow | undefined): void {
    const next = followEntry(this.head, entryOf(row));
    if (!next.ok) throw this.corrupt(next.message);
    this.head = next.value;
    if (intent === undefined) return;
    const { sequence } = this.head;
    if (!equalBytes(encodeEntry(entryOfIntent(newIntentOf(intent), sequence)), row.bytes))
      throw this.corrupt(`intent ${sequence} is not what the journal has`);
    this.intents++;
    this.orders += BigInt((intent.orders?.length ?? 0) / orderBytes);
  }

  /** `counted`: what the tables hold, so that a row that no entry tells of is found too. */
  finish(counted: { readonly intents: bigint; readonly orders: bigint }): void {
    if (counted.intents !== this.intents)
      throw this.corrupt(`${counted.intents} intents are there, where the journal has ${this.intents}`);
    if (counted.orders !== this.orders)
      throw this.corrupt(
        `${counted.orders} orders are found by their id, where the journal has ${this.orders}`,
      );
  }
}
