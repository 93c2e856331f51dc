/**
 * What another rule set would change: exactly, for every transaction there can be and not only for those that were recorded. Of each corridor and each pair of
 * verdicts one transaction, which both sets then decide on.
 */
import type { CheckedModule, Facts, Parameter, Value } from '../checker/checked.ts';
import type { RuleDecision } from '../decision.ts';
import { rankOf, type Verdict, verdicts } from '../language/syntax.ts';
import type { Corridor, RuleSet } from '../set/rule-set.ts';
import type { Coded } from './coded.ts';
import { sure } from './coded.ts';
import { type CorridorClass, corridorsOf } from './corridors.ts';
import { DecisionCoder, type VerdictTerms } from './decision-coder.ts';
import { FactTerms, inputsOf } from './fact-terms.ts';
import type { Decide } from './finding.ts';
import type { Questions } from './question.ts';
import { readNumber } from './script.ts';
import { type Term, Terms, variablesBelow } from './term.ts';
import { Universe } from './universe.ts';

export interface WideningOptions {
  readonly before: RuleSet;
  readonly after: RuleSet;
  readonly questions: Questions;
  readonly decide: Decide;
  /** Transactions from then on, in seconds. */
  readonly now: bigint;
  /** `values`: as the sets have them; `ranges`: wherever they may be moved to, in both sets to the same where both may. */
  readonly parameters: 'values' | 'ranges';
  readonly progress: (done: number, all: number) => void;
}

export interface Change {
  readonly direction: 'laxer' | 'stricter';
  readonly from: Verdict;
  readonly to: Verdict;
  readonly corridor: Corridor;
  /** Countries that are like the origin and the destination. */
  readonly origins: readonly string[];
  readonly destinations: readonly string[];
  /** `undecided`: nobody found out in time; `unconfirmed`: the machine finds otherwise, a defect. */
  readonly state: 'found' | 'undecided' | 'unconfirmed';
  readonly reason?: string;
  readonly facts?: Facts;
  readonly before?: RuleDecision;
  readonly after?: RuleDecision;
  /** By `MODULE/PARAM`: values that the solver chose. */
  readonly parameters?: ReadonlyMap<string, Value>;
}

/** Every change, laxer ones first where a corridor has both. */
export async function findChanges(options: WideningOptions): Promise<readonly Change[]> {
  const { before, after, progress } = options;
  const terms = new Terms();
  const corridors = corridorsOf([before, after]);
  const universe = new Universe(
    [before, after],
    corridors.flatMap(({ corridor: { origin, destination, currency } }) => [origin, destination, currency]),
  );
  const of = inputsOf([before, after]);
  const changes: Change[] = [];
  /** Corridors in which both sets come to what they come to in one that was looked at. */
  const seen = new Set<string>();
  for (const [done, where] of corridors.entries()) {
    progress(done, corridors.length);
    const facts = new FactTerms({
      terms,
      universe,
      corridor: where.corridor,
      inputs: 'any',
      of,
      now: options.now,
    });
    const old = new DecisionCoder(before, facts, parameterTerms(terms, options));
    const young = new DecisionCoder(after, facts, parameterTerms(terms, options));
    const [from, to] = [old.verdict(), young.verdict()];
    const key = [
      where.corridor.kind,
      ...[from, to].flatMap(({ FLAG, HOLD, DENY }) => [FLAG.id, HOLD.id, DENY.id]),
    ].join();
    if (seen.has(key)) continue;
    seen.add(key);
    changes.push(...(await compare(options, terms, where, facts, from, to)));
  }
  return changes;
}

async function compare(
  options: WideningOptions,
  terms: Terms,
  { corridor, origins, destinations }: CorridorClass,
  facts: FactTerms,
  from: VerdictTerms,
  to: VerdictTerms,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const direction of ['laxer', 'stricter'] as const) {
    const pairs = pairsOf(direction);
    const any = terms.or(...pairs.map(([a, b]) => terms.and(isJust(terms, from, a), isJust(terms, to, b))));
    const whole = await options.questions.ask(terms, any);
    if (whole.result === 'unsat') continue;
    for (const [a, b] of pairs) {
      const assertion = terms.and(isJust(terms, from, a), isJust(terms, to, b));
      const answer = await options.questions.ask(terms, assertion);
      if (answer.result === 'unsat') continue;
      const change = { direction, from: a, to: b, corridor, origins, destinations } as const;
      if (answer.result === 'unknown') {
        changes.push({ ...change, state: 'undecided', reason: answer.reason });
        continue;
      }
      const read = facts.read(answer.model);
      const parameters = parametersOf(assertion, answer.model);
      const before = await options.decide(withParameters(options.before, parameters), read);
      const after = await options.decide(withParameters(options.after, parameters), read);
      const isSo = before.verdict === a && after.verdict === b;
      changes.push({
        ...change,
        state: isSo ? 'found' : 'unconfirmed',
        facts: read,
        before,
        after,
        ...(parameters.size > 0 ? { parameters } : {}),
      });
    }
  }
  return changes;
}

function pairsOf(direction: 'laxer' | 'stricter'): readonly (readonly [Verdict, Verdict])[] {
  return verdicts.flatMap((a) =>
    verdicts.flatMap((b) =>
      (direction === 'laxer' ? rankOf(b) < rankOf(a) : rankOf(b) > rankOf(a)) ? [[a, b] as const] : [],
    ),
  );
}

function isJust(terms: Terms, at: VerdictTerms, verdict: Verdict): Term {
  const next = verdicts[rankOf(verdict) + 1];
  return terms.and(
    verdict === 'ALLOW' ? terms.true : at[verdict],
    next === undefined || next === 'ALLOW' ? terms.true : terms.not(at[next]),
  );
}

/** Parameters that may be moved as unknowns: one for both sets, so that each is only compared with itself; of a set whose range is tighter, the nearest that it takes. */
function parameterTerms(terms: Terms, { before, after, parameters }: WideningOptions) {
  return (module: CheckedModule, parameter: Parameter): Coded | undefined => {
    if (parameters === 'values' || parameter.range === undefined) return undefined;
    const name = `${module.name}/${parameter.name}`;
    const ranges = [before, after].flatMap(({ modules }) =>
      modules
        .filter((one) => one.name === module.name)
        .flatMap((one) => one.parameters)
        .flatMap((one) => (one.name === parameter.name && one.range !== undefined ? [one.range] : [])),
    );
    const least = ranges.map((range) => range.least).reduce((a, b) => (a < b ? a : b));
    const most = ranges.map((range) => range.most).reduce((a, b) => (a > b ? a : b));
    const moved = terms.variable(`param ${name}`, least, most);
    const { range } = parameter;
    const [low, high] = [terms.int(range.least), terms.int(range.most)];
    const fromBelow = range.least > least ? terms.choose(terms.less(moved, low), low, moved) : moved;
    const value = range.most < most ? terms.choose(terms.less(high, fromBelow), high, fromBelow) : fromBelow;
    return { ...sure(terms, value), least: range.least, most: range.most };
  };
}

function parametersOf(assertion: Term, model: ReadonlyMap<string, string>): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  for (const unknown of variablesBelow(assertion))
    if (unknown.kind === 'variable' && unknown.name.startsWith('param '))
      values.set(
        unknown.name.slice('param '.length),
        readNumber(model.get(unknown.name) ?? '') ?? unknown.least,
      );
  return values;
}

/** The set with its parameters moved so, each within its range. */
function withParameters(set: RuleSet, moved: ReadonlyMap<string, Value>): RuleSet {
  if (moved.size === 0) return set;
  const parameters = new Map(set.parameters);
  for (const module of set.modules)
    for (const { name, range } of module.parameters) {
      const value = moved.get(`${module.name}/${name}`);
      if (typeof value !== 'bigint' || range === undefined) continue;
      parameters.set(
        `${module.name}/${name}`,
        value < range.least ? range.least : value > range.most ? range.most : value,
      );
    }
  return { ...set, parameters };
}
