/** What firmware decides by looking three times: a glitch that turns one look round is seen, and two are. */
import { type Cpu, GlitchError } from '../chip/cpu.ts';

type Look = () => boolean;

/**
 * Whether it is so. Throws GlitchError where the looks disagree: to turn the answer round takes three glitches. There is no branch that
 * counts looks, for one glitch would turn that round.
 */
export function decide(cpu: Cpu, site: string, look: Look): boolean {
  if (cpu.branch(`${site}.1`, look())) {
    confirmLook(cpu, `${site}.2`, true, look);
    confirmLook(cpu, `${site}.3`, true, look);
    return true;
  }
  confirmLook(cpu, `${site}.2`, false, look);
  confirmLook(cpu, `${site}.3`, false, look);
  return false;
}

/** Guarantees that it is so from here on. Throws GlitchError where one of the looks does not see it. */
export function confirm(cpu: Cpu, site: string, look: Look, looks = 3): void {
  for (let at = 1; at <= looks; at++) confirmLook(cpu, `${site}.${at}`, true, look);
}

function confirmLook(cpu: Cpu, site: string, expected: boolean, look: Look): void {
  if (cpu.branch(site, look()) !== expected) throw new GlitchError(`\`${site}\` is not what it has to be`);
}
