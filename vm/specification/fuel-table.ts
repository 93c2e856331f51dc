/** What blocks, and the dearest ways through branches, loops and functions, are charged. */
import type { Module } from '../module.ts';
import { blockEnds, findInstruction, parseBodies, type Step } from './syntax-tree.ts';

/** As far as the machine counts the fuel of the dearest run. */
const saturated = 1n << 61n;

export class FuelTable {
  private readonly module: Module;
  private readonly bodies: readonly (readonly Step[])[];
  /** By the first instruction of each block. */
  private readonly charges: ReadonlyMap<number, number>;
  /** What was summed already: functions that call each other would be summed over and over. */
  private readonly sums = new Map<readonly Step[], bigint>();

  constructor(module: Module, bodies: readonly (readonly Step[])[]) {
    this.module = module;
    this.bodies = bodies;
    this.charges = this.blocks();
  }

  /** What the block that begins at `at` is charged. */
  block(at: number): bigint {
    return BigInt(this.charges.get(at) ?? 0);
  }

  private fuelOf({ instruction, word }: Step): number {
    if (instruction.mnemonic !== 'find') return instruction.fuel;
    const count = this.module.tables[word.index]?.entries.length ?? 0;
    return instruction.fuel + count.toString(2).length;
  }

  /** By the first instruction of each block, what the block is charged. */
  private blocks(): ReadonlyMap<number, number> {
    const charges = new Map<number, number>();
    let first = 0;
    for (const { code } of this.module.functions) {
      let from = first;
      let sum = 0;
      for (const [index, word] of code.entries()) {
        const at = first + index;
        const instruction = findInstruction(word.opcode);
        sum += this.fuelOf({ kind: 'step', at, end: at, word, instruction, arms: [] });
        if (!blockEnds.has(instruction.mnemonic)) continue;
        charges.set(from, sum);
        from = at + 1;
        sum = 0;
      }
      first += code.length;
    }
    return charges;
  }

  /** Of the dearest way through. */
  dearest(steps: readonly Step[]): bigint {
    const known = this.sums.get(steps);
    if (known !== undefined) return known;
    const sum = steps.reduce(
      (total, step) => total + BigInt(this.fuelOf(step)) + this.dearestInside(step),
      0n,
    );
    this.sums.set(steps, sum);
    return sum;
  }

  /** Of a branch its dearer arm, of a loop all its rounds, of a call the function. */
  dearestInside(step: Step): bigint {
    const arms = step.arms.map((arm) => this.dearest(arm));
    if (step.kind === 'loop') return (this.bound(step) + 1n) * (arms[0] ?? 0n);
    if (step.kind === 'if') return arms.reduce((most, arm) => (arm > most ? arm : most), 0n);
    return step.instruction.mnemonic === 'call' ? this.dearest(this.bodies[step.word.index] ?? []) : 0n;
  }

  /** Completed rounds that a loop may have. */
  bound(loop: Step): bigint {
    return this.module.constants[loop.word.index]?.value ?? 0n;
  }
}

/** The fuel of the dearest run of a module, as the machine tells it. */
export function dearestRun(module: Module): bigint {
  const bodies = parseBodies(module);
  const dearest = new FuelTable(module, bodies).dearest(bodies.at(-1) ?? []);
  return dearest < saturated ? dearest : saturated;
}
