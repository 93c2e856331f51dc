/** Headers, counts and lengths. */
import { limits } from '../../../vm/isa.ts';
import { encodeModule } from '../../../vm/module.ts';
import { type Field, good, goodBytes, goodPlaces, type HostileCase, poked, spoilt } from './case.ts';

const fields: readonly (readonly [name: string, at: number, kind: 'u16' | 'u32', most: number])[] = [
  ['levels', 8, 'u16', limits.levels],
  ['constants', 10, 'u16', limits.constants],
  ['segments', 12, 'u16', limits.segments],
  ['tables', 14, 'u16', limits.tables],
  ['ports', 16, 'u16', limits.ports],
  ['grants', 18, 'u16', limits.grants],
  ['functions', 20, 'u16', limits.functions],
  ['entries', 24, 'u32', limits.moduleBytes / 8],
  ['instructions', 28, 'u32', limits.code],
];

const view = new DataView(goodBytes.buffer);

const counts: readonly HostileCase[] = fields.flatMap(([name, at, kind, most]) => {
  const own = kind === 'u16' ? view.getUint16(at, true) : view.getUint32(at, true);
  const told = (value: number): Field => [kind, at, value];
  const huge =
    kind === 'u16'
      ? [0x8000, 0xffff]
      : // Times 8 these are 0, 8, 2^31 and the rest of the module's own length in 32 bits.
        [0x2000_0000, 0x2000_0001, 0x1000_0000, 0x2000_0000 + own, 0x8000_0000, 0xffff_ffff];
  return [
    spoilt(`one of ${name} more than there are`, 'header', 0, told(own + 1)),
    spoilt(`one of ${name} less than there are`, 'header', 0, told(own - 1)),
    spoilt(`as many ${name} as there may be, but not there`, 'header', 0, told(most)),
    spoilt(`one of ${name} more than there may be`, 'count', 0, told(most + 1)),
    ...huge.map((value) => spoilt(`${value} of ${name}`, 'count', 0, told(value))),
  ];
});

const nothing: readonly HostileCase[] = [
  spoilt('no functions', 'count', 0, ['u16', 20, 0]),
  spoilt('no instructions', 'count', 0, ['u32', 28, 0]),
  spoilt('all counts zero', 'count', 0, ...fields.map(([, at, kind]): Field => [kind, at, 0])),
  { name: 'a header of zeros', refused: 'header', offset: 0, bytes: new Uint8Array(64) },
  { name: 'a module of ones', refused: 'header', offset: 0, bytes: new Uint8Array(400).fill(255) },
  { name: 'text', refused: 'header', offset: 0, bytes: new TextEncoder().encode('RMVM'.repeat(40)) },
];

const beginnings: readonly HostileCase[] = [
  ...[0, 1, 2, 3].map((at) => spoilt(`byte ${at} of RMVM`, 'header', 0, ['u8', at, 0x20])),
  ...[0, 1, 3, 0x102, 0x0200_0000, 0xffff_ffff].map((version) =>
    spoilt(`version ${version}`, 'header', 0, ['u32', 4, version]),
  ),
  ...[1, 0x100, 0xffff].map((value) =>
    spoilt(`${value} where the header has zero`, 'header', 0, ['u16', 22, value]),
  ),
];

/** Each section cut off at its beginning, one byte before and one after, and in the middle of its first entry. */
const cut: readonly HostileCase[] = Object.entries(goodPlaces).flatMap(([section, place]) =>
  [...new Set([place - 1, place, place + 1, place + 4])]
    .filter((length) => length < goodBytes.length)
    .map((length) => ({
      name: `cut off at byte ${length}, by ${section}`,
      refused: 'header' as const,
      offset: 0,
      bytes: goodBytes.slice(0, length),
    })),
);

const longer: readonly HostileCase[] = [1, 7, 8, 16, 32, 1000].map((more) => ({
  name: `${more} bytes too many`,
  refused: 'header',
  offset: 0,
  bytes: new Uint8Array([...goodBytes, ...new Uint8Array(more)]),
}));

/** What a host tells of the length, with a good module in place. */
const lengths: readonly HostileCase[] = [
  0,
  1,
  63,
  64,
  goodBytes.length - 1,
  goodBytes.length + 1,
  limits.moduleBytes,
  limits.moduleBytes + 1,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_ffff,
  0xffff_ffff - 63,
].map((length) => ({
  name: `a good module, said to have ${length} bytes`,
  refused: 'header',
  offset: 0,
  bytes: goodBytes,
  length,
}));

const whole: readonly HostileCase[] = [
  {
    // Each count is within its limit; all the bytes that there are room for.
    name: 'the longest module that the machine has room for, with nothing in it',
    refused: 'header',
    offset: 0,
    bytes: poked(
      new Uint8Array(limits.moduleBytes),
      ['u32', 0, 0x4d56_4d52],
      ['u32', 4, 2],
      ['u16', 20, 1],
      ['u32', 24, limits.moduleBytes / 8],
      ['u32', 28, 1],
    ),
  },
  {
    name: 'the header of a good module, twice',
    refused: 'header',
    offset: 0,
    bytes: new Uint8Array([...goodBytes.slice(0, 64), ...encodeModule(good)]),
  },
];

export const header: readonly HostileCase[] = [
  ...counts,
  ...nothing,
  ...beginnings,
  ...cut,
  ...longer,
  ...lengths,
  ...whole,
];
