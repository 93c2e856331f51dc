/** Questions to the solver, within their deadlines; equal ones are asked once. */
import { guess } from './guess.ts';
import { readNumber, writeScript } from './script.ts';
import type { Answer, Solver } from './solving.ts';
import { numberOf, type Term, type Terms } from './term.ts';

export interface Limits {
  /** Of one question. */
  readonly questionMs: number;
  /** Of z3's own count, of one question: where it gives up is the same on every machine. */
  readonly questionSteps: number;
  /** Of all together. */
  readonly totalMs: number;
}

export const usualLimits: Limits = { questionMs: 60_000, questionSteps: 4_000_000, totalMs: 1_800_000 };

export interface Counts {
  readonly asked: number;
  /** Answered without the solver. */
  readonly guessed: number;
  readonly repeated: number;
  readonly unknown: number;
}

/** Rates that are tried where z3 cannot find one: so many of a unit's minor units for one. */
const triedFactors: readonly bigint[] = [10n ** 9n, 10n ** 6n, 1n, 0n];

export class Questions {
  private readonly solver: Solver;
  private readonly limits: Limits;
  /** Milliseconds that have gone by, of any clock that only goes forward. */
  private readonly elapsed: () => number;
  private readonly startedMs: number;
  private readonly answers = new Map<Term, Answer>();
  private asked = 0;
  private repeated = 0;
  private unknown = 0;
  private guessed = 0;

  constructor(solver: Solver, limits: Limits, elapsed: () => number) {
    this.solver = solver;
    this.limits = limits;
    this.elapsed = elapsed;
    this.startedMs = elapsed();
  }

  get counts(): Counts {
    return { asked: this.asked, guessed: this.guessed, repeated: this.repeated, unknown: this.unknown };
  }

  /** Whether all of `assertions` can hold at once. `unknown` where nobody found out in time: to be taken as the worse of the two. */
  async ask(terms: Terms, ...assertions: readonly Term[]): Promise<Answer> {
    const whole = terms.and(...assertions);
    if (whole === terms.false) return { result: 'unsat' };
    const known = this.answers.get(whole);
    if (known !== undefined) {
      this.repeated++;
      return known;
    }
    const guessed = guess(whole);
    if (guessed !== undefined) {
      this.guessed++;
      const answer = { result: 'sat', model: guessed } as const;
      this.answers.set(whole, answer);
      return answer;
    }
    const script = writeScript(conjuncts(whole), 'exact');
    const answer = script.isNonlinear
      ? await this.askNonlinear(terms, whole, script.text, script.factors)
      : await this.solve(script.text, 1);
    this.answers.set(whole, answer);
    if (answer.result === 'unknown') this.unknown++;
    return answer;
  }

  /**
   * First without what products are: what cannot be even then, cannot be. Then with factors that were found, or are usual: what can be with them, can be.
   * Then exactly, as long as there is time.
   */
  private async askNonlinear(
    terms: Terms,
    whole: Term,
    exact: string,
    factors: readonly Term[],
  ): Promise<Answer> {
    const loose = await this.solve(writeScript(conjuncts(whole), 'loose').text, 0.25);
    if (loose.result === 'unsat') return loose;
    const found = loose.result === 'sat' ? [factors.map((factor) => valueIn(loose.model, factor))] : [];
    const usual = triedFactors.map((value) => factors.map((factor) => within(value, factor)));
    for (const values of [...found, ...usual]) {
      const pinned = factors.map((factor, index) => {
        const value = values[index];
        return value === undefined
          ? terms.true
          : factor.sort === 'Bool'
            ? value === 1n
              ? factor
              : terms.not(factor)
            : terms.equal(factor, terms.int(value));
      });
      const script = writeScript(
        [...conjuncts(replaceKnown(terms, whole, pinned)), ...pinned.filter((pin) => pin !== terms.true)],
        'exact',
      );
      if (script.isNonlinear) continue;
      const answer = await this.solve(script.text, 0.1);
      if (answer.result === 'sat') return answer;
    }
    return this.solve(exact, 0.35);
  }

  private async solve(script: string, share: number): Promise<Answer> {
    const left = this.limits.totalMs - (this.elapsed() - this.startedMs);
    if (left <= 0) return { result: 'unknown', reason: 'the deadline of the whole analysis is over' };
    this.asked++;
    const timeoutMs = Math.max(1, Math.round(Math.min(left, this.limits.questionMs * share)));
    return this.solver.solve(script, { timeoutMs, steps: Math.round(this.limits.questionSteps * share) });
  }
}

function conjuncts(whole: Term): readonly Term[] {
  return whole.kind === 'operation' && whole.operator === 'and' ? whole.args : [whole];
}

function valueIn(model: ReadonlyMap<string, string>, factor: Term): bigint | undefined {
  if (factor.kind !== 'variable') return undefined;
  const text = model.get(factor.name) ?? '';
  return text === 'true' ? 1n : text === 'false' ? 0n : readNumber(text);
}

function within(value: bigint, factor: Term): bigint | undefined {
  if (factor.kind !== 'variable' || factor.sort === 'Bool') return undefined;
  return value < factor.least ? factor.least : value > factor.most ? factor.most : value;
}

/** `term` with numbers put in for unknowns that `pins` say are equal to them. */
function replaceKnown(terms: Terms, term: Term, pins: readonly Term[]): Term {
  const values = new Map<Term, Term>();
  for (const pin of pins)
    if (pin.kind === 'operation' && pin.operator === '=') {
      const [a, b] = pin.args as readonly [Term, Term];
      if (numberOf(a) !== undefined) values.set(b, a);
      else values.set(a, b);
    } else if (pin.kind === 'operation' && pin.operator === 'not')
      values.set(pin.args[0] as Term, terms.false);
    else if (pin.kind === 'variable') values.set(pin, terms.true);
  const made = new Map<Term, Term>();
  const rebuild = (one: Term): Term => {
    const known = values.get(one) ?? made.get(one);
    if (known !== undefined) return known;
    if (one.kind !== 'operation') return one;
    const rebuilt = terms.rebuild(one.operator, one.args.map(rebuild));
    made.set(one, rebuilt);
    return rebuilt;
  };
  return rebuild(term);
}
