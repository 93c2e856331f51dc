/** Code as a tree of branches and loops. */
import { type Instruction, instructions } from '../isa.ts';
import type { CodeWord, Module } from '../module.ts';

/** An instruction; of an `if` and a `loop` with all that is in it. */
export interface Step {
  readonly kind: 'step' | 'if' | 'loop';
  readonly at: number;
  /** Of the `end` that closes it. */
  readonly end: number;
  readonly word: CodeWord;
  readonly instruction: Instruction;
  /** Of an `if` two, of a loop one. */
  readonly arms: readonly (readonly Step[])[];
}

const byOpcode: ReadonlyMap<number, Instruction> = new Map(
  instructions.map((instruction) => [instruction.opcode, instruction]),
);

export function findInstruction(opcode: number): Instruction {
  const instruction = byOpcode.get(opcode);
  if (instruction === undefined)
    throw new Error(`opcode ${opcode}: the specification is for verified modules`);
  return instruction;
}

interface Parsed {
  readonly steps: readonly Step[];
  readonly next: number;
  readonly closedBy: string;
}

/** Reads code into a tree, up to the `else` or `end` that closes what was open; `first` is the number of code[0]. */
function parse(code: readonly CodeWord[], from: number, first: number): Parsed {
  const steps: Step[] = [];
  let at = from;
  for (;;) {
    const word = code[at];
    if (word === undefined) return { steps, next: at, closedBy: 'nothing' };
    const instruction = findInstruction(word.opcode);
    const { mnemonic } = instruction;
    if (mnemonic === 'else' || mnemonic === 'end') return { steps, next: at + 1, closedBy: mnemonic };
    if (mnemonic !== 'if' && mnemonic !== 'loop') {
      steps.push({ kind: 'step', at: first + at, end: first + at, word, instruction, arms: [] });
      at++;
      continue;
    }
    const body = parse(code, at + 1, first);
    const other = body.closedBy === 'else' ? parse(code, body.next, first) : { steps: [], next: body.next };
    const arms = mnemonic === 'loop' ? [body.steps] : [body.steps, other.steps];
    steps.push({ kind: mnemonic, at: first + at, end: first + other.next - 1, word, instruction, arms });
    at = other.next;
  }
}

/** The code of each function as a tree; instructions are counted from 0 over all of them. */
export function parseBodies(module: Module): (readonly Step[])[] {
  let first = 0;
  return module.functions.map(({ code }) => {
    const { steps } = parse(code, 0, first);
    first += code.length;
    return steps;
  });
}

/** A block of code ends with these. */
export const blockEnds = new Set(['if', 'else', 'loop', 'while', 'end', 'call', 'return', 'halt']);
