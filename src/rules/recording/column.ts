/**
 * A value of each order of a request, as CBOR that is small where orders are alike.
 *
 * ```
 * column  [ 0, value ]                     the same for all
 *         [ 1, first, [ difference, … ] ]  numbers: each as its difference to the one before
 *         [ 2, first, [ difference, times, … ] ]
 *         [ 3, [ value, times, … ] ]       anything; null where it is missing
 * ```
 */
import { equalBytes } from '../../kit/bytes.ts';
import { type CborValue, CborWriter, encodeCbor } from '../../kit/encoding.ts';
import type { Value } from '../checker/checked.ts';

/** What is missing of an order is `undefined`. */
export type Column = readonly (Value | undefined)[];

/** Deterministic: equal columns have equal bytes. Of one value or more. */
export function encodeColumn(values: Column): Uint8Array {
  const first = values[0];
  if (values.every((value) => isSame(value, first)))
    return new CborWriter().array(2).integer(0).encoded(encodeCell(first)).finish();
  const differences = differencesOf(values);
  if (differences === undefined) return encodeRuns(values);
  const isPlain = countRuns(differences) * 2 >= differences.length;
  const writer = new CborWriter()
    .array(3)
    .integer(isPlain ? 1 : 2)
    .encoded(encodeCell(first));
  if (isPlain) return writer.integers(differences).finish();
  const runs = runsOf(differences, (a, b) => a === b);
  return writer.integers(runs.flatMap(({ value, times }) => [value, times])).finish();
}

/** The values of `count` orders, or `undefined` where it is no column of so many. */
export function decodeColumn(item: CborValue | undefined, count: number): Column | undefined {
  if (!Array.isArray(item)) return undefined;
  const [form, first, list] = item as readonly CborValue[];
  switch (form) {
    case 0:
      return item.length === 2 && isCell(first)
        ? new Array<Value | undefined>(count).fill(readCell(first))
        : undefined;
    case 1:
    case 2: {
      const numbers = item.length === 3 ? integersOf(list) : undefined;
      const start = readCell(first);
      if (numbers === undefined || typeof start !== 'bigint') return undefined;
      const differences = form === 1 ? numbers : expand(numbers, count - 1);
      return differences?.length === count - 1 ? summed(start, differences) : undefined;
    }
    case 3: {
      if (item.length !== 2 || !Array.isArray(first)) return undefined;
      const cells = first as readonly CborValue[];
      const values = cells.filter((_, place) => place % 2 === 0);
      const times = cells.filter((_, place) => place % 2 === 1);
      if (values.length !== times.length || !values.every(isCell)) return undefined;
      const found = repeat(values.map(readCell), integersOf(times) ?? [], count);
      return found?.length === count ? found : undefined;
    }
    default:
      return undefined;
  }
}

function isSame(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  return a instanceof Uint8Array && b instanceof Uint8Array && equalBytes(a, b);
}

/** Of numbers, or `undefined` where there is anything else among them. */
function differencesOf(values: Column): bigint[] | undefined {
  const differences: bigint[] = [];
  let before: bigint | undefined;
  for (const value of values) {
    if (typeof value !== 'bigint') return undefined;
    if (before !== undefined) differences.push(value - before);
    before = value;
  }
  return differences;
}

function countRuns(values: readonly bigint[]): number {
  let runs = 0;
  let before: bigint | undefined;
  for (const value of values) {
    if (value !== before) runs++;
    before = value;
  }
  return runs;
}

function runsOf<T>(values: readonly T[], same: (a: T, b: T) => boolean): { value: T; times: bigint }[] {
  const runs: { value: T; times: bigint }[] = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last !== undefined && same(last.value, value)) last.times++;
    else runs.push({ value, times: 1n });
  }
  return runs;
}

function encodeRuns(values: Column): Uint8Array {
  const runs = runsOf(values, isSame);
  const writer = new CborWriter()
    .array(2)
    .integer(3)
    .array(runs.length * 2);
  for (const { value, times } of runs) writer.encoded(encodeCell(value)).integer(times);
  return writer.finish();
}

function encodeCell(value: Value | undefined): Uint8Array {
  return encodeCbor(value ?? null);
}

function isCell(item: CborValue | undefined): boolean {
  return item !== undefined && !Array.isArray(item) && !(item instanceof Map);
}

function readCell(item: CborValue | undefined): Value | undefined {
  if (item === null || item === undefined) return undefined;
  return typeof item === 'number' ? BigInt(item) : (item as Value);
}

function integersOf(item: CborValue | undefined): bigint[] | undefined {
  if (!Array.isArray(item)) return undefined;
  const numbers: bigint[] = [];
  for (const one of item as readonly CborValue[]) {
    if (typeof one !== 'number' && typeof one !== 'bigint') return undefined;
    numbers.push(BigInt(one));
  }
  return numbers;
}

/** `[value, times, …]`, at most `most` values of it. */
function expand(numbers: readonly bigint[], most: number): bigint[] | undefined {
  if (numbers.length % 2 !== 0) return undefined;
  return repeat(
    numbers.filter((_, place) => place % 2 === 0),
    numbers.filter((_, place) => place % 2 === 1),
    most,
  );
}

function repeat<T>(values: readonly T[], times: readonly bigint[], most: number): T[] | undefined {
  if (values.length !== times.length) return undefined;
  const found: T[] = [];
  for (const [place, value] of values.entries()) {
    const count = times[place] ?? 0n;
    if (count < 1n || count > BigInt(most - found.length)) return undefined;
    for (let n = 0n; n < count; n++) found.push(value);
  }
  return found;
}

function summed(first: bigint, differences: readonly bigint[]): bigint[] {
  const values = [first];
  let last = first;
  for (const difference of differences) {
    last += difference;
    values.push(last);
  }
  return values;
}
