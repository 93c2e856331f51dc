/** How many programs, and how long, each oracle needs until it sees that a machine is defective. */
import { buildMachine } from './defective-machine.ts';
import type { Defect } from './defects.ts';
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

/** The first program of at most `most` on which the oracle sees something. A wasm trap, such as a read outside memory, is seen by all. */
export async function search(
  wasm: Uint8Array<ArrayBuffer>,
  name: OracleName,
  most: number,
): Promise<Found | undefined> {
  const machines = [await bareSteppingMachine(wasm), await bareSteppingMachine(wasm)] as const;
  const tally: Tally = new Map();
  const startMs = performance.now();
  for (let seed = 1; seed <= most; seed++) {
    const what = look(() => oracles[name](machines, seed, tally));
    if (what !== undefined) return { programs: seed, ms: Math.round(performance.now() - startMs), what };
  }
  return undefined;
}

function look(oracle: () => string | undefined): string | undefined {
  try {
    return oracle();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return `the machine broke: ${error.message}`;
    throw error;
  }
}

export async function searchAll(
  defect: Defect,
  most: number,
): Promise<ReadonlyMap<OracleName, Found | undefined>> {
  const wasm = await buildMachine(defect);
  const found = new Map<OracleName, Found | undefined>();
  for (const name of Object.keys(oracles) as OracleName[]) found.set(name, await search(wasm, name, most));
  return found;
}
