import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chainHash,
  encodeEntry,
  genesisHash,
  type JournalEntry,
  verifyChain,
} from '../../src/journal/chain.ts';

const genesis = genesisHash('quota', new Uint8Array(16).fill(1));

function makeChain(length: number): JournalEntry[] {
  const entries: JournalEntry[] = [];
  let hash = genesis;
  for (let sequence = 1; sequence <= length; sequence++) {
    const bytes = encodeEntry({
      sequence,
      kind: 'credential',
      subject: new Uint8Array(16).fill(sequence),
      createdMs: sequence,
      content: Uint8Array.of(sequence),
    });
    hash = chainHash(hash, bytes);
    entries.push({ sequence, bytes, hash });
  }
  return entries;
}

describe('a journal', () => {
  it('follows from its genesis to its head, in one run or in two', () => {
    const entries = makeChain(9);
    const head = { sequence: 9, hash: entries[8]?.hash };
    expect(verifyChain(entries, genesis)).toEqual({ ok: true, value: head });
    const middle = verifyChain(entries.slice(0, 4), genesis);
    if (!middle.ok) throw new Error(middle.message);
    expect(verifyChain(entries.slice(4), middle.value.hash, middle.value.sequence)).toEqual({
      ok: true,
      value: head,
    });
  });

  it('tells of every altered, missing, repeated or exchanged entry, but for the loss of its end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 7 }),
        fc.constantFrom('alter', 'drop', 'repeat', 'exchange', 'rehash'),
        (at, what) => {
          const entries = makeChain(9);
          const entry = entries[at];
          const next = entries[at + 1];
          if (entry === undefined || next === undefined) throw new Error('out of the chain');
          const bytes = Uint8Array.from(entry.bytes, (byte, index) => (index === 3 ? byte ^ 1 : byte));
          if (what === 'alter') entries[at] = { ...entry, bytes };
          if (what === 'rehash')
            entries[at] = { ...entry, bytes, hash: chainHash(entries[at - 1]?.hash ?? genesis, bytes) };
          if (what === 'drop') entries.splice(at, 1);
          if (what === 'repeat') entries.splice(at, 0, entry);
          if (what === 'exchange') entries.splice(at, 2, next, entry);
          expect(verifyChain(entries, genesis)).toMatchObject({ ok: false });
        },
      ),
    );
  });

  it('does not follow from another store', () => {
    expect(verifyChain(makeChain(1), genesisHash('quota', new Uint8Array(16).fill(2)))).toMatchObject({
      ok: false,
      code: 'journal_altered',
    });
    expect(verifyChain(makeChain(1), genesisHash('central', new Uint8Array(16).fill(1)))).toMatchObject({
      ok: false,
      code: 'journal_altered',
    });
  });
});
