/**
 * The NV indices of a TPM's anchors: which belong to whom, and what they are allowed to be.
 *
 * ```
 * FIRST + 4 n       counter, slot A and slot B of one anchor, n from 0 to 63; the fourth stays free
 * attributes        authread, authwrite, no_da; the counter nt=counter too. So without the authorisation nobody reads or writes them, its owner
 *                   neither, and wrong tries neither lock the TPM nor are kept from it: the authorisation is too long to be found by trying
 * authPolicy        SHA-256("ringmint.anchor.v1 NAME PART"), which says whose index this is; no attribute lets a policy do anything
 * ```
 */
import { SignerError } from './signer.ts';
import { indexStamp, tpmSlotLength, unreadable } from './tpm-slot.ts';

const parts = ['counter', 'slot-a', 'slot-b'] as const;
export type IndexPart = (typeof parts)[number];

/** Of TPMA_NV (part 2, §13.4). */
const attributes = { counter: 0x02040014, 'slot-a': 0x02040004, 'slot-b': 0x02040004 } as const;
const written = 0x20000000;

const stride = 4;
const anchorsMost = 64;

interface ListedIndex {
  readonly index: number;
  readonly attributes: number;
  readonly size: number;
  /** Hex, small. */
  readonly policy: string;
}

export interface FoundIndex {
  readonly index: number;
  readonly isWritten: boolean;
}

/** Where an anchor's indices are, or are to be made. */
export interface AnchorPlace {
  readonly first: number;
  readonly found: ReadonlyMap<IndexPart, FoundIndex>;
}

export function indexOf(first: number, part: IndexPart): number {
  return first + parts.indexOf(part);
}

/** Words of `tpm2 nvdefine` for an index of this kind, its owner's authorisation and its own apart. */
export function definitionOf(part: IndexPart): string[] {
  const kind = part === 'counter' ? 'nt=counter|' : '';
  return [
    `--size=${part === 'counter' ? 8 : tpmSlotLength}`,
    `--attributes=${kind}authread|authwrite|no_da`,
    '--hash-algorithm=sha256',
  ];
}

/**
 * The place of the anchor `name` in what `tpm2 nvreadpublic` lists: its own indices where one of them is there, else the lowest three that are free.
 * Throws `anchor_unreadable` where they are not as they were made, and `anchor_unsupported` where no place is left.
 */
export function placeOf(name: string, first: number, listing: string): AnchorPlace {
  const listed = readListing(listing);
  const found = new Map<IndexPart, FoundIndex>();
  let place: number | undefined;
  for (const part of parts) {
    const stamp = indexStamp(name, part).toString('hex');
    for (const one of listed) {
      if (one.policy !== stamp) continue;
      const at = one.index - parts.indexOf(part);
      if (at < first || at >= first + stride * anchorsMost || (at - first) % stride !== 0) continue;
      if (found.has(part) || (place !== undefined && place !== at))
        throw unreadable(name, `it is in the TPM twice, at ${hexOf(place ?? at)} and at ${hexOf(one.index)}`);
      const due = attributes[part];
      if ((one.attributes & ~written) !== due || one.size !== (part === 'counter' ? 8 : tpmSlotLength))
        throw unreadable(
          name,
          `its index ${hexOf(one.index)} has the attributes ${hexOf(one.attributes)} and ${one.size} bytes, and not as it was made`,
        );
      place = at;
      found.set(part, { index: one.index, isWritten: (one.attributes & written) !== 0 });
    }
  }
  return { first: place ?? freePlace(name, first, listed), found };
}

function freePlace(name: string, first: number, listed: readonly ListedIndex[]): number {
  const taken = new Set(listed.map(({ index }) => index));
  for (let place = first; place < first + stride * anchorsMost; place += stride) {
    if (!parts.some((part) => taken.has(indexOf(place, part)))) return place;
  }
  throw new SignerError(
    'anchor_unsupported',
    `the anchor \`${name}\` has no place among the ${anchorsMost} from ${hexOf(first)} on: remove those that were given up with \`tpm2 nvundefine\`, or name another first index`,
  );
}

/** Reads YAML of one form: an index at the margin, its fields below it. */
function readListing(listing: string): ListedIndex[] {
  return listing.split(/^(?=0x)/m).flatMap((text): ListedIndex[] => {
    const field = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1];
    const index = field(/^0x([0-9a-f]+):/i);
    const value = field(/^ +attributes:\n(?: +friendly:.*\n)? +value: 0x([0-9a-f]+)/im);
    const size = field(/^ +size: (\d+)/m);
    if (index === undefined || value === undefined || size === undefined) return [];
    return [
      {
        index: Number.parseInt(index, 16),
        attributes: Number.parseInt(value, 16),
        size: Number(size),
        policy: field(/^ +authorization policy: ([0-9a-f]*)/im)?.toLowerCase() ?? '',
      },
    ];
  });
}

export function hexOf(index: number): string {
  return `0x${index.toString(16).padStart(8, '0')}`;
}
