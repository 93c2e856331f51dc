/**
 * Guards that one glitch does not pass, nor two: what is guarded does not only ask, it needs what the guard has made.
 *
 * ```
 *   test 1 ── share 1 ┐                          key as it lies in RAM = key ⊕ mask of the guards that it needs
 *   test 2 ── share 2 ┼── mask ── ⊕ ── key       a share that is missing, added twice or another: another mask, and so no key
 *   test 3 ── share 3 ┘
 * ```
 *
 * A guard is tested three times, each time anew from what is stored; each test that holds adds a share. Where some hold and some do not,
 * something flipped one: that is a glitch, and the device latches. Where all fail, it is a refusal. Whoever skips or flips a test lacks a share,
 * and gets a wrong mask: what is then signed does not verify and is not let out, and what is then sealed cannot be read and is not committed.
 */
import { createHash } from 'node:crypto';
import { type Cpu, GlitchError } from '../chip/cpu.ts';

export const guards = [
  /** The image is signed by whom the fuses name. */
  'image',
  /** Known answers came out right. */
  'self-test',
  /** Neither zeroised nor latched, and no tamper. */
  'lifecycle',
  /** A try was written off before the PIN was compared. */
  'try',
  /** The PIN was right. */
  'login',
  /** What is to be signed is in a journal whose head is anchored, or is of a kind that needs none. */
  'anchored',
  /** An anchor goes up, from where it is. */
  'step',
  /** No other ballot was cast on the proposal. */
  'ballot',
  /** The module is signed by a key that is trusted. */
  'module',
] as const;

export type Guard = (typeof guards)[number];

type Test = () => boolean;

/** What one command, or one session, has passed. */
export class Permit {
  private readonly cpu: Cpu;
  private readonly shares: Map<Guard, Uint8Array>;

  /** `from` is what was passed before, such as a session's login. */
  constructor(cpu: Cpu, from?: Permit) {
    this.cpu = cpu;
    this.shares = new Map(from?.shares);
  }

  /**
   * Tests the guard. False where no test holds: a refusal. Throws GlitchError where the tests disagree. Each test reads anew what it is about.
   */
  pass(guard: Guard, tests: readonly [Test, Test, Test]): boolean {
    let held = 0;
    // XOR: a share that was added twice is missing.
    const sum = new Uint8Array(32);
    for (const [index, test] of tests.entries()) {
      if (!this.cpu.branch(`${guard}.${index + 1}`, test())) continue;
      held++;
      const share = shareOf(guard, index);
      for (let at = 0; at < 32; at++) sum[at] = (sum[at] as number) ^ (share[at] as number);
    }
    this.shares.set(guard, sum);
    if (this.cpu.branch(`${guard}.all`, held === 3)) return true;
    if (this.cpu.branch(`${guard}.none`, held === 0)) return false;
    throw new GlitchError(`the tests of \`${guard}\` disagree`);
  }

  /** 32 bytes that are `expectedMask(needed)` only where each of them was passed. */
  mask(needed: readonly Guard[]): Uint8Array {
    return maskOf(needed, (guard) => this.shares.get(guard) ?? new Uint8Array(32));
  }
}

/** What `Permit.mask` gives to whoever passed each of `needed`. */
export function expectedMask(needed: readonly Guard[]): Uint8Array {
  return maskOf(needed, (guard) => {
    const sum = new Uint8Array(32);
    for (let index = 0; index < 3; index++) {
      const share = shareOf(guard, index);
      for (let at = 0; at < 32; at++) sum[at] = (sum[at] as number) ^ (share[at] as number);
    }
    return sum;
  });
}

function maskOf(needed: readonly Guard[], sumOf: (guard: Guard) => Uint8Array): Uint8Array {
  const hash = createHash('sha256').update('ringmint.device.mask.v1');
  for (const guard of needed) hash.update(guard).update(sumOf(guard));
  return new Uint8Array(hash.digest());
}

const shares = new Map<string, Uint8Array>();

function shareOf(guard: Guard, index: number): Uint8Array {
  const name = `${guard}/${index}`;
  const known = shares.get(name);
  if (known !== undefined) return known;
  const made = new Uint8Array(createHash('sha256').update(`ringmint.device.share.v1 ${name}`).digest());
  shares.set(name, made);
  return made;
}
