/** What may be done to any journal without a key: entries deleted, cut off, duplicated, reordered, altered. */
import type { FindingCode } from '../../src/audit/finding.ts';
import type { ExtractedEntry } from '../../src/journal/extract.ts';
import { anyRole, type Corruption, type Draw, flip, replaced } from './corruption.ts';
import { editArray, editContent, field, kindOf, type Ledger, placesOf } from './ledgers.ts';
import type { Role } from './world.ts';

type Edit = (ledger: Ledger, draw: Draw) => boolean;

const deleted: Edit = (ledger, draw) =>
  ledger.entries.splice(draw(ledger.entries.length - 1), 1).length === 1;

const cutOff: Edit = (ledger, draw) => {
  const length = 1 + draw(ledger.entries.length - 1);
  ledger.entries = ledger.entries.slice(0, length);
  return true;
};

const duplicated: Edit = (ledger, draw) => {
  const at = draw(ledger.entries.length);
  const entry = ledger.entries[at];
  if (entry === undefined) return false;
  ledger.entries.splice(at + 1 + draw(ledger.entries.length - at), 0, entry);
  return true;
};

const reordered: Edit = (ledger, draw) => {
  const at = draw(ledger.entries.length - 1);
  const [entry] = ledger.entries.splice(at, 1);
  if (entry === undefined) return false;
  ledger.entries.splice(at + 1 + draw(ledger.entries.length - at), 0, entry);
  return true;
};

const altered: Edit = (ledger, draw) => {
  const at = draw(ledger.entries.length);
  const entry = ledger.entries[at];
  return entry !== undefined && replaced(ledger, at, { bytes: flip(entry.bytes, draw) });
};

/** One that is still an entry: a byte string inside of it is another. */
const reworded: Edit = (ledger, draw) => {
  const places = ledger.entries.flatMap((entry, index) => (isIntent(entry) ? [index] : []));
  editContent(ledger, places[draw(places.length)] ?? 0, field.bodyHash, (hash) =>
    flip(hash as Uint8Array, draw),
  );
  return true;
};

const foreignHash: Edit = (ledger, draw) => {
  const at = draw(ledger.entries.length);
  const entry = ledger.entries[at];
  return entry !== undefined && replaced(ledger, at, { hash: flip(entry.hash, draw) });
};

const foreignKind: Edit = (ledger, draw) => {
  const at = draw(ledger.entries.length);
  const entry = ledger.entries[at];
  if (entry === undefined) return false;
  const bytes = editArray(entry.bytes, ([number = 0, , ...rest]) => [number, 'note', ...rest]);
  return replaced(ledger, at, { bytes });
};

function isIntent(entry: ExtractedEntry): boolean {
  return !['allocation', 'quota-change', 'stop', 'adoption', 'resolution', 'return'].includes(kindOf(entry));
}

/** The same thing done to any of the three ledgers. */
function toEach(
  kind: string,
  power: 'written' | 'chained',
  edit: Edit,
  found: readonly FindingCode[],
): Corruption[] {
  return anyRole.map((of) => ({
    kind,
    of,
    power,
    found,
    apply: (ledgers, draw) => edit(ledgers[of], draw),
  }));
}

const byHeads: readonly FindingCode[] = ['head_contradicted', 'journal_behind_head'];

export const structural: readonly Corruption[] = [
  ...toEach('entry deleted', 'written', deleted, ['journal_gap']),
  ...toEach('entry deleted', 'chained', deleted, byHeads),
  ...toEach('end cut off', 'written', cutOff, byHeads),
  ...toEach('entry duplicated', 'written', duplicated, ['journal_gap']),
  ...toEach('entry duplicated', 'chained', duplicated, [...byHeads, 'entry_repeated']),
  ...toEach('entries reordered', 'written', reordered, ['journal_gap']),
  ...toEach('entries reordered', 'chained', reordered, byHeads),
  ...toEach('bit of an entry flipped', 'written', altered, ['journal_altered']),
  ...toEach('hash of a body altered', 'chained', reworded, byHeads),
  ...toEach('hash of the chain altered', 'written', foreignHash, ['journal_altered']),
  ...toEach('entry of an unknown kind', 'chained', foreignKind, ['entry_malformed']),
];

/** A bit of what was handed out; nobody but quota control can see it in a credential that was never used. */
export function handedOut(of: Role, kind: string, found: readonly FindingCode[]): Corruption {
  return {
    kind: `bit of a signed ${kind} flipped`,
    of,
    power: 'written',
    found,
    apply({ [of]: ledger }, draw) {
      const places = placesOf(ledger, kind).filter((at) => ledger.entries[at]?.signed !== null);
      const at = places[draw(places.length)] ?? 0;
      const { signed } = ledger.entries[at] ?? {};
      return signed instanceof Uint8Array && replaced(ledger, at, { signed: flip(signed, draw) });
    },
  };
}

export const unreadable: readonly FindingCode[] = [
  'signature_invalid',
  'record_malformed',
  'record_differs',
  'key_unknown',
];
