/** The label of every result, for every instruction that has one and every register it reads. */
import { instructions } from '../../../vm/isa.ts';
import { gives, type InstructionCase, traps } from './case.ts';

/** Each with an instruction from r1, r2, r3 to r5, all of them 1. */
const operations: Readonly<Record<string, readonly string[]>> = {
  mov: ['r1'],
  add: ['r1', 'r2'],
  sub: ['r1', 'r2'],
  mul: ['r1', 'r2'],
  muldiv: ['r1', 'r2', 'r3'],
  div: ['r1', 'r2'],
  rem: ['r1', 'r2'],
  and: ['r1', 'r2'],
  or: ['r1', 'r2'],
  xor: ['r1', 'r2'],
  not: ['r1'],
  shl: ['r1', 'r2'],
  shr: ['r1', 'r2'],
  sar: ['r1', 'r2'],
  rotl: ['r1', 'r2'],
  eq: ['r1', 'r2'],
  ne: ['r1', 'r2'],
  lt: ['r1', 'r2'],
  le: ['r1', 'r2'],
  min: ['r1', 'r2'],
  max: ['r1', 'r2'],
  select: ['r1', 'r2', 'r3'],
  find: ['r1'],
  entry: ['r1'],
  load: ['r1'],
};

/** Between the mnemonic with r5 and the registers. */
const tables: Readonly<Record<string, string>> = { find: ' five', entry: ' five', load: ' pub' };
const roundings: Readonly<Record<string, string>> = { muldiv: ' floor', div: ' up' };

function casesOf(mnemonic: string, registers: readonly string[]): InstructionCase[] {
  const operation = `${mnemonic} r5${tables[mnemonic] ?? ''} ${registers.join(' ')}${roundings[mnemonic] ?? ''}`;
  const set = (changed: string, constant: string, others = 'p1'): string =>
    ['r1', 'r2', 'r3'].map((name) => `const ${name} ${name === changed ? constant : others}`).join(', ');
  const label = (text: string, expected: string): InstructionCase => gives(text, { 5: expected });
  const value = { find: '2', entry: '0', load: '0', not: '-2' }[mnemonic] ?? ofOnes(mnemonic);
  return [
    ...registers.flatMap((register) => [
      label(`${set(register, 's1')}, ${operation}`, `${value} C4 A8`),
      label(`${set(register, 'k1')}, ${operation}`, `${value} C1 A8 {1}`),
      label(`${set(register, 'u1')}, ${operation}`, `${value} C0 A1`),
      traps(`${set(register, 's1')}, at low, ${operation}`, 'label', 3, 'C4 A2'),
      traps(`${set(register, 'k1')}, at plain, ${operation}`, 'clearance', 3, 'C1 A8 {1}'),
      ...(registers.length > 1
        ? [
            // Secret meets untrusted: more secret than the authority that would handle it.
            traps(`${set(register, 'u1', 's1')}, ${operation}`, 'label', 3, 'C4 A1'),
            label(`${set(register, 'k1', 's1')}, ${operation}`, `${value} C4 A8 {1}`),
          ]
        : []),
    ]),
    label(`${set('', '')}, at low, ${operation}`, `${value} C0 A2`),
    label(`${set('', '')}, at loud, ${operation}`, `${value} C3 A8`),
    label(`${set('', '')}, const r7 s1, if r7, ${operation}, end`, `${value} C4 A8`),
    label(`${set('', '')}, const r7 u1, if r7, ${operation}, end`, `${value} C0 A1`),
    traps(`${set('', '')}, const r7 s1, if r7, at low, ${operation}, end`, 'label', 5, 'C4 A2'),
    traps(`${set('', '')}, const r7 k1, if r7, at plain, ${operation}, end`, 'clearance', 5, 'C1 A8 {1}'),
  ];
}

/** Of 1 and 1, or 1, 1 and 1. */
function ofOnes(mnemonic: string): string {
  const zero = ['sub', 'rem', 'xor', 'shr', 'sar', 'ne', 'lt'];
  const two = ['add', 'shl', 'rotl'];
  return zero.includes(mnemonic) ? '0' : two.includes(mnemonic) ? '2' : '1';
}

const constants: readonly InstructionCase[] = [
  gives('const r5 s1', { 5: '1 C4 A8' }),
  gives('const r5 k1', { 5: '1 C1 A8 {1}' }),
  gives('const r5 u1', { 5: '1 C0 A1' }),
  gives('at low, const r5 p1', { 5: '1 C0 A2' }),
  gives('at loud, const r5 p1', { 5: '1 C3 A8' }),
  gives('at loud, const r5 k1', { 5: '1 C3 A8 {1}' }),
  traps('at low, const r5 s1', 'label', 0, 'C4 A2'),
  traps('at loud, const r5 u1', 'label', 0, 'C3 A1'),
  traps('at plain, const r5 k1', 'clearance', 0, 'C1 A8 {1}'),
  // A level's own categories are a clearance, and label nothing.
  gives('at all, const r5 p1', { 5: '1 C0 A8' }),
];

const words: readonly InstructionCase[] = [
  gives('const r1 p0, load r5 sec r1', { 5: '0 C4 A8 {1}' }),
  gives('const r1 p0, load r5 low2 r1', { 5: '0 C0 A2' }),
  gives('const r1 p0, load r5 name r1', { 5: '0 C0 A8' }),
  gives('const r1 p1, entry r5 deep r1', { 5: '3 C4 A8 {1}' }),
  gives('const r1 p1, entry r5 loose r1', { 5: '-3 C0 A6' }),
  gives('const r1 p1, find r5 deep r1', { 5: '0 C4 A8 {1}' }),
  gives('const r1 p1, entry r5 code r1', { 5: '4995989521590910976 C0 A8' }),
  traps('const r1 p1, at plain, entry r5 deep r1', 'clearance', 1, 'C4 A8 {1}'),
  traps('const r1 p1, at plain, find r5 deep r1', 'clearance', 1, 'C4 A8 {1}'),
  traps('const r1 u1, find r5 deep r1', 'label', 1, 'C4 A1 {1}'),
  traps('const r1 u1, entry r5 deep r1', 'label', 1, 'C4 A1 {1}'),
  traps('const r1 p1, at plain, load r5 sec r1', 'clearance', 1, 'C4 A8 {1}'),
  // C(m) ≤ min(A(address), A(instruction)): the rule of the seed.
  traps('const r1 p0, at low, load r5 sec r1', 'label', 1, 'C4 A2 {1}'),
  traps('const r1 u1, load r5 sec r1', 'label', 1, 'C4 A1 {1}'),
  gives('const r1 u1, load r5 low2 r1', { 5: '0 C0 A1' }),
];

/** With an operand that reads a register and writes another: each has a line above. */
export const labelled: readonly string[] = instructions
  .filter(({ operands, typing }) => operands.includes('d') && operands.includes('a') && typing !== 'call')
  .map(({ mnemonic }) => mnemonic)
  .filter((mnemonic) => operations[mnemonic] === undefined);

export const labels: readonly InstructionCase[] = [
  ...Object.entries(operations).flatMap(([mnemonic, registers]) => casesOf(mnemonic, registers)),
  ...constants,
  ...words,
];
