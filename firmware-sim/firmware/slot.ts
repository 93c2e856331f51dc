/**
 * A slot of the flash: a snapshot at the beginning of some sector, and changes behind it, each with a commit word.
 *
 * ```
 * sector k                                                    …                      a later sector
 * ┌──────────┬─────────────┬────────┬─────────────┬────────┬─────────────┬──────────────────────────┐
 * │ snapshot │ commit word │ change │ commit word │ change │ commit word │ blank                     │
 * └──────────┴─────────────┴────────┴─────────────┴────────┴─────────────┴──────────────────────────┘
 *              one word of the flash: blank until the record is committed
 * ```
 */
import { isErased, wholeWords } from '../chip/memory.ts';
import { decodeHead, firstTag, headerBytes, type RecordHead, type Sealer, tagBytes, tagOf } from './seal.ts';

/** Of the flash, in sectors. */
export interface Slot {
  readonly first: number;
  readonly sectors: number;
}

/** A record that lies in a slot; places are bytes from the slot's beginning. */
export interface PlacedRecord extends RecordHead {
  readonly at: number;
  /** Behind the tag. */
  readonly end: number;
  readonly commitWord: number;
  readonly committed: boolean;
  /** Where the next record begins. */
  readonly next: number;
}

/** A snapshot and the changes behind it, as they were opened. */
export interface Log {
  readonly slot: 0 | 1;
  readonly records: readonly PlacedRecord[];
  readonly contents: readonly Uint8Array[];
}

/** How many bytes of a slot a record takes, commit word included. */
export function placeOf(contentLength: number, wordBytes: number): number {
  return wholeWords(headerBytes + contentLength + tagBytes, wordBytes) + wordBytes;
}

/** Records that claim to lie one behind the other from here on: by their headers, which nobody has authenticated. All but the last are committed. */
export function walkRecords(bytes: Uint8Array, start: number, wordBytes: number): PlacedRecord[] {
  const records: PlacedRecord[] = [];
  for (let at = start, committed = true; committed; ) {
    const before = records.at(-1);
    const head = decodeHead(bytes, at);
    if (head === undefined || (head.kind === 'snapshot') !== (before === undefined)) break;
    if (before !== undefined && head.version !== before.version + 1) break;
    const next = at + placeOf(head.length, wordBytes);
    if (next > bytes.length) break;
    const commitWord = next - wordBytes;
    committed = !isErased(bytes.subarray(commitWord, next));
    records.push({
      ...head,
      at,
      end: at + headerBytes + head.length + tagBytes,
      commitWord,
      committed,
      next,
    });
    at = next;
  }
  return records;
}

/** Opens as many of the records as open, one behind the other. */
function openRecords(slot: 0 | 1, bytes: Uint8Array, walked: readonly PlacedRecord[], sealer: Sealer): Log {
  const records: PlacedRecord[] = [];
  const contents: Uint8Array[] = [];
  let tagBefore = firstTag;
  for (const record of walked) {
    const sealed = bytes.subarray(record.at, record.end);
    const content = record.committed ? sealer.open(sealed, tagBefore) : undefined;
    if (content === undefined) break;
    records.push(record);
    contents.push(content);
    tagBefore = tagOf(sealed);
  }
  return { slot, records, contents };
}

export interface Search {
  readonly slots: readonly [Uint8Array, Uint8Array];
  readonly sectorBytes: number;
  readonly wordBytes: number;
  readonly sealer: Sealer;
  /** Whether the last record of the log may be taken; of one that may not, those before it are left. */
  readonly mayEnd: (slot: 0 | 1, last: PlacedRecord) => boolean;
}

/** The log that ends with the highest version, of all that begin at a sector of either slot; undefined where no snapshot opens. */
export function findLog({ slots, sectorBytes, wordBytes, sealer, mayEnd }: Search): Log | undefined {
  const walks = ([0, 1] as const).flatMap((slot) =>
    Array.from({ length: slots[slot].length / sectorBytes }, (_, sector) => ({
      slot,
      records: walkRecords(slots[slot], sector * sectorBytes, wordBytes).filter((one) => one.committed),
    })),
  );
  walks.sort((a, b) => claimOf(b.records) - claimOf(a.records));
  let best: Log | undefined;
  for (const { slot, records } of walks) {
    if (claimOf(records) <= (best === undefined ? 0 : claimOf(best.records))) break;
    let log = openRecords(slot, slots[slot], records, sealer);
    for (let last = log.records.at(-1); last !== undefined && !mayEnd(slot, last); last = log.records.at(-1))
      log = { slot, records: log.records.slice(0, -1), contents: log.contents.slice(0, -1) };
    if (claimOf(log.records) > (best === undefined ? 0 : claimOf(best.records))) best = log;
  }
  return best;
}

/** The version of the last one, 0 for none. */
function claimOf(records: readonly PlacedRecord[]): number {
  return records.at(-1)?.version ?? 0;
}
