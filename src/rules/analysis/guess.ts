/**
 * Answers without a solver: of most questions some transaction that is at a limit of something is an answer, and to try some hundreds takes less
 * time than to ask. What is found is worked out exactly; that nothing is found says nothing.
 */
import { type Term, termsBelow } from './term.ts';

const tries = 240;
/** Changes of one unknown, before another start. */
const stepsOfOneStart = 12;

/** Values of the unknowns with which `whole` holds, as SMT-LIB writes them. The same for the same formula, on every machine. */
export function guess(whole: Term): ReadonlyMap<string, string> | undefined {
  const order = termsBelow([whole]);
  const unknowns = order.filter((term) => term.kind === 'variable');
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
      const values = valuesOf(order, unknowns, pools, chosen);
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

type Values = Map<Term, bigint | boolean>;

function valuesOf(
  order: readonly Term[],
  unknowns: readonly Term[],
  pools: readonly (readonly (bigint | boolean)[])[],
  chosen: readonly number[],
): Values {
  const values: Values = new Map();
  for (const [index, unknown] of unknowns.entries())
    values.set(unknown, pools[index]?.[chosen[index] ?? 0] ?? 0n);
  for (const term of order) if (term.kind !== 'variable') values.set(term, valueOf(term, values));
  return values;
}

function valueOf(term: Term, values: Values): bigint | boolean {
  if (term.kind === 'constant') return term.value;
  if (term.kind === 'variable') return values.get(term) ?? false;
  const [a = false, b = false, c = false] = term.args.slice(0, 3).map((part) => values.get(part));
  switch (term.operator) {
    case 'not':
      return a === false;
    case 'and':
      return term.args.every((part) => values.get(part) === true);
    case 'or':
      return term.args.some((part) => values.get(part) === true);
    case '=':
      return a === b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case 'ite':
      return a === true ? b : c;
    default:
      return calculate(term.operator, a as bigint, b as bigint);
  }
}

function calculate(operator: '+' | '-' | '*' | 'div' | 'mod', a: bigint, b: bigint): bigint {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case 'div':
    case 'mod': {
      // By 0 z3 takes anything; what is divided by 0 is an error, and its value is not looked at.
      if (b === 0n) return 0n;
      const rest = ((a % b) + (b < 0n ? -b : b)) % (b < 0n ? -b : b);
      return operator === 'mod' ? rest : (a - rest) / b;
    }
  }
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
