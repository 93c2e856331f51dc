/**
 * Formulas as SMT-LIB 2. Products of two unknowns are what z3 may not come back from: a script can be written exactly, or with such products as numbers
 * of which only some is known, which proves as well whatever it proves, and finds nothing that is sure to be so.
 */
import { numberOf, type Term, termsBelow, variablesBelow } from './term.ts';

export interface Script {
  readonly text: string;
  /** Whether it has a product of two unknowns, or a division by one. */
  readonly isNonlinear: boolean;
  /** Unknowns that products of two unknowns have as a factor: with values for them, nothing of that kind is left. */
  readonly factors: readonly Term[];
}

/** Asserts all of `assertions`, with the ranges of their unknowns. */
export function writeScript(assertions: readonly Term[], form: 'exact' | 'loose'): Script {
  const order = termsBelow(assertions);
  const nonlinear = order.filter(isNonlinear);
  const lines: string[] = [];
  const names = new Map<Term, string>();
  const nameOf = (term: Term): string => names.get(term) ?? constantText(term);
  for (const term of order) {
    if (term.kind === 'constant') continue;
    if (term.kind === 'variable') {
      names.set(term, `|${term.name}|`);
      lines.push(`(declare-const |${term.name}| ${term.sort})`);
      if (term.sort === 'Int')
        lines.push(
          `(assert (and (<= ${numberText(term.least)} |${term.name}|) (<= |${term.name}| ${numberText(term.most)})))`,
        );
      continue;
    }
    // Numbered in the order of the script and not by their ids: equal questions are to be equal texts.
    const name = `t${names.size}`;
    const made = `(${term.operator} ${term.args.map(nameOf).join(' ')})`;
    names.set(term, name);
    if (form === 'loose' && isNonlinear(term)) lines.push(`(declare-const ${name} Int)`);
    else lines.push(`(define-fun ${name} () ${term.sort} ${made})`);
  }
  if (form === 'loose') lines.push(...looseFacts(nonlinear, nameOf));
  for (const assertion of assertions) lines.push(`(assert ${nameOf(assertion)})`);
  return {
    text: lines.join('\n'),
    isNonlinear: nonlinear.length > 0,
    factors: [...new Set(nonlinear.flatMap(factorsOf))],
  };
}

function isNonlinear(term: Term): boolean {
  if (term.kind !== 'operation') return false;
  if (term.operator === '*') return term.args.every((part) => numberOf(part) === undefined);
  return (term.operator === 'div' || term.operator === 'mod') && numberOf(term.args[1] as Term) === undefined;
}

/** The unknowns below one of its two parts: the one with fewer. */
function factorsOf(term: Term): readonly Term[] {
  if (term.kind !== 'operation') return [];
  const below = term.args.map((part) => variablesBelow(part));
  const [first = [], second = []] = below;
  // A divisor has to be known; of a product either of the two.
  return term.operator === '*' && first.length < second.length ? first : second;
}

/** What is true of every product and quotient, in a form without products. */
function looseFacts(nonlinear: readonly Term[], nameOf: (term: Term) => string): string[] {
  const facts: string[] = [];
  const products = nonlinear.flatMap((term) =>
    term.kind === 'operation' && term.operator === '*'
      ? [{ name: nameOf(term), a: term.args[0] as Term, b: term.args[1] as Term }]
      : [],
  );
  for (const { name, a, b } of products) {
    const [x, y] = [nameOf(a), nameOf(b)];
    facts.push(
      `(assert (=> (and (>= ${x} 0) (>= ${y} 0)) (>= ${name} 0)))`,
      `(assert (=> (and (<= ${x} 0) (>= ${y} 0)) (<= ${name} 0)))`,
      `(assert (=> (and (>= ${x} 0) (<= ${y} 0)) (<= ${name} 0)))`,
      `(assert (=> (and (<= ${x} 0) (<= ${y} 0)) (>= ${name} 0)))`,
      `(assert (=> (or (= ${x} 0) (= ${y} 0)) (= ${name} 0)))`,
      `(assert (=> (and (>= ${x} 0) (>= ${y} 1)) (>= ${name} ${x})))`,
      `(assert (=> (and (>= ${y} 0) (>= ${x} 1)) (>= ${name} ${y})))`,
    );
    for (const [known, unknown, other] of [
      [a, x, y],
      [b, y, x],
    ] as const)
      if (known.kind === 'variable')
        facts.push(
          `(assert (=> (>= ${other} 0) (and (<= (* ${numberText(known.least)} ${other}) ${name}) (<= ${name} (* ${numberText(known.most)} ${other})))))`,
          `(assert (=> (<= ${other} 0) (and (>= (* ${numberText(known.least)} ${other}) ${name}) (>= ${name} (* ${numberText(known.most)} ${other})))))`,
          `(assert (=> (= ${unknown} ${numberText(known.least)}) (= ${name} (* ${numberText(known.least)} ${other}))))`,
        );
  }
  for (const [index, one] of products.entries())
    for (const other of products.slice(index + 1))
      for (const [shared, x, y] of sharedFactors(one, other)) {
        const [s, p, q] = [nameOf(shared), nameOf(x), nameOf(y)];
        facts.push(
          `(assert (=> (= ${p} ${q}) (= ${one.name} ${other.name})))`,
          `(assert (=> (and (>= ${s} 0) (<= ${p} ${q})) (<= ${one.name} ${other.name})))`,
          `(assert (=> (and (>= ${s} 0) (<= ${q} ${p})) (<= ${other.name} ${one.name})))`,
          `(assert (=> (and (<= ${s} 0) (<= ${p} ${q})) (>= ${one.name} ${other.name})))`,
          `(assert (=> (and (<= ${s} 0) (<= ${q} ${p})) (>= ${other.name} ${one.name})))`,
        );
      }
  for (const term of nonlinear) {
    if (term.kind !== 'operation' || term.operator === '*') continue;
    const [name, x, y] = [nameOf(term), nameOf(term.args[0] as Term), nameOf(term.args[1] as Term)];
    if (term.operator === 'mod') facts.push(`(assert (=> (> ${y} 0) (and (<= 0 ${name}) (< ${name} ${y}))))`);
    else
      facts.push(
        `(assert (=> (and (> ${y} 0) (>= ${x} 0)) (and (<= 0 ${name}) (<= ${name} ${x}))))`,
        `(assert (=> (and (> ${y} 0) (< ${x} 0)) (and (< ${name} 0) (<= ${x} ${name}))))`,
      );
  }
  return facts;
}

interface Product {
  readonly a: Term;
  readonly b: Term;
}

/** What two products have in common, with what they have besides. */
function sharedFactors(one: Product, other: Product): readonly (readonly [Term, Term, Term])[] {
  const found: (readonly [Term, Term, Term])[] = [];
  for (const [s, x] of [
    [one.a, one.b],
    [one.b, one.a],
  ] as const)
    for (const [t, y] of [
      [other.a, other.b],
      [other.b, other.a],
    ] as const)
      if (s === t) found.push([s, x, y]);
  return found;
}

function constantText(term: Term): string {
  return term.kind === 'constant'
    ? typeof term.value === 'bigint'
      ? numberText(term.value)
      : String(term.value)
    : '';
}

function numberText(number: bigint): string {
  return number < 0n ? `(- ${-number})` : String(number);
}

/** A number as z3 writes it: `5`, `(- 5)`. */
export function readNumber(text: string): bigint | undefined {
  const match = /^(?:(\d+)|\(-\s*(\d+)\))$/.exec(text.trim());
  if (match === null) return undefined;
  return match[1] === undefined ? -BigInt(match[2] as string) : BigInt(match[1]);
}
