/**
 * The currency file: a whole batch as it is handed out. Its two signed records cover the root of its units.
 *
 * ```
 * ┌ array(5) ──────────────────────────────────────────────────────────────────────────────────┐
 * │ "ringmint.currency-file" │ version 1 │ currency record │ control bit │ [ unit, unit, … ]   │
 * └────────────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 */
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { type RecordErrorCode, unitLimit } from './claims.ts';

export const currencyFileKind = 'ringmint.currency-file';
const version = 1;

/** No file of ours is larger: 65,536 units take some 12 MiB. */
export const fileSizeLimit = 64 * 1024 * 1024;

export interface CurrencyFile {
  readonly currencyRecord: Uint8Array;
  readonly controlBit: Uint8Array;
  readonly leaves: readonly Uint8Array[];
}

export function encodeCurrencyFile(file: CurrencyFile): Uint8Array {
  return encodeCbor([currencyFileKind, version, file.currencyRecord, file.controlBit, file.leaves]);
}

/** Decodes the container only; what is in it is the verifier's to check. */
export function decodeCurrencyFile(bytes: Uint8Array): Result<CurrencyFile, RecordErrorCode> {
  if (bytes.length > fileSizeLimit)
    return refuse('too_large', `${bytes.length} bytes: at most ${fileSizeLimit} are accepted`);
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  if (!Array.isArray(decoded.value) || decoded.value.length !== 5) return malformed();
  const [kind, number, currencyRecord, controlBit, leaves] = decoded.value;
  if (kind !== currencyFileKind || number !== version || !Array.isArray(leaves) || leaves.length > unitLimit)
    return malformed();
  if (!(currencyRecord instanceof Uint8Array) || !(controlBit instanceof Uint8Array)) return malformed();
  if (!leaves.every((leaf) => leaf instanceof Uint8Array)) return malformed();
  return succeed({ currencyRecord, controlBit, leaves });
}

function malformed(): Refusal<'record_malformed'> {
  return refuse(
    'record_malformed',
    'not a currency file: two records and at most 65,536 units under `ringmint.currency-file`, version 1, are accepted',
  );
}
