/** The facts that `ringmint rules explain` is asked about: lines of a file, or what its options say. */
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import type { Facts } from '../../rules/checker/checked.ts';
import { type NamedFacts, parseFacts } from '../../rules/facts-json.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import { readModuleFile } from './module-file.ts';

export interface QueryArguments {
  /** JSON lines; `-` for standard input. */
  readonly facts: string | undefined;
  /** Of a line of the file; the first where nothing is said. */
  readonly id: string | undefined;
  readonly amount: string | undefined;
  readonly currency: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly kind: string;
  /** `2026-11-22T12:00:00Z`; now where nothing is said. */
  readonly at: string | undefined;
  /** `tx.tier=basic` */
  readonly fact: readonly string[];
}

/** One transaction; of the options only what they say is there, and everything else is missing. */
export async function readQuery(
  given: QueryArguments,
  now: string,
  stdin: StandardInput,
): Promise<Result<Facts>> {
  if (given.facts !== undefined) {
    const named = await readLine(given.facts, given.id, stdin);
    return named.ok ? succeed(named.value.facts) : named;
  }
  const { amount, currency, from, to, kind, at = now } = given;
  if (amount === undefined || currency === undefined || from === undefined || to === undefined)
    return refuse('usage', 'either `--facts`, or `--amount`, `--currency`, `--from` and `--to` are accepted');
  const others: [string, string][] = [];
  for (const text of given.fact) {
    const [, name, value] = /^([a-z._]+)=(.*)$/.exec(text) ?? [];
    if (name === undefined || value === undefined)
      return refuse(
        'usage',
        `--fact ${quote(text)}: a field and its value such as \`tx.tier=basic\` are accepted`,
      );
    others.push([name, value]);
  }
  const fields = {
    'tx.time': at,
    'tx.origin': from,
    'tx.destination': to,
    'tx.currency': currency,
    'tx.amount': `${amount} ${currency}`,
    ...Object.fromEntries(others),
  };
  const parsed = parseFacts(JSON.stringify({ kind, fields }));
  return parsed.ok ? succeed(parsed.value.facts) : parsed;
}

async function readLine(
  file: string,
  id: string | undefined,
  stdin: StandardInput,
): Promise<Result<NamedFacts>> {
  const read = await readModuleFile(file, stdin);
  if (!read.ok) return read;
  const ids: string[] = [];
  for (const [index, line] of read.value.text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const parsed = parseFacts(line);
    if (!parsed.ok) return refuse(parsed.code, `${quote(file)}, line ${index + 1}: ${parsed.message}`);
    if (id === undefined || parsed.value.id === id) return parsed;
    if (parsed.value.id !== undefined) ids.push(parsed.value.id);
  }
  const first = ids.slice(0, 10).join(', ');
  return refuse(
    'usage',
    id === undefined
      ? `${quote(file)} has no facts: one line of JSON for each transaction is accepted`
      : `${quote(file)} has no facts with the id ${quote(id)}: ${first === '' ? 'they have no ids' : `such as ${first} are accepted`}`,
  );
}
