/** What runs of programs are given on the command line, as values. */

import { fuelMost, type InputWord, limitFuel } from '../../../vm/host.ts';
import { type InputPlaces, readInputs } from '../../../vm/input-text.ts';
import { parseLabel } from '../../../vm/label-text.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';

export interface RunArguments {
  readonly input: readonly string[];
  readonly fuel: string | undefined;
}

export interface RunGiven {
  readonly inputs: readonly InputWord[];
  /** The dearest run of the program where nothing is said: then it never wants for fuel. */
  readonly fuel: bigint;
}

export function readRunArguments(
  places: InputPlaces,
  fuelBound: bigint,
  { input, fuel }: RunArguments,
): Result<RunGiven> {
  const inputs = readInputs(places, input);
  if (!inputs.ok) return inputs;
  if (fuel === undefined) return succeed({ inputs: inputs.inputs, fuel: limitFuel(fuelBound) });
  const amount = /^\d{1,19}$/.test(fuel) ? BigInt(fuel) : -1n;
  if (amount < 0n || amount > fuelMost)
    return refuse('usage', `--fuel ${quote(fuel)}: a whole number from 0 to ${fuelMost} is accepted`);
  return succeed({ inputs: inputs.inputs, fuel: amount });
}

/** Cleared for the public alone where nothing is said, and for every label with `all`. */
export function readClearance(text: string | undefined): Result<number | undefined> {
  if (text === undefined) return succeed(undefined);
  if (text === 'all') return succeed(0xffffffff);
  const parsed = parseLabel(text);
  if (parsed.ok) return succeed(parsed.label);
  return refuse(
    'usage',
    `--clearance ${quote(text)}: ${parsed.message}; \`all\`, or a label such as \`C4 A6 {1}\`, is accepted`,
  );
}

/** A whole number of an option. */
export function readCount(option: string, text: string, most: number): Result<number> {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= most) return succeed(number);
  return refuse('usage', `${option} ${quote(text)}: a whole number from 1 to ${most} is accepted`);
}
