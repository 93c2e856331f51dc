import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { header, inclusionProofs } from '../../src/records/claims.ts';
import { decodeSign1, encodeSign1 } from '../../src/records/cose.ts';
import {
  currencyFileKind,
  decodeCurrencyFile,
  encodeCurrencyFile,
  fileSizeLimit,
  partExtractor,
  wholeBatch,
} from '../../src/records/currency-file.ts';
import { buildTree } from '../../src/records/merkle.ts';
import { decodePresentation, encodePresentation } from '../../src/records/presentation.ts';
import { decodeUnitFile, unitExtractor } from '../../src/records/unit-file.ts';
import { makeBatch } from './batches.ts';
import { accepted, asArray, asBytes, asMap, fill, recordKinds, lots as sampleLots } from './samples.ts';

const file = makeBatch();
const bytes = encodeCurrencyFile(file);
const unitBytes = accepted(unitExtractor(file)).extract(3);
const presentation = { credential: fill(40, 1), request: fill(50, 2), seed: fill(32, 3) };
// Short encoded bytes may be a Buffer of Node's pool; as read from a file or a socket they stand alone.
const presentationBytes = Uint8Array.from(encodePresentation(presentation));

describe.each([
  ['a currency file', bytes, decodeCurrencyFile],
  ['a unit file', unitBytes, decodeUnitFile],
  ['a presentation', presentationBytes, decodePresentation],
] as const)('%s', (_name, sample, decode) => {
  const parts = asArray(accepted(decodeCbor(sample)));

  it('decodes', () => {
    expect(decode(sample).ok).toBe(true);
  });

  it('refuses every truncation and a byte after its end', () => {
    for (let length = 0; length < sample.length; length++)
      expect(decode(sample.slice(0, length)).ok, String(length)).toBe(false);
    expect(decode(concatBytes(sample, fill(1, 0)))).toMatchObject({ ok: false, code: 'not_cbor' });
  });

  it('refuses another kind, another version, and more or fewer parts', () => {
    for (const other of [
      parts.with(0, 'ringmint.other'),
      parts.with(0, 1),
      parts.with(1, 9),
      parts.with(1, '1'),
    ])
      expect(decode(encodeCbor(other))).toMatchObject({ ok: false, code: 'record_malformed' });
    expect(decode(encodeCbor(parts.slice(0, 4)))).toMatchObject({ ok: false, code: 'record_malformed' });
    expect(decode(encodeCbor([...parts, 0]))).toMatchObject({ ok: false, code: 'record_malformed' });
    expect(decode(encodeCbor(new Map([[1, 1]])))).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  it.each<readonly [string, CborValue]>([
    ['null', null],
    ['text', 'text'],
    ['a number below zero', -7],
    ['an array of numbers', [1]],
    ['a map', new Map([[1, 1]])],
  ])('refuses %s in the place of any part', (_what, value) => {
    for (let index = 0; index < parts.length; index++)
      expect(decode(encodeCbor(parts.with(index, value))).ok, `part ${index}`).toBe(false);
  });

  it('refuses every kind of record, and the other containers', () => {
    for (const kind of recordKinds) expect(decode(kind.bytes).ok, kind.name).toBe(false);
    for (const other of [bytes, unitBytes, presentationBytes])
      if (other !== sample) expect(decode(other)).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  it('never throws for random or overwritten bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(sample.length - 1), (noise, at) => {
        decode(noise);
        decode(Uint8Array.of(0x85, ...noise));
        decode(Uint8Array.of(0x88, ...noise));
        const altered = Uint8Array.from(sample);
        altered.set(noise.slice(0, altered.length - at), at);
        const decoded = decode(altered);
        if (!decoded.ok) expect(decoded.message).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a currency file', () => {
  it('gives back its records and units, byte for byte', () => {
    const decoded = accepted(decodeCurrencyFile(bytes));
    expect(decoded).toEqual(file);
    expect(toHex(encodeCurrencyFile(decoded))).toBe(toHex(bytes));
  });

  it('is a whole batch where it begins at 0 and has no hashes', () => {
    expect(partExtractor(file)(0, 12)).toEqual(wholeBatch(file));
    expect(asArray(accepted(decodeCbor(bytes))).slice(4, 7)).toEqual([0, [], []]);
  });

  it('holds of a part its own units, its place and the hashes beside it, and nothing else of the batch', () => {
    const partOf = partExtractor(file);
    const tree = buildTree(file.leaves);
    for (let first = 0; first < 12; first++) {
      for (let count = 1; first + count <= 12; count++) {
        const part = partOf(first, count);
        expect(part).toEqual({
          ...file,
          leaves: file.leaves.slice(first, first + count),
          first,
          proof: tree.rangeProof(first, count),
        });
        const encoded = encodeCurrencyFile(part);
        expect(accepted(decodeCurrencyFile(encoded))).toEqual(part);
        const hex = toHex(encoded);
        for (const [index, leaf] of file.leaves.entries())
          expect(hex.includes(toHex(leaf)), `unit ${index}`).toBe(index >= first && index < first + count);
      }
    }
  });

  it('takes the tree that its caller has', () => {
    const tree = buildTree(file.leaves);
    expect(partExtractor(file, tree)(3, 4)).toEqual(partExtractor(file)(3, 4));
  });

  it('gives no parts of a part, nor by a tree of other units: their proofs would be wrong', () => {
    const part = partExtractor(file)(3, 4);
    expect(() => partExtractor(part)).toThrow('root that was signed');
    expect(() => partExtractor(file, buildTree(part.leaves))).toThrow('root that was signed');
    expect(() => partExtractor({ ...file, controlBit: file.currencyRecord })).toThrow('root that was signed');
  });

  it('has no part without a unit, and none that passes its end', () => {
    const partOf = partExtractor(file);
    for (const [first, count] of [
      [0, 0],
      [3, 0],
      [12, 1],
      [0, 13],
      [11, 2],
      [-1, 2],
      [0.5, 1],
    ] as const)
      expect(() => partOf(first, count)).toThrow('invariant');
  });

  it('is refused in version 1, by a message that says so', () => {
    const { currencyRecord, controlBit, leaves } = file;
    const old = encodeCbor([currencyFileKind, 1, currencyRecord, controlBit, leaves]);
    const decoded = decodeCurrencyFile(old);
    expect(decoded).toMatchObject({ ok: false, code: 'record_malformed' });
    expect(decoded.ok ? '' : decoded.message).toContain('version 1');
  });

  it('refuses no units, a place below zero or of 64 bits, and hashes that have not 32 bytes', () => {
    const parts = asArray(accepted(decodeCbor(encodeCurrencyFile(partExtractor(file)(5, 3)))));
    const hash = fill(32, 1);
    expect(decodeCurrencyFile(encodeCbor(parts)).ok).toBe(true);
    expect(decodeCurrencyFile(encodeCbor(parts.with(5, [hash, hash]))).ok).toBe(true);
    const refused: readonly (readonly [number, CborValue])[] = [
      [4, -1],
      [4, 2n ** 60n],
      [4, true],
      [5, [fill(31, 1)]],
      [5, [hash, fill(33, 1)]],
      [5, [fill(0, 1)]],
      [5, hash],
      [6, ['text']],
      [6, [[hash]]],
      [6, null],
      [7, []],
      [7, [1]],
    ];
    for (const [at, value] of refused)
      expect(decodeCurrencyFile(encodeCbor(parts.with(at, value))), `part ${at}`).toMatchObject({
        ok: false,
        code: 'record_malformed',
      });
  });

  it('takes 65,536 units and refuses one more', () => {
    const units = (count: number) => encodeCurrencyFile({ ...file, leaves: Array(count).fill(fill(1, 1)) });
    expect(decodeCurrencyFile(units(65_536)).ok).toBe(true);
    expect(decodeCurrencyFile(units(65_537))).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  it('refuses 64 MiB and a byte as `too_large`, without looking into it', () => {
    expect(decodeCurrencyFile(new Uint8Array(fileSizeLimit + 1))).toMatchObject({
      ok: false,
      code: 'too_large',
    });
    expect(decodeCurrencyFile(new Uint8Array(fileSizeLimit))).toMatchObject({ ok: false, code: 'not_cbor' });
  });

  it('refuses a length that is not there, without making room for it', () => {
    const start = encodeCbor([currencyFileKind, 2]).slice(1);
    for (const length of ['9affffffff', '9bffffffffffffffff', '5affffffff', '5bffffffffffffffff']) {
      const cut = concatBytes(Uint8Array.of(0x88), start, Buffer.from(length, 'hex'));
      expect(decodeCurrencyFile(cut)).toMatchObject({ ok: false, code: 'not_cbor' });
    }
  });
});

describe('a unit file', () => {
  it('gives back the unit, its place and both records as they were signed', () => {
    const { extract } = accepted(unitExtractor(file));
    for (const [index, leaf] of file.leaves.entries()) {
      const decoded = accepted(decodeUnitFile(extract(index)));
      expect(decoded).toEqual({
        leaf,
        index,
        size: file.leaves.length,
        controlBit: file.controlBit,
        currencyRecord: file.currencyRecord,
      });
    }
  });

  it('taken out of a part is the very unit file that the whole batch gives', () => {
    const { extract } = accepted(unitExtractor(file));
    const partOf = partExtractor(file);
    for (let first = 0; first < 12; first++) {
      for (let count = 1; first + count <= 12; count++) {
        const part = accepted(decodeCurrencyFile(encodeCurrencyFile(partOf(first, count))));
        const opened = accepted(unitExtractor(part));
        expect(opened.batchCount).toBe(12);
        for (let index = first; index < first + count; index++)
          expect(toHex(opened.extract(index))).toBe(toHex(extract(index)));
        for (const index of [first - 1, first + count])
          expect(() => opened.extract(index)).toThrow('one of the file');
      }
    }
  });

  it('is not taken out of a file whose hashes do not fit its place, or whose records do not decode', () => {
    const part = partExtractor(file)(5, 3);
    const none = { left: [], right: [] };
    for (const wrong of [
      { ...part, first: 6 },
      { ...part, first: 12 },
      { ...part, proof: none },
      { ...part, leaves: part.leaves.slice(1) },
      { ...file, leaves: file.leaves.slice(1) },
      { ...part, leaves: [] },
      { ...part, controlBit: new Uint8Array() },
      { ...part, currencyRecord: new Uint8Array() },
    ])
      expect(unitExtractor(wrong)).toMatchObject({ ok: false, code: 'record_malformed' });
    expect(unitExtractor({ ...part, controlBit: part.currencyRecord })).toMatchObject({
      ok: false,
      code: 'record_type_mismatch',
    });
  });

  it('of a batch of one unit has an empty path', () => {
    const single = makeBatch({ lots: sampleLots.slice(0, 1).map((lot) => ({ ...lot, count: 1 })) });
    const decoded = accepted(decodeUnitFile(accepted(unitExtractor(single)).extract(0)));
    expect([decoded.index, decoded.size]).toEqual([0, 1]);
    expect(toHex(decoded.controlBit)).toBe(toHex(single.controlBit));
  });

  it('holds receipts as RFC 9942 writes them: no payload, the proof under 396 and -1', () => {
    const tree = buildTree(file.leaves);
    const [, , , quotaReceipt, issuanceReceipt] = asArray(accepted(decodeCbor(unitBytes)));
    for (const [receipt, record] of [
      [quotaReceipt, file.controlBit],
      [issuanceReceipt, file.currencyRecord],
    ] as const) {
      const envelope = accepted(decodeSign1(asBytes(receipt)));
      const original = accepted(decodeSign1(record));
      expect(envelope.payload).toBeUndefined();
      expect(toHex(envelope.protectedHeader)).toBe(toHex(original.protectedHeader));
      expect(toHex(envelope.signature)).toBe(toHex(original.signature));
      expect([...envelope.unprotected.keys()]).toEqual([header.verifiableProofs]);
      const proofs = asMap(envelope.unprotected.get(header.verifiableProofs));
      expect([...proofs.keys()]).toEqual([inclusionProofs]);
      const [proof] = asArray(proofs.get(inclusionProofs));
      expect(accepted(decodeCbor(asBytes(proof)))).toEqual([file.leaves.length, 3, tree.proof(3)]);
    }
  });

  it('is taken only of a unit that the file has', () => {
    const { extract } = accepted(unitExtractor(file));
    for (const index of [-1, file.leaves.length, 0.5])
      expect(() => extract(index)).toThrow('one of the file');
  });

  it('takes one proof for each unit, not one tree: 65,536 units come out in seconds', {
    timeout: 60_000,
  }, () => {
    const lots = sampleLots.slice(0, 1).map((lot) => ({ ...lot, count: 65_536 }));
    const large = makeBatch({ lots });
    const { extract } = accepted(unitExtractor(large));
    for (let index = 0; index < 65_536; index += 16) expect(extract(index).length).toBeLessThan(4096);
    expect(accepted(decodeUnitFile(extract(65_535))).index).toBe(65_535);
  });

  /** A unit file with the proof of one receipt, or what holds it, exchanged. */
  const withProof = (
    which: 3 | 4,
    unprotected: ReadonlyMap<number, CborValue>,
    payload: Uint8Array | null = null,
  ) => {
    const parts = asArray(accepted(decodeCbor(unitBytes)));
    const envelope = accepted(decodeSign1(asBytes(parts[which])));
    const receipt = encodeSign1(envelope.protectedHeader, unprotected, payload, envelope.signature);
    return decodeUnitFile(encodeCbor(parts.with(which, receipt)));
  };
  const proofMap = (proof: CborValue, label = inclusionProofs) =>
    new Map<number, CborValue>([[header.verifiableProofs, new Map([[label, [encodeCbor(proof)]]])]]);
  const path = buildTree(file.leaves).proof(3);

  it.each([3, 4] as const)('refuses what is no inclusion proof in receipt %d', (which) => {
    expect(withProof(which, proofMap([12, 3, path])).ok).toBe(true);
    const refused: readonly (readonly [string, ReadonlyMap<number, CborValue>])[] = [
      ['no proof', new Map()],
      ['a consistency proof', proofMap([12, 3, path], -2)],
      ['a proof that is no bytes', new Map([[header.verifiableProofs, new Map([[inclusionProofs, [1]]])]])],
      ['no proof in the list', new Map([[header.verifiableProofs, new Map([[inclusionProofs, []]])]])],
      [
        'two proofs',
        new Map([
          [
            header.verifiableProofs,
            new Map([[inclusionProofs, [encodeCbor([12, 3, path]), encodeCbor([12, 3, path])]]]),
          ],
        ]),
      ],
      ['a further header', new Map<number, CborValue>([...proofMap([12, 3, path]), [99, 1]])],
      ['a proof of two parts', proofMap([12, 3])],
      ['a size that is text', proofMap(['12', 3, path])],
      ['an index of 64 bits', proofMap([12, 2n ** 63n, path])],
      ['an index below zero', proofMap([12, -1, path])],
      ['an index at the size', proofMap([12, 12, path])],
      ['size 0', proofMap([0, 0, []])],
      ['a path that is no array', proofMap([12, 3, 'path'])],
      ['a path of numbers', proofMap([12, 3, [1, 2, 3, 4]])],
      ['a path too short', proofMap([12, 3, path.slice(1)])],
      ['a path too long', proofMap([12, 3, [...path, fill(32, 1)]])],
      ['a hash of 31 bytes', proofMap([12, 3, path.with(0, fill(31, 1))])],
    ];
    for (const [what, unprotected] of refused)
      expect(withProof(which, unprotected), what).toMatchObject({ ok: false, code: 'record_malformed' });
    expect(withProof(which, proofMap([12, 3, path]), fill(32, 1)), 'a payload').toMatchObject({
      ok: false,
      code: 'record_malformed',
    });
  });

  it('refuses proofs of two places, or of trees of two sizes', () => {
    const other = accepted(unitExtractor(file)).extract(4);
    const parts = asArray(accepted(decodeCbor(unitBytes)));
    const foreign = asArray(accepted(decodeCbor(other)))[4] ?? null;
    expect(decodeUnitFile(encodeCbor(parts.with(4, foreign)))).toMatchObject({
      ok: false,
      code: 'record_malformed',
    });
  });

  it('refuses over 16 KiB as `too_large`', () => {
    expect(decodeUnitFile(new Uint8Array(16 * 1024 + 1))).toMatchObject({ ok: false, code: 'too_large' });
  });
});

describe('a presentation', () => {
  it('gives back its parts', () => {
    expect(accepted(decodePresentation(presentationBytes))).toEqual(presentation);
  });

  it('has a seed of 32 bytes', () => {
    expect(() => encodePresentation({ ...presentation, seed: fill(31, 1) })).toThrow('32 bytes');
    const parts = asArray(accepted(decodeCbor(presentationBytes)));
    expect(decodePresentation(encodeCbor(parts.with(4, fill(31, 1))))).toMatchObject({
      code: 'record_malformed',
    });
  });
});
