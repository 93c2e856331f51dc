import { costs, type InstructionCase, traps } from './case.ts';

const short = (text: string, limit: bigint, at: number, label: string): InstructionCase => ({
  ...traps(text, 'fuel', at, label),
  limit,
});

/** Each on its own: three constants, `halt`, and what the table says. */
const single: readonly InstructionCase[] = Object.entries({
  'mov r5 r1': 1n,
  'add r5 r1 r1': 1n,
  'sub r5 r1 r1': 1n,
  'mul r5 r1 r1': 2n,
  'muldiv r5 r1 r1 r1 up': 4n,
  'div r5 r1 r1 up': 3n,
  'rem r5 r1 r1': 3n,
  'and r5 r1 r1': 1n,
  'or r5 r1 r1': 1n,
  'xor r5 r1 r1': 1n,
  'not r5 r1': 1n,
  'shl r5 r1 r1': 1n,
  'shr r5 r1 r1': 1n,
  'sar r5 r1 r1': 1n,
  'rotl r5 r1 r1': 1n,
  'eq r5 r1 r1': 1n,
  'ne r5 r1 r1': 1n,
  'lt r5 r1 r1': 1n,
  'le r5 r1 r1': 1n,
  'min r5 r1 r1': 1n,
  'max r5 r1 r1': 1n,
  'select r5 r1 r1 r1': 1n,
  'entry r5 five r1': 2n,
  'load r5 pub r1': 2n,
  'store pub r1 r1': 2n,
  'declassify r5 r1 bit': 2n,
  'endorse r5 r1 lift': 2n,
  'output out r1': 1n,
  'const r5 p7': 1n,
  // One more for each bit of the table's length: 5 entries, 2, 1, 8, 7.
  'find r5 five r1': 5n,
  'find r5 deep r1': 4n,
  'find r5 t1 r1': 3n,
  'find r5 t8 r1': 6n,
  'find r5 t7 r1': 5n,
  // Both ways of a branch on a public 1, a round of a loop, a call and return.
  'if r1, end': 1n,
  'if r1, else, mul r5 r1 r1, end': 1n,
  'if r1, mul r5 r1 r1, else, end': 3n,
  'loop p1, while r2, end': 2n,
  'loop p1, while r1, sub r1 r1 r1, end': 4n,
}).map(([text, fuel]) =>
  costs(
    `table t1 sorted C0 A8 : 1\ntable t8 sorted C0 A8 : 1 2 3 4 5 6 7 8\ntable t7 sorted C0 A8 : 1 2 3 4 5 6 7\nconst r1 p1, const r2 p0, const r3 p1, ${text}`,
    3n + fuel,
  ),
);

const arms = (condition: string): string =>
  `const r1 ${condition}, const r5 p1, if r1, mul r5 r5 r5, mul r5 r5 r5, else, mov r5 r5, end`;

const branches: readonly InstructionCase[] = [
  costs(arms('p1'), 7n),
  costs(arms('p0'), 4n),
  // A secret: both arms are charged as the dearer one.
  costs(arms('s1'), 7n),
  costs(arms('s0'), 7n),
  costs(arms('k1'), 7n),
  // Authority is no secret.
  costs(arms('u1'), 7n),
  costs(`constant u0 0 C0 A1\n${arms('u0')}`, 4n),
  short(arms('p1'), 2n, 0, 'C0 A8'),
  short(arms('p1'), 3n, 3, 'C0 A8'),
  short(arms('p1'), 6n, 3, 'C0 A8'),
  short(arms('p0'), 3n, 6, 'C0 A8'),
  short(arms('s1'), 6n, 2, 'C4 A8'),
  short(arms('s0'), 6n, 2, 'C4 A8'),
  short(arms('s0'), 2n, 0, 'C0 A8'),
  // The other arm may be the dearer.
  costs('const r1 s1, const r5 p1, if r1, else, mul r5 r5 r5, end', 5n),
  // What follows is charged again, and a branch in a secret branch is not charged twice.
  costs('const r1 s1, const r5 p1, if r1, mul r5 r5 r5, end, mul r5 r5 r5', 7n),
  costs(
    'const r1 s1, const r5 p1, if r1, if r1, mul r5 r5 r5, else, div r5 r5 r5 up, end, mov r5 r5, end',
    8n,
  ),
  costs(
    'const r1 s0, const r5 p1, if r1, if r1, mul r5 r5 r5, else, div r5 r5 r5 up, end, mov r5 r5, end',
    8n,
  ),
  // At a level above public, too.
  costs('const r1 p0, const r5 p1, at loud, if r1, mul r5 r5 r5, end', 5n),
  short('const r1 p0, const r5 p1, at loud, if r1, mul r5 r5 r5, end', 4n, 2, 'C3 A8'),
  // The block after `end`.
  short('const r1 p1, if r1, end, mul r5 r1 r1', 3n, 3, 'C0 A8'),
  short('const r1 s1, if r1, end, mul r5 r1 r1', 3n, 3, 'C0 A8'),
];

const rounds = (count: string, bound: string): string =>
  `constant s2 2 C4 A8\nconstant s5 5 C4 A8\nconst r1 ${count}, const r2 p1, loop ${bound}, while r1, sub r1 r1 r2, end`;

const loops: readonly InstructionCase[] = [
  costs(rounds('p0', 'p5'), 4n),
  costs(rounds('p2', 'p5'), 8n),
  costs(rounds('p2', 'most'), 8n),
  // The rest of the first round, and five more.
  costs(rounds('s0', 'p5'), 15n),
  costs(rounds('s2', 'p5'), 15n),
  costs(rounds('s5', 'p5'), 15n),
  costs(rounds('s2', 'p7'), 19n),
  short(rounds('s2', 'p5'), 14n, 3, 'C4 A8'),
  short(rounds('s0', 'most'), 1_000_000n, 3, 'C4 A8'),
  short(rounds('p2', 'p5'), 3n, 3, 'C0 A8'),
  short(rounds('p2', 'p5'), 4n, 4, 'C0 A8'),
  short(rounds('p2', 'p5'), 5n, 3, 'C0 A8'),
  short(`${rounds('p2', 'p5')}, mul r1 r1 r1`, 9n, 6, 'C0 A8'),
  // Public for a round, then secret: four rounds are left of five.
  costs('const r1 p1, const r3 p1, loop p5, while r1, while r3, const r3 s0, end', 21n),
  // A loop in a secret branch: all its rounds.
  costs('const r0 p0, const r1 s0, if r1, loop p3, while r0, mov r5 r0, end, end', 12n),
  costs('const r0 p0, const r1 s1, if r1, loop p3, while r0, mov r5 r0, end, end', 12n),
  // A loop in a loop, the outer one secret: 4, the rest of the round 7, and two rounds of 8.
  costs('const r0 p0, const r1 s0, loop p2, while r1, loop p2, while r0, mov r5 r0, end, end', 27n),
];

const f = 'function f (number) -> (number), const r1 p7, if r0, mul r1 r1 r1, end, return r1\nmain\n';

const calls: readonly InstructionCase[] = [
  costs('function g () -> (), return r0\nmain\ncall r0 r0 g', 3n),
  costs(`${f}const r1 p1, call r5 r1 f, mul r5 r5 r5`, 10n),
  costs(`${f}const r1 p0, call r5 r1 f, mul r5 r5 r5`, 8n),
  // Charged at once where pc goes above public.
  costs(`${f}const r1 p0, at loud, call r5 r1 f, at all, const r6 p1`, 9n),
  costs(`${f}const r1 p1, at loud, call r5 r1 f, at all, const r6 p1`, 9n),
  // An argument is no context: the branch on it inside is.
  costs(`${f}const r1 s0, call r5 r1 f`, 8n),
  costs(`${f}const r1 s1, call r5 r1 f`, 8n),
  costs(`${f}const r0 p0, const r1 s1, if r1, call r5 r0 f, end`, 10n),
  short(`${f}const r1 p1, at loud, call r5 r1 f`, 7n, 6, 'C3 A8'),
  short(`${f}const r1 p1, call r5 r1 f`, 2n, 5, 'C0 A8'),
  short(`${f}const r1 p1, call r5 r1 f`, 4n, 0, 'C0 A8'),
  short(`${f}const r1 p1, call r5 r1 f`, 6n, 2, 'C0 A8'),
  short(`${f}const r1 p1, call r5 r1 f`, 7n, 4, 'C0 A8'),
  short(`${f}const r1 p0, call r5 r1 f, mul r5 r5 r5`, 7n, 7, 'C0 A8'),
];

export const fuel: readonly InstructionCase[] = [...single, ...branches, ...loops, ...calls];
