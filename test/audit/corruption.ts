/** A corruption of ledgers, and what those that alter records are made with. */
import type { FindingCode } from '../../src/audit/finding.ts';
import type { ExtractedEntry } from '../../src/journal/extract.ts';
import { type CborValue, decodeCbor } from '../../src/kit/encoding.ts';
import { type ControlBit, decodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature, encodeSign1 } from '../../src/records/cose.ts';
import { type Credential, decodeCredential } from '../../src/records/credential.ts';
import type { Tokens } from '../roles/authorities.ts';
import { contentItem, editContent, field, type Ledger, type Ledgers, placesOf } from './ledgers.ts';
import type { Role } from './world.ts';

/** From 0 to `below`, without it. */
export type Draw = (below: number) => number;

/** `written`: the rows of a database. `chained`: and its hash chain. `signed`: the system's own key too, from the beginning. */
type Power = 'written' | 'chained' | 'signed';

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

export function flip(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = draw(bytes.length);
  return bytes.with(at, (bytes[at] ?? 0) ^ (1 << draw(8)));
}

export function replaced(ledger: Ledger, index: number, changed: Partial<ExtractedEntry>): boolean {
  const entry = ledger.entries[index];
  if (entry === undefined) return false;
  ledger.entries[index] = { ...entry, ...changed };
  return true;
}

export const anyRole: readonly Role[] = ['issuance', 'central', 'quota'];

/** The place of the control bit that issuance made currency by, and that of the currency. */
export function issuedPair(ledgers: Ledgers, draw: Draw): { bit: number; currency: number } {
  const places = placesOf(ledgers.issuance, 'currency').filter(
    (at) => ledgers.issuance.entries[at]?.signed !== null,
  );
  const currency = places[draw(places.length)] ?? 0;
  return { currency, bit: sameRequest(ledgers.quota, 'control-bit', ledgers.issuance.entries[currency]) };
}

export function subjectOf(entry: ExtractedEntry | undefined): string {
  const decoded = decodeCbor(entry?.bytes ?? new Uint8Array());
  const [, , subject] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  return Buffer.from(subject as Uint8Array).toString('hex');
}

/** The entry of a kind that is of the same request. */
export function sameRequest(ledger: Ledger, kind: string, entry: ExtractedEntry | undefined): number {
  const at = placesOf(ledger, kind).find((place) => subjectOf(ledger.entries[place]) === subjectOf(entry));
  if (at === undefined) throw new Error(`no ${kind} of the request`);
  return at;
}

export type Signer = Tokens['of'][keyof Tokens['of']];

/** Puts another record into the entry, signed. */
export async function resign(
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

export function controlBitAt({ entries }: Ledger, at: number): ControlBit {
  const decoded = decodeControlBit(entries[at]?.signed ?? new Uint8Array());
  if (!decoded.ok) throw new Error(decoded.message);
  return decoded.value.record;
}

export function credentialAt(ledger: Ledger, at: number): Credential {
  const structure = decodeCbor(contentItem(ledger, at, field.toBeSigned) as Uint8Array);
  const [, header, , payload] = structure.ok && Array.isArray(structure.value) ? structure.value : [];
  const decoded = decodeCredential(
    encodeSign1(header as Uint8Array, new Map(), payload as Uint8Array, new Uint8Array(64)),
  );
  if (!decoded.ok) throw new Error(decoded.message);
  return decoded.value.record;
}

/** Takes entries of a kind out; the system signs the shorter journal. */
export function withheld(
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

export const used =
  (of: 'central' | 'issuance' | 'quota', kind: string) =>
  (ledgers: Ledgers): number[] =>
    placesOf(ledgers.issuance, 'currency').map((at) =>
      sameRequest(ledgers[of], kind, ledgers.issuance.entries[at]),
    );

/** The system writes another item into the entry of one of its own. */
export const entryOf =
  (of: Role) =>
  (
    kind: string,
    found: readonly FindingCode[],
    entryKind: 'credential' | 'denial' | 'retirement' | 'transfer',
    at: number,
    edit: Parameters<typeof editContent>[3],
  ): Corruption => ({
    kind,
    of,
    power: 'signed',
    found,
    apply({ [of]: ledger }, draw) {
      const places = placesOf(ledger, entryKind);
      editContent(ledger, places[draw(places.length)] ?? 0, at, edit);
      return true;
    },
  });

/** The last byte is another: of what is signed, that of its signature. */
export function forged(signed: CborValue): Uint8Array {
  const bytes = signed as Uint8Array;
  return bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1);
}
