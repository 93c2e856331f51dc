/**
 * Where a glitch (of voltage, clock, light) can act on firmware: it leaves out an operation, takes the other branch, corrupts a value that
 * comes back, or a random number. Firmware that guards something goes through these calls, so that an injector can act on each of them; in a
 * device that serves they do nothing (`steadyCpu`).
 *
 * `site` names the place in the firmware, such as `login.proof.2`: lower case, the same at each pass.
 */
export interface Cpu {
  /** Gives `outcome`, or its opposite. */
  branch(site: string, outcome: boolean): boolean;
  /** Runs the operation, or leaves it out. */
  run(site: string, operation: () => void): void;
  /** Gives the bytes that came back, or others of the same length. */
  value(site: string, bytes: Uint8Array): Uint8Array;
  /** Gives random bytes, or ones that are not: all of one value, or those of the last time. */
  random(site: string, length: number): Uint8Array;
}

/** No glitch ever. */
export function steadyCpu(random: (length: number) => Uint8Array): Cpu {
  return {
    branch: (_site, outcome) => outcome,
    run: (_site, operation) => operation(),
    value: (_site, bytes) => bytes,
    random: (_site, length) => random(length),
  };
}

/** The firmware saw what only a glitch can have made. The device counts it in its fuses, forgets its RAM and latches (`device_failed`). */
export class GlitchError extends Error {
  constructor(what: string) {
    super(`a fault of the hardware: ${what}`);
    this.name = 'GlitchError';
  }
}
