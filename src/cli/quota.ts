/** `ringmint quota`: what is allocated, issued and left. */
import { formatAmount } from '../records/amount.ts';
import { currencyExponent } from '../records/iso4217.ts';
import type { Appliance } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export async function runQuota(
  appliance: Appliance,
  terminal: Terminal,
  given: { home: string },
): Promise<ExitCode> {
  const operator = await appliance.connect(given.home);
  try {
    const positions = await operator.quotaPositions();
    if (!positions.ok) return terminal.refuse(positions);
    const rows = positions.value.map((position) => {
      const currency = { code: position.currency, exponent: currencyExponent(position.currency) ?? 0 };
      const money = (amount: bigint): string => formatAmount(amount, currency);
      return {
        issuer: position.issuer,
        currency: position.currency,
        allocated: money(position.allocated),
        issued: money(position.issued),
        reserved: money(position.reserved),
        available: money(position.available),
        day: position.day,
        dayLimit: money(position.dayLimit),
        dayUsed: money(position.dayUsed),
      };
    });
    return terminal.result(
      { positions: rows },
      rows.map(
        (row) =>
          `${row.issuer} ${row.currency}: allocated ${row.allocated}, issued ${row.issued}, reserved ${row.reserved}, available ${row.available}; ${row.day}: ${row.dayUsed} of ${row.dayLimit}`,
      ),
    );
  } finally {
    await operator.close();
  }
}
