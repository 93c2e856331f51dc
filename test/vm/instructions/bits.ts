import { gives, type InstructionCase, traps } from './case.ts';

const most = '9223372036854775807';
const least = '-9223372036854775808';

/** `result`: the value, or the trap. */
function both(mnemonic: string, a: string, b: string, result: string): InstructionCase {
  const text = `const r1 ${a}, const r2 ${b}, ${mnemonic} r5 r1 r2`;
  return result === 'shift' ? traps(text, 'shift', 2, 'C0 A8') : gives(text, { 5: `${result} C0 A8` });
}

const logic: readonly InstructionCase[] = [
  both('and', 'p3', 'm3', '1'),
  both('and', 'least', 'm1', least),
  both('and', 'least', 'big', '0'),
  both('or', 'p3', 'm3', '-1'),
  both('or', 'least', 'big', '-1'),
  both('or', 'p0', 'p0', '0'),
  both('xor', 'p3', 'm3', '-2'),
  both('xor', 'least', 'big', '-1'),
  both('xor', 'big', 'big', '0'),
  both('xor', 'm1', 'least', most),
  gives('const r1 p0, not r5 r1', { 5: '-1 C0 A8' }),
  gives('const r1 big, not r5 r1', { 5: `${least} C0 A8` }),
  gives('const r1 m3, not r5 r1', { 5: '2 C0 A8' }),
];

const shifts: readonly InstructionCase[] = [
  both('shl', 'p3', 'p0', '3'),
  both('shl', 'p3', 'p1', '6'),
  both('shl', 'p3', 'p63', least),
  both('shl', 'p2', 'p63', '0'),
  both('shl', 'big', 'p1', '-2'),
  both('shl', 'm1', 'p63', least),
  both('shr', 'm1', 'p0', '-1'),
  both('shr', 'm1', 'p1', most),
  both('shr', 'm1', 'p63', '1'),
  both('shr', 'least', 'p63', '1'),
  both('shr', 'big', 'p63', '0'),
  both('shr', 'm7', 'p2', '4611686018427387902'),
  both('sar', 'm7', 'p0', '-7'),
  both('sar', 'm7', 'p1', '-4'),
  both('sar', 'm1', 'p63', '-1'),
  both('sar', 'least', 'p63', '-1'),
  both('sar', 'least', 'p1', '-4611686018427387904'),
  both('sar', 'big', 'p63', '0'),
  both('sar', 'p7', 'p2', '1'),
  both('rotl', 'p3', 'p0', '3'),
  both('rotl', 'p3', 'p63', '-9223372036854775807'),
  both('rotl', 'least', 'p1', '1'),
  both('rotl', 'big', 'p1', '-2'),
  both('rotl', 'm1', 'p7', '-1'),
  both('rotl', 'half', 'p63', '2147483648'),
  ...['shl', 'shr', 'sar', 'rotl'].flatMap((mnemonic) =>
    ['p64', 'm1', 'big', 'least', 'half'].map((by) => both(mnemonic, 'p3', by, 'shift')),
  ),
];

const comparisons: readonly InstructionCase[] = [
  both('eq', 'p3', 'p3', '1'),
  both('eq', 'p3', 'm3', '0'),
  both('eq', 'least', 'big', '0'),
  both('eq', 'half', 'p0', '0'),
  both('eq', 'yusd', 'yusd', '1'),
  both('eq', 'yusd', 'yeur', '0'),
  both('ne', 'p3', 'p3', '0'),
  both('ne', 'p3', 'm3', '1'),
  both('ne', 'half', 'p0', '1'),
  both('ne', 'yusd', 'yeur', '1'),
  both('lt', 'm3', 'p3', '1'),
  both('lt', 'p3', 'm3', '0'),
  both('lt', 'p3', 'p3', '0'),
  both('lt', 'least', 'big', '1'),
  both('lt', 'big', 'least', '0'),
  both('lt', 'p1', 'half', '1'),
  // Symbols order as their letters do.
  both('lt', 'yeur', 'yusd', '1'),
  both('lt', 'yusd', 'yeur', '0'),
  both('le', 'p3', 'p3', '1'),
  both('le', 'p7', 'p3', '0'),
  both('le', 'least', 'least', '1'),
  both('le', 'big', 'least', '0'),
  both('le', 'm1', 'p0', '1'),
  both('le', 'yeur', 'yeur', '1'),
];

export const bits: readonly InstructionCase[] = [...logic, ...shifts, ...comparisons];
