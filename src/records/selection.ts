/** Some of a request's orders, as runs of their numbers: few bytes where most of them are in it. */
import type { CborValue } from '../kit/encoding.ts';
import type { ClaimReader } from './claims.ts';

/** `count` orders from the one numbered `first`. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** The runs of the numbers for which `chosen` holds, in ascending order. */
export function runsOf(length: number, chosen: (index: number) => boolean): Run[] {
  const runs: Run[] = [];
  let first: number | undefined;
  for (let i = 0; i <= length; i++) {
    if (i < length && chosen(i)) first ??= i;
    else if (first !== undefined) {
      runs.push({ first, count: i - first });
      first = undefined;
    }
  }
  return runs;
}

export function encodeRuns(runs: readonly Run[]): CborValue {
  return runs.map(({ first, count }) => [first, count]);
}

/** At least one run, each with a gap before the next, so that a choice has one encoding. */
export function readRuns(reader: ClaimReader, key: number, name: string): readonly Run[] {
  let least = 0;
  const runs = reader.list(key, name).map((item, index): Run => {
    const [first, count] = reader.listOf(item, `${name}[${index}]`, 2);
    const run = {
      first: reader.integerOf(first, `${name}[${index}]`, least),
      count: reader.integerOf(count, `${name}[${index}]`, 1),
    };
    least = run.first + run.count + 1;
    return run;
  });
  if (runs.length === 0) reader.fail(name, 'at least one run');
  return runs;
}

/** The items of the runs; `undefined` where a run goes beyond the last of them. */
export function select<T>(items: readonly T[], runs: readonly Run[]): T[] | undefined {
  const chosen: T[] = [];
  for (const { first, count } of runs) {
    if (first + count > items.length) return undefined;
    for (let i = first; i < first + count; i++) chosen.push(items[i] as T);
  }
  return chosen;
}
