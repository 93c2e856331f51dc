/** What central management may lie about in its own ledger. */
import type { FindingCode } from '../../src/audit/finding.ts';
import { sha256 } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { type Credential, encodeCredential } from '../../src/records/credential.ts';
import { decodeDenial, encodeDenial } from '../../src/records/denial.ts';
import {
  type Corruption,
  credentialAt,
  entryOf,
  forged,
  replaced,
  resign,
  subjectOf,
  used,
  withheld,
} from './corruption.ts';
import { contentItem, editArray, editContent, editItems, field, type Ledger, placesOf } from './ledgers.ts';
import { handedOut } from './structural-corruptions.ts';

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

const entryOfCentral = entryOf('central');

/** The place of a denial of a request of which other orders were approved. */
function partialDenial(central: Ledger): number | undefined {
  return placesOf(central, 'denial').find((place) =>
    placesOf(central, 'credential').some(
      (other) => subjectOf(central.entries[other]) === subjectOf(central.entries[place]),
    ),
  );
}

/** What it may write into the entry of a request that was resolved. */
function lieOfResolution(
  kind: string,
  found: readonly FindingCode[],
  edit: (items: readonly CborValue[], central: Ledger) => readonly CborValue[],
): Corruption {
  return {
    kind,
    of: 'central',
    power: 'signed',
    found,
    apply: ({ central }) =>
      editEntry(central, placesOf(central, 'resolution')[0], (items) => edit(items, central)),
  };
}

/** Changes the content of an entry that is of no intent. */
function editEntry(
  ledger: Ledger,
  at: number | undefined,
  edit: (items: readonly CborValue[]) => readonly CborValue[],
): boolean {
  if (at === undefined) return false;
  editItems(ledger, at, edit);
  return true;
}

const resolutionLies: readonly Corruption[] = [
  lieOfResolution('more freed than was not issued', ['entry_malformed'], ([a, b, c, freed, ...rest]) => [
    a as CborValue,
    b as CborValue,
    c as CborValue,
    (freed as number) + 1,
    ...rest,
  ]),
  lieOfResolution(
    'more said to be approved and freed',
    ['resolution_mismatch'],
    ([a, b, approved, freed, ...rest]) => [
      a as CborValue,
      b as CborValue,
      (approved as number) + 5,
      (freed as number) + 5,
      ...rest,
    ],
  ),
  lieOfResolution("freed by another request's word", ['resolution_mismatch'], (items, central) => {
    const other = contentItem(central, placesOf(central, 'resolution')[1] ?? 0, 4);
    return items.map((item, place) => (place === 4 ? other : item));
  }),
  lieOfResolution('freed by a word with a forged signature', ['signature_invalid'], (items) =>
    items.map((item, place) => (place === 4 ? forged(item) : item)),
  ),
  lieOfResolution('freed by no word at all', ['resolution_mismatch'], (items) =>
    items.map((item, place) => (place === 4 ? new Uint8Array([1, 2, 3]) : item)),
  ),
  {
    kind: 'freed twice',
    of: 'central',
    power: 'signed',
    found: ['entry_repeated'],
    apply({ central }) {
      const at = placesOf(central, 'resolution')[0];
      const entry = central.entries[at ?? 0];
      if (at === undefined || entry === undefined) return false;
      central.entries.splice(at, 0, { ...entry });
      return true;
    },
  },
  {
    kind: 'freed, where issuance has no such word',
    of: 'issuance',
    power: 'signed',
    found: ['resolution_mismatch'],
    apply({ issuance }) {
      const at = placesOf(issuance, 'closing')[0];
      return at !== undefined && issuance.entries.splice(at, 1).length === 1;
    },
  },
  {
    kind: 'closing of a request that was issued',
    of: 'issuance',
    power: 'signed',
    found: ['closing_mismatch'],
    apply({ issuance }) {
      const closing = placesOf(issuance, 'closing')[0];
      const currency = placesOf(issuance, 'currency')[0];
      const entry = issuance.entries[closing ?? 0];
      const other = issuance.entries[currency ?? 0];
      if (closing === undefined || entry === undefined || other === undefined) return false;
      const id = Buffer.from(subjectOf(other), 'hex');
      const bytes = editArray(entry.bytes, ([number = 0, kind = '', , ...rest]) => [
        number,
        kind,
        new Uint8Array(id),
        ...rest,
      ]);
      issuance.entries[closing] = { ...entry, bytes };
      return true;
    },
  },
  handedOut('issuance', 'closing', [
    'signature_invalid',
    'record_malformed',
    'record_differs',
    'key_unknown',
    'resolution_mismatch',
  ]),
];

export const liesOfCentral: readonly Corruption[] = [
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
      const at = partialDenial(central);
      return at !== undefined && central.entries.splice(at, 1).length === 1;
    },
  },
  {
    kind: 'denial for other reasons than it sent',
    of: 'central',
    power: 'signed',
    found: ['denial_mismatch'],
    async apply({ central }, _, tokens) {
      const at = partialDenial(central);
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
  entryOfCentral(
    'credential that counts less than it approves',
    ['account_mismatch'],
    'credential',
    field.approves,
    (value) => {
      const [currency = null] = value as CborValue[];
      return [currency, 1n];
    },
  ),
  {
    kind: 'credential beyond what was left in its account',
    of: 'central',
    power: 'signed',
    found: ['account_exceeded'],
    apply: ({ central }) =>
      editEntry(central, placesOf(central, 'allocation')[0], ([allocated, ...rest]) => [
        (allocated as number) / 1_000,
        ...rest,
      ]),
  },
  {
    kind: 'other terms of a quota than quota control has',
    of: 'central',
    power: 'signed',
    found: ['account_mismatch'],
    apply: ({ central }) =>
      editEntry(central, placesOf(central, 'allocation')[0], ([allocated, ...rest]) => [
        (allocated as number) + 1,
        ...rest,
      ]),
  },
  {
    kind: 'quota taken over beside one that was allocated',
    of: 'central',
    power: 'signed',
    found: ['allocation_unapproved'],
    apply({ central }) {
      const at = placesOf(central, 'allocation')[0] ?? 0;
      const entry = central.entries[at];
      if (entry === undefined) return false;
      const bytes = editArray(entry.bytes, ([number = 0, , , created = 0, terms = null]) => {
        const decoded = decodeCbor(terms as Uint8Array);
        return [
          number,
          'adoption',
          'demo-issuer/USD',
          created,
          encodeCbor([decoded.ok ? decoded.value : null, 1, 0]),
        ];
      });
      central.entries.splice(at + 1, 0, { ...entry, bytes });
      return true;
    },
  },
  ...resolutionLies,
];
