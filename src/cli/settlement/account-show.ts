/** `ringmint account show`: what an account has. */
import { quote, refuse } from '../../kit/result.ts';
import { formatAmount } from '../../records/amount.ts';
import { currencyExponent } from '../../records/iso4217.ts';
import { keyOfOwner } from '../../records/owner.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';

export async function runAccountShow(
  appliance: Appliance,
  terminal: Terminal,
  given: { home: string; account: string },
): Promise<ExitCode> {
  const account = keyOfOwner(given.account);
  if (account === undefined)
    return terminal.refuse(
      refuse(
        'usage',
        `${quote(given.account)} is no account: \`key:\` with 64 small hex digits, as \`ringmint owner show\` tells it, is accepted`,
      ),
    );
  const operator = await appliance.connect(given.home);
  try {
    const balances = await operator.account(account);
    if (!balances.ok) return terminal.refuse(balances);
    const rows = balances.value.map(({ issuer, currency, amount }) => ({
      issuer,
      currency,
      amount: formatAmount(amount, { code: currency, exponent: currencyExponent(currency) ?? 0 }),
    }));
    return terminal.result({ account: given.account, balances: rows }, [
      ...rows.map(({ issuer, currency, amount }) => `${issuer} ${currency}: ${amount}`),
      ...(rows.length === 0 ? ['nothing is in this account'] : []),
    ]);
  } finally {
    await operator.close();
  }
}
