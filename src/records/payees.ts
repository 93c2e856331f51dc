/**
 * A CSV of payees (RFC 4180): the header `payee,amount`, then a unit for each row. It is read in pieces, so that a file of
 * any length takes no more memory than its longest row.
 */
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount, parseAmount } from './amount.ts';
import { amountLimit, type Currency, unitLimit } from './claims.ts';
import type { DraftErrorCode, DraftLot } from './draft.ts';
import { type Owner, readOwner } from './owner.ts';

/** The longest row that is read, in characters: a quoted field that is never closed would else be the rest of the file. */
export const rowLimit = 4_096;

export interface Payee {
  /** Where the row begins, from 1. */
  readonly line: number;
  readonly owner: Owner;
  /** Minor units. */
  readonly value: bigint;
}

/** Reads a CSV piece by piece; a refusal names the line and what is wrong with it, and is the reader's last word. */
export interface PayeeReader {
  /** The payees whose rows end in this piece. Pieces may end anywhere. */
  push(text: string): Result<Payee[], DraftErrorCode>;
  /** The payee whose row the end of the file ends, if there is one. */
  end(): Result<Payee[], DraftErrorCode>;
  /** The line where the next row begins. */
  readonly line: number;
}

/**
 * Makes a reader of amounts in `currency`. How the text is cut into pieces makes no difference to what it gives.
 *
 * Codes: `payees_malformed`, those of `readOwner` and of `parseAmount`.
 *
 * @example
 * const reader = makePayeeReader({ code: 'EUR', exponent: 2 });
 * reader.push('payee,amount\nAnna,1'); // no row has ended but the header
 * reader.push('.00\nBo');              // Anna, 100n
 */
export function makePayeeReader(currency: Currency): PayeeReader {
  let rest = '';
  let line = 1;
  let began = false;
  let header = false;
  let payees = 0;

  /** Takes one row, without its line end; nothing of a blank one and of the header. */
  function take(fields: readonly string[], into: Payee[]): Refusal<DraftErrorCode> | undefined {
    if (fields.length === 1 && fields[0]?.trim() === '') return undefined;
    if (!header) {
      header = fields.map((field) => field.trim().toLowerCase()).join(',') === 'payee,amount';
      return header ? undefined : headerMissing(fields.join(','));
    }
    const payee = readPayee(fields, line, currency);
    if (!payee.ok) return payee;
    into.push(payee.value);
    payees++;
    return undefined;
  }

  /** Reads the rows that end in `text`; at the end of the file the last one does so without a line end. */
  function read(text: string, isLast: boolean): Result<Payee[], DraftErrorCode> {
    const into: Payee[] = [];
    let start = 0;
    /** The row's next line end is looked for from here: behind `start` where the row has a line end in quotes. */
    let from = 0;
    let nextQuote = text.indexOf('"');
    for (;;) {
      const found = text.indexOf('\n', from);
      const end = found === -1 ? text.length : found;
      if (end - start > rowLimit) return tooLong(line);
      if (found === -1 && !isLast) break;
      if (nextQuote !== -1 && nextQuote < start) nextQuote = text.indexOf('"', start);
      const row = text.slice(start, text[end - 1] === '\r' && end > start ? end - 1 : end);
      const quoted = nextQuote !== -1 && nextQuote < end;
      const fields = quoted ? splitQuoted(row, line) : row.split(',');
      if (fields === 'open') {
        if (found === -1) return openQuote(line);
        from = found + 1;
        continue;
      }
      if (!Array.isArray(fields)) return fields;
      const refusal = take(fields, into);
      if (refusal !== undefined) return refusal;
      line += quoted ? countLineEnds(text, start, end) + 1 : 1;
      start = end + 1;
      from = start;
      if (found === -1) break;
    }
    rest = text.slice(start);
    return succeed(into);
  }

  return {
    get line() {
      return line;
    },
    push(text) {
      // A byte order mark that the decoder left.
      const fresh = began ? text : text.replace(/^\uFEFF/, '');
      began ||= text !== '';
      return read(rest + fresh, false);
    },
    end() {
      const last = read(rest, true);
      if (!last.ok) return last;
      if (!header) return headerMissing('');
      return payees > 0
        ? last
        : refuse('payees_malformed', 'no payee: at least one line after the header is accepted');
    },
  };
}

/** The lots of a CSV that is one request, and their sum. */
export function decodePayees(
  text: string,
  currency: Currency,
): Result<{ lots: DraftLot[]; total: bigint }, DraftErrorCode> {
  const reader = makePayeeReader(currency);
  const pushed = reader.push(text);
  if (!pushed.ok) return pushed;
  const last = reader.end();
  if (!last.ok) return last;
  const payees = [...pushed.value, ...last.value];
  if (payees.length > unitLimit)
    return refuse(
      'too_many_units',
      `${payees.length} payees: at most ${unitLimit} in one request are accepted; \`ringmint bulk\` takes any number`,
    );
  let total = 0n;
  for (const { line, value } of payees) {
    total += value;
    if (total > amountLimit) {
      return refuse(
        'amount_out_of_range',
        `line ${line}: up to here the amounts add up to more than \`${formatAmount(amountLimit, currency)}\`, the most of one request`,
        `line ${line}`,
      );
    }
  }
  return succeed({ lots: payees.map(({ value, owner }) => ({ value, count: 1, owner })), total });
}

function readPayee(
  fields: readonly string[],
  line: number,
  currency: Currency,
): Result<Payee, DraftErrorCode> {
  const [payee, amount] = fields;
  const field = `line ${line}`;
  if (fields.length !== 2 || payee === undefined || amount === undefined) {
    return refuse(
      'payees_malformed',
      `${field}: two fields, a payee and an amount, are accepted, not ${fields.length}`,
      field,
    );
  }
  const owner = readOwner(payee.trim(), field);
  if (!owner.ok) return owner;
  const value = parseAmount(amount.trim(), currency, field);
  if (!value.ok) return refuse(value.code, `${field}: ${value.message}`, value.field);
  return succeed({ line, owner: owner.value, value: value.value });
}

/** The fields of a row with quotes in it, which may hold commas, quotes (doubled) and line ends; `open` where a quoted field goes on. */
function splitQuoted(row: string, start: number): string[] | 'open' | Refusal<'payees_malformed'> {
  const fields: string[] = [];
  let field = '';
  let state: 'plain' | 'quoted' | 'closed' = 'plain';
  for (let i = 0; i < row.length; i++) {
    const character = row.charAt(i);
    if (state === 'quoted') {
      if (character !== '"') field += character;
      else if (row[i + 1] === '"') {
        field += '"';
        i++;
      } else state = 'closed';
    } else if (character === '"' && field === '' && state === 'plain') {
      state = 'quoted';
    } else if (character === ',') {
      fields.push(field);
      field = '';
      state = 'plain';
    } else if (state === 'closed' || character === '"') {
      const line = `line ${start + countLineEnds(row, 0, i)}`;
      return refuse(
        'payees_malformed',
        `${line}: a quote inside a field is accepted only doubled and in quotes`,
        line,
      );
    } else field += character;
  }
  if (state === 'quoted') return 'open';
  fields.push(field);
  return fields;
}

function countLineEnds(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

function headerMissing(found: string): Refusal<'payees_malformed'> {
  return refuse('payees_malformed', `line 1: the header \`payee,amount\` is accepted, not ${quote(found)}`);
}

function openQuote(line: number): Refusal<'payees_malformed'> {
  return refuse('payees_malformed', `line ${line}: a quoted field is not closed`, `line ${line}`);
}

function tooLong(line: number): Refusal<'payees_malformed'> {
  return refuse(
    'payees_malformed',
    `line ${line}: a row of at most ${rowLimit} characters is accepted; is a quoted field not closed?`,
    `line ${line}`,
  );
}
