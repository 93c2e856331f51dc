/** A CSV of payees (RFC 4180): the header `payee,amount`, then a unit for each line. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount, parseAmount } from './amount.ts';
import { amountLimit, type Currency, unitLimit } from './claims.ts';
import { type DraftErrorCode, type DraftLot, readOwner } from './draft.ts';

/** The lots of a CSV and their sum; a refusal names the line and what is wrong with it. */
export function decodePayees(
  text: string,
  currency: Currency,
): Result<{ lots: DraftLot[]; total: bigint }, DraftErrorCode> {
  const rows = splitRows(text.replace(/^\uFEFF/, ''));
  if (!rows.ok) return rows;
  const [header, ...body] = rows.value;
  if (
    header === undefined ||
    header.fields.map((field) => field.trim().toLowerCase()).join(',') !== 'payee,amount'
  ) {
    return refuse(
      'payees_malformed',
      `line 1: the header \`payee,amount\` is accepted, not ${quote(header?.fields.join(',') ?? '')}`,
    );
  }
  if (body.length === 0)
    return refuse('payees_malformed', 'no payee: at least one line after the header is accepted');
  if (body.length > unitLimit)
    return refuse(
      'too_many_units',
      `${body.length} payees: at most ${unitLimit} in one request are accepted`,
    );
  const lots: DraftLot[] = [];
  let total = 0n;
  for (const { line, fields } of body) {
    const [payee, amount] = fields;
    if (fields.length !== 2 || payee === undefined || amount === undefined) {
      return refuse(
        'payees_malformed',
        `line ${line}: two fields, a payee and an amount, are accepted, not ${fields.length}`,
        `line ${line}`,
      );
    }
    const owner = readOwner(payee.trim(), `line ${line}`);
    if (!owner.ok) return owner;
    const value = parseAmount(amount.trim(), currency, `line ${line}`);
    if (!value.ok) return refuse(value.code, `line ${line}: ${value.message}`, value.field);
    lots.push({ value: value.value, count: 1, owner: owner.value });
    total += value.value;
    if (total > amountLimit) {
      return refuse(
        'amount_out_of_range',
        `line ${line}: up to here the amounts add up to more than \`${formatAmount(amountLimit, currency)}\`, the most of one request`,
        `line ${line}`,
      );
    }
  }
  return succeed({ lots, total });
}

interface Row {
  readonly line: number;
  readonly fields: readonly string[];
}

/** Rows of fields; blank lines are passed over, a quoted field may hold commas, quotes (doubled) and line ends. */
function splitRows(text: string): Result<Row[], 'payees_malformed'> {
  const rows: Row[] = [];
  let line = 1;
  let start = 1;
  let fields: string[] = [];
  let field = '';
  let state: 'plain' | 'quoted' | 'closed' = 'plain';
  const endRow = (): void => {
    fields.push(field);
    if (fields.length > 1 || field.trim() !== '') rows.push({ line: start, fields });
    fields = [];
    field = '';
    state = 'plain';
  };
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === '\n') line++;
    if (state === 'quoted') {
      if (character !== '"') field += character;
      else if (text[i + 1] === '"') {
        field += '"';
        i++;
      } else state = 'closed';
    } else if (character === '"' && field === '' && state === 'plain') {
      state = 'quoted';
    } else if (character === ',') {
      fields.push(field);
      field = '';
      state = 'plain';
    } else if (character === '\n') {
      endRow();
      start = line;
    } else if (character !== '\r' || (text[i + 1] !== '\n' && i + 1 < text.length)) {
      if (state === 'closed' || character === '"') {
        return refuse(
          'payees_malformed',
          `line ${line}: a quote inside a field is accepted only doubled and in quotes`,
          `line ${line}`,
        );
      }
      field += character;
    }
  }
  if (state === 'quoted')
    return refuse('payees_malformed', `line ${start}: a quoted field is not closed`, `line ${start}`);
  endRow();
  return succeed(rows);
}
