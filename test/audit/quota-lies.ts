/** What quota control may lie about in its own ledger. */
import type { FindingCode } from '../../src/audit/finding.ts';
import { sha256 } from '../../src/kit/bytes.ts';
import { type ControlBit, encodeControlBit } from '../../src/records/control-bit.ts';
import { type Corruption, controlBitAt, forged, issuedPair, resign, used, withheld } from './corruption.ts';
import {
  contentItem,
  editArray,
  editContent,
  editItems,
  field,
  kindOf,
  type Ledger,
  placesOf,
} from './ledgers.ts';
import { nameOf } from './world.ts';

/** A lie of quota control about a control bit that was used: it signs another. */
function lieOfQuota(
  kind: string,
  found: readonly FindingCode[],
  change: (bit: ControlBit) => Partial<ControlBit>,
): Corruption {
  return {
    kind,
    of: 'quota',
    power: 'signed',
    found,
    async apply(ledgers, draw, tokens) {
      const { bit } = issuedPair(ledgers, draw);
      const record = controlBitAt(ledgers.quota, bit);
      const changed = { ...record, ...change(record) };
      await resign(
        ledgers.quota,
        bit,
        encodeControlBit(changed, tokens.of.quota.publicKey.keyId),
        tokens.of.quota,
      );
      return true;
    },
  };
}

/** Quota control writes another item into the entry of a control bit. */
function entryOfQuota(
  kind: string,
  found: readonly FindingCode[],
  at: number,
  edit: Parameters<typeof editContent>[3],
): Corruption {
  return {
    kind,
    of: 'quota',
    power: 'signed',
    found,
    apply(ledgers, draw) {
      const { bit } = issuedPair(ledgers, draw);
      editContent(ledgers.quota, bit, at, edit);
      return true;
    },
  };
}

/** Quota control writes another content of an entry that is of no request. */
function decisionOfQuota(
  kind: string,
  found: readonly FindingCode[],
  entryKind: string,
  edit: Parameters<typeof editItems>[2],
): Corruption {
  return {
    kind,
    of: 'quota',
    power: 'signed',
    found,
    apply({ quota }, draw) {
      const places = placesOf(quota, entryKind);
      const at = places[draw(places.length)] ?? 0;
      editItems(quota, at, edit);
      return true;
    },
  };
}

export const liesOfQuota: readonly Corruption[] = [
  lieOfQuota('control bit of a larger total', ['units_mismatch'], ({ total }) => ({ total: total + 1n })),
  lieOfQuota('control bit of more units', ['units_mismatch'], ({ count }) => ({ count: count + 1 })),
  lieOfQuota('control bit over another root', ['units_mismatch'], ({ root }) => ({ root: sha256(root) })),
  lieOfQuota('control bit with another reservation', ['units_mismatch'], () => ({
    reservation: new Uint8Array(16).fill(9),
  })),
  lieOfQuota('control bit with another number', ['serial_mismatch'], ({ sequence }) => ({
    sequence: sequence + 1_000,
  })),
  lieOfQuota('control bit of another epoch', ['serial_mismatch'], ({ epoch }) => ({ epoch: epoch + 1 })),
  lieOfQuota('control bit for another request', ['control_bit_mismatch'], ({ requestHash }) => ({
    requestHash: sha256(requestHash),
  })),
  lieOfQuota('control bit for another issuance key', ['control_bit_mismatch'], ({ issuanceKey }) => ({
    issuanceKey: sha256(issuanceKey),
  })),
  lieOfQuota('control bit with a later day of redemption', ['control_bit_mismatch'], ({ redeemUntil }) => ({
    redeemUntil: redeemUntil + 86_400,
  })),
  lieOfQuota('control bit of orders that are not there', ['control_bit_mismatch'], () => ({
    orders: [{ first: 0, count: 60 }],
  })),
  lieOfQuota('control bit dated after its credential', ['credential_expired'], ({ issuedAt }) => ({
    issuedAt: issuedAt + 301,
  })),
  lieOfQuota('control bit dated back', ['time_disordered'], ({ issuedAt }) => ({
    issuedAt: issuedAt - 86_400,
  })),
  entryOfQuota('smaller take than the control bit', ['take_mismatch'], field.take, (take) => {
    const [currency, , ...rest] = take as [string, number, number, number];
    return [currency, 1, ...rest];
  }),
  entryOfQuota('no take', ['take_mismatch'], field.take, () => null),
  entryOfQuota('take of fewer orders', ['take_mismatch'], field.take, (take) => {
    const [currency, amount, , atMs] = take as [string, number, number, number];
    return [currency, amount, 77, atMs];
  }),
  entryOfQuota('take of another day', ['take_time'], field.take, (take) => {
    const [currency, amount, orders, atMs] = take as [string, number, number, number];
    return [currency, amount, orders, atMs - 86_400_000];
  }),
  entryOfQuota('take of a moment that no calendar has', ['entry_malformed'], field.take, (take) => {
    const [currency, amount, orders] = take as [string, number, number, number];
    return [currency, amount, orders, 2 ** 53 - 1];
  }),
  entryOfQuota('take of a quota that is not there', ['quota_missing'], field.take, (take) => {
    const [, ...rest] = take as [string, number, number, number];
    return ['USD', ...rest];
  }),
  entryOfQuota('number in the entry altered', ['serial_mismatch'], field.serial, () => [1, 999]),
  entryOfQuota('no number in the entry', ['serial_mismatch'], field.serial, () => null),
  entryOfQuota('no credential used up', ['credential_mismatch'], field.spends, () => null),
  entryOfQuota('another credential used up', ['credential_mismatch'], field.spends, () =>
    new Uint8Array(16).fill(3),
  ),
  entryOfQuota('another presentation', ['presentation_mismatch'], field.bodyHash, (hash) =>
    sha256(hash as Uint8Array),
  ),
  entryOfQuota('credential kept that is none', ['credential_unproven'], field.context, () =>
    Uint8Array.of(1),
  ),
  entryOfQuota('control bit of another issuer', ['control_bit_mismatch'], field.issuer, () => 'other-issuer'),
  {
    kind: 'credential not kept',
    of: 'quota',
    power: 'signed',
    found: ['credential_unproven'],
    apply({ quota }) {
      editContent(quota, placesOf(quota, 'control-bit').at(-1) ?? 0, field.context, () => new Uint8Array());
      return true;
    },
  },
  {
    kind: 'credential kept with a forged signature',
    of: 'quota',
    power: 'signed',
    found: ['signature_invalid'],
    apply(ledgers, draw) {
      const { bit } = issuedPair(ledgers, draw);
      editContent(ledgers.quota, bit, field.context, forged);
      return true;
    },
  },
  {
    kind: 'credential of another request kept and used up',
    of: 'quota',
    power: 'signed',
    found: ['credential_repeated', 'credential_mismatch'],
    apply(ledgers) {
      const [first = 0, second = 0] = used('quota', 'control-bit')(ledgers);
      for (const at of [field.context, field.spends])
        editContent(ledgers.quota, second, at, () => contentItem(ledgers.quota, first, at));
      return true;
    },
  },
  withheld('quota', 'control-bit', ['control_bit_missing'], used('quota', 'control-bit')),
  {
    kind: 'stop left out',
    of: 'quota',
    power: 'signed',
    found: ['change_invalid'],
    apply({ quota }) {
      return quota.entries.splice(placesOf(quota, 'stop')[1] ?? 0, 1).length === 1;
    },
  },
  withheld('quota', 'allocation', ['quota_missing'], ({ quota }) =>
    placesOf(quota, 'allocation').slice(0, 1),
  ),
  {
    kind: 'issued under a stop',
    of: 'quota',
    power: 'signed',
    found: ['issuance_stopped'],
    apply({ quota }) {
      const [stop = 0] = placesOf(quota, 'stop');
      const [entry] = quota.entries.splice(stop - 1, 1);
      if (entry === undefined || kindOf(entry) !== 'control-bit') return false;
      quota.entries.splice(stop, 0, entry);
      return true;
    },
  },
  {
    kind: 'issued of a frozen quota',
    of: 'quota',
    power: 'signed',
    found: ['quota_frozen'],
    apply({ quota }) {
      const frozen = placesOf(quota, 'quota-change')[3] ?? 0;
      const before =
        placesOf(quota, 'control-bit')
          .filter((at) => at < frozen)
          .at(-1) ?? 0;
      const [entry] = quota.entries.splice(before, 1);
      if (entry === undefined) return false;
      quota.entries.splice(frozen, 0, entry);
      return true;
    },
  },
  {
    kind: 'more taken than allocated',
    of: 'quota',
    power: 'signed',
    found: ['quota_exceeded'],
    apply: ({ quota }) => allocateLess(quota, ([, frozen, limits]) => [5_000, frozen ?? false, limits ?? []]),
  },
  {
    kind: 'more taken than a limit allows',
    of: 'quota',
    power: 'signed',
    found: ['limit_exceeded'],
    apply: ({ quota }) =>
      allocateLess(quota, ([allocated, frozen]) => [
        allocated ?? 0,
        frozen ?? false,
        [['burst', 'orders', ['rolling', 60], 1]],
      ]),
  },
  {
    kind: 'quota that nobody approved',
    of: 'quota',
    power: 'signed',
    found: ['allocation_unapproved'],
    apply({ quota }) {
      const [first] = quota.entries;
      if (first === undefined) return false;
      const bytes = editArray(first.bytes, ([number = 0, kind = 0, , ...rest]) => [
        number,
        kind,
        `${nameOf('issuance')}/USD`,
        ...rest,
      ]);
      quota.entries.push({ ...first, bytes });
      return true;
    },
  },
  decisionOfQuota(
    'change of a quota with one approval',
    ['change_unproven'],
    'quota-change',
    ([change, approvals]) => [change ?? 0, (approvals as Uint8Array[]).slice(1)],
  ),
  decisionOfQuota(
    'change of a quota with an approval twice',
    ['change_unproven'],
    'quota-change',
    ([change, approvals]) => [
      change ?? 0,
      [(approvals as Uint8Array[])[0] ?? 0, (approvals as Uint8Array[])[0] ?? 0],
    ],
  ),
  decisionOfQuota(
    'approval with a forged signature',
    ['change_unproven'],
    'quota-change',
    ([change, approvals]) => [change ?? 0, (approvals as Uint8Array[]).map(forged)],
  ),
  decisionOfQuota(
    'change of a quota altered after its approval',
    ['change_invalid'],
    'quota-change',
    ([change, approvals]) => [
      editArray(change as Uint8Array, (items) => [...items.slice(0, 4), 'another', ...items.slice(5)]),
      approvals ?? [],
    ],
  ),
  {
    kind: 'change of a quota carried out twice',
    of: 'quota',
    power: 'signed',
    found: ['entry_repeated'],
    apply({ quota }, draw) {
      const places = placesOf(quota, 'quota-change');
      const entry = quota.entries[places[draw(places.length)] ?? 0];
      if (entry === undefined) return false;
      quota.entries.push(entry);
      return true;
    },
  },
  decisionOfQuota('stop of an operator in the name of an approver', ['stop_invalid'], 'stop', ([reason]) => [
    reason ?? '',
    'approver bob',
    null,
  ]),
  {
    kind: 'stop in the name of an approver',
    of: 'quota',
    power: 'signed',
    found: ['stop_invalid'],
    apply({ quota }) {
      const at = placesOf(quota, 'stop')[0] ?? 0;
      editItems(quota, at, ([reason, , evidence]) => [reason ?? '', 'approver bob', evidence ?? null]);
      return true;
    },
  },
];

function allocateLess(quota: Ledger, edit: Parameters<typeof editItems>[2]): boolean {
  editItems(quota, 0, edit);
  return true;
}
