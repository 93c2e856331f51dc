/** What quota control may lie about retirements and accounts. */
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';
import { decodeSettlement, encodeSettlement } from '../../src/records/settlement.ts';
import { type Corruption, entryOf, forged, resign } from './corruption.ts';
import { editArray, type editContent, field, placesOf } from './ledgers.ts';

/** Quota control writes another item into the entry of a retirement or a transfer. */
const settlementOf = entryOf('quota');

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
];
