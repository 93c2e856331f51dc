/**
 * What may be done to ledgers, as a table: a kind of corruption, whose ledger it is in, how much its forger owns, and by which codes it is
 * found. docs/AUDIT.md has the same rows.
 */
import { decodeEntry } from '../../src/audit/entry.ts';
import type { FindingCode } from '../../src/audit/finding.ts';
import type { ExtractedEntry } from '../../src/journal/extract.ts';
import { sha256 } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { type ControlBit, decodeControlBit, encodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature, encodeSign1 } from '../../src/records/cose.ts';
import { type Credential, decodeCredential, encodeCredential } from '../../src/records/credential.ts';
import { decodeCurrencyRecord, encodeCurrencyRecord } from '../../src/records/currency.ts';
import { decodeDenial, encodeDenial } from '../../src/records/denial.ts';
import { merkleRoot } from '../../src/records/merkle.ts';
import { decodeRequest, encodeRequest, lotsOf } from '../../src/records/request.ts';
import { select } from '../../src/records/selection.ts';
import { decodeSettlement, encodeSettlement } from '../../src/records/settlement.ts';
import { deriveLeaves } from '../../src/records/unit.ts';
import type { Tokens } from '../roles/authorities.ts';
import {
  editArray,
  editContent,
  field,
  kindOf,
  type Ledger,
  type Ledgers,
  ownerOf,
  placesOf,
  signedHead,
} from './ledgers.ts';
import { nameOf, type Role } from './world.ts';

/** From 0 to `below`, without it. */
export type Draw = (below: number) => number;

/** `written`: the rows of a database. `chained`: and its hash chain. `signed`: the system's own key too, from the beginning. */
export type Power = 'written' | 'chained' | 'signed';

export interface Corruption {
  readonly kind: string;
  readonly of: Role;
  /** What the forger owns, besides what `apply` uses. */
  readonly power: Power;
  /** It is found as one of these at least. */
  readonly found: readonly FindingCode[];
  /** Gives false where there is nothing to do it to. */
  apply(ledgers: Ledgers, draw: Draw, tokens: Tokens): Promise<boolean> | boolean;
}

type Edit = (ledger: Ledger, draw: Draw) => boolean;

function flip(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = draw(bytes.length);
  return bytes.with(at, (bytes[at] ?? 0) ^ (1 << draw(8)));
}

function replaced(ledger: Ledger, index: number, changed: Partial<ExtractedEntry>): boolean {
  const entry = ledger.entries[index];
  if (entry === undefined) return false;
  ledger.entries[index] = { ...entry, ...changed };
  return true;
}

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
  return !['allocation', 'quota-change', 'stop'].includes(kindOf(entry));
}

const anyRole: readonly Role[] = ['issuance', 'central', 'quota'];

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

const structural: readonly Corruption[] = [
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
function handedOut(of: Role, kind: string, found: readonly FindingCode[]): Corruption {
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

const unreadable: readonly FindingCode[] = [
  'signature_invalid',
  'record_malformed',
  'record_differs',
  'key_unknown',
];

/** The place of the control bit that issuance made currency by, and that of the currency. */
function issuedPair(ledgers: Ledgers, draw: Draw): { bit: number; currency: number } {
  const places = placesOf(ledgers.issuance, 'currency').filter(
    (at) => ledgers.issuance.entries[at]?.signed !== null,
  );
  const currency = places[draw(places.length)] ?? 0;
  return { currency, bit: sameRequest(ledgers.quota, 'control-bit', ledgers.issuance.entries[currency]) };
}

function subjectOf(entry: ExtractedEntry | undefined): string {
  const decoded = decodeCbor(entry?.bytes ?? new Uint8Array());
  const [, , subject] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  return Buffer.from(subject as Uint8Array).toString('hex');
}

/** The entry of a kind that is of the same request. */
function sameRequest(ledger: Ledger, kind: string, entry: ExtractedEntry | undefined): number {
  const at = placesOf(ledger, kind).find((place) => subjectOf(ledger.entries[place]) === subjectOf(entry));
  if (at === undefined) throw new Error(`no ${kind} of the request`);
  return at;
}

type Signer = Tokens['of'][keyof Tokens['of']];

/** Puts another record into the entry, signed. */
async function resign(
  ledger: Ledger,
  at: number,
  toBeSigned: Uint8Array,
  signer: Signer,
): Promise<Uint8Array> {
  editContent(ledger, at, field.toBeSigned, () => toBeSigned);
  const signed = attachSignature(toBeSigned, await signer.sign(toBeSigned));
  replaced(ledger, at, { signed });
  return signed;
}

function controlBitAt({ entries }: Ledger, at: number): ControlBit {
  const decoded = decodeControlBit(entries[at]?.signed ?? new Uint8Array());
  if (!decoded.ok) throw new Error(decoded.message);
  return decoded.value.record;
}

function credentialAt({ entries }: Ledger, at: number): Credential {
  const read = decodeCbor(entries[at]?.bytes ?? new Uint8Array());
  const content = read.ok && Array.isArray(read.value) ? decodeCbor(read.value[4] as Uint8Array) : read;
  const toBeSigned = content.ok && Array.isArray(content.value) ? content.value[field.toBeSigned] : undefined;
  const structure = decodeCbor(toBeSigned as Uint8Array);
  const [, header, , payload] = structure.ok && Array.isArray(structure.value) ? structure.value : [];
  const decoded = decodeCredential(
    encodeSign1(header as Uint8Array, new Map(), payload as Uint8Array, new Uint8Array(64)),
  );
  if (!decoded.ok) throw new Error(decoded.message);
  return decoded.value.record;
}

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
  edit: Parameters<typeof editArray>[1],
): Corruption {
  return {
    kind,
    of: 'quota',
    power: 'signed',
    found,
    apply({ quota }, draw) {
      const places = placesOf(quota, entryKind);
      const at = places[draw(places.length)] ?? 0;
      const bytes = editArray(quota.entries[at]?.bytes ?? new Uint8Array(), (items) => [
        ...items.slice(0, 4),
        editArray(items[4] as Uint8Array, edit),
      ]);
      return replaced(quota, at, { bytes });
    },
  };
}

/** Takes entries of a kind out; the system signs the shorter journal. */
function withheld(
  of: Role,
  kind: string,
  found: readonly FindingCode[],
  only?: (ledgers: Ledgers) => number[],
): Corruption {
  return {
    kind: `${kind} left out`,
    of,
    power: 'signed',
    found,
    apply(ledgers, draw) {
      const places = only?.(ledgers) ?? placesOf(ledgers[of], kind);
      return ledgers[of].entries.splice(places[draw(places.length)] ?? 0, 1).length === 1;
    },
  };
}

const used =
  (of: 'central' | 'issuance' | 'quota', kind: string) =>
  (ledgers: Ledgers): number[] =>
    placesOf(ledgers.issuance, 'currency').map((at) =>
      sameRequest(ledgers[of], kind, ledgers.issuance.entries[at]),
    );

const liesOfQuota: readonly Corruption[] = [
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
      editContent(ledgers.quota, bit, field.context, (context) => {
        const bytes = context as Uint8Array;
        return bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1);
      });
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
      const other = decodeCbor(ledgers.quota.entries[first]?.bytes ?? new Uint8Array());
      const content =
        other.ok && Array.isArray(other.value) ? decodeCbor(other.value[4] as Uint8Array) : other;
      const items = content.ok && Array.isArray(content.value) ? content.value : [];
      editContent(ledgers.quota, second, field.context, () => items[field.context] ?? null);
      editContent(ledgers.quota, second, field.spends, () => items[field.spends] ?? null);
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
    ([change, approvals]) => [
      change ?? 0,
      (approvals as Uint8Array[]).map((one) => one.with(one.length - 1, (one.at(-1) ?? 0) ^ 1)),
    ],
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
  {
    kind: 'stop in the name of an approver',
    of: 'quota',
    power: 'signed',
    found: ['stop_invalid'],
    apply({ quota }) {
      const at = placesOf(quota, 'stop')[0] ?? 0;
      const bytes = editArray(quota.entries[at]?.bytes ?? new Uint8Array(), (items) => [
        ...items.slice(0, 4),
        editArray(items[4] as Uint8Array, ([reason, , evidence]) => [
          reason ?? '',
          'approver bob',
          evidence ?? null,
        ]),
      ]);
      return replaced(quota, at, { bytes });
    },
  },
];

function allocateLess(quota: Ledger, edit: Parameters<typeof editArray>[1]): boolean {
  const [first] = quota.entries;
  if (first === undefined) return false;
  const bytes = editArray(first.bytes, (items) => [
    ...items.slice(0, 4),
    editArray(items[4] as Uint8Array, edit),
  ]);
  quota.entries[0] = { ...first, bytes };
  return true;
}

/** Central management puts another credential into its journal than it handed out. */
function lieOfCentral(
  kind: string,
  found: readonly FindingCode[],
  change: (credential: Credential) => Partial<Credential>,
): Corruption {
  return {
    kind,
    of: 'central',
    power: 'signed',
    found,
    apply(ledgers, draw, tokens) {
      const places = used('central', 'credential')(ledgers);
      const at = places[draw(places.length)] ?? 0;
      const record = credentialAt(ledgers.central, at);
      const toBeSigned = encodeCredential(
        { ...record, ...change(record) },
        tokens.of.central.publicKey.keyId,
      );
      editContent(ledgers.central, at, field.toBeSigned, () => toBeSigned);
      return true;
    },
  };
}

function entryOfCentral(
  kind: string,
  found: readonly FindingCode[],
  entryKind: 'credential' | 'denial',
  at: number,
  edit: Parameters<typeof editContent>[3],
): Corruption {
  return {
    kind,
    of: 'central',
    power: 'signed',
    found,
    apply({ central }, draw) {
      const places = placesOf(central, entryKind);
      editContent(central, places[draw(places.length)] ?? 0, at, edit);
      return true;
    },
  };
}

const liesOfCentral: readonly Corruption[] = [
  lieOfCentral('credential of a larger amount', ['credential_mismatch'], ({ total }) => ({
    total: total + 5n,
  })),
  lieOfCentral('credential for orders that are not there', ['credential_mismatch'], () => ({
    approved: [{ first: 0, count: 50 }],
  })),
  lieOfCentral('credential for another request', ['credential_mismatch'], ({ requestHash }) => ({
    requestHash: sha256(requestHash),
  })),
  lieOfCentral('credential in another currency', ['credential_mismatch'], () => ({
    currency: { code: 'USD', exponent: 2 },
  })),
  lieOfCentral('credential for another issuer', ['credential_mismatch'], () => ({ issuer: 'other-issuer' })),
  lieOfCentral('credential of another id', ['credential_mismatch'], () => ({
    id: new Uint8Array(16).fill(4),
  })),
  lieOfCentral('credential that had expired', ['credential_expired'], ({ issuedAt }) => ({
    expiresAt: issuedAt,
  })),
  lieOfCentral('credential of another time', ['time_disordered'], ({ issuedAt }) => ({
    issuedAt: issuedAt + 7_200,
  })),
  lieOfCentral('credential by other rules', ['credential_mismatch'], ({ ruleSet }) => ({
    ruleSet: { ...ruleSet, version: ruleSet.version + 1 },
  })),
  entryOfCentral(
    'credential that decides on fewer orders',
    ['credential_mismatch'],
    'credential',
    field.decides,
    () => 0,
  ),
  entryOfCentral(
    'denial that decides on more orders',
    ['denial_mismatch'],
    'denial',
    field.decides,
    () => 40,
  ),
  entryOfCentral(
    'decision on another request',
    ['credential_mismatch'],
    'credential',
    field.bodyHash,
    (hash) => sha256(hash as Uint8Array),
  ),
  withheld('central', 'credential', ['credential_missing'], used('central', 'credential')),
  {
    kind: 'denial left out',
    of: 'central',
    power: 'signed',
    found: ['decision_incomplete'],
    apply({ central }) {
      const at = placesOf(central, 'denial').find((place) =>
        placesOf(central, 'credential').some(
          (other) => subjectOf(central.entries[other]) === subjectOf(central.entries[place]),
        ),
      );
      return at !== undefined && central.entries.splice(at, 1).length === 1;
    },
  },
  {
    kind: 'denial for other reasons than it sent',
    of: 'central',
    power: 'signed',
    found: ['denial_mismatch'],
    async apply({ central }, _, tokens) {
      const at = placesOf(central, 'denial').find((place) =>
        placesOf(central, 'credential').some(
          (other) => subjectOf(central.entries[other]) === subjectOf(central.entries[place]),
        ),
      );
      const decoded = decodeDenial(central.entries[at ?? 0]?.signed ?? new Uint8Array());
      if (at === undefined || !decoded.ok) return false;
      const denials = decoded.value.record.denials.map((one) => ({
        ...one,
        reasons: ['ceiling'],
        wouldPass: 1n,
      }));
      const toBeSigned = encodeDenial(
        { ...decoded.value.record, denials },
        tokens.of.central.publicKey.keyId,
      );
      await resign(central, at, toBeSigned, tokens.of.central);
      return true;
    },
  },
  {
    kind: 'another envelope than it sent',
    of: 'central',
    power: 'signed',
    found: ['presentation_mismatch'],
    apply(ledgers) {
      const [first = 0, second = 0] = used('central', 'credential')(ledgers);
      return replaced(ledgers.central, first, { signed: ledgers.central.entries[second]?.signed ?? null });
    },
  },
  {
    kind: 'credential without its envelope',
    of: 'central',
    power: 'signed',
    found: ['signature_missing'],
    apply: (ledgers) =>
      replaced(ledgers.central, used('central', 'credential')(ledgers)[0] ?? 0, { signed: null }),
  },
];

function lieOfIssuance(
  kind: string,
  found: readonly FindingCode[],
  apply: (
    ledgers: Ledgers,
    pair: { bit: number; currency: number; request: number },
    tokens: Tokens,
  ) => Promise<void> | void,
): Corruption {
  return {
    kind,
    of: 'issuance',
    power: 'signed',
    found,
    async apply(ledgers, draw, tokens) {
      const pair = issuedPair(ledgers, draw);
      const request = sameRequest(ledgers.issuance, 'request', ledgers.issuance.entries[pair.currency]);
      await apply(ledgers, { ...pair, request }, tokens);
      return true;
    },
  };
}

/** The token that holds the key of this id. */
function holderOf(tokens: Tokens, keyId: Uint8Array): Signer {
  const holder = [tokens.of.issuance, tokens.of.other].find(
    ({ publicKey }) => Buffer.compare(publicKey.keyId, keyId) === 0,
  );
  if (holder === undefined) throw new Error('no token has this key');
  return holder;
}

async function resignRequest(
  ledger: Ledger,
  at: number,
  tokens: Tokens,
  change: (request: Parameters<typeof encodeRequest>[0]) => Parameters<typeof encodeRequest>[0],
): Promise<void> {
  const decoded = decodeRequest(ledger.entries[at]?.signed ?? new Uint8Array());
  if (!decoded.ok) throw new Error(decoded.message);
  const { record, keyId } = decoded.value;
  await resign(ledger, at, encodeRequest(change(record), keyId), holderOf(tokens, keyId));
}

async function resignCurrency(
  ledger: Ledger,
  at: number,
  tokens: Tokens,
  change: (record: Parameters<typeof encodeCurrencyRecord>[0]) => Parameters<typeof encodeCurrencyRecord>[0],
  signer?: Signer,
): Promise<void> {
  const decoded = decodeCurrencyRecord(ledger.entries[at]?.signed ?? new Uint8Array());
  if (!decoded.ok) throw new Error(decoded.message);
  const { record, keyId } = decoded.value;
  const by = signer ?? holderOf(tokens, keyId);
  await resign(ledger, at, encodeCurrencyRecord(change(record), by.publicKey.keyId), by);
}

const liesOfIssuance: readonly Corruption[] = [
  lieOfIssuance(
    'request with another purpose',
    ['credential_mismatch'],
    ({ issuance }, { request }, tokens) =>
      resignRequest(issuance, request, tokens, (record) => ({
        ...record,
        orders: record.orders.map((order) => ({ ...order, purpose: 'another' })),
      })),
  ),
  lieOfIssuance('request of other values', ['units_mismatch'], ({ issuance }, { request }, tokens) =>
    resignRequest(issuance, request, tokens, (record) => ({
      ...record,
      total: record.total + BigInt(record.orders[0]?.lots[0]?.count ?? 0),
      orders: record.orders.map((order, number) =>
        number > 0
          ? order
          : {
              ...order,
              lots: order.lots.map((lot, index) => (index > 0 ? lot : { ...lot, value: lot.value + 1n })),
            },
      ),
    })),
  ),
  lieOfIssuance('request for another owner', ['units_mismatch'], ({ issuance }, { request }, tokens) =>
    resignRequest(issuance, request, tokens, (record) => ({
      ...record,
      orders: record.orders.map((order) => ({
        ...order,
        lots: order.lots.map((lot) => ({ ...lot, owner: new Uint8Array(32).fill(8) })),
      })),
    })),
  ),
  lieOfIssuance(
    'request of another issuer',
    ['request_mismatch', 'key_unknown'],
    ({ issuance }, { request }, tokens) =>
      resignRequest(issuance, request, tokens, (record) => ({ ...record, issuer: 'other-issuer' })),
  ),
  lieOfIssuance('another seed', ['units_mismatch'], ({ issuance }, { request }) => {
    editContent(issuance, request, field.context, () => new Uint8Array(32).fill(5));
  }),
  lieOfIssuance('no seed', ['request_mismatch'], ({ issuance }, { request }) => {
    editContent(issuance, request, field.context, () => new Uint8Array());
  }),
  lieOfIssuance('request without its signature', ['signature_missing'], ({ issuance }, { request }) => {
    replaced(issuance, request, { signed: null });
  }),
  lieOfIssuance('entry that names other orders', ['request_mismatch'], ({ issuance }, { request }) => {
    editContent(issuance, request, field.orders, () => new Uint8Array(48));
  }),
  lieOfIssuance('request left out', ['request_missing'], ({ issuance }, { request }) => {
    issuance.entries.splice(request, 1);
  }),
  {
    kind: 'order in two requests',
    of: 'issuance',
    power: 'signed',
    found: ['order_repeated'],
    apply({ issuance }) {
      const [first = 0, second = 0] = placesOf(issuance, 'request');
      const read = decodeCbor(issuance.entries[first]?.bytes ?? new Uint8Array());
      const content = read.ok && Array.isArray(read.value) ? decodeCbor(read.value[4] as Uint8Array) : read;
      const items = content.ok && Array.isArray(content.value) ? content.value : [];
      editContent(issuance, second, field.orders, () => items[field.orders] ?? null);
      return true;
    },
  },
  lieOfIssuance('currency over another root', ['currency_mismatch'], ({ issuance }, { currency }, tokens) =>
    resignCurrency(issuance, currency, tokens, (record) => ({ ...record, root: sha256(record.root) })),
  ),
  lieOfIssuance('currency of a larger total', ['currency_mismatch'], ({ issuance }, { currency }, tokens) =>
    resignCurrency(issuance, currency, tokens, (record) => ({ ...record, total: record.total + 1n })),
  ),
  lieOfIssuance('currency with another number', ['currency_mismatch'], ({ issuance }, { currency }, tokens) =>
    resignCurrency(issuance, currency, tokens, (record) => ({ ...record, sequence: record.sequence + 1 })),
  ),
  lieOfIssuance(
    'currency dated back before a revocation',
    ['time_disordered'],
    ({ issuance }, { currency }, tokens) =>
      resignCurrency(issuance, currency, tokens, (record) => ({
        ...record,
        issuedAt: record.issuedAt - 3_600,
      })),
  ),
  lieOfIssuance(
    'currency before its request',
    ['currency_mismatch'],
    ({ issuance }, { currency, request }) => {
      const [entry] = issuance.entries.splice(currency, 1);
      if (entry !== undefined) issuance.entries.splice(request, 0, entry);
    },
  ),
  lieOfIssuance('control bit that is not kept', ['entry_malformed'], ({ issuance }, { currency }) => {
    editContent(issuance, currency, field.context, () => encodeCbor([null, null]));
  }),
  {
    kind: 'currency that is signed by a revoked key',
    of: 'issuance',
    power: 'signed',
    found: ['key_revoked'],
    async apply({ issuance }, _, tokens) {
      const at = placesOf(issuance, 'currency').at(-1) ?? 0;
      await resignCurrency(issuance, at, tokens, (record) => record, tokens.of.issuance);
      return true;
    },
  },
  {
    kind: 'currency that is signed by a key of another system',
    of: 'issuance',
    power: 'signed',
    found: ['key_unknown'],
    async apply({ issuance }, draw, tokens) {
      const places = placesOf(issuance, 'currency');
      await resignCurrency(
        issuance,
        places[draw(places.length)] ?? 0,
        tokens,
        (record) => record,
        tokens.of.quota,
      );
      return true;
    },
  },
];

/** A stolen key, or two systems that lie together. */
const together: readonly Corruption[] = [
  lieOfIssuance(
    'second control bit of a request, signed with the stolen key of quota control',
    ['control_bit_mismatch'],
    async ({ issuance, quota }, { currency, bit, request }, tokens) => {
      const made = { ...controlBitAt(quota, bit), sequence: 500 };
      const asked = decodeRequest(issuance.entries[request]?.signed ?? new Uint8Array());
      const read = decodeEntry(issuance.entries[request]?.bytes ?? new Uint8Array());
      if (!asked.ok || !('entry' in read) || read.entry.kind !== 'request') throw new Error('no request');
      const orders = select(asked.value.record.orders, made.orders) ?? [];
      const terms = { ...made, notBefore: made.issuedAt, lots: lotsOf(orders), seed: read.entry.context };
      const root = merkleRoot(deriveLeaves(terms));
      const toBeSigned = encodeControlBit({ ...made, root }, tokens.of.quota.publicKey.keyId);
      const signed = attachSignature(toBeSigned, await tokens.of.quota.sign(toBeSigned));
      const hash = sha256(signed);
      editContent(issuance, currency, field.context, (context) =>
        editArray(context as Uint8Array, ([, denial]) => [signed, denial ?? null]),
      );
      editContent(issuance, currency, field.bodyHash, () => hash);
      const { sequence } = made;
      await resignCurrency(issuance, currency, tokens, (one) => ({
        ...one,
        root,
        sequence,
        controlBitHash: hash,
      }));
    },
  ),
  {
    kind: 'control bit of a request that was never made, by quota control and central management',
    of: 'quota',
    power: 'signed',
    found: ['request_missing'],
    apply(ledgers, draw) {
      const { bit } = issuedPair(ledgers, draw);
      const entry = ledgers.quota.entries[bit];
      const request = sameRequest(ledgers.issuance, 'request', entry);
      const currency = sameRequest(ledgers.issuance, 'currency', entry);
      ledgers.issuance.entries = ledgers.issuance.entries.filter(
        (_, at) => at !== request && at !== currency,
      );
      return true;
    },
  },
  {
    kind: 'units of a larger sum than their total, by quota control and issuance',
    of: 'quota',
    power: 'signed',
    found: ['units_mismatch'],
    async apply(ledgers, draw, tokens) {
      const { bit, currency } = issuedPair(ledgers, draw);
      const record = controlBitAt(ledgers.quota, bit);
      const root = sha256(Uint8Array.of(1));
      const signed = await resign(
        ledgers.quota,
        bit,
        encodeControlBit({ ...record, root }, tokens.of.quota.publicKey.keyId),
        tokens.of.quota,
      );
      const hash = sha256(signed);
      editContent(ledgers.issuance, currency, field.context, (context) =>
        editArray(context as Uint8Array, ([, denial]) => [signed, denial ?? null]),
      );
      editContent(ledgers.issuance, currency, field.bodyHash, () => hash);
      await resignCurrency(ledgers.issuance, currency, tokens, (one) => ({
        ...one,
        root,
        controlBitHash: hash,
      }));
      return true;
    },
  },
  {
    kind: 'credential of central management that it knows nothing of, by quota control with its stolen key',
    of: 'quota',
    power: 'signed',
    found: ['credential_mismatch'],
    async apply(ledgers, draw, tokens) {
      const { bit } = issuedPair(ledgers, draw);
      const at = sameRequest(ledgers.central, 'credential', ledgers.quota.entries[bit]);
      const { keyId } = tokens.of.central.publicKey;
      const forged = encodeCredential(
        { ...credentialAt(ledgers.central, at), traceHash: new Uint8Array(32) },
        keyId,
      );
      const signed = attachSignature(forged, await tokens.of.central.sign(forged));
      editContent(ledgers.quota, bit, field.context, () => signed);
      return true;
    },
  },
];

/** What a witness holds is altered: the one of `of`'s journal. */
function headOf(
  kind: string,
  of: Role,
  found: readonly FindingCode[],
  edit: (
    signed: Uint8Array,
    ledgers: Ledgers,
    draw: Draw,
    tokens: Tokens,
  ) => Promise<Uint8Array> | Uint8Array,
  contradicts = false,
): Corruption {
  return {
    kind,
    of,
    power: 'written',
    found,
    async apply(ledgers, draw, tokens) {
      const witness = anyRole.find((role) => role !== of) ?? 'central';
      const { heads } = ledgers[witness];
      const at = heads.findIndex(({ signed }) => ownerOf(signed) === of);
      const held = heads[at];
      if (held === undefined) return false;
      const other = await edit(held.signed, ledgers, draw, tokens);
      heads[at] = contradicts ? { ...held, contradiction: other } : { signed: other, contradiction: null };
      return true;
    },
  };
}

const heads: readonly Corruption[] = anyRole.flatMap((of): Corruption[] => {
  const said = ({ header, entries }: Ledger): Parameters<typeof signedHead>[2] => ({
    issuedAt: Math.floor(header.madeMs / 1000) - 700,
    journalId: header.journals[0]?.id ?? new Uint8Array(16),
    sequence: entries.length,
    hash: entries.at(-1)?.hash ?? new Uint8Array(32),
  });
  return [
    headOf('bit of a held head flipped', of, ['head_invalid'], (signed, _, draw) => {
      const at = signed.length - 1 - draw(60);
      return signed.with(at, (signed[at] ?? 0) ^ (1 << draw(8)));
    }),
    headOf('held head of an entry that is not there', of, ['journal_behind_head'], (_, ledgers, __, tokens) =>
      signedHead(tokens, of, { ...said(ledgers[of]), sequence: ledgers[of].entries.length + 1 }),
    ),
    headOf('held head of another journal', of, ['journal_foreign'], (_, ledgers, __, tokens) =>
      signedHead(tokens, of, { ...said(ledgers[of]), journalId: new Uint8Array(16).fill(1) }),
    ),
    headOf('held head of another entry', of, ['head_contradicted'], (_, ledgers, __, tokens) =>
      signedHead(tokens, of, { ...said(ledgers[of]), hash: new Uint8Array(32).fill(1) }),
    ),
    headOf(
      'two held heads that contradict each other',
      of,
      ['heads_forked'],
      (_, ledgers, __, tokens) =>
        signedHead(tokens, of, { ...said(ledgers[of]), hash: new Uint8Array(32).fill(1) }),
      true,
    ),
  ];
});

/** Quota control writes another item into the entry of a retirement or a transfer. */
function settlementOf(
  kind: string,
  found: readonly FindingCode[],
  entryKind: 'retirement' | 'transfer',
  at: number,
  edit: Parameters<typeof editContent>[3],
): Corruption {
  return {
    kind,
    of: 'quota',
    power: 'signed',
    found,
    apply({ quota }, draw) {
      const places = placesOf(quota, entryKind);
      editContent(quota, places[draw(places.length)] ?? 0, at, edit);
      return true;
    },
  };
}

/** The items of what an entry settles with one of them changed: currency, amount, units, from, to, returned. */
const settled =
  (at: number, edit: (item: CborValue) => CborValue): Parameters<typeof editContent>[3] =>
  (settles) =>
    (settles as CborValue[]).map((item, place) => (place === at ? edit(item) : item));

const more = (amount: CborValue): CborValue => (amount as number) + 1;

const liesAboutSettlements: readonly Corruption[] = [
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
    (kept) =>
      editArray(kept as Uint8Array, ([signed, blindings]) => {
        const bytes = signed as Uint8Array;
        return [bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1), blindings ?? []];
      }),
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
    (kept) => {
      const bytes = kept as Uint8Array;
      return bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1);
    },
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

export const corruptions: readonly Corruption[] = [
  ...structural,
  handedOut('issuance', 'request', [...unreadable, 'request_missing']),
  handedOut('issuance', 'currency', unreadable),
  handedOut('central', 'denial', unreadable),
  handedOut('quota', 'control-bit', unreadable),
  ...liesOfQuota,
  ...liesOfCentral,
  ...liesOfIssuance,
  ...together,
  ...liesAboutSettlements,
  ...heads,
];

/** The table of docs/AUDIT.md, a row a kind. */
export function corruptionRows(): string[] {
  const rows = new Map<string, Set<string>>();
  for (const { kind, of, power, found } of corruptions) {
    const row = `${power} | ${found.map((code) => `\`${code}\``).join(' or ')}`;
    const key = `${kind}\n${row}`;
    rows.set(key, (rows.get(key) ?? new Set()).add(of));
  }
  return [...rows].map(([key, roles]) => {
    const [kind = '', row = ''] = key.split('\n');
    return `| ${kind} | ${roles.size === 3 ? 'each' : [...roles].join(', ')} | ${row} |`;
  });
}
