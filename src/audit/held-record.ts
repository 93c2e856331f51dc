/** A record as its system's ledger has it: what the journal committed to, and what was handed out. */
import type { PlacedEntry } from '../journal/extract.ts';
import { equalBytes } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { type Decoded, encodeSign1 } from '../records/cose.ts';
import type { KeyHolder, Moments } from '../records/key-ring.ts';
import { decodeEntry, type IntentEntry, type ResolutionEntry } from './entry.ts';
import type { FindingCode } from './finding.ts';
import type { EntryPlace } from './request-index.ts';
import { type AuditContext, clockTolerance, report, type System } from './system.ts';

export interface HeldRecord<T> {
  readonly system: System;
  readonly placed: PlacedEntry;
  readonly entry: IntentEntry;
  readonly record: T;
  readonly decoded: Decoded<T>;
  /** Whether it has been handed out. */
  readonly isSigned: boolean;
}

type Decode<T> = (bytes: Uint8Array) => Result<Decoded<T>>;

/** The entry at `offset` once more; what was wrong with it was found when the journal was read. */
function entryAt(system: System, offset: number): { placed: PlacedEntry; entry: IntentEntry } | undefined {
  const placed = system.extract.entryAt(offset);
  const read = decodeEntry(placed.bytes);
  if ('fault' in read || !('toBeSigned' in read.entry)) return undefined;
  return { placed, entry: read.entry };
}

/** The record at a place of the index; `undefined` where there is no place, or nothing that can be read. */
export function openPlaced<T extends { readonly issuedAt: number }>(
  context: AuditContext,
  place: EntryPlace | undefined,
  decode: Decode<T>,
  form: RecordForm = 'own',
): HeldRecord<T> | undefined {
  const system = place === undefined ? undefined : context.systems[place.system];
  return place === undefined || system === undefined
    ? undefined
    : openRecord(context, system, place.offset, decode, form);
}

/**
 * What a ledger has of a record: its own with its signature; its own `sealed`, encrypted as it was handed out, so that the signature cannot
 * be seen here; or another system's that it has `received`, at whatever time.
 */
export type RecordForm = 'own' | 'sealed' | 'received';

export function openRecord<T extends { readonly issuedAt: number }>(
  context: AuditContext,
  system: System,
  offset: number,
  decode: Decode<T>,
  form: RecordForm = 'own',
): HeldRecord<T> | undefined {
  const found = entryAt(system, offset);
  if (found === undefined) return undefined;
  const { placed, entry } = found;
  const { signed } = placed;
  const find = (code: FindingCode, what: string, expected: string): undefined => {
    report(context, system, entry.sequence, code, what, expected);
  };
  const unsigned = withoutSignature(entry.toBeSigned);
  if (unsigned === undefined)
    return find('record_malformed', 'what is to be signed is no record', `a ${entry.kind}`);
  const decoded = decode(signed === null || form === 'sealed' ? unsigned : signed);
  if (!decoded.ok) return find('record_malformed', decoded.message, `a ${entry.kind}`);
  if (!equalBytes(decoded.value.toBeSigned, entry.toBeSigned))
    return find(
      'record_differs',
      'what was handed out is not what the journal has',
      'the record that was committed',
    );
  const { record } = decoded.value;
  if (form !== 'received' && Math.abs(record.issuedAt - Math.floor(entry.createdMs / 1000)) > clockTolerance)
    find(
      'time_disordered',
      `the record is of ${record.issuedAt} s, its entry of ${Math.floor(entry.createdMs / 1000)} s`,
      `at most ${clockTolerance} seconds between them`,
    );
  return { system, placed, entry, record, decoded: decoded.value, isSigned: signed !== null };
}

/** The resolution at a place of the index. */
export function openResolution(
  { systems }: AuditContext,
  place: EntryPlace | undefined,
): { readonly system: System; readonly entry: ResolutionEntry } | undefined {
  const system = place === undefined ? undefined : systems[place.system];
  if (place === undefined || system === undefined) return undefined;
  const read = decodeEntry(system.extract.entryAt(place.offset).bytes);
  return 'entry' in read && read.entry.kind === 'resolution' ? { system, entry: read.entry } : undefined;
}

/** The record with 64 zero bytes in the place of its signature; `undefined` where the bytes are none of a record. */
function withoutSignature(toBeSigned: Uint8Array): Uint8Array | undefined {
  const structure = decodeCbor(toBeSigned);
  if (!structure.ok || !Array.isArray(structure.value) || structure.value.length !== 4) return undefined;
  const [label, header, , payload] = structure.value as readonly unknown[];
  if (label !== 'Signature1' || !(header instanceof Uint8Array) || !(payload instanceof Uint8Array))
    return undefined;
  return encodeSign1(header, new Map(), payload, new Uint8Array(64));
}

/** Whether the record's signature is by a key of the holder's that counted at these moments; what is not is found. */
export function verifyHeld<T>(
  context: AuditContext,
  { system, entry, decoded }: Pick<HeldRecord<T>, 'system' | 'entry' | 'decoded'>,
  holder: KeyHolder,
  moments: Moments,
): boolean {
  const verified = context.keys.verify(decoded, holder, moments);
  if (!verified.ok)
    report(
      context,
      system,
      entry.sequence,
      verified.code,
      `the ${entry.kind}: ${verified.message}`,
      `a signature by a key of ${holder.role} \`${holder.name}\` that counts`,
    );
  return verified.ok;
}
