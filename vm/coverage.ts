/** What of a program was run, by instruction and by arm, over as many runs as are added. */
import type { InputWord } from './host.ts';
import { instructionAt, type Listing } from './listing.ts';
import type { SteppingProgram } from './stepping-machine.ts';
import type { LineEnd } from './timeline.ts';

/** How often an `if` was taken and not, or a `while` was entered and left. */
export interface Arms {
  readonly names: readonly [string, string];
  readonly counts: readonly [number, number];
}

export interface CoveredInstruction {
  readonly at: number;
  /** How often it was begun; one that trapped was begun. */
  readonly count: number;
  readonly arms: Arms | undefined;
}

export interface CoverageReport {
  readonly runs: number;
  readonly instructions: readonly CoveredInstruction[];
  /** Instructions, and arms of `if` and `while`: each counts as one. */
  readonly total: number;
  readonly covered: number;
  /** Of `covered` in `total`, rounded down to a tenth: 100 is all of it. */
  readonly percent: number;
}

const armNames: Readonly<Record<string, readonly [string, string]>> = {
  if: ['taken', 'not taken'],
  while: ['entered', 'left'],
};

export class Coverage {
  private readonly listing: Listing;
  private readonly counts: number[];
  private readonly arms: [number, number][];
  private runs = 0;

  constructor(listing: Listing) {
    this.listing = listing;
    this.counts = listing.instructions.map(() => 0);
    this.arms = listing.instructions.map(() => [0, 0]);
  }

  /** Runs `program`, the one of the listing, and adds what it ran. Throws `RangeError` for inputs that do not fit. */
  add(
    program: SteppingProgram,
    options: { readonly inputs: readonly InputWord[]; readonly fuel: bigint; readonly limit: number },
    progress?: (steps: number) => void,
  ): LineEnd {
    this.runs++;
    let end: LineEnd | undefined = program.begin(options);
    for (let steps = 0; end === undefined; steps++) {
      if (steps === options.limit) return { kind: 'cut' };
      if (steps > 0 && steps % 1_000_000 === 0) progress?.(steps);
      const at = program.position;
      const { instruction, word } = instructionAt(this.listing, at);
      const branches = armNames[instruction.mnemonic] !== undefined;
      const condition = branches ? program.register(word.registers[1]).value : 0n;
      this.counts[at] = (this.counts[at] ?? 0) + 1;
      end = program.step();
      const arms = this.arms[at];
      // What trapped took neither arm.
      if (branches && end === undefined && arms !== undefined) arms[condition === 0n ? 1 : 0]++;
    }
    return end;
  }

  report(): CoverageReport {
    const instructions = this.listing.instructions.map(({ at, instruction }): CoveredInstruction => {
      const names = armNames[instruction.mnemonic];
      const counts = this.arms[at] ?? [0, 0];
      return {
        at,
        count: this.counts[at] ?? 0,
        arms: names === undefined ? undefined : { names, counts: [...counts] },
      };
    });
    const items = instructions.flatMap(({ count, arms }) => [count, ...(arms?.counts ?? [])]);
    const covered = items.filter((count) => count > 0).length;
    const percent = Math.floor((covered * 1000) / items.length) / 10;
    return { runs: this.runs, instructions, total: items.length, covered, percent };
  }
}

/** The code with how often each instruction ran, and what never did. */
export function showCoverage(listing: Listing, report: CoverageReport): string[] {
  const width = Math.max(5, ...report.instructions.map(({ count }) => String(count).length));
  const lines: string[] = [`${'count'.padStart(width)}  line  code`];
  let owner = -1;
  let depth = 0;
  for (const { at, count, arms } of report.instructions) {
    const listed = instructionAt(listing, at);
    const { mnemonic } = listed.instruction;
    if (listed.owner !== owner) {
      owner = listed.owner;
      lines.push(`${''.padStart(width)}        ${listing.functions[owner]?.name}:`);
    }
    if (mnemonic === 'end' || mnemonic === 'else') depth--;
    const code = `${'  '.repeat(depth + 1)}${listed.text}`;
    if (mnemonic === 'if' || mnemonic === 'loop' || mnemonic === 'else') depth++;
    const notes = arms?.names.map((name, index) => `${name} ${arms.counts[index] || 'NEVER'}`).join(', ');
    const note = count === 0 ? 'NEVER RUN' : (notes ?? '');
    lines.push(
      `${String(count).padStart(width)}  ${String(listed.line ?? `#${at}`).padStart(4)}  ${code.padEnd(36)}  ${note}`.trimEnd(),
    );
  }
  lines.push(
    `${report.percent} % covered: ${report.covered} of ${report.total} instructions and arms, in ${report.runs} ${report.runs === 1 ? 'run' : 'runs'}`,
  );
  return lines;
}
