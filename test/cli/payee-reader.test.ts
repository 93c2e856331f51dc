/** Payees read in pieces: where a piece ends makes no difference. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PayeeChunk, readPayeeChunks } from '../../src/cli/bulk/payee-chunks.ts';
import { utf8 } from '../../src/kit/bytes.ts';
import { amountLimit } from '../../src/records/claims.ts';
import { makePayeeReader, type Payee, rowLimit } from '../../src/records/payees.ts';

const currency = { code: 'EUR', exponent: 2 };

/** What a reader gives for the pieces: the payees, or its refusal. */
function readPieces(pieces: readonly string[]): unknown {
  const reader = makePayeeReader(currency);
  const payees: Payee[] = [];
  for (const piece of pieces) {
    const read = reader.push(piece);
    if (!read.ok) return read;
    payees.push(...read.value);
  }
  const last = reader.end();
  return last.ok ? [...payees, ...last.value] : last;
}

async function chunksOf(pieces: readonly Uint8Array[], chunkPayees = 3): Promise<unknown[]> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) yield await Promise.resolve(piece);
  }
  const read: unknown[] = [];
  for await (const chunk of readPayeeChunks(source(), { currency, chunkPayees })) read.push(chunk);
  return read;
}

const bytewise = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

const tricky: [title: string, text: string][] = [
  ['Windows line ends and no last one', 'payee,amount\r\nAnna,1.00\r\nBob,2.00'],
  ['a byte order mark', '\uFEFFpayee,amount\nAnna,1.00\n'],
  [
    'quotes, doubled ones, commas and names beyond ASCII',
    'payee,amount\n"Müller, ""Änne""","1.00"\n"😀",2.00\n',
  ],
  ['a line end in quotes, which no name may have', 'payee,amount\nAnna,1.00\n"Bo\r\nb",2.00\n'],
  ['a line end in quotes beside an amount', 'payee,amount\nAnna,"1.00\r\n"\nBob,"\n2.00"\nCarl,x\n'],
  ['blank lines', '\n\r\n payee , AMOUNT \n\nAnna,1.00\n   \n""\nBob,2.00\n\n'],
  ['a quote that is not closed', 'payee,amount\nAnna,1.00\n"Bob,2.00\nCarl,3.00\n'],
  ['a quote inside a field', 'payee,amount\nAnna,1.00\nB"o"b,2.00\n'],
  ['something behind a closed quote', 'payee,amount\n"Bob"x,2.00\n'],
  ['a lone carriage return', 'payee,amount\nAn\rna,1.00\n'],
  ['no payee', 'payee,amount\r\n'],
  ['nothing', ''],
  ['three fields', 'payee,amount\nAnna,1.00,\n'],
];

describe('a CSV in pieces', () => {
  it.each(tricky)('of one byte gives the same as whole: %s', async (_title, text) => {
    const whole = await chunksOf([utf8(text)]);
    expect(whole.length).toBeGreaterThan(0);
    expect(await chunksOf(bytewise(utf8(text)))).toEqual(whole);
  });

  it('of any length gives the same as whole, whatever is in it', () => {
    const parts = ['a', ',', '"', '\n', '\r\n', '\r', '1.00', 'x,2.00\n', '"q,""q""",3\n', ' ', '\uFEFF'];
    const text = fc.array(fc.constantFrom(...parts), { maxLength: 40 }).map((some) => some.join(''));
    const cuts = fc.array(fc.nat(60), { maxLength: 8 });
    fc.assert(
      fc.property(text, fc.boolean(), cuts, (body, hasHeader, places) => {
        const csv = hasHeader ? `payee,amount\n${body}` : body;
        const ends = [...places.filter((place) => place < csv.length), csv.length].toSorted((a, b) => a - b);
        const pieces = ends.map((end, i) => csv.slice(ends[i - 1] ?? 0, end));
        expect(readPieces(pieces)).toEqual(readPieces([csv]));
        expect(readPieces(Array.from(csv))).toEqual(readPieces([csv]));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives back every payee that was written as RFC 4180 says', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
      .filter((text) => /^[^\p{Cc}\p{Cs}]+$/u.test(text) && text.trim() === text && !/^\uFEFF/.test(text));
    const row = fc.tuple(name, fc.bigInt({ min: 1n, max: amountLimit }), fc.boolean());
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 20 }),
        fc.constantFrom('\n', '\r\n'),
        (rows, end) => {
          const written = rows.map(([owner, value, isQuoted]) => {
            const field = isQuoted || /[",]/.test(owner) ? `"${owner.replaceAll('"', '""')}"` : owner;
            return `${field},${value / 100n}.${String(value % 100n).padStart(2, '0')}`;
          });
          const read = readPieces([['payee,amount', ...written].join(end)]) as Payee[];
          expect(read.map(({ owner, value }) => ['name' in owner ? owner.name : '', value])).toEqual(
            rows.map(([owner, value]) => [owner, value]),
          );
          expect(read.map(({ line }) => line)).toEqual(rows.map((_, i) => i + 2));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a row', () => {
  it('may have as many characters as the limit, and not one more, in one piece or many', () => {
    const of = (length: number): string => `payee,amount\n"${' '.repeat(length - 7)}a",1.0\n`;
    for (const pieces of [[of(rowLimit)], Array.from(of(rowLimit))])
      expect(readPieces(pieces)).toMatchObject([{ line: 2, value: 100n }]);
    for (const pieces of [[of(rowLimit + 1)], Array.from(of(rowLimit + 1))])
      expect(readPieces(pieces)).toMatchObject({ ok: false, code: 'payees_malformed', field: 'line 2' });
  });

  it('with a quote that nothing closes is refused long before the end of the file', () => {
    const reader = makePayeeReader(currency);
    expect(reader.push('payee,amount\n"Anna,1.00\n').ok).toBe(true);
    expect(reader.push('Bob,1.00\n'.repeat(1_000))).toMatchObject({ ok: false, field: 'line 2' });
  });

  it('that is wrong far down is told with its line', () => {
    const reader = makePayeeReader(currency);
    expect(reader.push(`payee,amount\n${'Anna,1.00\n'.repeat(900_000)}`).ok).toBe(true);
    expect(reader.push('Bob,1.001\n')).toMatchObject({ code: 'amount_fraction', field: 'line 900002' });
  });
});

describe('chunks', () => {
  const text = `payee,amount\n${['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `${name},1.00`).join('\n')}`;

  it('have as many payees as asked for, the last one what is left, and the lines that they are from', async () => {
    const read = (await chunksOf([utf8(text)])) as { value: PayeeChunk }[];
    expect(
      read.map(({ value }) => [value.number, value.firstLine, value.lastLine, value.payees, value.total]),
    ).toEqual([
      [1, 2, 4, 3, 300n],
      [2, 5, 7, 3, 300n],
      [3, 8, 8, 1, 100n],
    ]);
  });

  it('end before their sum is more than a request can name', async () => {
    const half = '5000000000000.00';
    const read = (await chunksOf([utf8(`payee,amount\na,${half}\nb,${half}\nc,0.01\n`)])) as {
      value: PayeeChunk;
    }[];
    expect(read.map(({ value }) => value.total)).toEqual([amountLimit, 1n]);
  });

  it('have another hash with another line, owner or amount, and the same with other quotes and line ends', async () => {
    const hashOf = async (csv: string): Promise<string | undefined> =>
      ((await chunksOf([utf8(csv)])) as { value: PayeeChunk }[])[0]?.value.hash;
    const base = await hashOf('payee,amount\nAnna,1.00\nBob,2.00\n');
    expect(await hashOf('Payee,"amount"\r\n"Anna",1\r\n Bob , 2.0')).toBe(base);
    for (const other of ['\nAnna,1.00\nBob,2.01\n', '\nAnna,1.00\nRob,2.00\n', '\nAnna,1.00\n\nBob,2.00\n'])
      expect(await hashOf(`payee,amount${other}`), other).not.toBe(base);
  });

  it.each([
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x70, 0x00)],
    ['a name cut off in the middle of a letter', Uint8Array.of(...utf8('payee,amount\nM'), 0xc3)],
    ['Latin-1', Uint8Array.of(...utf8('payee,amount\nM'), 0xfc, ...utf8('ller,1.00\n'))],
  ])('of %s are refused, in one piece and in many', async (_title, bytes) => {
    for (const pieces of [[bytes], bytewise(bytes)])
      expect((await chunksOf(pieces)).at(-1)).toMatchObject({ ok: false, code: 'draft_not_text' });
  });
});
