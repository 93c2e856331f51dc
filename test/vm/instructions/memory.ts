import { gives, type InstructionCase, traps, writes } from './case.ts';

const addresses: readonly InstructionCase[] = [
  gives('const r1 p0, const r2 p7, store pub r1 r2, load r5 pub r1', { 5: '7 C0 A8' }),
  gives('const r1 p1, const r2 p7, store pub r1 r2, load r5 pub r1', { 5: '7 C0 A8' }),
  // The words beside it stay as they were, also in the segments before and after.
  gives(
    'const r0 p0, const r1 p1, const r2 p7, store pub r1 r2, load r5 pub r0, load r6 sec r0, load r7 low2 r0',
    {
      5: '0 C0 A8',
      6: '0 C4 A8 {1}',
      7: '0 C0 A2',
    },
  ),
  gives(
    'const r0 p0, const r1 p1, const r2 big, store low2 r0 r2, load r5 pub r1, load r6 sec r1, load r7 low2 r1',
    {
      5: '0 C0 A8',
      6: '0 C4 A8 {1}',
      7: '0 C0 A2',
    },
  ),
  gives('const r1 p0, const r2 least, store pub r1 r2, load r5 pub r1', { 5: '-9223372036854775808 C0 A8' }),
  gives('const r1 p0, const r2 yeur, store name r1 r2, load r5 name r1', { 5: '4995989521590910976 C0 A8' }),
  ...['p2', 'm1', 'big', 'least', 'half', 'most'].flatMap((address) => [
    traps(`const r1 ${address}, load r5 pub r1`, 'bounds', 1, 'C0 A8'),
    traps(`const r1 ${address}, const r2 p1, store pub r1 r2`, 'bounds', 2, 'C0 A8'),
  ]),
  ...['p5', 'm1', 'big', 'least', 'half', 'most'].map((address) =>
    traps(`const r1 ${address}, entry r5 five r1`, 'bounds', 1, 'C0 A8'),
  ),
  // The detail of a trap is as secret as the address, and no more: no word was looked at.
  traps('constant s2 2 C4 A8\nconst r1 s2, load r5 pub r1', 'bounds', 1, 'C4 A8'),
  traps('const r1 p2, load r5 sec r1', 'bounds', 1, 'C0 A8'),
  traps('const r1 p2, const r2 s1, store sec r1 r2', 'bounds', 2, 'C0 A8'),
  traps('const r1 p2, entry r5 deep r1', 'bounds', 1, 'C4 A8 {1}'),
];

const tables: readonly InstructionCase[] = [
  ...Object.entries({ m3: 0, p0: 1, p1: 2, p7: 3, half: 4 }).flatMap(([constant, index]) => [
    gives(`const r1 ${constant}, find r5 five r1`, { 5: `${index} C0 A8` }),
    gives(`const r1 ${constant}, find r5 five r1, entry r6 five r5, sub r7 r6 r1`, { 7: '0 C0 A8' }),
  ]),
  ...['least', 'm7', 'm1', 'p3', 'most', 'big'].map((constant) =>
    gives(`const r1 ${constant}, find r5 five r1`, { 5: '-1 C0 A8' }),
  ),
  gives("constant chf 'CHF' C0 A8\nconst r1 chf, find r5 code r1", { 5: '0 C0 A8' }),
  gives('const r1 yeur, find r5 code r1', { 5: '1 C0 A8' }),
  gives('const r1 yusd, find r5 code r1', { 5: '2 C0 A8' }),
  gives("constant jpy 'JPY' C0 A8\nconst r1 jpy, find r5 code r1", { 5: '-1 C0 A8' }),
  gives('table one sorted C0 A8 : 7\nconst r1 p7, const r2 p5, find r5 one r1, find r6 one r2', {
    5: '0 C0 A8',
    6: '-1 C0 A8',
  }),
  gives(
    'table ends sorted C0 A8 : -9223372036854775808 9223372036854775807\nconst r1 least, const r2 big, const r3 p0, find r5 ends r1, find r6 ends r2, find r7 ends r3',
    {
      5: '0 C0 A8',
      6: '1 C0 A8',
      7: '-1 C0 A8',
    },
  ),
  gives('const r0 p0, const r1 p1, const r2 p2, entry r5 loose r0, entry r6 loose r1, entry r7 loose r2', {
    5: '7 C0 A6',
    6: '-3 C0 A6',
    7: '7 C0 A6',
  }),
  // Tables are read from the module: one after the other, each with its own.
  gives('const r0 p0, entry r5 five r0, entry r6 deep r0, entry r7 loose r0', {
    5: '-3 C0 A8',
    6: '1 C4 A8 {1}',
    7: '7 C0 A6',
  }),
];

const stores: readonly InstructionCase[] = [
  gives('const r0 p0, const r1 s1, store open r0 r1, load r5 open r0', { 5: '1 C4 A8' }),
  gives('const r0 p0, const r1 k1, store open r0 r1, load r5 open r0', { 5: '1 C1 A8 {1}' }),
  gives('const r0 p0, const r1 s1, store sec r0 r1, load r5 sec r0', { 5: '1 C4 A8' }),
  // A public value in a secret word is public from then on: its address and pc are.
  writes('const r0 p0, const r1 p7, store sec r0 r1, load r5 sec r0, output out r5', { 0: 7n }),
  gives('const r0 p0, const r1 p7, at low, store low2 r0 r1, load r5 low2 r0', { 5: '7 C0 A2' }),
  gives('const r0 p0, const r1 s1, const r2 p7, if r1, store sec r0 r2, end, load r5 sec r0', {
    5: '7 C4 A8',
  }),
  traps('const r0 p0, const r1 s1, store pub r0 r1', 'ceiling', 2, 'C4 A8'),
  traps('const r0 p0, const r1 u1, store pub r0 r1', 'ceiling', 2, 'C0 A1'),
  traps('const r0 p0, const r1 k1, store pub r0 r1', 'ceiling', 2, 'C1 A8 {1}'),
  traps('constant s8 1 C8 A8\nconst r0 p0, const r1 s8, store sec r0 r1', 'ceiling', 2, 'C8 A8'),
  traps('const r0 p0, const r1 u1, store sec r0 r1', 'ceiling', 2, 'C0 A1'),
  traps('const r0 p0, const r1 k1, at plain, store open r0 r1', 'clearance', 2, 'C1 A8 {1}'),
  traps('const r0 p0, const r1 s1, at low, store low2 r0 r1', 'label', 2, 'C4 A2'),
  // No sensitive upgrade: by address, by pc, by the level, in secrecy, authority and categories.
  traps('const r1 s1, const r2 p0, store open r1 r2', 'upgrade', 2, 'C4 A8'),
  traps('const r1 u1, const r2 p0, store pub r1 r2', 'upgrade', 2, 'C0 A1'),
  traps('const r1 k1, const r2 p0, store open r1 r2', 'upgrade', 2, 'C1 A8 {1}'),
  traps('const r1 s1, const r2 p0, if r1, store open r2 r2, end', 'upgrade', 3, 'C4 A8'),
  traps('const r2 p0, at low, store open r2 r2', 'upgrade', 1, 'C0 A2'),
  traps('const r2 p0, at loud, store open r2 r2', 'upgrade', 1, 'C3 A8'),
  // Against the old label of the word, not that of its segment: it was lowered by the first store.
  traps('const r0 p0, const r1 s1, store sec r0 r0, if r1, store sec r0 r0, end', 'upgrade', 4, 'C4 A8'),
  // And it was raised by the first here, by value.
  gives('const r0 p0, const r1 s1, store open r0 r1, if r1, store open r0 r0, end, load r5 open r0', {
    5: '0 C4 A8',
  }),
  // What the trap tells is as secret as the old word.
  traps('const r0 p0, const r2 p1, at low, store sec r0 r2', 'upgrade', 2, 'C4 A2 {1}'),
];

const ports: readonly InstructionCase[] = [
  writes('const r1 p7, output out r1', { 0: 7n, 1: undefined, 2: undefined }),
  writes('const r1 p7, output out r1, const r1 p5, output out r1', { 0: 5n }),
  writes('const r1 big, output out r1, const r1 least, output high r1', {
    0: 2n ** 63n - 1n,
    1: -(2n ** 63n),
  }),
  writes('const r1 s9, output high r1', { 0: undefined, 1: 9n }),
  writes('const r1 k1, output high r1', { 1: 1n }),
  writes('const r1 yeur, output word r1', { 2: 4995989521590910976n }),
  writes('const r1 s1, const r2 p7, if r1, output high r2, end', { 1: 7n }),
  writes('const r1 p7, at loud, output high r1', { 1: 7n }),
  writes('', { 0: undefined, 1: undefined, 2: undefined }),
  traps('const r1 s1, output out r1', 'port', 1, 'C4 A8'),
  traps('const r1 k1, output out r1', 'port', 1, 'C1 A8 {1}'),
  traps('const r1 u1, output out r1', 'port', 1, 'C0 A1'),
  traps('const r1 u1, output high r1', 'port', 1, 'C0 A1'),
  traps('constant s8 1 C8 A8\nconst r1 s8, output high r1', 'port', 1, 'C8 A8'),
  traps('const r1 ysec, output word r1', 'port', 1, 'C4 A8'),
  traps('const r1 s1, const r2 p0, if r1, output out r2, end', 'port', 3, 'C4 A8'),
  traps('const r1 p7, at loud, output out r1', 'port', 1, 'C3 A8'),
  traps('const r1 p7, at low, output out r1', 'port', 1, 'C0 A2'),
  traps('const r1 k1, at plain, output high r1', 'clearance', 1, 'C1 A8 {1}'),
  traps('const r1 s1, at low, output high r1', 'label', 1, 'C4 A2'),
  // What was written before a trap is not told.
  {
    ...traps('const r1 p7, output out r1, const r2 s1, output out r2', 'port', 3, 'C4 A8'),
    ports: { 0: undefined },
  },
];

export const memory: readonly InstructionCase[] = [...addresses, ...tables, ...stores, ...ports];
