/** `ringmint account show`: what an account has. */
import { formatAmount } from '../../records/amount.ts';
import { currencyShown } from '../../records/iso4217.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { readAccount } from './instruction.ts';

export async function runAccountShow(
  appliance: Appliance,
  terminal: Terminal,
  given: { home: string; account: string },
): Promise<ExitCode> {
  const account = readAccount(given.account);
  if (!account.ok) return terminal.refuse(account);
  const operator = await appliance.connect(given.home);
  try {
    const balances = await operator.account(account.value);
    if (!balances.ok) return terminal.refuse(balances);
    const rows = balances.value.map(({ issuer, currency, amount }) => ({
      issuer,
      currency,
      amount: formatAmount(amount, currencyShown(currency)),
    }));
    return terminal.result({ account: given.account, balances: rows }, [
      ...rows.map(({ issuer, currency, amount }) => `${issuer} ${currency}: ${amount}`),
      ...(rows.length === 0 ? ['nothing is in this account'] : []),
      'what went in and out has receipts, by the id of each: `ringmint receipt ID`, of a transfer with `--transfer`',
    ]);
  } finally {
    await operator.close();
  }
}
