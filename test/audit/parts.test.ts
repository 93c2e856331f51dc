/** The parts of an audit by themselves: the container of an extract, tables and numbers. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdTable } from '../../src/audit/id-table.ts';
import { Serials } from '../../src/audit/serials.ts';
import { ExtractError, type ExtractedEntry, openExtract } from '../../src/journal/extract.ts';
import { concatBytes } from '../../src/kit/bytes.ts';
import { bytes } from '../store/intents.ts';
import { sourceOf } from './ledgers.ts';
import { extractBytes } from './world.ts';

const about = { role: 'quota', name: 'quota', madeMs: 1_795_000_000_000 } as const;
const journals = [
  { series: 'main', id: bytes(16, 'first') },
  { series: 'quota-2', id: bytes(16, 'second') },
];

function entry(sequence: number, length = 40): ExtractedEntry {
  return {
    journal: sequence % 2,
    ordinal: sequence,
    sequence,
    bytes: bytes(length, sequence),
    hash: bytes(32, sequence),
    signed: sequence % 3 === 0 ? null : bytes(20, sequence),
  };
}

function encoded(entries: readonly ExtractedEntry[]): Promise<Uint8Array> {
  const heads = [{ signed: bytes(100, 'head'), contradiction: null }];
  return extractBytes(about, { journals, heads, entries });
}

const read = (file: Uint8Array): ExtractedEntry[] => [...openExtract(sourceOf(file)).entries()];

describe('an extract', () => {
  it('comes back as it was, from the front and by its places, whatever the sizes of its entries', async () => {
    const entries = [entry(1), entry(2, 700_000), entry(3, 0), entry(4, 300_000), entry(5)];
    const extract = openExtract(sourceOf(await encoded(entries)));
    expect(extract.header).toEqual({ ...about, journals });
    expect(extract.heads).toEqual([{ signed: bytes(100, 'head'), contradiction: null }]);
    const placed = [...extract.entries()];
    // By their hash: a matcher takes seconds for arrays of this length.
    const told = ({ bytes: said, signed, hash, journal, ordinal, sequence }: ExtractedEntry) => ({
      said: createHash('sha256').update(said).digest('hex'),
      signed,
      hash,
      places: [journal, ordinal, sequence],
    });
    expect(placed.map(told)).toEqual(entries.map(told));
    for (const one of placed.toReversed()) expect(told(extract.entryAt(one.offset))).toEqual(told(one));
  });

  it('is refused where it ends early, or a bit of it is another', async () => {
    const file = await encoded([1, 2, 3].map((sequence) => entry(sequence)));
    for (let length = 0; length < file.length; length++)
      expect(() => read(file.subarray(0, length)), `${length} bytes`).toThrow(ExtractError);
    for (let at = 0; at < file.length; at++)
      for (const bit of [1, 128])
        expect(() => read(file.with(at, (file[at] ?? 0) ^ bit)), `byte ${at}`).toThrow(ExtractError);
    expect(() => read(concatBytes(file, Uint8Array.of(0)))).toThrow(ExtractError);
  });
});

describe('a table of ids', () => {
  it('finds each id with its numbers, and no other, however many there are', () => {
    const table = new IdTable(2);
    const id = (of: number): Uint8Array =>
      new Uint8Array(createHash('sha256').update(String(of)).digest()).slice(0, 16);
    for (let of = 0; of < 5_000; of++) {
      expect(table.add(id(of))).toEqual({ row: of, isNew: true });
      table.set(of, 1, 2 ** 50 + of);
    }
    for (let of = 0; of < 5_000; of++) {
      expect(table.add(id(of))).toEqual({ row: of, isNew: false });
      expect([table.get(of, 0), table.get(of, 1), table.find(id(of))]).toEqual([0, 2 ** 50 + of, of]);
      expect(table.id(of)).toEqual(id(of));
    }
    expect([table.size, table.find(id(5_000))]).toEqual([5_000, -1]);
  });
});

describe('the numbers of control bits', () => {
  it('tells which were used before and which are missing, as a set does', () => {
    const number = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 65_530, max: 65_545 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), number), { minLength: 1 }), (used) => {
        const serials = new Serials();
        const model = new Map<number, Set<number>>();
        for (const [epoch, one] of used) {
          const seen = model.get(epoch) ?? new Set<number>();
          model.set(epoch, seen);
          expect(serials.add(epoch, one)).toBe(!seen.has(one));
          seen.add(one);
        }
        let missing = 0;
        for (const [, seen] of model) missing += Math.max(...seen) - seen.size;
        const { count, runs } = serials.missing(1_000);
        expect(count).toBe(missing);
        expect(runs.reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBe(missing);
        for (const { epoch, from, to } of runs)
          for (const edge of [from, to]) expect(model.get(epoch)?.has(edge)).toBe(false);
      }),
    );
  });

  it('takes a number that is far too high without the memory for those below it', () => {
    const serials = new Serials();
    serials.add(1, 2 ** 52);
    expect(serials.missing(10)).toEqual({
      count: 2 ** 52 - 1,
      runs: [{ epoch: 1, from: 1, to: 2 ** 52 - 1 }],
    });
  });
});
