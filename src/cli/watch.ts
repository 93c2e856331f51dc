/** `ringmint watch`: what happens in the systems, as it happens. */
import type { Refusal } from '../kit/result.ts';
import { formatAmount } from '../records/amount.ts';
import { currencyExponent } from '../records/iso4217.ts';
import type { JournalEvent, SystemEvent } from '../roles/journal-event.ts';
import type { Appliance, Role } from './appliance.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export interface WatchOptions {
  readonly home: string;
  readonly roles: readonly Role[];
  /** Number of the journal entry to begin after; from now on without it. */
  readonly after: number | undefined;
}

/** A system that restarts, or takes a new trust bundle, is waited for so long. */
const patienceMs = 30_000;

/** Until Ctrl-C, or until a system refuses, is halted or does not come back. */
export async function runWatch(
  appliance: Appliance,
  terminal: Terminal,
  { home, roles, after }: WatchOptions,
): Promise<ExitCode> {
  const operator = await appliance.connect(home);
  const ended = new AbortController();
  let refusal: Pick<Refusal, 'code' | 'message'> | undefined;
  terminal.startLines();
  const follow = async (role: Role): Promise<void> => {
    const query = { ended: ended.signal, patienceMs, ...(after === undefined ? {} : { after }) };
    for await (const event of operator.events(role, query)) {
      if (event.ok)
        terminal.item(
          () => eventItem(role, event.value),
          () => eventLine(role, event.value),
        );
      if (event.ok && event.value.kind !== 'halted') continue;
      refusal ??= event.ok ? haltedRefusal(role, event.value) : event;
      return ended.abort();
    }
  };
  try {
    await Promise.all(roles.map(follow));
  } finally {
    await operator.close();
  }
  return refusal === undefined ? exitCode.ok : terminal.refuse(refusal);
}

function haltedRefusal(role: Role, event: SystemEvent): Pick<Refusal, 'code' | 'message'> {
  return event.kind === 'halted'
    ? { code: event.code, message: `${role} is halted: ${event.message}` }
    : { code: 'peer_fault', message: `${role} ended` };
}

function eventItem(role: Role, event: SystemEvent): Record<string, unknown> {
  switch (event.kind) {
    case 'entry':
      return { role, event: event.entry.kind, ...event.entry };
    case 'open':
      return { role, event: 'open', ...event.open };
    case 'halted':
      return { role, event: 'halted', code: event.code, message: event.message };
  }
}

function eventLine(role: Role, event: SystemEvent): string {
  switch (event.kind) {
    case 'entry':
      return `${timeOf(event.entry)}  ${role.padEnd(8)}  ${String(event.entry.sequence).padStart(8)}  ${event.entry.kind.padEnd(12)}  ${describeEntry(event.entry)}`;
    case 'open':
      return `${role}: journal ${event.open.sequence}, ${event.open.hash.slice(0, 16)}; what comes after it:`;
    case 'halted':
      return `${role}: HALTED`;
  }
}

function timeOf({ createdMs }: JournalEvent): string {
  return new Date(createdMs).toISOString();
}

function describeEntry(entry: JournalEvent): string {
  const { currency, amount, orders, issued, denied, units, signed, issuer, reason, by, lifts } = entry;
  const { version, allocated, frozen } = entry;
  const money = (minor: bigint, code = ''): string =>
    `${formatAmount(minor, { code, exponent: currencyExponent(code) ?? 0 })} ${code}`;
  const told = [
    issuer,
    amount === undefined ? undefined : money(amount, currency),
    allocated === undefined ? undefined : `allocated ${money(allocated, currency)}`,
    version === undefined ? undefined : `version ${version + 1}`,
    frozen === true ? 'frozen' : undefined,
    units === undefined ? undefined : `${units} units`,
    orders === undefined ? undefined : `${orders} ${orders === 1 ? 'order' : 'orders'}`,
    issued === undefined ? undefined : `${issued} issued`,
    denied === undefined || denied === 0 ? undefined : `${denied} denied`,
    lifts === undefined ? undefined : `issuing starts again, after the stop ${lifts}`,
    by,
    reason,
    signed === false ? 'NOT SIGNED' : undefined,
  ];
  return told.filter((part) => part !== undefined && part !== null && part !== '').join(', ');
}
