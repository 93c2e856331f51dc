/** What central management may lie about in its own ledger. */
import type { FindingCode } from '../../src/audit/finding.ts';
import { sha256 } from '../../src/kit/bytes.ts';
import { type Credential, encodeCredential } from '../../src/records/credential.ts';
import { decodeDenial, encodeDenial } from '../../src/records/denial.ts';
import {
  type Corruption,
  credentialAt,
  entryOf,
  replaced,
  resign,
  subjectOf,
  used,
  withheld,
} from './corruption.ts';
import { editContent, field, type Ledger, placesOf } from './ledgers.ts';

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
];
