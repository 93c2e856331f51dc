/** `ringmint orders list`: the orders that issuance has taken on, and what each came to. */
import { type Command, Option } from 'commander';
import { formatAmount } from '../../records/amount.ts';
import { currencyShown } from '../../records/iso4217.ts';
import { formatUuid } from '../../records/request-id.ts';
import type { ListedOrder, OrderState } from '../../roles/order-list.ts';
import type { OrderFilter } from '../appliance.ts';
import { listOption, printList } from '../list.ts';
import { type CommandContext, subcommandsOf } from '../subcommands.ts';

const states = ['issued', 'denied', 'open'] as const satisfies readonly OrderState[];

/** Adds the command to `orders`, which is `ringmint orders`. */
export function addOrdersCommands(
  orders: Command,
  { appliance, terminal, home, done }: CommandContext,
): void {
  subcommandsOf(orders)(
    'list',
    'list the orders that were taken on, the first one first; with --json a line of JSON for each',
    'list --state denied --since 2026-11-20T08:00:00Z',
  )
    .addOption(home())
    .addOption(new Option('--state <state>', 'only those').choices(states))
    .option('--currency <code>', 'only of this currency')
    .option('--since <time>', 'of requests that were made then or later, such as 2026-11-20T08:00:00Z')
    .option('--request <id>', 'only of this request')
    .option('--id <id>', 'only the order with this id, that of its draft')
    .addOption(listOption())
    .action(async (given: OrderFilter & { home: string; most?: number; json?: true }) => {
      const { home: folder, most, json: _json, ...filter } = given;
      const operator = await appliance.connect(folder);
      try {
        done(await printList(terminal, operator.orders(filter), { most, item: orderJson, line: orderLine }));
      } finally {
        await operator.close();
      }
    });
}

function orderJson({ id, requestId, amount, ...order }: ListedOrder): Record<string, unknown> {
  return {
    ...order,
    id: formatUuid(id),
    request: formatUuid(requestId),
    amount: money(amount, order.currency),
  };
}

function orderLine({ id, state, currency, amount, units, createdMs, reasons }: ListedOrder): string {
  const why = reasons.length === 0 ? '' : `: ${reasons.join(', ')}`;
  const made = new Date(createdMs).toISOString();
  return `${formatUuid(id)}  ${made}  ${money(amount, currency).padStart(14)} ${currency}  ${String(units).padStart(5)} units  ${state}${why}`;
}

function money(amount: bigint, code: string): string {
  return formatAmount(amount, currencyShown(code));
}
