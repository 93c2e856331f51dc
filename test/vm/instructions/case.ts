/** One short program and what the machine must make of it: written by hand from docs/ISA.md, before anything was run. */
import type { TrapName } from '../../../vm/isa.ts';

export interface InstructionCase {
  /** After the declarations of test/vm/text-program.ts. */
  readonly text: string;
  /** What it may use; a million where nothing is said. */
  readonly limit?: bigint;
  readonly trap?: TrapName;
  /** The instruction of the trap, counted from 0 over all functions. */
  readonly at?: number;
  /** Of the trap. */
  readonly label?: string;
  /** Value and label, such as `7 C4 A8 {1}`. */
  readonly registers?: Readonly<Record<number, string>>;
  /** By number; `undefined` where it must not be written. */
  readonly ports?: Readonly<Record<number, bigint | undefined>>;
  readonly used?: bigint;
  /** Uses of grants as `instruction:grant`, with spaces in between. */
  readonly audit?: string;
}

/** It finishes, and `registers` are these. */
export function gives(text: string, registers: Readonly<Record<number, string>>): InstructionCase {
  return { text, registers };
}

export function writes(text: string, ports: Readonly<Record<number, bigint | undefined>>): InstructionCase {
  return { text, ports };
}

/** It finishes with just this fuel used, and would not with one less. */
export function costs(text: string, used: bigint): InstructionCase {
  return { text, used, limit: used };
}

/** It traps there, and its detail is for readers of `label`. */
export function traps(text: string, trap: TrapName, at: number, label: string): InstructionCase {
  return { text, trap, at, label };
}
