/** Programs that try to tell the confidential ceiling through what the denial is made of: the machine stops every one. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Machine } from '../../vm/host.ts';
import { makeLabel } from '../../vm/label.ts';
import { assembled, freshMachine, loaded, trapOf } from '../vm/machine.ts';
import { type DecisionInput, loadIssuanceDecision } from './older-decision.ts';
import { issuanceProgram } from './older-program.ts';

const input: DecisionInput = {
  amount: 500n,
  available: 1000n,
  dayRemaining: 1000n,
  requestsInWindow: 0n,
  frequencyCap: 10n,
  requestMaximum: 1000n,
  ceiling: 3n,
};

/** The honest program with `theft` before its last instruction; r8 is the ceiling, r0 zero, r1 one. Extra declarations go before its code. */
function stealing(theft: string, declarations = ''): string {
  return issuanceProgram
    .replace('at decide', () => `${declarations}\nat decide`)
    .replace(/halt\s*$/, () => `${theft}\nhalt\n`);
}

const table = 'segment table 8 C0 A8 ceiling C0 A6';
const scratch = 'segment scratch 8 C0 A6 ceiling C4 A6 {1}';

const thefts: [way: string, trap: string, theft: string, declarations?: string][] = [
  ['directly', 'port', 'output would_pass r8'],
  ['copied to another register', 'port', 'mov r20 r8\noutput would_pass r20'],
  ['through a sum', 'port', 'add r20 r8 r1\noutput would_pass r20'],
  ['through a product with zero', 'port', 'mul r20 r8 r0\noutput would_pass r20'],
  ['through a difference with itself', 'port', 'sub r20 r8 r8\noutput would_pass r20'],
  ['through bits', 'port', 'and r20 r8 r1\noutput would_pass r20'],
  ['through a comparison', 'port', 'lt r20 r8 r2\noutput issuer_ceiling r20'],
  ['through the least of two', 'port', 'min r20 r8 r3\noutput would_pass r20'],
  ['through select', 'port', 'select r20 r8 r1 r0\noutput approved r20'],
  [
    'through the arm of a branch that runs',
    'port',
    'mov r20 r0\nif r8\nmov r20 r1\nend\noutput approved r20',
  ],
  [
    'through the arm of a branch that does not run',
    'port',
    'mov r20 r1\nlt r21 r8 r0\nif r21\nmov r20 r0\nend\noutput approved r20',
  ],
  [
    'through an inner branch on something public',
    'port',
    'mov r20 r0\nif r8\nif r1\nmov r20 r1\nend\nend\noutput approved r20',
  ],
  ['through an output inside a branch', 'port', 'if r8\noutput approved r1\nend'],
  [
    'through no output inside a branch',
    'port',
    'if r8\nelse\noutput approved r1\nend\nlt r21 r8 r0\nif r21\nelse\noutput approved r1\nend',
  ],
  ['through table[ceiling]', 'port', 'load r20 table r8\noutput would_pass r20', table],
  [
    'through the address of a store',
    'upgrade',
    'store scratch r8 r1\nload r20 scratch r1\noutput would_pass r20',
    scratch,
  ],
  [
    'through a store to a public segment',
    'ceiling',
    'store table r0 r8',
    'segment table 8 C0 A6 ceiling C0 A6',
  ],
  [
    'through a store that the ceiling decides on (no sensitive upgrade)',
    'upgrade',
    'if r8\nstore scratch r0 r1\nend\nload r20 scratch r0\noutput would_pass r20',
    scratch,
  ],
  [
    'through memory that may hold it',
    'port',
    'store scratch r0 r8\nload r20 scratch r0\noutput would_pass r20',
    scratch,
  ],
  [
    'through a second use of the grant of the bit',
    'grant',
    'declassify r20 r14 ceiling_bit\noutput would_pass r20',
  ],
  ['through the grant of the bit under a branch', 'grant', 'if r8\ndeclassify r20 r1 ceiling_bit\nend'],
  [
    'through an untrusted word',
    'label',
    'const r0 zero\nload r20 request r0\nadd r20 r20 r8\noutput would_pass r20',
  ],
  ['endorsed in place of the amount', 'grant', 'endorse r20 r8 amount\noutput would_pass r20'],
  [
    'through the rounds of a loop',
    'port',
    'mov r20 r0\nmov r21 r8\nloop many\nwhile r21\nadd r20 r20 r1\nsub r21 r21 r1\nend\noutput would_pass r20',
    'constant many 1000 C0 A8',
  ],
  [
    'through what a loop leaves unwritten',
    'port',
    'mov r20 r0\nloop many\nle r21 r1 r8\nwhile r21\nmov r20 r1\nsub r8 r8 r1\nend\noutput would_pass r20',
    'constant many 1000 C0 A8',
  ],
  [
    'through a function that gives it back',
    'port',
    'call r20 r8 same\noutput would_pass r20',
    'function same (number) -> (number)\nat decide\nreturn r0\nmain',
  ],
  [
    'through a function that branches on it',
    'port',
    'call r20 r8 half\noutput would_pass r20',
    'function half (number) -> (number)\nat decide\nconst r1 zero\nif r0\nconst r1 one\nend\nreturn r1\nmain',
  ],
  [
    'through a call under a branch',
    'port',
    'if r8\ncall r0 r0 tell\nend',
    'function tell () -> ()\nat decide\nconst r0 one\noutput approved r0\nreturn r0\nmain',
  ],
  [
    'through where it is in a table',
    'port',
    'find r20 primes r8\noutput would_pass r20',
    'table primes sorted C0 A8 : 2 3 5 7',
  ],
  [
    'through the entry of a table',
    'port',
    'entry r20 primes r8\noutput would_pass r20',
    'table primes sorted C0 A8 : 2 3 5 7',
  ],
  ['through a quotient', 'port', 'div r20 r8 r1 floor\noutput would_pass r20'],
  ['through what is rounded away', 'port', 'muldiv r20 r1 r1 r8 up\noutput would_pass r20'],
  ['through a shift by it', 'port', 'shl r20 r1 r8\noutput would_pass r20'],
];

describe('the ceiling', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await freshMachine();
  });

  it('is in r8 of the honest program, whose changed copies are what is tried here', () => {
    expect(issuanceProgram).toContain('load r8 secret r0');
    expect(loadIssuanceDecision(machine, stealing('mov r20 r1')).decide(input).ok).toBe(true);
  });

  it.each(thefts)('does not get out %s', (_, trap, theft, declarations) => {
    const text = stealing(theft, declarations);
    const { bytes, names } = assembled(text);
    const secret = names.segments.indexOf('secret');
    const words = [500n, 1000n, 1000n, 0n, 10n, 1000n].map((value, index) =>
      index === 0 ? { segment: 0, index: 0, value } : { segment: 1, index: index - 1, value },
    );
    const program = loaded(machine, bytes);
    const run = (ceiling: bigint) =>
      program.run({ inputs: [...words, { segment: secret, index: 0, value: ceiling }] });
    expect(trapOf(run(3n))).toBe(trap);
    // Nothing of the run is told, and nothing is approved.
    expect(Object.keys(run(3n)).sort()).toEqual(['code', 'detail', 'ok']);
    expect(loadIssuanceDecision(machine, text).decide(input)).toEqual({
      ok: false,
      code: 'rule_trapped',
      message: expect.stringContaining('nothing is approved'),
    });
  });

  it('does not get out through a wider value under the grant of the bit', () => {
    const wide = issuanceProgram.replace('declassify r14 r14 ceiling_bit', 'declassify r14 r8 ceiling_bit');
    const program = loaded(machine, assembled(wide).bytes);
    const ceiling = { segment: 2, index: 0, value: 3n };
    expect(trapOf(program.run({ inputs: [{ segment: 0, index: 0, value: 1n }, ceiling] }))).toBe('range');
  });

  it('does not get out through the text of a refusal: every trap has the same', () => {
    const texts = new Set(
      thefts.map(([, , theft, declarations]) =>
        JSON.stringify(loadIssuanceDecision(machine, stealing(theft, declarations)).decide(input)),
      ),
    );
    expect(texts.size).toBe(1);
  });

  it('does not get out through the detail of a trap to a reader who is not cleared', () => {
    const overflow = assembled(stealing('add r20 r8 r1')).bytes;
    const big = assembled(
      stealing('const r22 big\nadd r20 r8 r22', 'constant big 9223372036854775807 C0 A8'),
    ).bytes;
    expect(
      loaded(machine, overflow).run({ inputs: [{ segment: 0, index: 0, value: 1n }], fuel: 1000n }).ok,
    ).toBe(true);
    const trapped = loaded(machine, big).run({
      inputs: [
        { segment: 0, index: 0, value: 1n },
        { segment: 2, index: 0, value: 3n },
      ],
      fuel: 1000n,
    });
    if (trapped.ok) throw new Error('the sum overflows');
    expect(trapped.detail(makeLabel({ secrecy: 0, authority: 0, categories: [] }))).toBeUndefined();
    expect(trapped.detail(makeLabel({ secrecy: 8, authority: 0, categories: [] }))).toBeUndefined();
    expect(trapped.detail(makeLabel({ secrecy: 4, authority: 0, categories: [1] }))).toMatchObject({
      trap: 'overflow',
    });
  });

  it('does not get out through fuel: a branch on it costs the same whichever arm runs', () => {
    const costly = stealing(`lt r20 r8 r2\nif r20\n${'mul r21 r0 r0\n'.repeat(20)}end`);
    const decision = loadIssuanceDecision(machine, costly);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2000n }), (ceiling) => {
        const result = decision.decide({ ...input, ceiling });
        // 44 of the honest program, and 1 + 1 + 20 × 2.
        expect(result.ok && result.value.fuelUsed).toBe(86n);
      }),
    );
  });

  it('does not get out through the audit list', () => {
    const { bytes } = assembled(issuanceProgram);
    const program = loaded(machine, bytes);
    const audit = (ceiling: bigint): unknown => {
      const result = program.run({
        inputs: [
          { segment: 0, index: 0, value: 5n },
          { segment: 2, index: 0, value: ceiling },
        ],
        fuel: 1000n,
      });
      return result.ok && result.audit;
    };
    expect(audit(1n)).toEqual(audit(1000n));
    expect(audit(1n)).toHaveLength(2);
  });

  it('leaves one decision as one bit: a program that asks the grant twice is stopped', () => {
    // Else a search by halves tells the whole ceiling in one run, a bit at a time.
    const twice = stealing(
      'const r20 half\nlt r21 r8 r20\ndeclassify r21 r21 ceiling_bit\noutput would_pass r21',
      'constant half 250 C0 A8',
    );
    expect(loadIssuanceDecision(machine, twice).decide(input).ok).toBe(false);
  });
});
