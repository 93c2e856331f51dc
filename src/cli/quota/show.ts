/** `ringmint quota`: what is allocated, issued and left. */
import { formatAmount } from '../../records/amount.ts';
import type { Currency } from '../../records/claims.ts';
import { currencyShown } from '../../records/iso4217.ts';
import type { LimitPosition, QuotaPosition } from '../../roles/quota-control.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { askCeilings, warnOfCeilings } from './key-ceiling.ts';

export async function runQuota(
  appliance: Appliance,
  terminal: Terminal,
  given: { home: string },
): Promise<ExitCode> {
  const operator = await appliance.connect(given.home);
  try {
    const positions = await operator.quotaPositions();
    if (!positions.ok) return terminal.refuse(positions);
    const rows = positions.value.map(rowOf);
    const ceilings = await askCeilings(operator);
    const warnings = positions.value.flatMap((position) =>
      warnOfCeilings(ceilings, position, currencyShown(position.currency)),
    );
    return terminal.result({ positions: rows, warnings }, [
      ...rows.flatMap(describeRow),
      ...warnings.map((line) => `warning: ${line}`),
    ]);
  } finally {
    await operator.close();
  }
}

function rowOf(position: QuotaPosition) {
  const currency = currencyShown(position.currency);
  const money = (amount: bigint): string => formatAmount(amount, currency);
  return {
    issuer: position.issuer,
    currency: position.currency,
    version: position.version,
    allocated: money(position.allocated),
    issued: money(position.issued),
    reserved: money(position.reserved),
    held: money(position.held),
    available: money(position.available),
    retired: money(position.retired),
    outstanding: money(position.outstanding),
    inAccounts: money(position.credited),
    returned: money(position.returned),
    returns: position.returns,
    frozen: position.frozen,
    stopped: position.stopped,
    limits: position.limits.map((limit) => limitRow(limit, currency)),
  };
}

function limitRow(
  { name, counts, window, maximum, used, remaining, slots }: LimitPosition,
  currency: Currency,
) {
  const show = (number: bigint): string =>
    counts === 'amount' ? formatAmount(number, currency) : String(number);
  return {
    name,
    counts,
    ...(window.kind === 'day'
      ? { timeZone: window.timeZone, day: dayOf(slots.current) }
      : { seconds: window.seconds }),
    maximum: show(maximum),
    used: show(used),
    remaining: show(remaining),
  };
}

/** A slot of a calendar day is the number of days from 1970-01-01. */
function dayOf(slot: number): string {
  return new Date(slot * 86_400_000).toISOString().slice(0, 10);
}

function describeRow(row: ReturnType<typeof rowOf>): string[] {
  const state = [row.frozen ? '; frozen' : '', row.stopped ? '; issuing is stopped' : ''].join('');
  return [
    `${row.issuer} ${row.currency}: allocated ${row.allocated}, issued ${row.issued}, reserved ${row.reserved}, held by reservations ${row.held}, available ${row.available}${state}`,
    `  retired ${row.retired}, outstanding ${row.outstanding}, of which in accounts ${row.inAccounts}; ${row.returns ? `what is retired comes back (${row.returned} so far)` : 'what is retired does not come back'}`,
    ...row.limits.map((limit) => {
      const over = 'seconds' in limit ? `in ${limit.seconds} s` : `on ${limit.day} in ${limit.timeZone}`;
      const unit = limit.counts === 'orders' ? ' orders' : '';
      return `  ${limit.name}: ${limit.used} of ${limit.maximum}${unit} ${over}, ${limit.remaining} left`;
    }),
  ];
}
