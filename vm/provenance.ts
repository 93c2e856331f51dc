/**
 * Why is this word secret? For each part of a label (its C, its A, every category) the sources that gave it, and the
 * chain of instructions by which it came, the shortest first. Exact: a source is told only for bits that it has itself,
 * and each bit of the label is told with at least one.
 */

import type { Derived, Source } from './derived-label.ts';
import { readLabel } from './label.ts';
import { showLabel } from './label-text.ts';
import { instructionAt, type Listing, showPlace } from './listing.ts';

/** One step of a chain, from the word that is explained to its source. */
export interface Link {
  readonly place: string;
  readonly label: number;
  /** The instruction that derived it, and when; `undefined` for the source, which the module declares. */
  readonly at: number | undefined;
  readonly step: number | undefined;
}

export interface Reason {
  /** The bits of the label that the source has. */
  readonly bits: number;
  readonly source: Source;
  readonly sourceLabel: number;
  /** The word first, the source last. */
  readonly chain: readonly Link[];
}

export interface Explanation {
  readonly place: string;
  readonly label: number;
  /** By part of the label, in the order of `partsOf`; each list with the shortest chain first, and at least one in it. */
  readonly parts: readonly { readonly part: string; readonly reasons: readonly Reason[] }[];
}

interface LabelPart {
  /** `C4`, `A6` or `{1}`. */
  readonly name: string;
  /** Whoever has this bit has all of the part: C and the complement of A are thermometers. */
  readonly bit: number;
}

/** The parts of a label, within `bits`: not C0, and not A8, which are the absence of one. */
function partsOf(label: number, bits: number): LabelPart[] {
  const { secrecy, authority, categories } = readLabel(label);
  const parts: LabelPart[] = [];
  if (secrecy > 0) parts.push({ name: `C${secrecy}`, bit: (1 << (23 + secrecy)) >>> 0 });
  if (authority < 8) parts.push({ name: `A${authority}`, bit: 1 << authority });
  for (const category of categories) parts.push({ name: `{${category}}`, bit: 1 << (8 + category) });
  return parts.filter(({ bit }) => (bit & bits) !== 0);
}

/** Explains a label, or of it the parts that have a bit in `bits`. */
export function explain(derived: Derived, bits = 0xffffffff): Explanation {
  const reasons = partsOf(derived.label, bits).map(({ name, bit }) => ({
    part: name,
    reasons: reasonsOf(derived, bit),
  }));
  return { place: derived.place, label: derived.label, parts: reasons };
}

/** Breadth first, so that the first chain to each source is a shortest one. */
function reasonsOf(derived: Derived, bit: number): Reason[] {
  const from = new Map<Derived, Derived | undefined>([[derived, undefined]]);
  const reasons: Reason[] = [];
  // What is added while it is walked is walked too.
  for (const [node] of from) {
    if (node.source !== undefined) reasons.push(reasonOf(node, node.source, bit, from));
    for (const { of, bits } of node.parts) if ((bits & bit) !== 0 && !from.has(of)) from.set(of, node);
  }
  if (reasons.length === 0)
    throw new Error(`invariant broken: no source of a bit of ${showLabel(derived.label)}`);
  return reasons;
}

function reasonOf(
  leaf: Derived,
  source: Source,
  bit: number,
  from: ReadonlyMap<Derived, Derived | undefined>,
): Reason {
  const chain: Link[] = [];
  // A grant lets one half of a label through: what came all the way is what every part of the chain gave.
  let bits = leaf.label;
  for (let node: Derived | undefined = leaf; node !== undefined; ) {
    chain.unshift({ place: node.place, label: node.label, at: node.at, step: node.step });
    const inner: Derived = node;
    node = from.get(inner);
    const part = node?.parts.find(({ of, bits: given }) => of === inner && (given & bit) !== 0);
    if (part !== undefined) bits &= part.bits;
  }
  return { bits: bits >>> 0, source, sourceLabel: leaf.label, chain };
}

const sourceNames: Readonly<Record<Source['kind'], string>> = {
  input: 'the input',
  word: 'the word',
  constant: 'the constant',
  table: 'the table',
  level: 'the level',
  authority: 'the authority of the function',
  grant: 'the grant',
};

/** Lines for a person: of each part the shortest chain, or with `all` every source; chains that are the same are told once. */
export function showExplanation(listing: Listing, explanation: Explanation, all: boolean): string[] {
  const lines: string[] = [];
  if (explanation.parts.length === 0) return ['  nothing to explain: it is public, and as trusted as can be'];
  const told = new Map<string, { names: string[]; reason: Reason }>();
  for (const { part, reasons } of explanation.parts) {
    for (const reason of all ? reasons : reasons.slice(0, 1)) {
      const key = JSON.stringify(reason.chain);
      const same = told.get(key);
      if (same === undefined) told.set(key, { names: [part], reason });
      else same.names.push(part);
    }
  }
  const sorted = [...told.values()].sort((x, y) => x.reason.chain.length - y.reason.chain.length);
  for (const { names, reason } of sorted) {
    const { source, sourceLabel, chain } = reason;
    lines.push(
      `  ${names.join(' ')} from ${sourceNames[source.kind]} ${source.name}, ${showLabel(sourceLabel)}`,
    );
    for (const link of chain.toReversed().slice(1)) {
      if (link.at === undefined) continue;
      const when = link.step === undefined ? 'where it stopped' : `step ${link.step}`;
      lines.push(
        `    ${showPlace(listing, link.at)}, ${when}: \`${instructionAt(listing, link.at).text}\` makes ${link.place} ${showLabel(link.label)}`,
      );
    }
  }
  const more = explanation.parts.flatMap(({ part, reasons }) =>
    reasons.length > 1 ? [`${part} from ${reasons.length - 1} more`] : [],
  );
  if (!all && more.length > 0) lines.push(`  also ${more.join(', ')}: \`--all\` shows them`);
  return lines;
}
