/** Rules and groups as nodes: docs/RULES.md, "Meaning", points 4 to 9. */
import type { Rule, Typed } from '../checker/checked.ts';
import { partsOf } from '../checker/part.ts';
import { showType } from '../checker/type.ts';
import { rankOf, type Verdict } from '../language/syntax.ts';
import type { Group } from '../set/rule-set.ts';
import { type Computed, cleanTruth, denyNumber, holdNumber, joinErrors } from './arithmetic.ts';
import type { ExpressionCompiler, Workshop } from './expression.ts';
import { leastWord, mostWord, type Node } from './node.ts';

/** What one rule comes to. */
export interface Ruling {
  readonly rule: Rule;
  readonly applies: Node;
  /** 0, or the verdict of an error in it. */
  readonly error: Node;
  readonly met: Node;
  readonly cap: Computed | undefined;
  readonly measure: Computed | undefined;
  /** Owners of its condition and numbers. */
  readonly owners: number;
}

/** A rule among those that may beat it. */
export interface Standing extends Ruling {
  readonly beaters: readonly Ruling[];
  readonly inForce: Node;
  readonly fired: Node;
  /** Its own owners, and those of all that may beat it. */
  readonly ownersWithBeaters: number;
}

/** Points 4, 6 and 9: whether it applies, whether it is in error, and whether what it asks for is so. */
export function ruleOn(rule: Rule, owners: number, compiler: ExpressionCompiler, shop: Workshop): Ruling {
  const { graph, inputs } = shop;
  const none = graph.number(0n);
  const { body } = rule;
  const when: Computed =
    rule.when === undefined
      ? { value: graph.truth(true), error: none, isClean: true }
      : compiler.compile(rule.when);
  const cap = body.kind === 'cap' ? compiler.compile(body.cap) : undefined;
  const measure = body.kind === 'cap' ? compiler.compile(body.measure) : undefined;
  const ofNumbers = cap === undefined || measure === undefined ? none : joinErrors(graph, cap, measure);

  let isTrue = cleanTruth(graph, when);
  let ofWhen = when.error;
  if (rule.from !== undefined || rule.expires !== undefined) {
    // Outside its time nothing of it is looked at.
    const isTime = graph.and(
      rule.from === undefined ? graph.truth(true) : graph.lessOrEqual(graph.number(rule.from), inputs.time()),
      rule.expires === undefined ? graph.truth(true) : graph.less(inputs.time(), graph.number(rule.expires)),
    );
    isTrue = graph.and(isTime, isTrue);
    ofWhen = graph.select(isTime, ofWhen, none);
  }
  const found =
    ofWhen === none
      ? graph.select(isTrue, ofNumbers, none)
      : ofNumbers === none
        ? ofWhen
        : graph.select(graph.or(isTrue, ofWhen), graph.max(ofWhen, ofNumbers), none);
  const error = rule.layer === 'strict' ? graph.select(found, graph.number(denyNumber), none) : found;
  const applies = graph.select(ofNumbers, none, isTrue);
  return { rule, applies, error, met: metOf(), cap, measure, owners };

  function metOf(): Node {
    switch (body.kind) {
      case 'verdict':
        return applies;
      case 'cap':
        return cap === undefined || measure === undefined
          ? applies
          : graph.and(applies, graph.less(cap.value, measure.value));
      case 'require':
        return graph.and(applies, graph.not(inputs.has(body.field)));
    }
  }
}

/** Point 5. */
export function standIn(group: Group, rulings: readonly Ruling[], { graph }: Workshop): Standing[] {
  return rulings.map((ruling, place) => {
    const beaters = rulings.filter((_, other) => group.members[other]?.beats.includes(place));
    const isBeaten = graph.orAll(beaters.map(({ applies }) => applies));
    const none = graph.truth(false);
    return {
      ...ruling,
      beaters,
      inForce: graph.select(isBeaten, none, ruling.applies),
      fired: ruling.rule.body.verdict === 'ALLOW' ? none : graph.select(isBeaten, none, ruling.met),
      ownersWithBeaters: beaters.reduce((all, { owners }) => all | owners, ruling.owners),
    };
  });
}

/** Point 7: whether two rules in force differ. Of two of which one beats the other at most one is in force. */
export function conflictOf(group: Group, standings: readonly Standing[], shop: Workshop): Node {
  const { graph } = shop;
  if (group.of === 'evidence') return graph.truth(false);
  const areBeside = (one: Standing, other: Standing): boolean => {
    const [first, second] = [standings.indexOf(one), standings.indexOf(other)];
    const [a, b] = [group.members[first]?.beats, group.members[second]?.beats];
    return !(a?.includes(second) || b?.includes(first));
  };
  const alike = new Map<string, Standing[]>();
  for (const standing of standings) {
    const kind = group.of === 'cap' ? typeOfCap(standing.rule) : standing.rule.body.verdict;
    alike.set(kind, [...(alike.get(kind) ?? []), standing]);
  }
  const classes = [...alike.values()];
  const inForce = (of: readonly Standing[]): Node => graph.orAll(of.map((standing) => standing.inForce));
  let conflict = graph.truth(false);
  for (const [place, some] of classes.entries()) {
    for (const others of classes.slice(place + 1))
      if (some.some((one) => others.some((other) => areBeside(one, other))))
        conflict = graph.or(conflict, graph.and(inForce(some), inForce(others)));
    if (group.of === 'cap') conflict = graph.or(conflict, areCapsUnequal(some, areBeside, shop));
  }
  return conflict;
}

/** Whether two caps in force, which are of one type, are different. */
function areCapsUnequal(
  standings: readonly Standing[],
  areBeside: (one: Standing, other: Standing) => boolean,
  { graph }: Workshop,
): Node {
  const pairs = standings.flatMap((one, place) =>
    standings
      .slice(place + 1)
      .filter((other) => areBeside(one, other))
      .map((other) => [one, other] as const),
  );
  const capOf = ({ cap }: Standing): Node => cap?.value ?? graph.number(0n);
  if (pairs.length <= standings.length)
    return graph.orAll(
      pairs.map(([one, other]) =>
        graph.and(graph.and(one.inForce, other.inForce), graph.unequal(capOf(one), capOf(other))),
      ),
    );
  // Of many: the least in force is less than the greatest.
  const ends = { least: graph.number(leastWord), most: graph.number(mostWord) };
  let [least, greatest] = [ends.most, ends.least];
  for (const one of standings) {
    least = graph.min(least, graph.select(one.inForce, capOf(one), ends.most));
    greatest = graph.max(greatest, graph.select(one.inForce, capOf(one), ends.least));
  }
  return graph.less(least, greatest);
}

function typeOfCap({ body }: Rule): string {
  return body.kind === 'cap' ? showType(body.cap.type) : '';
}

/** Point 8: the greatest of the results in force, of the conflict, and of the errors. */
export function verdictOf(
  group: Group,
  standings: readonly Standing[],
  conflict: Node,
  { graph }: Workshop,
): Node {
  const numbers = new Map<bigint, Node>();
  const join = (verdict: bigint, condition: Node): void => {
    numbers.set(verdict, graph.or(numbers.get(verdict) ?? graph.truth(false), condition));
  };
  for (const { rule, fired } of standings) join(numberOf(rule.body.verdict), fired);
  join(group.layer === 'strict' ? denyNumber : holdNumber, conflict);
  let verdict = graph.number(0n);
  for (const error of new Set(standings.map((standing) => standing.error)))
    verdict = graph.max(verdict, error);
  for (const number of [1n, holdNumber, denyNumber]) {
    const condition = numbers.get(number);
    if (condition === undefined) continue;
    const word = graph.number(number);
    verdict =
      verdict.most <= number
        ? graph.select(condition, word, verdict)
        : graph.max(verdict, graph.select(condition, word, graph.number(0n)));
  }
  return verdict;
}

function numberOf(verdict: Verdict): bigint {
  return BigInt(rankOf(verdict));
}

/** Of a program without a cap in force: no room is so large. */
export const noRoom = mostWord;

/** The least that the caps in force on the amount would let pass, or `noRoom`; `undefined` where there are none. */
export function roomOf(
  standings: readonly Standing[],
  amount: () => Node,
  { graph }: Workshop,
): Node | undefined {
  const limiting = standings.filter(({ rule: { body }, ownersWithBeaters }) => {
    if (body.kind !== 'cap' || ownersWithBeaters !== 0) return false;
    const { type } = body.cap;
    if (type.kind !== 'money' || type.currency !== 'tx') return false;
    return timesAdded(body.measure) === 1 && timesAdded(body.cap) === 0;
  });
  if (limiting.length === 0) return undefined;
  let least = graph.number(noRoom);
  for (const { cap, measure, inForce } of limiting) {
    if (cap === undefined || measure === undefined) continue;
    const room = graph.add(graph.subtract(cap.value, measure.value), amount());
    least = graph.min(least, graph.select(inForce, graph.max(room, graph.number(0n)), graph.number(noRoom)));
  }
  return least;
}

/** How often the amount is one of the parts that are added up; more than any number where it is looked at in another way. */
function timesAdded(typed: Typed, known: Map<Typed, number> = new Map()): number {
  const before = known.get(typed);
  if (before !== undefined) return before;
  const of = (part: Typed): number => timesAdded(part, known);
  let times = 0;
  if (typed.op === 'field') times = typed.field.name === 'tx.amount' ? 1 : 0;
  else if (typed.op === 'add') times = of(typed.left) + of(typed.right);
  else if (partsOf(typed).some((part) => of(part) > 0)) times = Number.POSITIVE_INFINITY;
  known.set(typed, times);
  return times;
}
