/** A run of the stepping machine as a timeline: after each instruction it reads from the machine what the instruction did. */
import type { InputWord } from './host.ts';
import { instructionAt, type Listing } from './listing.ts';
import type { LabelledWord, SteppingProgram } from './stepping-machine.ts';
import { type Facts, type LineEnd, type Start, Timeline } from './timeline.ts';

export interface RecordingOptions {
  readonly inputs: readonly InputWord[];
  readonly fuel: bigint;
  /** Steps after which the recording ends, whatever the run would do. */
  readonly limit: number;
}

/** Begins a run; its first step is taken when the timeline is walked. Throws `RangeError` for inputs that do not fit. */
export function recordRun(program: SteppingProgram, listing: Listing, options: RecordingOptions): Timeline {
  const early = program.begin({ inputs: options.inputs, fuel: options.fuel });
  const start: Start = {
    inputs: options.inputs,
    fuel: options.fuel,
    fuelUsed: usedOf(program, options.fuel),
  };
  let end: LineEnd | undefined = early;
  let steps = 0;
  const timeline: Timeline = new Timeline(listing, start, () => {
    if (end === undefined && steps >= options.limit) end = { kind: 'cut' };
    if (end !== undefined) return end;
    const read = observe(program, timeline, options.fuel);
    const ending = program.step();
    steps++;
    if (ending === undefined) return read();
    end = ending;
    return ending;
  });
  return timeline;
}

/** What a run has used: of a trap for want of fuel all that there was. */
function usedOf(program: SteppingProgram, fuel: bigint): bigint {
  return fuel - (program.fuelLeft < 0n ? 0n : program.fuelLeft);
}

/** Called before an instruction, and what comes back after it: what it did. */
function observe(
  program: SteppingProgram,
  { listing, registers, frames, blocks }: Timeline,
  fuel: bigint,
): () => Facts {
  const at = program.position;
  const { instruction, word } = instructionAt(listing, at);
  const { mnemonic, operands } = instruction;
  const [d, a] = word.registers;
  const address = Number(registers[a]?.value ?? 0n);
  const labels = registers.map(({ label }) => label);
  const call = blocks.findLast(({ kind }) => kind === 'call');
  const caller = call === undefined ? undefined : instructionAt(listing, call.at);
  const returned = listing.functions[frames.at(-1)?.owner ?? 0]?.body.results.length ?? 0;

  /** The registers that it writes, of the function that is open then. */
  function written(): number[] {
    const from = (first: number, count: number): number[] =>
      Array.from({ length: count }, (_, index) => first + index);
    if (mnemonic === 'call') return from(0, listing.functions[word.index]?.body.parameters.length ?? 0);
    if (mnemonic === 'return') return from(caller?.word.registers[0] ?? 0, returned);
    if (mnemonic === 'if' || mnemonic === 'while')
      return labels.flatMap((label, register) =>
        program.register(register).label === label ? [] : [register],
      );
    return operands.includes('d') ? [d] : [];
  }

  return () => ({
    at,
    registers: written().map((register): { register: number; word: LabelledWord } => ({
      register,
      word: program.register(register),
    })),
    stored:
      mnemonic === 'store'
        ? { segment: word.index, index: address, word: program.word(word.index, address) }
        : undefined,
    output: mnemonic === 'output' ? { port: word.index, value: program.port(word.index) ?? 0n } : undefined,
    grant: mnemonic === 'declassify' || mnemonic === 'endorse' ? word.index : undefined,
    after: {
      position: program.position,
      context: program.context,
      fuelUsed: usedOf(program, fuel),
      isPaying: program.isPaying,
    },
  });
}
