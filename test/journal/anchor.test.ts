import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeStart, type StartCode } from '../../src/journal/anchor.ts';
import type { JournalHead } from '../../src/journal/chain.ts';
import { sha256, utf8 } from '../../src/kit/bytes.ts';

const headAt = (sequence: number, branch = ''): JournalHead => ({
  sequence,
  hash: sha256(utf8(`${sequence}${branch}`)),
});

/** A database that ends at `length`, whose entries are signed up to `signed`, and that is of another branch from entry `forkedAt` on. */
interface Database {
  readonly length: number;
  readonly signed: number;
  readonly forkedAt?: number;
}

function judge(anchored: JournalHead | undefined, { length, signed, forkedAt = Infinity }: Database) {
  const at = (sequence: number): JournalHead => headAt(sequence, sequence >= forkedAt ? 'forked' : '');
  return judgeStart({
    anchored,
    head: at(length),
    hashAt: async (sequence) => (sequence <= length ? at(sequence).hash : undefined),
    firstSignedAfter: async (sequence) => (signed > sequence ? sequence + 1 : undefined),
  });
}

describe('a start with an anchor', () => {
  it('is equal where the database ends at the anchored entry, signed or not', async () => {
    for (const signed of [9, 8])
      expect(await judge(headAt(9), { length: 9, signed })).toEqual({
        ok: true,
        value: { state: 'equal', head: headAt(9) },
      });
    expect(await judge(headAt(0), { length: 0, signed: 0 })).toMatchObject({ value: { state: 'equal' } });
  });

  it('is ahead where nothing after the anchored entry is signed, by one entry or by a batch', async () => {
    for (const length of [10, 75])
      expect(await judge(headAt(9), { length, signed: 9 })).toEqual({
        ok: true,
        value: { state: 'ahead', from: headAt(9), to: headAt(length) },
      });
    expect(await judge(headAt(0), { length: 1, signed: 0 })).toMatchObject({ value: { state: 'ahead' } });
  });

  it('is ahead of nothing where the database is as it was made, and nothing was ever anchored', async () => {
    expect(await judge(undefined, { length: 0, signed: 0 })).toEqual({
      ok: true,
      value: { state: 'ahead', from: undefined, to: headAt(0) },
    });
  });

  it.each<[string, JournalHead | undefined, Database, StartCode, RegExp]>([
    [
      'the entry before',
      headAt(10),
      { length: 9, signed: 9 },
      'journal_behind_anchor',
      /ends at entry 9, but entry 10/,
    ],
    [
      'the database as it was made',
      headAt(10),
      { length: 0, signed: 0 },
      'journal_behind_anchor',
      /entry 0, but/,
    ],
    [
      'another entry at its end',
      headAt(9),
      { length: 9, signed: 9, forkedAt: 9 },
      'journal_forked',
      /another entry 9/,
    ],
    [
      'another entry, and more',
      headAt(9),
      { length: 20, signed: 9, forkedAt: 9 },
      'journal_forked',
      /another entry 9/,
    ],
    [
      'another store, with no entries',
      headAt(0),
      { length: 0, signed: 0, forkedAt: 0 },
      'journal_forked',
      /entry 0/,
    ],
    [
      'a signed entry after it',
      headAt(9),
      { length: 10, signed: 10 },
      'anchor_behind',
      /entry 10 was signed, but only entry 9/,
    ],
    ['signed entries after the first', headAt(0), { length: 10, signed: 4 }, 'anchor_behind', /only entry 0/],
    [
      'signed entries, and no anchor',
      undefined,
      { length: 9, signed: 9 },
      'anchor_missing',
      /nothing is anchored/,
    ],
    [
      'one signed entry, and no anchor',
      undefined,
      { length: 3, signed: 1 },
      'anchor_missing',
      /ends at entry 3, but nothing is anchored/,
    ],
  ])('refuses %s', async (_what, anchored, database, code, message) => {
    const start = await judge(anchored, database);
    expect(start).toMatchObject({ ok: false, code, message: expect.stringMatching(message) });
    expect(start).toMatchObject({ message: expect.stringContaining('Nothing is signed') });
  });

  it('does not let anything be signed that was not anchored, whatever was restored', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 12 }),
        fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
        async (anchoredAt, length, signedUpTo, forkedAt) => {
          const signed = Math.min(length, signedUpTo);
          const fork = forkedAt === undefined ? {} : { forkedAt };
          const start = await judge(headAt(anchoredAt), { length, signed, ...fork });
          const follows = length >= anchoredAt && (forkedAt === undefined || forkedAt > anchoredAt);
          expect(start.ok).toBe(follows && signed <= anchoredAt);
        },
      ),
    );
  });
});
