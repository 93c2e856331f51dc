/**
 * Asks for an amount that is not as usual to be typed once more: a net for slips, beside the quota, which is the net for everything. One
 * issuer minted 300 trillion by a slip.
 */
import { type Result, succeed } from '../kit/result.ts';
import { formatAmount } from '../records/amount.ts';
import type { Draft } from '../records/draft.ts';
import type { UsualPosition } from '../roles/quota-control.ts';
import type { Terminal } from './terminal.ts';
import { confirmTotal } from './total-confirmation.ts';
import type { StandardInput } from './vm/standard-input.ts';

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
  const unusual = positions
    .filter((position) => position.currency === currency.code)
    .map((position) => whyUnusual(total, position, (amount) => formatAmount(amount, currency)))
    .find((why) => why !== undefined);
  if (unusual === undefined && confirmed === undefined) return succeed(null);
  const summary = `${formatAmount(total, currency)} ${currency.code}${unusual === undefined ? '' : ` is ${unusual}`}`;
  return confirmTotal({ total, currency, summary }, confirmed, { terminal, stdin });
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
