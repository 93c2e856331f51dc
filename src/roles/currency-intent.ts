/** The intent of a currency record: what is to be signed, with all that a retry needs, so that it asks neither of the other systems. */
import { sha256 } from '../kit/bytes.ts';
import { decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import type { ControlBit } from '../records/control-bit.ts';
import { encodeCurrencyRecord } from '../records/currency.ts';
import type { NewIntent } from '../store/store.ts';

export interface CurrencyParts {
  readonly issuer: string;
  readonly requestId: Uint8Array;
  readonly controlBit: ControlBit;
  readonly controlBitBytes: Uint8Array;
  /** Central management's, where it denied some of the orders. */
  readonly denialBytes: Uint8Array | null;
  readonly nowMs: number;
}

export function currencyIntent(parts: CurrencyParts): NewIntent {
  const { issuer, requestId, controlBit, controlBitBytes, denialBytes, nowMs } = parts;
  const { epoch, sequence, root, count, total, currency } = controlBit;
  const bodyHash = sha256(controlBitBytes);
  return {
    kind: 'currency',
    id: requestId,
    issuer,
    bodyHash,
    serial: { epoch, number: sequence },
    createdMs: nowMs,
    context: encodeCbor([controlBitBytes, denialBytes]),
    toBeSigned: encodeCurrencyRecord(
      {
        requestId,
        issuer,
        issuedAt: Math.floor(nowMs / 1000),
        epoch,
        sequence,
        root,
        count,
        total,
        currency,
        controlBitHash: bodyHash,
      },
      controlBit.issuanceKey,
    ),
  };
}

/** What a currency intent keeps. */
export function decodeContext(context: Uint8Array): { controlBit: Uint8Array; denial: Uint8Array | null } {
  const decoded = decodeCbor(context);
  assert(decoded.ok && Array.isArray(decoded.value), 'a currency intent has its context');
  const [controlBit, denial] = decoded.value;
  assert(
    controlBit instanceof Uint8Array && (denial === null || denial instanceof Uint8Array),
    'a currency intent keeps the control bit, and the denial where there is one',
  );
  return { controlBit, denial };
}
