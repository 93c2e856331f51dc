/** `ringmint reservation`: a part of the quota kept for orders to come. */
import type { Command } from 'commander';
import type { RandomBytes } from '../../kit/clock.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { formatAmount, parseAmount } from '../../records/amount.ts';
import { currencyExponent, currencyShown } from '../../records/iso4217.ts';
import { isoTime } from '../../records/key-ring.ts';
import { formatUuid, makeRequestId, parseUuid } from '../../records/request-id.ts';
import { decodeReservationReceipt } from '../../records/reservation.ts';
import { encodeReservationDraft, usualReservationSeconds } from '../../records/reservation-draft.ts';
import { leftOf, type Reservation } from '../../roles/reservations.ts';
import type { ExitCode } from '../exit-code.ts';
import { writeOutput } from '../file.ts';
import { listOption, printList } from '../list.ts';
import { type CommandContext, subcommandsOf } from '../subcommands.ts';

interface MakeGiven {
  readonly home: string;
  readonly currency: string;
  readonly amount: string;
  readonly hours: string;
  readonly id?: string;
  readonly out?: string;
}

/** Adds the commands to `reservation`, which is `ringmint reservation`. */
export function addReservationCommands(
  reservation: Command,
  context: CommandContext & { readonly random: RandomBytes },
): void {
  const { appliance, terminal, home, done } = context;
  const command = subcommandsOf(reservation);
  command(
    'make',
    'keep a part of the quota for orders that name it; give --id to ask for the same again',
    'make --amount 50000.00 --currency EUR --hours 24',
  )
    .addOption(home())
    .requiredOption('--amount <amount>', 'how much')
    .requiredOption('--currency <code>', 'ISO 4217 code')
    .option('--hours <hours>', 'how long it lasts, at most 168', String(usualReservationSeconds / 3600))
    .option('--id <uuid>', 'of an earlier try: nothing is kept twice')
    .option('--out <file>', "where to write quota control's receipt")
    .action(async (given: MakeGiven) => done(await make(context, given)));
  command('list', 'list reservations by the time that they were made at', 'list')
    .addOption(home())
    .addOption(listOption())
    .action(async (given: { home: string; most?: number }) => {
      const operator = await appliance.connect(given.home);
      try {
        const list = operator.reservations();
        done(await printList(terminal, list, { most: given.most, item: rowOf, line: lineOf }));
      } finally {
        await operator.close();
      }
    });
  command('release', 'give back what is left of a reservation', 'release 0199f0a4-…')
    .argument('<id>', 'as `ringmint reservation list` shows it')
    .addOption(home())
    .action(async (id: string, given: { home: string }) => done(await release(context, id, given)));
}

async function make(
  { appliance, terminal, clock, random }: CommandContext & { readonly random: RandomBytes },
  given: MakeGiven,
): Promise<ExitCode> {
  const asked = readAsked(given, () => makeRequestId(clock, random));
  if (!asked.ok) return terminal.refuse(asked);
  const operator = await appliance.connect(given.home);
  try {
    const receipt = await operator.makeReservation(encodeReservationDraft(asked.value));
    if (!receipt.ok)
      return terminal.refuse({
        ...receipt,
        message: `${receipt.message} (to ask for the same again: --id ${formatUuid(asked.value.id)})`,
      });
    const decoded = decodeReservationReceipt(receipt.value);
    if (!decoded.ok) return terminal.refuse(decoded);
    const written = given.out === undefined ? succeed(null) : await writeOutput(given.out, receipt.value);
    if (!written.ok) return terminal.refuse(written);
    const { id, issuer, currency, total, expiresAt } = decoded.value.record;
    const amount = formatAmount(total, currency);
    return terminal.result(
      { id: formatUuid(id), issuer, currency: currency.code, amount, expires: isoTime(expiresAt) },
      [
        `kept: ${amount} ${currency.code} of ${issuer}, until ${isoTime(expiresAt)}`,
        `  ${formatUuid(id)}: name it as \`reservation\` in a draft`,
      ],
    );
  } finally {
    await operator.close();
  }
}

function readAsked(
  { id: given, currency: code, amount: text, hours }: MakeGiven,
  makeId: () => Uint8Array,
): Result<Parameters<typeof encodeReservationDraft>[0]> {
  const exponent = currencyExponent(code);
  if (exponent === undefined)
    return refuse(
      'currency_unknown',
      `--currency ${quote(code)}: an ISO 4217 code such as \`EUR\` is accepted`,
    );
  const total = parseAmount(text, { code, exponent }, '--amount');
  if (!total.ok) return total;
  const seconds = Math.round(Number(hours) * 3600);
  if (!/^\d{1,3}(\.\d{1,3})?$/.test(hours) || seconds < 1 || seconds > 168 * 3600)
    return refuse('usage', `--hours ${quote(hours)}: a number above 0 and at most 168 is accepted`);
  const id = given === undefined ? makeId() : parseUuid(given);
  if (id === undefined) return refuse('usage', `--id ${quote(given)}: a UUID is accepted`);
  return succeed({ id, currency: { code, exponent }, total: total.value, seconds });
}

async function release(
  { appliance, terminal }: CommandContext,
  text: string,
  { home }: { readonly home: string },
): Promise<ExitCode> {
  const id = parseUuid(text);
  if (id === undefined) return terminal.refuse(refuse('usage', `${quote(text)}: a UUID is accepted`));
  const operator = await appliance.connect(home);
  try {
    const released = await operator.releaseReservation(id);
    if (!released.ok) return terminal.refuse(released);
    return terminal.result(rowOf(released.value), [lineOf(released.value)]);
  } finally {
    await operator.close();
  }
}

function rowOf(reservation: Reservation) {
  const { id, issuer, currency, amount, used, expiresMs, state } = reservation;
  const money = (minor: bigint): string => formatAmount(minor, currencyShown(currency));
  return {
    id: formatUuid(id),
    issuer,
    currency,
    amount: money(amount),
    used: money(used),
    left: money(leftOf(reservation)),
    expires: new Date(expiresMs).toISOString(),
    state,
  };
}

function lineOf(reservation: Reservation): string {
  const { id, issuer, currency, amount, used, left, expires, state } = rowOf(reservation);
  return `${id}  ${issuer}  ${amount.padStart(14)} ${currency}  used ${used}, left ${left}  until ${expires}  ${state}`;
}
