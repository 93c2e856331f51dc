/**
 * The retirement file: a retirement with all that quota control needs to carry it out. It is what is sent, and sent again.
 *
 * ```
 * ┌ array(5) ──────────────────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.retirement" │ version 1 │ retirement │ [ file, … ] │ [ blinding (32), … ]         │
 * └────────────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 * The files are currency files and unit files as they were handed out; together they hold the units that the retirement names and no
 * others. The blindings are one a unit, in the order of the retirement's units. Whoever has them learns who owned the units.
 */
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import type { RecordErrorCode } from './claims.ts';
import type { Decoded } from './cose.ts';
import { decodeRetirement, type Retirement, retiredUnitLimit } from './retirement.ts';

export const retirementFileKind = 'ringmint.retirement';
const version = 1;

/** No retirement file is larger: 4,096 units of 256 batches take some 2 MiB. */
export const retirementFileSizeLimit = 4 * 1024 * 1024;
/** Each file costs quota control two signatures to verify. */
export const retirementFileLimit = 256;

export interface RetirementFile {
  readonly retirement: Decoded<Retirement>;
  /** Currency files and unit files, 1 to 256; not looked into yet. */
  readonly files: readonly Uint8Array[];
  /** Of each unit that the retirement names, in its order. */
  readonly blindings: readonly Uint8Array[];
}

export interface RetirementParts {
  /** The signed retirement. */
  readonly retirement: Uint8Array;
  readonly files: readonly Uint8Array[];
  readonly blindings: readonly Uint8Array[];
}

export function encodeRetirementFile({ retirement, files, blindings }: RetirementParts): Uint8Array {
  assert(
    blindings.every(({ length }) => length === 32),
    'a blinding has 32 bytes',
  );
  return encodeCbor([retirementFileKind, version, retirement, files, blindings]);
}

/** Decodes untrusted bytes, with the retirement in them; refuses as `too_large`, or with the codes of decoding a record. */
export function decodeRetirementFile(bytes: Uint8Array): Result<RetirementFile, RecordErrorCode> {
  if (bytes.length > retirementFileSizeLimit)
    return refuse('too_large', `${bytes.length} bytes: at most ${retirementFileSizeLimit} are accepted`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 5)
    return malformed('an array of five', undefined);
  const [kind, number, record, files, blindings] = decoded.value;
  if (kind !== retirementFileKind || number !== version)
    return malformed(`\`${retirementFileKind}\`, version ${version},`, undefined);
  if (!(record instanceof Uint8Array)) return malformed('a retirement as byte string', 'retirement');
  if (!areBytes(files) || files.length < 1 || files.length > retirementFileLimit)
    return malformed(`a list of 1 to ${retirementFileLimit} files as byte strings`, 'files');
  if (!areBytes(blindings) || !blindings.every(({ length }) => length === 32))
    return malformed(`a list of at most ${retiredUnitLimit} blindings of 32 bytes`, 'blindings');
  const retirement = decodeRetirement(record);
  if (!retirement.ok) return retirement;
  const { units } = retirement.value.record;
  if (blindings.length !== units.length)
    return malformed(`a blinding for each of ${units.length} units, not ${blindings.length},`, 'blindings');
  return succeed({ retirement: retirement.value, files, blindings });
}

function areBytes(value: unknown): value is readonly Uint8Array[] {
  return Array.isArray(value) && value.every((item) => item instanceof Uint8Array);
}

function malformed(accepted: string, field: string | undefined): Refusal<'record_malformed'> {
  return refuse('record_malformed', `not a retirement file: ${accepted} is accepted`, field);
}
