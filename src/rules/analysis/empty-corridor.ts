/** Pairs of countries between which nothing can be allowed, in whatever currency. */
import type { TransactionKind } from '../language/syntax.ts';
import { type CorridorClass, showCorridor } from './corridors.ts';
import type { Finding } from './finding.ts';
import { findingOf, type Subject, unconfirmed } from './subject.ts';

interface Pair {
  readonly kind: TransactionKind;
  readonly first: CorridorClass;
  readonly all: CorridorClass[];
}

/**
 * `empty_corridor` where both countries are of a jurisdiction that the set names; `corridor_closed`, which is told only, where one of them is only named in
 * a list or a condition: so an embargo looks. For each other pair one allowed transaction was found, and the machine allowed it.
 */
export async function findEmptyCorridors(
  subject: Subject,
): Promise<{ readonly findings: readonly Finding[]; readonly open: number }> {
  const findings: Finding[] = [];
  let open = 0;
  const pairs = pairsOf(subject.corridors);
  for (const [done, pair] of pairs.entries()) {
    subject.options.progress('corridors', done, pairs.length);
    const finding = await lookAt(subject, pair);
    if (finding === undefined) open++;
    else findings.push(finding);
  }
  return { findings, open };
}

async function lookAt(subject: Subject, { kind, first, all }: Pair): Promise<Finding | undefined> {
  const { terms } = subject;
  let unknown: string | undefined;
  for (const where of all) {
    const coder = subject.coder(where, 'proper');
    const answer = await subject.ask(terms.not(coder.verdict().FLAG));
    if (answer.result === 'unknown') unknown = answer.reason;
    if (answer.result !== 'sat') continue;
    const witness = await subject.witness(coder.facts.read(answer.model));
    if (witness.decision.verdict === 'ALLOW') return undefined;
    return unconfirmed(
      findingOf('empty_corridor', [], `${showCorridor(where.corridor)} can be allowed`, {
        corridor: where.corridor,
        witnesses: [witness],
      }),
      `the machine says ${witness.decision.verdict}`,
    );
  }
  // Countries that are alike in one currency may not be in another: each such pair is looked at by itself.
  const alike = (of: 'origins' | 'destinations'): string =>
    showCountries(first[of].filter((country) => all.every((where) => where[of].includes(country))));
  const pair = `${kind} from ${alike('origins')} to ${alike('destinations')}`;
  const { corridor } = first;
  if (unknown !== undefined)
    return findingOf(
      'undecided',
      [],
      `nobody found out in time whether any ${pair} can be allowed: ${unknown}`,
      { corridor },
    );
  const blocking = await blockingRules(subject, first);
  const named = jurisdictionsNamed(subject);
  const isNamed = named.has(corridor.origin) && named.has(corridor.destination);
  const because = blocking.map(({ rule }) => `\`${rule.id}\``).join(' and ');
  const witness = await subject.witness(subject.coder(first, 'proper').facts.read(new Map()));
  return findingOf(
    isNamed ? 'empty_corridor' : 'corridor_closed',
    blocking,
    `no ${pair} can be allowed, in whatever currency${because === '' ? '' : `: always fired is ${because}`}`,
    { corridor, witnesses: [witness] },
  );
}

/** Rules that fire whatever the transaction is. */
async function blockingRules(subject: Subject, where: CorridorClass) {
  const coder = subject.coder(where, 'proper');
  const found = [];
  for (const group of coder.groups)
    for (const { member, fired } of coder.group(group).members) {
      const answer = await subject.ask(subject.terms.not(fired));
      if (answer.result === 'unsat') found.push(member);
    }
  return found;
}

/** Countries that have rules of their own, or are of a union. */
function jurisdictionsNamed({ options: { set } }: Subject): ReadonlySet<string> {
  return new Set([
    ...set.modules.flatMap(({ jurisdictions }) => jurisdictions),
    ...[...set.unions.values()].flat(),
  ]);
}

function pairsOf(corridors: readonly CorridorClass[]): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  for (const where of corridors) {
    const { kind, origin, destination } = where.corridor;
    const key = `${kind} ${origin} ${destination}`;
    const known = pairs.get(key);
    if (known === undefined) pairs.set(key, { kind, first: where, all: [where] });
    else known.all.push(where);
  }
  return [...pairs.values()];
}

function showCountries(countries: readonly string[]): string {
  const shown = countries.slice(0, 4).join(', ');
  return countries.length > 4 ? `${shown} and ${countries.length - 4} like them` : shown;
}
