/**
 * The draft: what a person or a program asks for, before it is a signed request. Written as JSON, or as
 * the deterministic CBOR that `ringmint request` makes of it, which a retry sends again unchanged.
 */
import { concatBytes } from '../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor, headLimit, putHead } from '../kit/encoding.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { type AmountCode, formatAmount, parseAmount } from './amount.ts';
import { ClaimReader, type Currency, type RecordErrorCode, unitLimit } from './claims.ts';
import { currencyExponent } from './iso4217.ts';
import { decodeText, repeatedKey } from './json-text.ts';
import { isOwnerName, type Owner, ownerAccepted, readOwner } from './owner.ts';
import { purposePattern } from './request.ts';
import { parseUuid } from './request-id.ts';

export type DraftErrorCode =
  | RecordErrorCode
  | AmountCode
  | 'draft_empty'
  | 'draft_not_text'
  | 'draft_not_json'
  | 'draft_field_missing'
  | 'draft_field_unknown'
  | 'draft_field_repeated'
  | 'draft_field_invalid'
  | 'payees_malformed';

/** The largest draft that is read, in bytes; 65,536 payees take under 8 MiB. */
export const draftSizeLimit = 64 * 1024 * 1024;

export interface DraftLot {
  readonly value: bigint;
  readonly count: number;
  readonly owner: Owner;
}

export interface Draft {
  /** UUIDv7, 16 bytes; `ringmint request` makes one where the draft has none. */
  readonly id?: Uint8Array;
  readonly currency: Currency;
  readonly total: bigint;
  readonly lots: readonly DraftLot[];
  readonly purpose: string;
  readonly origin: string;
  readonly destination: string;
  readonly redeemUntil?: number;
  /** The reservation that it is issued of, 16 bytes. */
  readonly reservation?: Uint8Array;
}

const kind = 'ringmint.draft';
const version = 1;

/** The draft as deterministic CBOR: the same draft, however it was written, has the same bytes. */
export function encodeDraft(draft: Draft): Uint8Array {
  const { id = null, currency, total, purpose, origin, destination, redeemUntil = null, reservation } = draft;
  return concatBytes(
    // With one more item where there is a reservation: a draft without one has the bytes that it always had.
    Uint8Array.of(reservation === undefined ? 0x8a : 0x8b),
    ...[kind, version, id, currency.code, total].map(encodeCbor),
    encodeLots(draft.lots),
    ...[purpose, origin, destination, redeemUntil].map(encodeCbor),
    ...(reservation === undefined ? [] : [encodeCbor(reservation)]),
  );
}

/** The deterministic encoding of a draft that was decoded from `bytes`: those, where they are it already. */
export function encodingOf(draft: Draft, bytes: Uint8Array): Uint8Array {
  return isCborDraft(bytes) ? bytes : encodeDraft(draft);
}

/** An array of ten or eleven, the first byte of every CBOR draft; no JSON begins with it. */
function isCborDraft(bytes: Uint8Array): boolean {
  return bytes[0] === 0x8a || bytes[0] === 0x8b;
}

/** The array of the lots, of which there may be 65,536; a test holds it against the library's. */
function encodeLots(lots: readonly DraftLot[]): Uint8Array {
  const owners = lots.map(({ owner }) => ('name' in owner ? encodeCbor(owner.name) : owner.commitment));
  const most = owners.reduce((sum, { length }) => sum + length + 4 * headLimit, headLimit);
  const bytes = new Uint8Array(most);
  let at = putHead(bytes, 0, 4, lots.length);
  for (const [i, { value, count, owner }] of lots.entries()) {
    const encoded = owners[i] as Uint8Array;
    at = putHead(bytes, at, 4, 3);
    at = putHead(bytes, at, 0, Number(value));
    at = putHead(bytes, at, 0, count);
    if (!('name' in owner)) at = putHead(bytes, at, 2, encoded.length);
    bytes.set(encoded, at);
    at += encoded.length;
  }
  return bytes.subarray(0, at);
}

/**
 * Decodes an untrusted draft, JSON or CBOR, and checks that its denominations add up. `owner` is that of a draft in JSON with
 * denominations that names none; any other draft is refused with it.
 */
export function decodeDraft(bytes: Uint8Array, owner?: Owner): Result<Draft, DraftErrorCode> {
  if (bytes.length === 0) return refuse('draft_empty', 'the draft is empty: JSON or CBOR is accepted');
  if (bytes.length > draftSizeLimit)
    return refuse('too_large', `${bytes.length} bytes: a draft of at most ${draftSizeLimit} is accepted`);
  const isCbor = isCborDraft(bytes);
  if (isCbor && owner !== undefined) return ownerGivenTwice();
  const draft = isCbor ? decodeCborDraft(bytes) : decodeJsonDraft(bytes, owner);
  return draft.ok ? checkSum(draft.value) : draft;
}

function decodeCborDraft(bytes: Uint8Array): Result<Draft, DraftErrorCode> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  const reader = new ClaimReader(new Map());
  const fields = reader.listOf(decoded.value, 'draft', bytes[0] === 0x8a ? 10 : 11);
  if (fields[0] !== kind || fields[1] !== version) reader.fail('draft', '`ringmint.draft`, version 1');
  if (reader.refusal !== undefined) return reader.refusal;
  const [, , id, code, total, lots, purpose, origin, destination, redeemUntil, reservation] = fields;
  const currency = readCurrency(code);
  if (!currency.ok) return currency;
  if (id !== null && !(id instanceof Uint8Array && id.length === 16))
    reader.fail('id', 'a UUID of 16 bytes or null');
  const draft: Draft = {
    ...(id instanceof Uint8Array ? { id } : {}),
    currency: currency.value,
    total: reader.amountOf(total, 'total'),
    lots: reader.listOf(lots, 'lots').map((item, index) => readCborLot(reader, item, `lots[${index}]`)),
    ...textFields(reader, { purpose, origin, destination }),
    ...(redeemUntil === null ? {} : { redeemUntil: reader.timeOf(redeemUntil, 'redeemUntil') }),
    ...(fields.length === 10 ? {} : { reservation: reader.bytesOf(reservation, 'reservation', 16) }),
  };
  return reader.refusal ?? succeed(draft);
}

function readCborLot(reader: ClaimReader, item: CborValue, name: string): DraftLot {
  const [value, count, owner] = reader.listOf(item, name, 3);
  const isCommitment = owner instanceof Uint8Array && owner.length === 32;
  if (!isCommitment && !(typeof owner === 'string' && isOwnerName(owner)))
    reader.fail(`${name}.owner`, ownerAccepted);
  return {
    value: reader.amountOf(value, `${name}.value`),
    count: reader.integerOf(count, `${name}.count`, 1),
    owner: isCommitment ? { commitment: owner } : { name: typeof owner === 'string' ? owner : '' },
  };
}

function textFields(
  reader: ClaimReader,
  fields: Record<'purpose' | 'origin' | 'destination', unknown>,
): Pick<Draft, 'purpose' | 'origin' | 'destination'> {
  const { purpose, origin, destination } = fields;
  if (typeof purpose !== 'string' || !purposePattern.test(purpose))
    reader.fail('purpose', 'text of at most 140 characters');
  for (const [name, value] of [
    ['origin', origin],
    ['destination', destination],
  ] as const) {
    if (typeof value !== 'string' || !/^[A-Z]{2}$/.test(value))
      reader.fail(name, `two capital letters of ISO 3166, not ${quote(value)},`);
  }
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
  return { purpose: textOf(purpose), origin: textOf(origin), destination: textOf(destination) };
}

const draftFields = [
  'id',
  'currency',
  'total',
  'denominations',
  'payees',
  'owner',
  'purpose',
  'origin',
  'destination',
  'redeemUntil',
  'reservation',
];

function decodeJsonDraft(bytes: Uint8Array, owner: Owner | undefined): Result<Draft, DraftErrorCode> {
  const text = decodeText(bytes);
  if (!text.ok) return text;
  let json: unknown;
  try {
    json = JSON.parse(text.value);
  } catch (error) {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return refuse('draft_not_json', `neither JSON nor CBOR: ${quote((error as Error).message)}`);
  }
  const repeated = repeatedKey(text.value);
  if (repeated !== undefined)
    return refuse(
      'draft_field_repeated',
      `${quote(repeated)} is there twice in one object: once is accepted`,
      repeated,
    );
  const draft = readObject(json, 'draft', draftFields);
  if (!draft.ok) return draft;
  return draftFromJson(draft.value, owner);
}

function draftFromJson(
  json: Record<string, unknown>,
  owner: Owner | undefined,
): Result<Draft, DraftErrorCode> {
  const currency = readCurrency(json['currency']);
  if (!currency.ok) return currency;
  const total = readAmount(json['total'], currency.value, 'total');
  if (!total.ok) return total;
  const lots = readLots(json, currency.value, owner);
  if (!lots.ok) return lots;
  const reader = new ClaimReader(new Map());
  const { purpose = '', origin, destination } = json;
  const texts = textFields(reader, { purpose, origin, destination });
  if (reader.refusal !== undefined) return { ...reader.refusal, code: 'draft_field_invalid' };
  const id = readId(json['id'], 'id');
  if (!id.ok) return id;
  const reservation = readId(json['reservation'], 'reservation');
  if (!reservation.ok) return reservation;
  const redeemUntil = readDate(json['redeemUntil']);
  if (!redeemUntil.ok) return redeemUntil;
  return succeed({
    ...(id.value === undefined ? {} : { id: id.value }),
    currency: currency.value,
    total: total.value,
    lots: lots.value,
    ...texts,
    ...(redeemUntil.value === undefined ? {} : { redeemUntil: redeemUntil.value }),
    ...(reservation.value === undefined ? {} : { reservation: reservation.value }),
  });
}

function readLots(
  json: Record<string, unknown>,
  currency: Currency,
  given: Owner | undefined,
): Result<DraftLot[], DraftErrorCode> {
  const { denominations, payees, owner } = json;
  if ((denominations === undefined) === (payees === undefined)) {
    return refuse(
      'draft_field_missing',
      'one of `denominations` and `payees` is accepted, and one is needed',
      'denominations',
    );
  }
  if (given !== undefined && (payees !== undefined || owner !== undefined)) return ownerGivenTwice();
  if (payees !== undefined) {
    if (owner !== undefined)
      return refuse(
        'draft_field_invalid',
        '`owner` goes with `denominations`; each payee is its own',
        'owner',
      );
    return readItems(payees, 'payees', 'amount', currency, ['owner', 'amount', 'count']);
  }
  const holder = given === undefined ? readOwner(owner, 'owner') : succeed(given);
  return holder.ok
    ? readItems(denominations, 'denominations', 'value', currency, ['value', 'count'], holder.value)
    : holder;
}

function ownerGivenTwice(): Result<never, DraftErrorCode> {
  return refuse(
    'draft_field_invalid',
    'owner: the draft names its owners itself: one that names none is accepted with an owner beside it',
    'owner',
  );
}

function readItems(
  items: unknown,
  name: string,
  amountField: 'value' | 'amount',
  currency: Currency,
  fields: readonly string[],
  sharedOwner?: Owner,
): Result<DraftLot[], DraftErrorCode> {
  if (!Array.isArray(items) || items.length === 0)
    return refuse('draft_field_invalid', `${name}: an array with at least one item is accepted`, name);
  const lots: DraftLot[] = [];
  for (const [index, item] of items.entries()) {
    const path = `${name}[${index}]`;
    const object = readObject(item, path, fields);
    if (!object.ok) return object;
    const value = readAmount(object.value[amountField], currency, `${path}.${amountField}`);
    if (!value.ok) return value;
    const count = object.value['count'] ?? (sharedOwner === undefined ? 1 : undefined);
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1 || count > unitLimit) {
      return refuse(
        'draft_field_invalid',
        `${path}.count: a whole number from 1 to ${unitLimit} is accepted, not ${quote(count)}`,
        `${path}.count`,
      );
    }
    const owner =
      sharedOwner === undefined ? readOwner(object.value['owner'], `${path}.owner`) : succeed(sharedOwner);
    if (!owner.ok) return owner;
    lots.push({ value: value.value, count, owner: owner.value });
  }
  return succeed(lots);
}

export function readObject(
  json: unknown,
  path: string,
  fields: readonly string[],
): Result<Record<string, unknown>, DraftErrorCode> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return refuse(
      'draft_field_invalid',
      `${path}: an object with ${fields.map((field) => `\`${field}\``).join(', ')} is accepted`,
      path,
    );
  }
  for (const key of Object.keys(json)) {
    if (!fields.includes(key))
      return refuse(
        'draft_field_unknown',
        `${path}: ${quote(key)} is not known; accepted: ${fields.join(', ')}`,
        key,
      );
  }
  return succeed(json as Record<string, unknown>);
}

export function readAmount(
  value: unknown,
  currency: Currency,
  field: string,
): Result<bigint, DraftErrorCode> {
  if (typeof value === 'string') return parseAmount(value, currency, field);
  if (value === undefined) return refuse('draft_field_missing', `${field} is missing`, field);
  return refuse(
    'amount_malformed',
    `${field}: an amount is text in quotes, so that nothing is rounded: not ${quote(value)} but, for example, \`"10.00"\``,
    field,
  );
}

export function readCurrency(value: unknown): Result<Currency, DraftErrorCode> {
  const exponent = typeof value === 'string' ? currencyExponent(value) : undefined;
  if (typeof value === 'string' && exponent !== undefined) return succeed({ code: value, exponent });
  return refuse(
    'currency_unknown',
    `currency: ${quote(value)} is not known; an ISO 4217 code such as \`EUR\` is accepted`,
    'currency',
  );
}

export function readId(value: unknown, field: string): Result<Uint8Array | undefined, DraftErrorCode> {
  if (value === undefined) return succeed(undefined);
  const id = typeof value === 'string' ? parseUuid(value) : undefined;
  return id === undefined
    ? refuse('draft_field_invalid', `${field}: a UUID is accepted, not ${quote(value)}`, field)
    : succeed(id);
}

function readDate(value: unknown): Result<number | undefined, DraftErrorCode> {
  if (value === undefined) return succeed(undefined);
  const ms =
    typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value)
      ? Date.parse(`${value}T00:00:00Z`)
      : Number.NaN;
  // Date.parse takes the 31st of February for the 2nd of March.
  if (Number.isNaN(ms) || ms <= 0 || new Date(ms).toISOString().slice(0, 10) !== value)
    return refuse(
      'draft_field_invalid',
      `redeemUntil: a day such as \`2036-01-01\` is accepted, not ${quote(value)}`,
      'redeemUntil',
    );
  return succeed(ms / 1000);
}

function checkSum(draft: Draft): Result<Draft, DraftErrorCode> {
  let sum = 0n;
  let count = 0;
  for (const lot of draft.lots) {
    sum += lot.value * BigInt(lot.count);
    count += lot.count;
  }
  if (count > unitLimit)
    return refuse(
      'too_many_units',
      `${count} units: at most ${unitLimit} in one request are accepted`,
      'denominations',
    );
  if (sum !== draft.total) {
    const difference = sum > draft.total ? sum - draft.total : draft.total - sum;
    const { currency } = draft;
    return refuse(
      'denominations_mismatch',
      `the denominations add up to \`${formatAmount(sum, currency)}\`, which is ${formatAmount(difference, currency)} ${sum > draft.total ? 'more' : 'less'} than the total, \`${formatAmount(draft.total, currency)}\``,
      'denominations',
    );
  }
  return succeed(draft);
}
