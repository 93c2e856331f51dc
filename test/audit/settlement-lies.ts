/** What quota control may lie about retirements and accounts. */
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';
import { decodeSettlement, encodeSettlement } from '../../src/records/settlement.ts';
import { type Corruption, entryOf, forged, resign, sameRequest } from './corruption.ts';
import { editArray, type editContent, field, placesOf } from './ledgers.ts';

/** Quota control writes another item into the entry of a retirement or a transfer. */
const settlementOf = entryOf('quota');

/** Central management writes another item into one that it has followed. */
const followedOf = entryOf('central');

/** The items of what an entry settles with one of them changed: currency, amount, units, from, to, returned. */
const settled =
  (at: number, edit: (item: CborValue) => CborValue): Parameters<typeof editContent>[3] =>
  (settles) =>
    (settles as CborValue[]).map((item, place) => (place === at ? edit(item) : item));

const more = (amount: CborValue): CborValue => (amount as number) + 1;

export const liesAboutSettlements: readonly Corruption[] = [
  settlementOf(
    'retirement of a larger amount',
    ['unit_mismatch'],
    'retirement',
    field.settles,
    settled(1, more),
  ),
  settlementOf(
    'transfer of a larger amount',
    ['settlement_mismatch'],
    'transfer',
    field.settles,
    settled(1, more),
  ),
  settlementOf(
    'retirement in another currency',
    ['quota_missing'],
    'retirement',
    field.settles,
    settled(0, () => 'USD'),
  ),
  settlementOf(
    'retirement of other units',
    ['unit_mismatch'],
    'retirement',
    field.settles,
    settled(2, (units) => {
      const bytes = units as Uint8Array;
      return bytes.with(19, (bytes[19] ?? 0) ^ 1);
    }),
  ),
  settlementOf(
    'retirement of units that were never issued',
    ['unit_unknown'],
    'retirement',
    field.settles,
    settled(2, (units) => (units as Uint8Array).with(15, 200)),
  ),
  settlementOf(
    'retirement that spends nothing',
    ['settlement_mismatch'],
    'retirement',
    field.settles,
    settled(2, () => new Uint8Array()),
  ),
  settlementOf(
    'transfer to another account',
    ['settlement_mismatch'],
    'transfer',
    field.settles,
    settled(4, () => new Uint8Array(32).fill(1)),
  ),
  settlementOf(
    'transfer from another account',
    ['balance_too_low'],
    'transfer',
    field.settles,
    settled(3, () => new Uint8Array(32).fill(1)),
  ),
  settlementOf(
    'quota that comes back against its terms',
    ['returned_mismatch'],
    'retirement',
    field.settles,
    settled(5, (returned) => (returned === 0 ? 1 : 0)),
  ),
  settlementOf('retirement without its owner', ['record_malformed'], 'retirement', field.context, () =>
    encodeCbor([null, []]),
  ),
  settlementOf(
    'retirement with a forged signature of its owner',
    ['signature_invalid'],
    'retirement',
    field.context,
    (kept) => editArray(kept as Uint8Array, ([signed, blindings]) => [forged(signed ?? 0), blindings ?? []]),
  ),
  settlementOf(
    'retirement of units of somebody else',
    ['unit_mismatch'],
    'retirement',
    field.context,
    (kept) =>
      editArray(kept as Uint8Array, ([signed, blindings]) => [
        signed ?? 0,
        (blindings as Uint8Array[]).map(() => new Uint8Array(32)),
      ]),
  ),
  settlementOf(
    'transfer with a forged signature of its owner',
    ['signature_invalid'],
    'transfer',
    field.context,
    forged,
  ),
  {
    kind: 'units retired twice',
    of: 'quota',
    power: 'signed',
    found: ['unit_spent'],
    apply({ quota }, draw) {
      const places = placesOf(quota, 'retirement');
      const entry = quota.entries[places[draw(places.length)] ?? 0];
      if (entry === undefined) return false;
      quota.entries.push(entry);
      return true;
    },
  },
  {
    kind: 'retirement that credited an account left out',
    of: 'quota',
    power: 'signed',
    found: ['balance_too_low'],
    apply: ({ quota }) => quota.entries.splice(placesOf(quota, 'retirement')[1] ?? 0, 1).length === 1,
  },
  {
    kind: 'receipt of a larger amount',
    of: 'quota',
    power: 'signed',
    found: ['settlement_mismatch'],
    async apply({ quota }, draw, tokens) {
      const places = placesOf(quota, 'retirement');
      const at = places[draw(places.length)] ?? 0;
      const decoded = decodeSettlement(quota.entries[at]?.signed ?? new Uint8Array());
      if (!decoded.ok) return false;
      const { record } = decoded.value;
      const toBeSigned = encodeSettlement(
        { ...record, total: record.total + 1n, returned: 0n },
        tokens.of.quota.publicKey.keyId,
      );
      await resign(quota, at, toBeSigned, tokens.of.quota);
      return true;
    },
  },
  followedOf(
    'followed retirement of a larger amount',
    ['settlement_mismatch'],
    'retirement',
    field.settles,
    settled(1, more),
  ),
  followedOf(
    'followed retirement of other units',
    ['settlement_mismatch'],
    'retirement',
    field.settles,
    settled(2, (units) => {
      const bytes = units as Uint8Array;
      return bytes.with(19, (bytes[19] ?? 0) ^ 1);
    }),
  ),
  followedOf(
    'followed transfer to another account',
    ['settlement_mismatch'],
    'transfer',
    field.settles,
    settled(4, () => new Uint8Array(32).fill(1)),
  ),
  followedOf(
    'followed transfer of which more came back',
    ['settlement_mismatch'],
    'transfer',
    field.settles,
    settled(5, more),
  ),
  followedOf(
    'followed retirement with another will of its owner',
    ['settlement_mismatch'],
    'retirement',
    field.context,
    (kept) =>
      editArray(kept as Uint8Array, ([evidence, ...rest]) => [
        editArray(evidence as Uint8Array, ([signed, blindings]) => [forged(signed ?? 0), blindings ?? []]),
        ...rest,
      ]),
  ),
  {
    kind: 'followed retirement that quota control does not have',
    of: 'central',
    power: 'signed',
    found: ['settlement_mismatch'],
    apply({ central }) {
      const at = placesOf(central, 'retirement')[0];
      const entry = central.entries[at ?? 0];
      if (at === undefined || entry === undefined) return false;
      const bytes = editArray(entry.bytes, ([number = 0, kind = '', , ...rest]) => [
        number,
        kind,
        new Uint8Array(16).fill(9),
        ...rest,
      ]);
      central.entries[at] = { ...entry, bytes };
      return true;
    },
  },
  {
    kind: 'retirement followed twice',
    of: 'central',
    power: 'signed',
    found: ['entry_repeated'],
    apply({ central }) {
      const at = placesOf(central, 'retirement')[0];
      const entry = central.entries[at ?? 0];
      if (at === undefined || entry === undefined) return false;
      central.entries.splice(at, 0, { ...entry });
      return true;
    },
  },
  {
    kind: 'retirement that was followed left out by quota control',
    of: 'quota',
    power: 'signed',
    found: ['settlement_mismatch'],
    apply({ quota, central }) {
      const followed = central.entries[placesOf(central, 'retirement').at(-1) ?? -1];
      if (followed === undefined) return false;
      return quota.entries.splice(sameRequest(quota, 'retirement', followed), 1).length === 1;
    },
  },
];
