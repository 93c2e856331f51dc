/** What a caller asks issuance for, to have a part of the quota kept: JSON, with the id that makes a retry the same. */
import { type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount } from './amount.ts';
import type { Currency } from './claims.ts';
import { type DraftErrorCode, readAmount, readCurrency, readId, readObject } from './draft.ts';
import { decodeText, repeatedKey } from './json-text.ts';
import { formatUuid } from './request-id.ts';

export interface ReservationDraft {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly currency: Currency;
  readonly total: bigint;
  readonly seconds: number;
}

/** How long one lasts where nothing is said. */
export const usualReservationSeconds = 86_400;
/** 7 days. */
export const longestReservationSeconds = 7 * 86_400;

export function decodeReservationDraft(bytes: Uint8Array): Result<ReservationDraft, DraftErrorCode> {
  const object = decodeObject(bytes, ['id', 'currency', 'total', 'seconds']);
  if (!object.ok) return object;
  const json = object.value;
  const id = readNeededId(json['id']);
  if (!id.ok) return id;
  const currency = readCurrency(json['currency']);
  if (!currency.ok) return currency;
  const total = readAmount(json['total'], currency.value, 'total');
  if (!total.ok) return total;
  const { seconds = usualReservationSeconds } = json;
  if (
    typeof seconds !== 'number' ||
    !Number.isSafeInteger(seconds) ||
    seconds < 1 ||
    seconds > longestReservationSeconds
  )
    return refuse(
      'draft_field_invalid',
      `seconds: a whole number from 1 to ${longestReservationSeconds} (7 days) is accepted`,
      'seconds',
    );
  return succeed({ id: id.value, currency: currency.value, total: total.value, seconds });
}

export function encodeReservationDraft({ id, currency, total, seconds }: ReservationDraft): Uint8Array {
  const json = { id: formatUuid(id), currency: currency.code, total: formatAmount(total, currency), seconds };
  return new TextEncoder().encode(JSON.stringify(json));
}

/** The id in `{ "id": UUID }`. */
export function decodeReservationId(bytes: Uint8Array): Result<Uint8Array, DraftErrorCode> {
  const object = decodeObject(bytes, ['id']);
  return object.ok ? readNeededId(object.value['id']) : object;
}

export function encodeReservationId(id: Uint8Array): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ id: formatUuid(id) }));
}

function decodeObject(
  bytes: Uint8Array,
  fields: readonly string[],
): Result<Record<string, unknown>, DraftErrorCode> {
  const text = decodeText(bytes);
  if (!text.ok) return text;
  let json: unknown;
  try {
    json = JSON.parse(text.value);
  } catch {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return refuse('draft_not_json', `an object with ${fields.join(', ')}, as JSON, is accepted`);
  }
  const repeated = repeatedKey(text.value);
  if (repeated !== undefined)
    return refuse('draft_field_repeated', `\`${repeated}\` is there twice: once is accepted`, repeated);
  return readObject(json, 'reservation', fields);
}

function readNeededId(value: unknown): Result<Uint8Array, DraftErrorCode> {
  const id = readId(value, 'id');
  if (!id.ok) return id;
  return id.value === undefined
    ? refuse('draft_field_missing', 'id is missing: a UUID, so that a retry is the same', 'id')
    : succeed(id.value);
}
