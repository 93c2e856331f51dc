/** What issuance may lie about in its own ledger, and what two systems may lie about together. */
import { decodeEntry } from '../../src/audit/entry.ts';
import type { FindingCode } from '../../src/audit/finding.ts';
import { sha256 } from '../../src/kit/bytes.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { encodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeCredential } from '../../src/records/credential.ts';
import { decodeCurrencyRecord, encodeCurrencyRecord } from '../../src/records/currency.ts';
import { decodeDenial, encodeDenial } from '../../src/records/denial.ts';
import { merkleRoot } from '../../src/records/merkle.ts';
import { decodeRequest, encodeRequest, lotsOf } from '../../src/records/request.ts';
import { select } from '../../src/records/selection.ts';
import { deriveLeaves } from '../../src/records/unit.ts';
import type { Tokens } from '../roles/authorities.ts';
import {
  type Corruption,
  controlBitAt,
  credentialAt,
  entryOf,
  forged,
  issuedPair,
  replaced,
  resign,
  type Signer,
  sameRequest,
  subjectOf,
} from './corruption.ts';
import {
  contentItem,
  editArray,
  editContent,
  field,
  type Ledger,
  type Ledgers,
  placesOf,
} from './ledgers.ts';

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

/** Issuance makes its currency by another control bit, of which `said` is in the currency too. */
async function remakeCurrency(
  issuance: Ledger,
  at: number,
  tokens: Tokens,
  controlBit: Uint8Array,
  said: { readonly root: Uint8Array; readonly sequence?: number },
): Promise<void> {
  const controlBitHash = sha256(controlBit);
  editContent(issuance, at, field.context, (context) =>
    editArray(context as Uint8Array, ([, denial]) => [controlBit, denial ?? null]),
  );
  editContent(issuance, at, field.bodyHash, () => controlBitHash);
  await resignCurrency(issuance, at, tokens, (one) => ({ ...one, ...said, controlBitHash }));
}

export const liesOfIssuance: readonly Corruption[] = [
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
      editContent(issuance, second, field.orders, () => contentItem(issuance, first, field.orders));
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

const entryOfIssuance = entryOf('issuance');

/** What issuance may lie about of denials of whole requests. */
export const liesAboutDenials: readonly Corruption[] = [
  entryOfIssuance('kept denial that is none', ['record_malformed'], 'denial', field.context, () =>
    Uint8Array.of(0xf6),
  ),
  entryOfIssuance(
    'kept denial with a forged signature',
    ['signature_invalid'],
    'denial',
    field.context,
    forged,
  ),
  entryOfIssuance('kept denial of other bytes', ['denial_mismatch'], 'denial', field.bodyHash, (hash) =>
    sha256(hash as Uint8Array),
  ),
  {
    kind: 'kept denial of a request that was issued',
    of: 'issuance',
    power: 'signed',
    found: ['denial_mismatch'],
    apply(ledgers, draw) {
      const { issuance } = ledgers;
      const places = placesOf(issuance, 'denial');
      const denial = issuance.entries[places[draw(places.length)] ?? 0];
      const currency = issuance.entries[issuedPair(ledgers, draw).currency];
      if (denial === undefined || currency === undefined) return false;
      const subject = Buffer.from(subjectOf(currency), 'hex');
      const bytes = editArray(denial.bytes, ([number, kind, , ...rest]) => [
        number ?? 0,
        kind ?? 0,
        new Uint8Array(subject),
        ...rest,
      ]);
      issuance.entries.push({ ...denial, bytes });
      return true;
    },
  },
  {
    kind: 'kept denial before its request',
    of: 'issuance',
    power: 'signed',
    found: ['denial_mismatch'],
    apply({ issuance }) {
      const [at = 0] = placesOf(issuance, 'denial');
      const request = sameRequest(issuance, 'request', issuance.entries[at]);
      const [denial] = issuance.entries.splice(at, 1);
      if (denial !== undefined) issuance.entries.splice(request, 0, denial);
      return true;
    },
  },
  {
    kind: 'kept denial that central management knows nothing of, with its stolen key',
    of: 'issuance',
    power: 'signed',
    found: ['denial_mismatch'],
    async apply({ issuance }, _, tokens) {
      const [at = 0] = placesOf(issuance, 'denial');
      const decoded = decodeDenial(issuance.entries[at]?.signed ?? new Uint8Array());
      if (!decoded.ok) return false;
      const { record } = decoded.value;
      const denials = record.denials.map((one) => ({ ...one, reasons: ['quota_exceeded'] }));
      const toBeSigned = encodeDenial({ ...record, denials }, tokens.of.central.publicKey.keyId);
      const signed = await resign(issuance, at, toBeSigned, tokens.of.central);
      editContent(issuance, at, field.context, () => signed);
      editContent(issuance, at, field.bodyHash, () => sha256(signed));
      return true;
    },
  },
];

/** A stolen key, or two systems that lie together. */
export const together: readonly Corruption[] = [
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
      await remakeCurrency(issuance, currency, tokens, signed, { root, sequence: made.sequence });
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
      await remakeCurrency(ledgers.issuance, currency, tokens, signed, { root });
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
