/** Those units of files that are a key's, cut out of the files with nothing else of them. */
import { toHex } from '../../kit/bytes.ts';
import { assert, quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { type Currency, unitLimit } from '../../records/claims.ts';
import { type ControlBit, decodeControlBit } from '../../records/control-bit.ts';
import { type CurrencyFile, decodeCurrencyFile, encodeCurrencyFile } from '../../records/currency-file.ts';
import { buildRange, leafHash } from '../../records/merkle.ts';
import { keyOfOwner } from '../../records/owner.ts';
import { retiredUnitLimit } from '../../records/retirement.ts';
import { retirementFileLimit } from '../../records/retirement-file.ts';
import { decodeUnit } from '../../records/unit.ts';
import { decodeUnitFile } from '../../records/unit-file.ts';
import type { Openings } from './openings.ts';

export interface OwnedUnits {
  readonly issuer: string;
  readonly currency: Currency;
  readonly total: bigint;
  /** With these units and no others. */
  readonly files: readonly Uint8Array[];
  /** By leaf hash, ascending. */
  readonly units: readonly { readonly hash: Uint8Array; readonly blinding: Uint8Array }[];
}

/** Places in a batch, both ends in it. */
export interface PlaceRange {
  readonly first: number;
  readonly last: number;
}

/** A place such as `3`, or a range such as `0-99`. */
export function readPlaces(text: string): Result<PlaceRange, 'usage'> {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match !== null && last >= first && last < unitLimit) return succeed({ first, last });
  return refuse(
    'usage',
    `--unit ${quote(text)}: a place such as \`3\`, or a range such as \`0-99\`, is accepted`,
  );
}

interface FoundUnit {
  readonly place: number;
  readonly hash: Uint8Array;
  readonly value: bigint;
  readonly blinding: Uint8Array;
}

/**
 * Collects them from `files`, by name; those at `places` only, where some are given. Refuses as `owner_not_key`, `owner_mismatch`,
 * `retirement_mismatch` and `too_many_units`, and with the codes of decoding. Nothing is verified.
 */
export function collectOwnedUnits(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  owner: string,
  openings: Openings,
  places: readonly PlaceRange[],
): Result<OwnedUnits> {
  const parts: Uint8Array[] = [];
  const found: FoundUnit[] = [];
  let batch: Pick<ControlBit, 'issuer' | 'currency'> | undefined;
  /** Owners that are plain names, whose units no key retires. */
  let plain = 0;
  for (const { name, bytes } of files) {
    const opened = openFile(bytes);
    if (!opened.ok) return { ...opened, message: `${quote(name)}: ${opened.message}` };
    const { controlBit, leaves, first, cut } = opened.value;
    batch ??= controlBit;
    if (controlBit.issuer !== batch.issuer || controlBit.currency.code !== batch.currency.code)
      return refuse(
        'retirement_mismatch',
        `${quote(name)}: units of ${controlBit.issuer} in ${controlBit.currency.code}, and those before are of ${batch.issuer} in ${batch.currency.code}: one retirement for each is accepted`,
      );
    const chosen: FoundUnit[] = [];
    for (const [index, leaf] of leaves.entries()) {
      const place = first + index;
      if (places.length > 0 && !places.some((range) => place >= range.first && place <= range.last)) continue;
      const unit = decodeUnit(leaf);
      if (!unit.ok) return { ...unit, message: `${quote(name)}: unit ${place}: ${unit.message}` };
      const opening = openings.get(toHex(unit.value.owner));
      if (opening !== undefined && keyOfOwner(opening.owner) === undefined) plain++;
      if (opening?.owner !== owner) continue;
      chosen.push({ place, hash: leafHash(leaf), value: unit.value.value, blinding: opening.blinding });
    }
    parts.push(...cut(chosen.map(({ place }) => place)));
    found.push(...chosen);
  }
  if (batch === undefined || found.length === 0) return refuseNone(owner, plain);
  if (found.length > retiredUnitLimit || parts.length > retirementFileLimit)
    return refuse(
      'too_many_units',
      `${found.length} units in ${parts.length} stretches: at most ${retiredUnitLimit} in ${retirementFileLimit} are accepted in one retirement: choose some with \`--unit\``,
    );
  const units = found
    .map((unit) => ({ ...unit, text: toHex(unit.hash) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1));
  const twice = units.find((unit, index) => unit.text === units[index + 1]?.text);
  if (twice !== undefined)
    return refuse(
      'retirement_mismatch',
      `the unit at place ${twice.place} is in the files twice: each unit once is accepted`,
    );
  const total = units.reduce((sum, { value }) => sum + value, 0n);
  return succeed({ issuer: batch.issuer, currency: batch.currency, total, files: parts, units });
}

interface OpenedFile {
  readonly controlBit: ControlBit;
  readonly leaves: readonly Uint8Array[];
  /** Place of the first of them in the batch. */
  readonly first: number;
  /** The files of the units at these ascending places, and of no others. */
  readonly cut: (places: readonly number[]) => readonly Uint8Array[];
}

function openFile(bytes: Uint8Array): Result<OpenedFile> {
  const controlBitOf = (record: Uint8Array): Result<ControlBit> => {
    const decoded = decodeControlBit(record);
    return decoded.ok ? succeed(decoded.value.record) : decoded;
  };
  // Unit files are arrays of five; the currency files of version 1, which were too, are refused here by another message only.
  if (bytes[0] === 0x85) {
    const file = decodeUnitFile(bytes);
    if (!file.ok) return file;
    const controlBit = controlBitOf(file.value.controlBit);
    if (!controlBit.ok) return controlBit;
    const { leaf, index } = file.value;
    const cut = (places: readonly number[]): Uint8Array[] => (places.length === 0 ? [] : [bytes]);
    return succeed({ controlBit: controlBit.value, leaves: [leaf], first: index, cut });
  }
  const file = decodeCurrencyFile(bytes);
  if (!file.ok) return file;
  const controlBit = controlBitOf(file.value.controlBit);
  if (!controlBit.ok) return controlBit;
  const { leaves, first, proof } = file.value;
  const tree = buildRange(leaves, first, controlBit.value.count, proof);
  if (tree === undefined)
    return refuse('record_malformed', 'its units and hashes do not fit its place in the batch');
  return succeed({
    controlBit: controlBit.value,
    leaves,
    first,
    cut: (places) =>
      stretchesOf(places).map((stretch) =>
        encodeCurrencyFile(partOf(file.value, stretch, tree.rangeProof(stretch.first, stretch.count))),
      ),
  });
}

function partOf(
  file: CurrencyFile,
  { first, count }: { readonly first: number; readonly count: number },
  proof: CurrencyFile['proof'],
): CurrencyFile {
  const from = first - file.first;
  assert(from >= 0 && from + count <= file.leaves.length, 'a stretch is of units of the file');
  return { ...file, first, proof, leaves: file.leaves.slice(from, from + count) };
}

/** Stretches of places that are next to each other. */
function stretchesOf(places: readonly number[]): { first: number; count: number }[] {
  const stretches: { first: number; count: number }[] = [];
  for (const place of places) {
    const last = stretches.at(-1);
    if (last !== undefined && place === last.first + last.count) last.count++;
    else stretches.push({ first: place, count: 1 });
  }
  return stretches;
}

function refuseNone(owner: string, plain: number): Result<never, 'owner_not_key' | 'owner_mismatch'> {
  if (plain > 0)
    return refuse(
      'owner_not_key',
      `${plain} units are of owners that are plain names, which nobody can prove to be: units whose owner is \`${owner}\` are accepted`,
    );
  return refuse(
    'owner_mismatch',
    `no unit that was chosen is opened as \`${owner}\`'s: its files, its openings (\`--owners\`) and its key are accepted`,
  );
}
