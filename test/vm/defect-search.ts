/** How many programs, and how long, each oracle needs until it sees that a machine is defective. */
import { type BareSteppingMachine, bareSteppingMachine } from './machine.ts';
import { lowLockstep, multiStep, singleStep, wellFormed } from './noninterference.ts';
import { differsFromSpecification, type Tally, tellsSecretsApart } from './oracles.ts';

export type OracleName = 'specification' | 'EENI' | 'LLNI' | 'SSNI' | 'MSNI' | 'well-formedness';

type Oracle = (
  machines: readonly [BareSteppingMachine, BareSteppingMachine],
  seed: number,
  tally: Tally,
) => string | undefined;

export const oracles: Readonly<Record<OracleName, Oracle>> = {
  specification: ([machine], seed, tally) => differsFromSpecification(machine, seed, tally),
  EENI: ([machine], seed, tally) => tellsSecretsApart(machine, seed, tally),
  LLNI: lowLockstep,
  SSNI: singleStep,
  MSNI: multiStep,
  'well-formedness': wellFormed,
};

export interface Found {
  readonly programs: number;
  readonly ms: number;
  readonly what: string;
}

/** The first of `most` programs, from seed `first` on, on which the oracle sees something. A wasm trap, such as a read outside memory, is seen by all. */
export async function search(
  wasm: Uint8Array<ArrayBuffer>,
  name: OracleName,
  most: number,
  first = 1,
): Promise<Found | undefined> {
  const machines = [await bareSteppingMachine(wasm), await bareSteppingMachine(wasm)] as const;
  const tally: Tally = new Map();
  const startMs = performance.now();
  for (let programs = 1; programs <= most; programs++) {
    const what = look(() => oracles[name](machines, first + programs - 1, tally));
    if (what !== undefined) return { programs, ms: performance.now() - startMs, what };
  }
  return undefined;
}

function look(oracle: () => string | undefined): string | undefined {
  try {
    return oracle();
  } catch (error) {
    if (error instanceof Error && error.name === 'RuntimeError') return `the machine broke: ${error.message}`;
    throw error;
  }
}
