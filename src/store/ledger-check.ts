/**
 * What is checked of the journal before it is served: that each entry follows from the one before it, and that each intent says what
 * its entry says. Memory stays bounded: rows come one after another.
 */
import { chainHash, encodeEntry, genesisHash, type JournalHead } from '../journal/chain.ts';
import { equalBytes } from '../kit/bytes.ts';
import type { Corrupt } from './quota-check.ts';
import { entryOfIntent, type IntentRow, type JournalRow, newIntentOf } from './row.ts';

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
    const sequence = Number(row.sequence);
    if (sequence !== this.head.sequence + 1)
      throw this.corrupt(
        `entry ${this.head.sequence + 1} is missing: ${sequence} follows ${this.head.sequence}`,
      );
    const hash = chainHash(this.head.hash, row.bytes);
    if (!equalBytes(hash, row.hash))
      throw this.corrupt(`entry ${sequence} or one before it was altered: its hash does not follow`);
    this.head = { sequence, hash };
    if (intent === undefined) return;
    if (!equalBytes(encodeEntry(entryOfIntent(newIntentOf(intent), sequence)), row.bytes))
      throw this.corrupt(`intent ${sequence} is not what the journal has`);
    this.intents++;
    this.orders += BigInt((intent.orders?.length ?? 0) / 48);
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
