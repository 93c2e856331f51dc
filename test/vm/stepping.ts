/** Runs of the stepping build for the tests of the tools. */
import { readFileSync } from 'node:fs';
import { type Listing, listModule } from '../../vm/listing.ts';
import type { Module, Names } from '../../vm/module.ts';
import { encodeModule } from '../../vm/module.ts';
import { recordRun } from '../../vm/recording.ts';
import {
  type SteppingMachine,
  type SteppingProgram,
  startSteppingMachine,
} from '../../vm/stepping-machine.ts';
import type { Timeline } from '../../vm/timeline.ts';
import { assembled } from './machine.ts';
import type { Input } from './random-program.ts';

const file = new URL('../../vm/machine-stepping.wasm', import.meta.url);

export async function freshSteppingMachine(): Promise<SteppingMachine> {
  return startSteppingMachine(new Uint8Array(readFileSync(file)));
}

export interface Stepped {
  readonly program: SteppingProgram;
  readonly listing: Listing;
}

/** Loads a module that must load. */
export function loadStepping(machine: SteppingMachine, module: Module, names?: Names): Stepped {
  const loaded = machine.load(encodeModule(module));
  if (!loaded.ok) throw new Error(loaded.message);
  return { program: loaded.program, listing: listModule(module, names) };
}

/** Loads a text that the test wrote. */
export function loadText(machine: SteppingMachine, text: string): Stepped {
  const { module, names } = assembled(text);
  return loadStepping(machine, module, names);
}

export function record(
  { program, listing }: Stepped,
  inputs: readonly Input[] = [],
  fuel = 10_000n,
): Timeline {
  return recordRun(program, listing, { inputs, fuel, limit: 100_000 });
}
