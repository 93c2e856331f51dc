import { gives, type InstructionCase, traps } from './case.ts';

const symbols =
  'grant letters declassify C4 A4 to C0 A4 range 4995989521590910976 6148332683081547776 uses 3';
const categories =
  'grant trust endorse C1 A1 {1} to C1 A6 {1} range 0 9\ngrant both declassify C4 A4 {1 2} to C1 A4 {2} range 0 9';

const declassifications: readonly InstructionCase[] = [
  { ...gives('const r1 s1, declassify r5 r1 bit', { 1: '1 C4 A8', 5: '1 C0 A8' }), audit: '1:0' },
  gives('const r1 s0, declassify r1 r1 bit', { 1: '0 C0 A8' }),
  gives('const r1 k1, declassify r5 r1 bit', { 5: '1 C0 A8' }),
  gives('const r1 p1, declassify r5 r1 bit', { 5: '1 C0 A8' }),
  // Authority is that of the value and of what handles it, and not raised.
  gives('constant a4 1 C4 A4 {1}\nconst r1 a4, declassify r5 r1 bit', { 5: '1 C0 A4' }),
  gives('level six C0 A6 {1}\nconst r1 s1, at six, declassify r5 r1 bit', { 5: '1 C0 A6' }),
  gives('const r1 s9, declassify r5 r1 keep', { 5: '9 C0 A8 {1}' }),
  gives('const r1 p5, declassify r5 r1 keep', { 5: '5 C0 A8 {1}' }),
  gives(`${categories}\nconstant c2 3 C4 A8 {1 2}\nconst r1 c2, declassify r5 r1 both`, { 5: '3 C1 A8 {2}' }),
  gives(`${symbols}\nconst r1 ysec, declassify r5 r1 letters`, { 5: '6148332683081547776 C0 A8' }),
  gives('const r1 p1, const r2 s1, if r1, declassify r5 r2 bit, end', { 5: '1 C0 A8' }),
  traps('constant a3 1 C0 A3\nconst r1 a3, declassify r5 r1 bit', 'grant', 1, 'C0 A3'),
  traps('const r1 u1, declassify r5 r1 bit', 'grant', 1, 'C0 A1'),
  traps('constant s5 1 C5 A8\nconst r1 s5, declassify r5 r1 bit', 'grant', 1, 'C5 A8'),
  traps('constant c2 1 C1 A8 {2}\nconst r1 c2, declassify r5 r1 bit', 'grant', 1, 'C1 A8 {2}'),
  // Only where control flow is public and trusted, and so is the level.
  traps('const r1 s1, if r1, declassify r5 r1 bit, end', 'grant', 2, 'C4 A8'),
  traps('const r1 k1, const r2 p1, if r1, declassify r5 r2 bit, end', 'grant', 3, 'C1 A8 {1}'),
  traps('const r1 u1, const r2 s1, if r1, end, at low, if r2, end', 'label', 4, 'C4 A2'),
  traps('const r1 u1, const r2 p1, if r1, declassify r5 r2 bit, end', 'grant', 3, 'C0 A1'),
  traps('const r1 p1, at low, declassify r5 r1 bit', 'grant', 1, 'C0 A2'),
  traps('const r1 p1, at loud, declassify r5 r1 bit', 'grant', 1, 'C3 A8'),
  traps('const r1 k1, at plain, declassify r5 r1 bit', 'clearance', 1, 'C1 A8 {1}'),
  traps('const r1 p1, at plain, declassify r5 r1 keep', 'clearance', 1, 'C0 A8 {1}'),
  // The range, at both ends.
  gives('const r1 m1, declassify r5 r1 once', { 5: '-1 C0 A8' }),
  gives('const r1 s1, declassify r5 r1 once', { 5: '1 C0 A8' }),
  traps('const r1 p2, declassify r5 r1 once', 'range', 1, 'C0 A8'),
  traps('constant m2 -2 C4 A8\nconst r1 m2, declassify r5 r1 once', 'range', 1, 'C4 A8'),
  traps('const r1 s9, declassify r5 r1 bit', 'range', 1, 'C4 A8'),
  traps('const r1 m1, declassify r5 r1 bit', 'range', 1, 'C0 A8'),
  traps(`${symbols}\nconstant jpy 'ZAR' C4 A8\nconst r1 jpy, declassify r5 r1 letters`, 'range', 1, 'C4 A8'),
];

const endorsements: readonly InstructionCase[] = [
  { ...gives('const r1 u1, endorse r5 r1 lift', { 1: '1 C0 A1', 5: '1 C0 A6' }), audit: '1:3' },
  // What was trusted more is trusted as the grant says from then on.
  gives('const r1 p5, endorse r5 r1 lift', { 5: '5 C0 A6' }),
  gives(`${categories}\nconst r1 k1, endorse r5 r1 trust`, { 5: '1 C1 A6 {1}' }),
  gives('level six C0 A6\nconst r1 u1, at six, endorse r5 r1 lift', { 5: '1 C0 A6' }),
  traps('level five5 C0 A5\nconst r1 u1, at five5, endorse r5 r1 lift', 'grant', 1, 'C0 A1'),
  traps('constant u0 1 C0 A0\nconst r1 u0, endorse r5 r1 lift', 'grant', 1, 'C0 A0'),
  traps('const r1 s1, endorse r5 r1 lift', 'grant', 1, 'C4 A8'),
  traps('const r1 k1, endorse r5 r1 lift', 'grant', 1, 'C1 A8 {1}'),
  traps('const r1 u1, at low, endorse r5 r1 lift', 'grant', 1, 'C0 A1'),
  traps('const r1 u1, at loud, endorse r5 r1 lift', 'grant', 1, 'C3 A1'),
  traps('const r1 u1, if r1, endorse r5 r1 lift, end', 'grant', 2, 'C0 A1'),
  traps('const r1 s1, const r2 u1, if r1, const r5 p1, endorse r5 r5 lift, end', 'grant', 4, 'C4 A8'),
  traps(`${categories}\nconst r1 k1, at plain, endorse r5 r1 trust`, 'clearance', 1, 'C1 A8 {1}'),
  traps('const r1 p0, endorse r5 r1 lift', 'range', 1, 'C0 A8'),
  traps('constant u10 10 C0 A1\nconst r1 u10, endorse r5 r1 lift', 'range', 1, 'C0 A1'),
  gives('constant u9 9 C0 A1\nconst r1 u9, endorse r5 r1 lift', { 5: '9 C0 A6' }),
];

const uses: readonly InstructionCase[] = [
  traps('const r1 p1, declassify r5 r1 once, declassify r5 r1 once', 'grant', 2, 'C0 A8'),
  { ...gives('const r1 p1, declassify r5 r1 keep, declassify r5 r1 keep', {}), audit: '1:2 2:2' },
  traps(
    'const r1 p1, declassify r5 r1 keep, declassify r5 r1 keep, declassify r5 r1 keep',
    'grant',
    3,
    'C0 A8',
  ),
  traps('const r1 u1, endorse r5 r1 lift, endorse r5 r1 lift, endorse r5 r1 lift', 'grant', 3, 'C0 A1'),
  // Each grant counts for itself; a use in a function or loop is a use.
  {
    ...gives(
      'const r1 p1, declassify r5 r1 once, declassify r5 r1 keep, endorse r5 r1 lift, declassify r5 r1 keep',
      {},
    ),
    audit: '1:1 2:2 3:3 4:2',
  },
  {
    ...gives(
      'function let (number) -> (number), declassify r0 r0 keep, return r0\nmain\nconst r1 s1, call r5 r1 let, call r6 r1 let',
      {},
    ),
    audit: '0:2 0:2',
  },
  traps(
    'const r1 p3, const r2 p1, loop p5, while r1, declassify r5 r2 keep, sub r1 r1 r2, end',
    'grant',
    4,
    'C0 A8',
  ),
  {
    ...gives('const r1 p2, const r2 p1, loop p5, while r1, declassify r5 r2 keep, sub r1 r1 r2, end', {}),
    audit: '4:2 4:2',
  },
  // The audit list has room for 256, whatever the grants say.
  {
    ...gives(
      `constant n 256 C0 A8\nconst r1 n, const r2 p1, loop n, while r1, declassify r5 r2 bit, sub r1 r1 r2, end`,
      {},
    ),
    audit: Array.from({ length: 256 }, () => '4:0').join(' '),
  },
  traps(
    `constant n 257 C0 A8\nconst r1 n, const r2 p1, loop n, while r1, declassify r5 r2 bit, sub r1 r1 r2, end`,
    'grant',
    4,
    'C0 A8',
  ),
];

export const grants: readonly InstructionCase[] = [...declassifications, ...endorsements, ...uses];
