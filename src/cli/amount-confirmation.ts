/**
 * Asks for an amount that is not as usual to be typed once more: a net for slips, beside the quota, which is the net for everything. One
 * issuer minted 300 trillion by a slip.
 */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount, parseAmount } from '../records/amount.ts';
import type { Draft } from '../records/draft.ts';
import type { UsualPosition } from '../roles/quota-control.ts';
import type { Terminal } from './terminal.ts';
import { linesOf, type StandardInput } from './vm/standard-input.ts';

/** How many times the median of late is not usual any more. */
const factor = 100n;

export interface ConfirmationArguments {
  readonly draft: Draft;
  /** Of quota control; none where it does not answer, and then nothing new can be issued either. */
  readonly positions: readonly UsualPosition[];
  /** Of `--confirm-amount`. */
  readonly confirmed: string | undefined;
}

/** Refuses as `amount_unconfirmed` what nobody confirmed, or confirmed with another amount. */
export async function confirmAmount(
  terminal: Terminal,
  stdin: StandardInput,
  { draft, positions, confirmed }: ConfirmationArguments,
): Promise<Result<null>> {
  const { total, currency } = draft;
  const shown = formatAmount(total, currency);
  if (confirmed !== undefined) return compare(confirmed, draft);
  const unusual = positions
    .filter((position) => position.currency === currency.code)
    .map((position) => whyUnusual(total, position, (amount) => formatAmount(amount, currency)))
    .find((why) => why !== undefined);
  if (unusual === undefined) return succeed(null);
  if (terminal.json || !stdin.isTerminal)
    return refuse(
      'amount_unconfirmed',
      `${shown} ${currency.code} is ${unusual}: \`--confirm-amount ${shown}\` is accepted, if that is what is meant`,
    );
  terminal.progress(`${shown} ${currency.code} is ${unusual}`);
  terminal.progress('type the amount to confirm it:');
  for await (const line of linesOf(stdin)) return compare(line.trim(), draft);
  return refuse('amount_unconfirmed', `nothing was typed: \`${shown}\` is accepted`);
}

function compare(typed: string, { total, currency }: Draft): Result<null, 'amount_unconfirmed'> {
  const amount = parseAmount(typed, currency);
  if (amount.ok && amount.value === total) return succeed(null);
  return refuse(
    'amount_unconfirmed',
    `${quote(typed)} is not the amount of the request, \`${formatAmount(total, currency)}\`: nothing was sent`,
  );
}

function whyUnusual(
  total: bigint,
  { allocated, usual }: UsualPosition,
  show: (amount: bigint) => string,
): string | undefined {
  if (usual !== null && total > factor * usual)
    return `more than ${factor} times what is usual, ${show(usual)}`;
  if (2n * total > allocated) return `more than half of what is allocated, ${show(allocated)}`;
  return undefined;
}
