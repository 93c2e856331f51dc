/** Asks for a total before it is issued: what a person types again, or gives as `--confirm-amount`, was looked at. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount, parseAmount } from '../records/amount.ts';
import type { Currency } from '../records/claims.ts';
import type { Terminal } from './terminal.ts';
import { linesOf, type StandardInput } from './vm/standard-input.ts';

export interface TotalToConfirm {
  /** Minor units. */
  readonly total: bigint;
  readonly currency: Currency;
  /** What it is for, in words: a line before the question. */
  readonly summary: string;
}

/**
 * Succeeds where `given`, or what is typed at a terminal, is the total; else `amount_unconfirmed`. Nobody is asked where `given` is
 * there, with `--json`, or where standard input is no terminal.
 */
export async function confirmTotal(
  { total, currency, summary }: TotalToConfirm,
  given: string | undefined,
  { terminal, stdin }: { terminal: Terminal; stdin: StandardInput },
): Promise<Result<null, 'amount_unconfirmed'>> {
  const expected = formatAmount(total, currency);
  if (given === undefined && (terminal.json || !stdin.isTerminal)) {
    return refuse(
      'amount_unconfirmed',
      `${summary}: \`--confirm-amount ${expected}\` is needed where nobody is asked for the total`,
      'confirm-amount',
    );
  }
  let typed = given;
  if (typed === undefined) {
    terminal.progress(summary);
    terminal.progress('type the total to go on:');
    for await (const line of linesOf(stdin)) {
      typed = line;
      break;
    }
  }
  const amount = parseAmount((typed ?? '').trim(), currency);
  if (amount.ok && amount.value === total) return succeed(null);
  return refuse(
    'amount_unconfirmed',
    `${summary}: ${quote(typed?.trim())} is not that total; nothing was sent`,
    'confirm-amount',
  );
}
