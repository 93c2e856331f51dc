/**
 * At each boot everything that later work rests on is done once on published vectors. It tests the hardware, not the programs: those have tests
 * of their own.
 */
import { concatBytes, equalBytes, sha256 } from '../../src/kit/bytes.ts';
import type { Machine } from '../../vm/host.ts';
import type { Cpu } from '../chip/cpu.ts';
import type { Profile } from '../profile.ts';
import { knownAnswers } from './known-answers.ts';

export interface SelfTest {
  /** Names of the answers that are wrong. */
  readonly wrong: readonly string[];
  /** Compares all of them anew. */
  readonly isRight: () => boolean;
}

/** Works out every known answer that this profile needs. */
export function runSelfTest(cpu: Cpu, profile: Profile, machine: Machine): SelfTest {
  const answers = knownAnswers(profile, machine);
  const found = answers.map(({ name, work }) => {
    let made: Uint8Array = new Uint8Array();
    cpu.run(`self-test.${name}`, () => {
      made = work();
    });
    return cpu.value(`self-test.${name}.answer`, made);
  });
  const expected = answers.map((answer) => answer.expected);
  return {
    wrong: answers.flatMap(({ name }, index) =>
      equalBytes(found[index] as Uint8Array, expected[index] as Uint8Array) ? [] : [name],
    ),
    isRight: () => equalBytes(sha256(concatBytes(...found)), sha256(concatBytes(...expected))),
  };
}
