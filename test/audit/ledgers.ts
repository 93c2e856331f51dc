/** Extracts in memory, taken apart so that a test can alter what is in them, and audited. */
import { type Audited, type AuditOptions, audit } from '../../src/audit/audit.ts';
import { decodeEntry } from '../../src/audit/entry.ts';
import { openTrust } from '../../src/audit/trust.ts';
import { chainHash, genesisHash } from '../../src/journal/chain.ts';
import {
  type ByteSource,
  type ExtractedEntry,
  type ExtractedHead,
  type ExtractHeader,
  openExtract,
} from '../../src/journal/extract.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { decodeJournalHead } from '../../src/records/journal-head.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import type { Tokens } from '../roles/authorities.ts';
import { extractBytes, type Role, roles, signBundle, signedHead, type World } from './world.ts';

export function sourceOf(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.slice(offset, offset + length) };
}

const verifySignature = makeNodeVerifySignature();

export function auditBytes(
  { bundles }: Pick<World, 'bundles'>,
  extracts: readonly Uint8Array[],
  changed: Partial<AuditOptions> = {},
): Audited {
  const trust = openTrust(bundles.map(signBundle), { verifySignature });
  if (!trust.ok) throw new Error(trust.message);
  const audited = audit({
    extracts: extracts.map((bytes) => openExtract(sourceOf(bytes))),
    trust: trust.value,
    verifySignature,
    kept: [],
    atRest: false,
    apartSeconds: 600,
    progress: () => undefined,
    ...changed,
  });
  if (!audited.ok) throw new Error(audited.message);
  return audited.value;
}

/** A ledger whose entries can be altered. */
export interface Ledger {
  readonly header: ExtractHeader;
  heads: ExtractedHead[];
  entries: ExtractedEntry[];
}

export type Ledgers = Record<Role, Ledger>;

export function takeApart(bytes: Uint8Array): Ledger {
  const extract = openExtract(sourceOf(bytes));
  const entries = [...extract.entries()].map(
    ({ journal, ordinal, sequence, bytes: said, hash, signed }): ExtractedEntry => ({
      journal,
      ordinal,
      sequence,
      bytes: said,
      hash,
      signed,
    }),
  );
  return { header: extract.header, heads: [...extract.heads], entries };
}

export function putTogether({ header, heads, entries }: Ledger): Promise<Uint8Array> {
  return extractBytes(header, { journals: header.journals, heads, entries });
}

/** As a forger does who owns the database: numbers, places and hashes that follow. */
export function rechain(ledger: Ledger): void {
  const [journal] = ledger.header.journals;
  let hash = genesisHash(ledger.header.role, journal?.id ?? new Uint8Array());
  ledger.entries = ledger.entries.map((entry, index): ExtractedEntry => {
    const sequence = index + 1;
    const bytes = editArray(entry.bytes, (items) => [sequence, ...items.slice(1)]);
    hash = chainHash(hash, bytes);
    return { ...entry, journal: 0, sequence, ordinal: sequence, bytes, hash };
  });
}

/** The heads of the ledger, as its own key signs them, at both witnesses: what a system shows that has lied from the beginning. */
export async function resignHeads(ledgers: Ledgers, tokens: Tokens, role: Role): Promise<void> {
  const { header, entries } = ledgers[role];
  const head = await signedHead(tokens, role, {
    issuedAt: Math.floor(header.madeMs / 1000) - 600,
    journalId: header.journals[0]?.id ?? new Uint8Array(16),
    sequence: entries.length,
    hash: entries.at(-1)?.hash ?? new Uint8Array(32),
  });
  for (const witness of roles) {
    if (witness === role) continue;
    ledgers[witness].heads = ledgers[witness].heads.map((held) =>
      ownerOf(held.signed) === role ? { signed: head, contradiction: null } : held,
    );
  }
}

export function ownerOf(head: Uint8Array): Role {
  const decoded = decodeJournalHead(head);
  if (!decoded.ok) throw new Error(decoded.message);
  return decoded.value.record.role;
}

export function editArray(
  bytes: Uint8Array,
  edit: (items: readonly CborValue[]) => readonly CborValue[],
): Uint8Array {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !Array.isArray(decoded.value)) throw new Error('it is to be an array');
  return encodeCbor(edit(decoded.value));
}

/** Places in the content of an intent's entry. */
export const field = {
  issuer: 0,
  bodyHash: 1,
  context: 2,
  toBeSigned: 3,
  serial: 4,
  orders: 5,
  decides: 6,
  spends: 7,
  take: 8,
  settles: 9,
  approves: 11,
};

/** All items of the content of entry `index`, edited together. */
export function editItems(ledger: Ledger, index: number, edit: Parameters<typeof editArray>[1]): void {
  const entry = ledger.entries[index];
  if (entry === undefined) throw new Error(`no entry ${index}`);
  const bytes = editArray(entry.bytes, (items) => [
    ...items.slice(0, 4),
    editArray(items[4] as Uint8Array, edit),
  ]);
  ledger.entries[index] = { ...entry, bytes };
}

/** The content of entry `index` with one of its items changed. */
export function editContent(
  ledger: Ledger,
  index: number,
  at: number,
  edit: (item: CborValue) => CborValue,
): void {
  editItems(ledger, index, (items) => items.map((item, place) => (place === at ? edit(item) : item)));
}

/** One item of the content of entry `index`. */
export function contentItem(ledger: Ledger, index: number, at: number): CborValue {
  const read = decodeCbor(ledger.entries[index]?.bytes ?? new Uint8Array());
  const content = read.ok && Array.isArray(read.value) ? decodeCbor(read.value[4] as Uint8Array) : read;
  const items = content.ok && Array.isArray(content.value) ? (content.value as CborValue[]) : [];
  return items[at] ?? null;
}

export function kindOf({ bytes }: Pick<ExtractedEntry, 'bytes'>): string {
  const read = decodeEntry(bytes);
  if ('fault' in read) throw new Error(read.fault);
  return read.entry.kind;
}

/** The places of the entries of a kind. */
export function placesOf(ledger: Ledger, kind: string): number[] {
  return ledger.entries.flatMap((entry, index) => (kindOf(entry) === kind ? [index] : []));
}
