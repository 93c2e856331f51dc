/**
 * Answers without a solver: of most questions some transaction that is at a limit of something is an answer, and to try some hundreds takes less
 * time than to ask. What is found is worked out exactly; that nothing is found says nothing.
 */
import { type Term, termsBelow } from './term.ts';
import { type Values, valuesOf } from './term-value.ts';

const tries = 240;
/** Changes of one unknown, before another start. */
const stepsOfOneStart = 12;

/** Values of the unknowns with which `whole` holds, as SMT-LIB writes them. The same for the same formula, on every machine. */
export function guess(whole: Term): ReadonlyMap<string, string> | undefined {
  const order = termsBelow([whole]);
  const unknowns = order.filter((term) => term.kind === 'variable');
  const places = new Map<Term, number>(unknowns.map((unknown, place) => [unknown, place]));
  const constants = order.flatMap((term) =>
    term.kind === 'constant' && typeof term.value === 'bigint' ? [term.value] : [],
  );
  const pools = unknowns.map((unknown) => poolOf(unknown, constants));
  const goals = whole.kind === 'operation' && whole.operator === 'and' ? whole.args : [whole];
  const next = makeRandom();
  let left = tries;
  for (let start = 0; left > 0; start++) {
    const chosen = pools.map((pool) => (start === 0 ? 0 : next(pool.length)));
    let best = -1;
    for (let step = 0; step < stepsOfOneStart && left > 0; step++) {
      const place = step === 0 ? -1 : next(pools.length);
      const before = chosen[place];
      if (before !== undefined) chosen[place] = next(pools[place]?.length ?? 1);
      left--;
      const values = valuesOf(order, (unknown) => {
        const index = places.get(unknown) ?? 0;
        return pools[index]?.[chosen[index] ?? 0] ?? 0n;
      });
      const fulfilled = goals.filter((goal) => values.get(goal) === true).length;
      if (fulfilled === goals.length) return modelOf(unknowns, values);
      if (fulfilled >= best) best = fulfilled;
      else if (before !== undefined) chosen[place] = before;
    }
  }
  return undefined;
}

/** Numbers at which something may change: its limits, and those that the formula names, with their neighbours. */
function poolOf(unknown: Term, constants: readonly bigint[]): readonly (bigint | boolean)[] {
  if (unknown.kind !== 'variable') return [];
  if (unknown.sort === 'Bool') return [true, false];
  const { least, most } = unknown;
  if (most - least < 32n)
    return Array.from({ length: Number(most - least) + 1 }, (_, index) => least + BigInt(index));
  const near = constants.flatMap((constant) => [constant - 1n, constant, constant + 1n]);
  const pool = [least, least + 1n, 1000n, 10n ** 6n, 10n ** 9n, ...near, most - 1n, most];
  return [...new Set(pool)].filter((value) => value >= least && value <= most);
}

function modelOf(unknowns: readonly Term[], values: Values): ReadonlyMap<string, string> {
  return new Map(
    unknowns.flatMap((unknown) => {
      const value = values.get(unknown);
      return unknown.kind === 'variable' && value !== undefined
        ? [[unknown.name, typeof value === 'bigint' && value < 0n ? `(- ${-value})` : String(value)] as const]
        : [];
    }),
  );
}

/** A linear congruential generator: there is nothing here that anyone would want to foresee. */
function makeRandom(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return below === 0 ? 0 : Math.floor((state / 2 ** 32) * below);
  };
}
