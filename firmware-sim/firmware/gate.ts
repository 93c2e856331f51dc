/** A question that is asked three times, for places where no key is at hand that a mask could bend (guard.ts). */
import { type Cpu, GlitchError } from '../chip/cpu.ts';

/**
 * True only where each of three tests holds, one behind the other: whoever flips one or two of them does not pass. False where the first does
 * not hold. Throws GlitchError where a later one does not.
 */
export function gate(cpu: Cpu, site: string, test: (time: 1 | 2 | 3) => boolean): boolean {
  if (!cpu.branch(`${site}.1`, test(1))) return false;
  for (const time of [2, 3] as const)
    if (!cpu.branch(`${site}.${time}`, test(time))) throw new GlitchError(`tests of \`${site}\` disagree`);
  return true;
}
