/** Mutants by their seeds, until one is answered as it must not be. */
import type { BareMachine } from '../machine.ts';
import type { Tally } from '../oracles.ts';
import { Dice, randomInputs } from '../random-program.ts';
import { bases } from './bases.ts';
import type { Kept } from './corpus.ts';
import { type Mutant, mutate } from './mutation.ts';
import { type Conditions, judge } from './oracle.ts';

export interface Finding extends Mutant {
  readonly seed: number;
  readonly told: string;
}

/** Of bases and corpus: one in four is of the corpus, of which most are refused as they are. */
export function mutantOf(
  seed: number,
  corpus: readonly Kept[],
): Mutant & { readonly conditions: Conditions } {
  const dice = new Dice(seed);
  const pick = (): Uint8Array => (dice.below(4) === 0 ? dice.pick(corpus).bytes : dice.pick(bases));
  const mutant = mutate(dice, pick(), pick());
  // One in eight runs short of fuel.
  const fuel = dice.below(8) === 0 ? BigInt(dice.below(40)) : 2_000n;
  return { ...mutant, conditions: { inputs: (module) => randomInputs(seed, module), fuel } };
}

/** The first of `mutants` that the machine answers otherwise than it must. */
export function fuzz(
  machine: BareMachine,
  corpus: readonly Kept[],
  mutants: number,
  tally: Tally,
): Finding | undefined {
  for (let seed = 1; seed <= mutants; seed++) {
    const { bytes, steps, conditions } = mutantOf(seed, corpus);
    const verdict = judge(machine, bytes, conditions, tally);
    if (!verdict.ok) return { seed, bytes, steps, told: verdict.told };
    // Long work shows that it goes on.
    if (seed % 250_000 === 0) console.log(`${seed} of ${mutants} mutants`);
  }
  return undefined;
}
