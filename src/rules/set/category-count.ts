/** Whose secrets meet: the label machine tells the secrets of at most 15 apart. */
import { ownersOfRule } from '../checker/owners.ts';
import { compareText } from './groups.ts';
import type { RuleSet } from './rule-set.ts';

export const ownerLimit = 15;

interface Crowd {
  readonly owners: readonly string[];
  /** For a person: `AT, BE, EU`. */
  readonly corridor: string;
}

/** A corridor with secrets of more than the machine tells apart, where there is one: as if every currency could be anybody's. */
export function findCrowd(set: RuleSet): Crowd | undefined {
  const secretive = set.modules.flatMap((module) => {
    const owners = new Set(module.rules.flatMap((rule) => [...ownersOfRule(rule, module)]));
    return owners.size > 0 ? [{ jurisdictions: module.jurisdictions, owners }] : [];
  });
  const all = new Set(secretive.flatMap(({ owners }) => [...owners]));
  if (all.size <= ownerLimit) return undefined;
  const parties = partiesOf(set, new Set(secretive.flatMap(({ jurisdictions }) => jurisdictions)));
  // At most so many owners by each: most triples of a large set are passed over by a sum.
  const most = parties.map(({ codes }) =>
    countOwners(secretive, (one) => one.some((code) => codes.includes(code))),
  );
  const always = countOwners(secretive, (one) => one.every((code) => code === 'ANY'));
  for (const [first, a] of parties.entries())
    for (let second = first; second < parties.length; second++)
      for (let third = second; third < parties.length; third++) {
        const bound = always + (most[first] ?? 0) + (most[second] ?? 0) + (most[third] ?? 0);
        const [b, c] = [parties[second], parties[third]];
        if (bound <= ownerLimit || b === undefined || c === undefined) continue;
        const codes = new Set(['ANY', ...a.codes, ...b.codes, ...c.codes]);
        const owners = new Set(
          secretive.flatMap((one) =>
            one.jurisdictions.every((code) => codes.has(code)) ? [...one.owners] : [],
          ),
        );
        if (owners.size > ownerLimit)
          return {
            owners: [...owners].sort(compareText),
            corridor: [...new Set([a.name, b.name, c.name])].join(', '),
          };
      }
  return undefined;
}

interface Secretive {
  readonly jurisdictions: readonly string[];
  readonly owners: ReadonlySet<string>;
}

/** Of modules whose jurisdictions are such as `which` says. */
function countOwners(
  secretive: readonly Secretive[],
  which: (jurisdictions: readonly string[]) => boolean,
): number {
  return new Set(secretive.flatMap((one) => (which(one.jurisdictions) ? [...one.owners] : []))).size;
}

/** Who may be origin, destination or issuer, each with what it brings of `codes`: one of all that bring the same. */
function partiesOf(
  { unions }: RuleSet,
  codes: ReadonlySet<string>,
): readonly { readonly name: string; readonly codes: readonly string[] }[] {
  const names = new Set([...codes, ...unions.keys(), ...[...unions.values()].flat()]);
  const found = new Map<string, { name: string; codes: string[] }>();
  for (const name of [...names].sort(compareText)) {
    const brings = [
      name,
      ...[...unions].filter(([, members]) => members.includes(name)).map(([union]) => union),
    ]
      .filter((code) => codes.has(code))
      .sort(compareText);
    const key = brings.join();
    if (!found.has(key)) found.set(key, { name, codes: brings });
  }
  return [...found.values()];
}
