/** Comparisons that a branch asks for again: what generated programs hardly ever write. */
import { expect, it } from 'vitest';
import { assembled, loadBare } from '../machine.ts';
import { TranslatedMachine } from './translated-machine.ts';

const program = (body: string): Uint8Array =>
  assembled(`
level all C0 A8
constant zero 0 C0 A8
constant one 1 C0 A8
constant most 9 C0 A8
segment given 2 C0 A8 ceiling C0 A8
port answer C0 A8
at all
const r0 zero
const r1 one
load r2 given r0
load r3 given r1
const r4 zero
${body}
output answer r4
halt
`).bytes;

/** Each writes what it compares, or something else comes between. */
const bodies = {
  'a comparison over its first operand': 'lt r2 r2 r3\nif r2\nadd r4 r4 r1\nend',
  'a comparison over its second operand': 'le r3 r2 r3\nif r3\nadd r4 r4 r1\nend',
  'a comparison of one register with itself, over it': 'eq r2 r2 r2\nif r2\nadd r4 r4 r1\nend',
  'a comparison, and a branch on another register': 'ne r5 r2 r3\nif r2\nadd r4 r4 r1\nend',
  'a comparison, and an operand written before the branch':
    'lt r5 r2 r3\nmov r2 r3\nif r5\nadd r4 r4 r1\nelse\nsub r4 r4 r1\nend',
  'a loop that compares over its operand': 'loop most\nlt r2 r2 r3\nwhile r2\nadd r4 r4 r1\nend',
  'a loop whose condition is compared before it':
    'lt r5 r2 r3\nloop most\nwhile r5\nadd r2 r2 r1\nlt r5 r2 r3\nadd r4 r4 r1\nend',
};

it.each(Object.entries(bodies))('goes the interpreter’s way: %s', async (_title, body) => {
  const machine = await TranslatedMachine.start();
  expect(loadBare(machine, program(body))).toBe(0);
  const ways = [
    [0n, 0n],
    [0n, 1n],
    [1n, 0n],
    [-3n, 4n],
    [5n, 5n],
    [1n, 7n],
  ];
  for (const words of ways) {
    for (const fuel of [machine.fuelBound(), machine.fuelBound() - 1n]) {
      const [translated, interpreted] = [machine, machine.interpreter].map((one) => {
        one.reset();
        for (const [index, word] of words.entries()) one.setWord(0, index, word);
        return [one.run(fuel), one.trapCode(), one.portValue(0), one.fuelUsed()];
      });
      expect(translated, `${words.join()} with ${fuel} fuel`).toEqual(interpreted);
    }
  }
});
