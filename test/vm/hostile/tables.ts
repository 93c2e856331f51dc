/** What is declared: levels, constants, segments, tables, ports, grants, functions. */
import type { Grant, Module } from '../../../vm/module.ts';
import { goodPlaces as at, changed, type Field, good, type HostileCase, label, spoilt } from './case.ts';

/** Every label of the good module: its name, its byte, the byte of its entry. */
const places: readonly (readonly [name: string, byte: number, entry: number])[] = [
  ['the first level', at.levels, at.levels],
  ['the last level', at.levels + 8, at.levels + 8],
  ['the first constant', at.constants + 8, at.constants],
  ['the last constant', at.constants + 24, at.constants + 16],
  ['the first segment', at.segments + 4, at.segments],
  ['the ceiling of the first segment', at.segments + 8, at.segments],
  ['the ceiling of the last segment', at.segments + 24, at.segments + 16],
  ['the first table', at.tables, at.tables],
  ['the last table', at.tables + 16, at.tables + 16],
  ['the first port', at.ports, at.ports],
  ['the last port', at.ports + 8, at.ports + 8],
  ['what the first grant takes', at.grants + 4, at.grants],
  ['what the first grant gives', at.grants + 8, at.grants],
  ['what the last grant takes', at.grants + 36, at.grants + 32],
  ['the first function', at.functions + 4, at.functions],
  ['the last function', at.functions + 20, at.functions + 16],
];

const badLabels: Readonly<Record<string, number>> = {
  'secrecy with a gap': 0x0200_0000,
  'secrecy from the top': 0x8000_0000,
  'authority with a gap': 0x0000_0001,
  'authority from the bottom': 0x0000_007f,
  'more secrecy than authority': 0x0300_00fe,
  'all secrecy and no authority': 0xff00_00ff,
};

const labels: readonly HostileCase[] = places.flatMap(([name, byte, entry]) =>
  Object.entries(badLabels).map(([what, bits]) =>
    spoilt(`${name}: ${what}`, 'label', entry, ['u32', byte, bits]),
  ),
);

const types: readonly HostileCase[] = (
  [
    ['a constant', at.constants + 12, at.constants],
    ['a segment', at.segments + 12, at.segments],
    ['a table', at.tables + 4, at.tables],
    ['a port', at.ports + 4, at.ports],
  ] as const
).flatMap(([name, byte, entry]) =>
  [2, 0x100, 0xffff_ffff].map((type) =>
    spoilt(`${name} of type ${type}`, 'label', entry, ['u32', byte, type]),
  ),
);

const levels: readonly HostileCase[] = [1, 0x0100_0000, 0xffff_ffff].map((value) =>
  spoilt(`${value} where a level has zero`, 'label', at.levels + 8, ['u32', at.levels + 12, value]),
);

const segment = (length: number, own = 0, ceiling = 0): Module['segments'][number] => ({
  type: 'number',
  length,
  label: own,
  ceiling,
});
const second = (parts: { segments: number }): number => parts.segments + 16;

const segments: readonly HostileCase[] = [
  ...[0, 65_537, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map((length) =>
    spoilt(`a segment of ${length} words`, 'segment', at.segments, ['u32', at.segments, length]),
  ),
  // Together more than there is room for, or less by overflow.
  ...[65_535, 65_536, 0xffff_fffe, 0xffff_ffff].map((length) =>
    spoilt(`a second segment of ${length} words`, 'segment', at.segments + 16, [
      'u32',
      at.segments + 16,
      length,
    ]),
  ),
  changed('two segments of 32769 words', 'segment', { segments: [segment(32_769), segment(32_769)] }, second),
  changed(
    '64 segments of 1024 words, and the last with one more',
    'segment',
    {
      segments: Array.from({ length: 64 }, (_, index) => segment(index === 63 ? 1025 : 1024)),
    },
    ({ segments: first }) => first + 63 * 16,
  ),
  changed(
    'a segment more secret than its ceiling',
    'segment',
    { segments: [segment(1), segment(1, label(4, 8), label(3, 8))] },
    second,
  ),
  changed(
    'a segment less trusted than its ceiling',
    'segment',
    { segments: [segment(1), segment(1, label(0, 3), label(0, 4))] },
    second,
  ),
  changed(
    'a segment of a category that its ceiling has not',
    'segment',
    { segments: [segment(1), segment(1, label(4, 8, 1), label(4, 8, 2))] },
    second,
  ),
];

const tables: readonly HostileCase[] = [
  ...[0, 6, 0xffff_ffff, 0x2000_0000, 0x8000_0000].map((count) =>
    spoilt(`a table of ${count} entries, where there are 5`, 'table', at.tables, [
      'u32',
      at.tables + 8,
      count,
    ]),
  ),
  ...[0, 3, 0xffff_fffd, 0xffff_ffff].map((count) =>
    spoilt(`a last table of ${count} entries, where 2 are left`, 'table', at.tables + 16, [
      'u32',
      at.tables + 24,
      count,
    ]),
  ),
  spoilt('an entry that is in no table', 'table', at.ports, ['u32', at.tables + 24, 1]),
  spoilt('a first table that takes an entry of the last', 'table', at.tables + 16, ['u32', at.tables + 8, 4]),
  spoilt(
    'a first table without entries, a last with all',
    'table',
    at.tables,
    ['u32', at.tables + 8, 0],
    ['u32', at.tables + 24, 5],
  ),
  ...[2, 0xffff_ffff].map((value) =>
    spoilt(`a table that ascends by ${value}`, 'table', at.tables, ['u32', at.tables + 12, value]),
  ),
  spoilt('an entry as the one before it', 'table', at.entries + 8, ['i64', at.entries + 8, -1]),
  spoilt('an entry below the one before it', 'table', at.entries + 16, ['i64', at.entries + 16, 0]),
  // Ascending only where the sign is not looked at.
  spoilt('a negative entry after a positive one', 'table', at.entries + 16, ['i64', at.entries + 16, -1]),
  spoilt(
    'the least word after the greatest',
    'table',
    at.entries + 16,
    ['i64', at.entries + 8, 2n ** 63n - 1n],
    ['i64', at.entries + 16, -(2n ** 63n)],
  ),
  spoilt('a last table said to ascend that does not', 'table', at.entries + 32, ['u32', at.tables + 28, 1]),
];

const grant = (parts: Partial<Grant>, name: string): HostileCase => {
  const [first, last] = good.grants;
  if (first === undefined || last === undefined) throw new Error('the good module has two grants');
  const kind = parts.kind ?? 'declassify';
  const whole = { ...(kind === 'declassify' ? first : last), ...parts };
  return changed(name, 'grant', { grants: [first, whole] }, ({ grants }) => grants + 32);
};

const grants: readonly HostileCase[] = [
  ...[0, 3, 0x101, 0xffff_ffff].map((kind) =>
    spoilt(`a grant of kind ${kind}`, 'grant', at.grants, ['u32', at.grants, kind]),
  ),
  grant({ uses: 0 }, 'a grant of no use'),
  grant({ kind: 'endorse', uses: 0 }, 'an endorsement of no use'),
  grant({ least: 1n, most: 0n }, 'a grant with an empty range'),
  grant({ least: 2n ** 63n - 1n, most: -(2n ** 63n) }, 'a grant with a range from the greatest to the least'),
  grant(
    { least: 0n, most: -1n },
    'a grant with a range that is not empty only where signs are not looked at',
  ),
  grant({ from: label(0, 4), to: label(4, 4) }, 'a declassification that raises secrecy'),
  grant({ from: label(4, 4), to: label(0, 4, 1) }, 'a declassification that gives a category'),
  grant({ from: label(4, 4), to: label(0, 8) }, 'a declassification that raises authority'),
  grant({ from: label(4, 6), to: label(0, 4) }, 'a declassification that lowers authority'),
  grant({ kind: 'endorse', from: label(0, 8), to: label(0, 2) }, 'an endorsement that lowers authority'),
  grant({ kind: 'endorse', from: label(1, 2), to: label(0, 8) }, 'an endorsement that lowers secrecy'),
  grant({ kind: 'endorse', from: label(1, 2), to: label(2, 8) }, 'an endorsement that raises secrecy'),
  grant({ kind: 'endorse', from: label(0, 2, 1), to: label(0, 8) }, 'an endorsement that takes a category'),
  grant({ kind: 'endorse', from: label(0, 2), to: label(0, 8, 1) }, 'an endorsement that gives a category'),
];

const first = at.functions;
const last = at.functions + 16;
const field = (entry: number, byte: number, value: number): Field => ['u8', entry + byte, value];

const functions: readonly HostileCase[] = [
  ...[0, 8, 0x2000_0000, 0x8000_0000, 0xffff_ffff].map((count) =>
    spoilt(`a function of ${count} instructions, where there are 7`, 'function', first, [
      'u32',
      first,
      count,
    ]),
  ),
  ...[0, 6, 0xffff_fffe, 0xffff_ffff].map((count) =>
    spoilt(`a last function of ${count} instructions, where 5 are left`, 'function', last, [
      'u32',
      last,
      count,
    ]),
  ),
  spoilt('an instruction that is in no function', 'function', at.entries, ['u32', last, 4]),
  spoilt('a first function that leaves nothing to the last', 'function', last, ['u32', first, 7]),
  ...[9, 16, 32, 255].flatMap((count) => [
    spoilt(`${count} parameters`, 'function', first, field(first, 8, count)),
    spoilt(`${count} results`, 'function', first, field(first, 9, count)),
  ]),
  ...[4, 128, 255].map((bits) =>
    spoilt(`types of parameters that are not there: ${bits}`, 'function', first, field(first, 10, bits)),
  ),
  ...[2, 128, 255].map((bits) =>
    spoilt(`types of results that are not there: ${bits}`, 'function', first, field(first, 11, bits)),
  ),
  spoilt('a main function with a parameter', 'function', last, field(last, 8, 1)),
  spoilt('a main function with a result', 'function', last, field(last, 9, 1)),
  spoilt('the type of a parameter, and no parameter', 'function', last, field(last, 10, 1)),
  ...[1, 0xffff_ffff].map((value) =>
    spoilt(`${value} where a function has zero`, 'function', first, ['u32', first + 12, value]),
  ),
  ...Object.entries({ secrecy: label(1, 8), 'a category': label(0, 8, 3), both: label(8, 8, 15) }).flatMap(
    ([what, bits]) => [
      spoilt(`${what} in the authority of a function`, 'function', first, ['u32', first + 4, bits]),
      spoilt(`${what} in the authority of the main function`, 'function', last, ['u32', last + 4, bits]),
    ],
  ),
];

export const declarations: readonly HostileCase[] = [
  ...labels,
  ...types,
  ...levels,
  ...segments,
  ...tables,
  ...grants,
  ...functions,
];
