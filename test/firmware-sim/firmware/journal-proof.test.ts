import { describe, expect, it } from 'vitest';
import { steadyCpu } from '../../../firmware-sim/chip/cpu.ts';
import { Permit } from '../../../firmware-sim/firmware/guard.ts';
import { AdmittedMessages } from '../../../firmware-sim/firmware/journal-proof.ts';
import type { Head } from '../../../firmware-sim/protocol.ts';
import { chainHash, encodeEntry, genesisHash } from '../../../src/journal/chain.ts';
import { concatBytes, sha256, utf8 } from '../../../src/kit/bytes.ts';
import { type CborValue, encodeCbor } from '../../../src/kit/encoding.ts';
import {
  boundType,
  forkedJournal,
  freeType,
  headAt,
  type Journal,
  journal,
  journalOf,
  messageOf,
  rightPin,
} from '../fixtures.ts';
import { type Bench, keyLabels } from '../workbench.ts';
import { codeOf, refusalOf, servingBench } from './serving.ts';

const label = keyLabels.anchored;
const entriesOf = ({ entries }: Journal, from: number, to: number) => entries.slice(from, to);
const messageAt = ({ messages }: Journal, sequence: number) => messages[sequence - 1] ?? new Uint8Array();

function prove(bench: Bench, from: Head, entries: readonly Uint8Array[], place = 0, name = journal.name) {
  return bench.ask('prove', { name, from, entries }, place);
}

function signs(bench: Bench, message: Uint8Array): boolean {
  const code = codeOf(bench, 'sign', { label, message });
  expect(['accepted', 'not_anchored']).toContain(code);
  return code === 'accepted';
}

/** A journal of one entry, of this kind and content, behind `journal`'s anchored head. */
function anchorEntry(bench: Bench, kind: string, content: Uint8Array): { from: Head; entry: Uint8Array } {
  const from = headAt(journal, 3);
  const entry = encodeCbor([4, kind, new Uint8Array(16), 1_700_000_000_000, content]);
  const to = { sequence: 4, hash: chainHash(from.hash, entry) };
  bench.tell('advance', { name: journal.name, from, to });
  return { from, entry };
}

const intentOf = (message: CborValue, more: readonly CborValue[] = []): CborValue[] => [
  'bank-a',
  new Uint8Array(32),
  new Uint8Array(),
  message,
  null,
  null,
  1,
  null,
  null,
  ...more,
];

describe('a proof of a journal', () => {
  it('admits what is said up to the anchored head, and nothing after it', () => {
    const bench = servingBench();
    expect(signs(bench, messageAt(journal, 2))).toBe(false);
    expect(prove(bench, headAt(journal, 0), journal.entries)).toEqual({
      ok: true,
      value: { reached: 3, admitted: 3 },
    });
    expect([1, 2, 3, 4].map((at) => signs(bench, messageAt(journal, at)))).toEqual([true, true, true, false]);
  });

  it('goes on where it was, chunk by chunk, on the same connection', () => {
    const bench = servingBench();
    expect(prove(bench, headAt(journal, 0), entriesOf(journal, 0, 2))).toMatchObject({
      value: { reached: 2, admitted: 0 },
    });
    expect(signs(bench, messageAt(journal, 1))).toBe(false);
    expect(prove(bench, headAt(journal, 2), entriesOf(journal, 2, 3))).toMatchObject({
      value: { reached: 3, admitted: 3 },
    });
    expect(signs(bench, messageAt(journal, 1))).toBe(true);
  });

  it('of two connections does not mix: each goes on with its own', () => {
    const bench = servingBench();
    expect(bench.login(rightPin, 1).ok).toBe(true);
    prove(bench, headAt(journal, 0), entriesOf(journal, 0, 2), 0);
    prove(bench, headAt(journal, 1), entriesOf(journal, 1, 2), 1);
    // What the first has seen before entry 2 is not the second's.
    expect(prove(bench, headAt(journal, 2), entriesOf(journal, 2, 3), 1)).toMatchObject({
      value: { reached: 3, admitted: 2 },
    });
    expect(signs(bench, messageAt(journal, 1))).toBe(false);
    expect(prove(bench, headAt(journal, 2), entriesOf(journal, 2, 3), 0)).toMatchObject({
      value: { reached: 3, admitted: 3 },
    });
    expect(signs(bench, messageAt(journal, 1))).toBe(true);
  });

  it('that begins again elsewhere forgets where it was', () => {
    const bench = servingBench();
    prove(bench, headAt(journal, 0), entriesOf(journal, 0, 2));
    prove(bench, headAt(journal, 1), []);
    expect(prove(bench, headAt(journal, 2), entriesOf(journal, 2, 3))).toMatchObject({
      value: { admitted: 1 },
    });
    expect(signs(bench, messageAt(journal, 1))).toBe(false);
    expect(signs(bench, messageAt(journal, 3))).toBe(true);
  });

  it('takes no entries of another journal, whatever they claim to follow', () => {
    const bench = servingBench();
    const other = journalOf('another', 5);
    const attempts = [
      prove(bench, headAt(other, 0), entriesOf(other, 0, 3)),
      prove(bench, headAt(journal, 2), entriesOf(other, 2, 3)),
      prove(bench, headAt(journal, 0), [...entriesOf(other, 0, 1), ...entriesOf(journal, 1, 3)]),
      prove(bench, { sequence: 2, hash: headAt(other, 2).hash }, entriesOf(journal, 2, 3)),
      prove(bench, headAt(journal, 1), [...entriesOf(journal, 2, 3), ...entriesOf(journal, 1, 2)]),
      prove(bench, headAt(journal, 0), [...entriesOf(journal, 0, 1), ...entriesOf(journal, 2, 3)]),
      prove(bench, headAt(journal, 1), [...entriesOf(journal, 1, 2), ...entriesOf(journal, 1, 2)]),
    ];
    expect(attempts.map((one) => (one.ok ? 'accepted' : one.code))).toEqual(
      Array(attempts.length).fill('chain_broken'),
    );
    for (const sequence of [1, 2, 3]) {
      expect(signs(bench, messageAt(other, sequence))).toBe(false);
      expect(signs(bench, messageAt(journal, sequence))).toBe(false);
    }
  });

  it('takes no fork: the entry under the anchored number leads to another hash', () => {
    const bench = servingBench();
    bench.tell('advance', { name: journal.name, from: headAt(journal, 3), to: headAt(journal, 5) });
    const refused = prove(bench, headAt(forkedJournal, 3), entriesOf(forkedJournal, 3, 5));
    expect(refused).toMatchObject({ ok: false, code: 'chain_broken' });
    expect(signs(bench, messageAt(forkedJournal, 5))).toBe(false);
    expect(prove(bench, headAt(journal, 3), entriesOf(journal, 3, 5))).toMatchObject({
      value: { admitted: 2 },
    });
  });

  it('takes no entry whose bytes were moved into the hash before it', () => {
    const bench = servingBench();
    // H(1) = SHA-256(H(0) ‖ entry 1): the same 32 bytes later are another split of the same text.
    const [first = new Uint8Array()] = journal.entries;
    const whole = concatBytes(headAt(journal, 0).hash, first);
    for (let cut = 1; cut < whole.length - 32; cut += 7) {
      const from = { sequence: 0, hash: whole.slice(cut, cut + 32) };
      const refused = prove(bench, from, [whole.slice(cut + 32), ...entriesOf(journal, 1, 3)]);
      expect(refused.ok).toBe(false);
    }
  });

  it('starts at or below the anchored head, and names a journal that is anchored', () => {
    const bench = servingBench();
    expect(prove(bench, headAt(journal, 4), entriesOf(journal, 4, 5))).toMatchObject({
      code: 'chain_broken',
    });
    expect(prove(bench, headAt(forkedJournal, 3), [])).toMatchObject({ value: { reached: 3, admitted: 0 } });
    expect(prove(bench, { sequence: 3, hash: new Uint8Array(32) }, [])).toMatchObject({
      code: 'chain_broken',
    });
    expect(prove(bench, headAt(journal, 0), journal.entries, 0, 'unknown')).toMatchObject({
      code: 'not_anchored',
    });
  });

  it('is forgotten without power, and lasts while the anchor goes up', () => {
    const bench = servingBench();
    prove(bench, headAt(journal, 0), journal.entries);
    bench.tell('advance', { name: journal.name, from: headAt(journal, 3), to: headAt(journal, 4) });
    expect(signs(bench, messageAt(journal, 1))).toBe(true);
    const again = servingBench();
    expect(signs(again, messageAt(journal, 1))).toBe(false);
  });

  it('admits what intents say, and of no other entry what stands in the same place', () => {
    const message = messageOf(boundType, 'in an entry');
    const content = encodeCbor(intentOf(message));
    for (const kind of ['allocation', 'quota-change', 'stop', 'adoption', 'return', 'intent', 'Credential']) {
      const bench = servingBench();
      const { from, entry } = anchorEntry(bench, kind, content);
      expect(prove(bench, from, [entry])).toMatchObject({ value: { reached: 4, admitted: 0 } });
      expect(signs(bench, message)).toBe(false);
    }
    const bench = servingBench();
    const { from, entry } = anchorEntry(bench, 'closing', content);
    expect(prove(bench, from, [entry])).toMatchObject({ value: { reached: 4, admitted: 1 } });
    expect(signs(bench, message)).toBe(true);
  });

  it.each([
    ['fewer items', intentOf(messageOf(boundType, 'x')).slice(0, 8)],
    ['more items', intentOf(messageOf(boundType, 'x'), [null, null, null, 7])],
    ['a body hash of another length', intentOf(messageOf(boundType, 'x')).with(1, new Uint8Array(31))],
    ['text to be signed', intentOf('x')],
    ['nothing to be signed', intentOf(new Uint8Array())],
    ['an issuer that is no text', intentOf(messageOf(boundType, 'x')).with(0, 5)],
    ['a map', new Map<number, CborValue>([[3, messageOf(boundType, 'x')]])],
  ])('passes by an intent with %s and admits nothing of it', (_what, content) => {
    const bench = servingBench();
    const { from, entry } = anchorEntry(bench, 'credential', encodeCbor(content as CborValue));
    expect(prove(bench, from, [entry])).toMatchObject({ value: { reached: 4, admitted: 0 } });
    expect(signs(bench, messageOf(boundType, 'x'))).toBe(false);
    expect(codeOf(bench, 'sign', { label, message: new Uint8Array() })).toBe('not_anchored');
  });

  it.each([
    ['no CBOR', utf8('an entry')],
    ['not deterministic', concatBytes(Uint8Array.of(0x85, 0x18, 0x04), encodeCbor('credential'))],
    ['six items', encodeCbor([4, 'credential', new Uint8Array(16), 1, new Uint8Array(), null])],
    ['a number as text', encodeCbor(['4', 'credential', new Uint8Array(16), 1, new Uint8Array()])],
    ['empty', new Uint8Array()],
  ])('takes no entry that is %s', (_what, entry) => {
    const bench = servingBench();
    const from = headAt(journal, 3);
    bench.tell('advance', {
      name: journal.name,
      from,
      to: { sequence: 4, hash: sha256(concatBytes(from.hash, entry)) },
    });
    expect(prove(bench, from, [entry])).toMatchObject({ ok: false, code: 'chain_broken' });
  });

  it('reads what the project writes', () => {
    const bench = servingBench();
    const message = messageOf(boundType, 'of the store');
    const bytes = encodeEntry({
      sequence: 1,
      kind: 'request',
      subject: new Uint8Array(16),
      createdMs: 1,
      content: encodeCbor(intentOf(message, [null, null, ['EUR', 5]])),
    });
    const genesis = { sequence: 0, hash: genesisHash('central', new Uint8Array(16)) };
    bench.tell('advance', { name: 'central', from: null, to: genesis });
    bench.tell('advance', {
      name: 'central',
      from: genesis,
      to: { sequence: 1, hash: chainHash(genesis.hash, bytes) },
    });
    expect(prove(bench, genesis, [bytes], 0, 'central')).toMatchObject({
      value: { reached: 1, admitted: 1 },
    });
    expect(signs(bench, message)).toBe(true);
  });
});

describe('what a proof has admitted', () => {
  const digest = (at: number): Uint8Array => sha256(Uint8Array.of(at >> 16, (at >> 8) & 0xff, at & 0xff));
  const message = (at: number): Uint8Array => Uint8Array.of(at >> 16, (at >> 8) & 0xff, at & 0xff);
  const cpu = steadyCpu((length) => new Uint8Array(length));

  it('is the newest 65,536', () => {
    const admitted = new AdmittedMessages();
    const permit = new Permit(cpu);
    permit.pass('anchored', [() => true, () => true, () => true]);
    admitted.admit([digest(0), digest(1)], permit);
    admitted.admit(
      Array.from({ length: 65_535 }, (_, at) => digest(at + 2)),
      permit,
    );
    expect([0, 1, 2, 65_536].map((at) => admitted.has(message(at)))).toEqual([false, true, true, true]);
    // What is admitted once more is new.
    admitted.admit([digest(1), digest(65_537)], permit);
    expect([1, 2, 3].map((at) => admitted.has(message(at)))).toEqual([true, false, true]);
  });

  it('is nothing without the guard', () => {
    const admitted = new AdmittedMessages();
    admitted.admit([digest(0)], new Permit(cpu));
    expect(admitted.has(message(0))).toBe(false);
  });
});

describe('an anchored key', () => {
  const keyId = new Uint8Array(32);
  const header = (entries: readonly (readonly [number, CborValue])[]) => encodeCbor(new Map(entries));
  const structure = (protectedHeader: Uint8Array, more: readonly CborValue[] = []) =>
    encodeCbor(['Signature1', protectedHeader, new Uint8Array(), utf8('payload'), ...more]);
  const right = header([
    [1, -7],
    [4, keyId],
    [16, freeType],
  ]);

  it('signs a type that is free without a proof, and what authorises nothing', () => {
    const bench = servingBench();
    expect(signs(bench, structure(right))).toBe(true);
    expect(signs(bench, utf8('ringmint.canary.v1: this signature authorises nothing\0'))).toBe(true);
    expect(signs(bench, utf8('Ringmint.canary'))).toBe(false);
    expect(signs(bench, utf8('ringmint'))).toBe(false);
  });

  const translationOf = (hash: CborValue) =>
    header([
      [1, -7],
      [4, keyId],
      [16, freeType],
      [-65720, hash],
    ]);

  it('signs a type that is free with the hash of a source module, and nothing else, beside it', () => {
    const bench = servingBench();
    expect(signs(bench, structure(translationOf(new Uint8Array(32))))).toBe(true);
    for (const hash of [new Uint8Array(31), new Uint8Array(33), 'x'.repeat(32), boundType, null])
      expect(signs(bench, structure(translationOf(hash)))).toBe(false);
  });

  const bound = header([
    [1, -7],
    [4, keyId],
    [16, boundType],
  ]);
  /** {1: -7, 4: kid, 16: one type, 16: another}, which no encoder makes. */
  const twice = (first: string, second: string) =>
    concatBytes(
      Uint8Array.of(0xa4, 0x01, 0x26, 0x04),
      encodeCbor(keyId),
      Uint8Array.of(0x10),
      encodeCbor(first),
      Uint8Array.of(0x10),
      encodeCbor(second),
    );
  const longForm = concatBytes(
    Uint8Array.of(0xa3, 0x18, 0x01, 0x26, 0x04),
    encodeCbor(keyId),
    Uint8Array.of(0x10),
    encodeCbor(freeType),
  );

  it.each<[string, Uint8Array]>([
    ['another type', structure(bound)],
    ['a free type and then another', structure(twice(freeType, boundType))],
    ['another type and then a free one', structure(twice(boundType, freeType))],
    ['a header that is not deterministic', structure(longForm)],
    ['bytes behind the header', structure(concatBytes(right, bound))],
    [
      'the type as bytes',
      structure(
        header([
          [1, -7],
          [4, keyId],
          [16, utf8(freeType)],
        ]),
      ),
    ],
    [
      'a list of types',
      structure(
        header([
          [1, -7],
          [4, keyId],
          [16, [freeType, boundType]],
        ]),
      ),
    ],
    [
      'the type elsewhere',
      structure(
        header([
          [1, -7],
          [3, freeType],
          [4, keyId],
        ]),
      ),
    ],
    [
      'a content type besides',
      structure(
        header([
          [1, -7],
          [3, boundType],
          [4, keyId],
          [16, freeType],
        ]),
      ),
    ],
    [
      'claims in the header',
      structure(
        header([
          [1, -7],
          [4, keyId],
          [15, new Map()],
          [16, freeType],
        ]),
      ),
    ],
    [
      'critical parameters',
      structure(
        header([
          [1, -7],
          [2, [16]],
          [4, keyId],
          [16, freeType],
        ]),
      ),
    ],
    [
      'no key id',
      structure(
        header([
          [1, -7],
          [16, freeType],
        ]),
      ),
    ],
    ['a fifth item', structure(right, [bound])],
    ['three items', encodeCbor(['Signature1', right, utf8('payload')])],
    ['external data', encodeCbor(['Signature1', right, bound, utf8('payload')])],
    [
      'the context of a countersignature',
      encodeCbor(['CounterSignature', right, new Uint8Array(), utf8('p')]),
    ],
    ['a wrapper around it', encodeCbor([structure(right)])],
    ['a byte string around it', encodeCbor(structure(right))],
    ['a tag before it', concatBytes(Uint8Array.of(0xd2), structure(right))],
    ['bytes behind it', concatBytes(structure(right), structure(bound))],
    ['a long form of its array', concatBytes(Uint8Array.of(0x98, 0x04), structure(right).slice(1))],
    [
      'an array without length',
      concatBytes(Uint8Array.of(0x9f), structure(right).slice(1), Uint8Array.of(0xff)),
    ],
    ['a whole record', encodeCbor([right, new Map(), utf8('payload'), new Uint8Array(64)])],
    [
      'the type as it is in upper case',
      structure(
        header([
          [1, -7],
          [4, keyId],
          [16, freeType.toUpperCase()],
        ]),
      ),
    ],
    ['nothing', new Uint8Array()],
  ])('signs nothing with %s', (_what, message) => {
    const bench = servingBench();
    expect(refusalOf(bench, 'sign', { label, message }).code).toBe('not_anchored');
  });
});
