/** A change of a quota in lines for a person: all that it says, so that an approver sees what is signed. */
import { toHex } from '../kit/bytes.ts';
import { formatAmount } from './amount.ts';
import type { Currency } from './claims.ts';
import { currencyShown } from './iso4217.ts';
import { isoTime } from './key-ring.ts';
import {
  type AnchorAction,
  type JournalAnchor,
  journalsOf,
  type QuotaChange,
  type TermsAction,
  termsActionsOf,
} from './quota-change.ts';
import type { Limit } from './quota-terms.ts';

/** Amounts in the currency's own decimals; in minor units where it is not known. */
export function describeChange({ action, reason }: QuotaChange): readonly string[] {
  if (action.kind === 'start')
    return [`start issuing again, after the stop of journal entry ${action.stop}`, `reason: ${reason}`];
  if (action.kind === 'anchor') return [...describeAnchor(action), `reason: ${reason}`];
  return [...describeTerms(action), `reason: ${reason}`];
}

function describeTerms({ issuer, currency: code, version, terms, clock }: TermsAction): readonly string[] {
  const currency = currencyShown(code);
  return [
    `the quota of ${issuer} in ${code}, version ${version}, becomes version ${version + 1}:`,
    `allocated ${formatAmount(terms.allocated, currency)}${terms.frozen ? ', FROZEN: nothing is issued' : ''}`,
    ...(terms.limits.length === 0 ? ['no limit over a window of time'] : []),
    ...terms.limits.map((limit) => `limit ${describeLimit(limit, currency)}`),
    ...(terms.returns ? ['what is retired for good comes back, and may be issued again'] : []),
    ...(clock === null ? [] : [`its clock is put back to ${isoTime(clock)}, where it is later`]),
  ];
}

function describeAnchor(action: AnchorAction): readonly string[] {
  const { role, unexplained } = action;
  return [
    ...journalsOf(action).flatMap((journal) => describeJournal(role, journal)),
    ...(unexplained === 0
      ? []
      : [
          `${unexplained} or more of them are not control bits that issuance has: what they were, a control bit, a change, a stop, a retirement or a transfer, may be done again`,
        ]),
    ...termsActionsOf(action).flatMap(describeTerms),
  ];
}

function describeJournal(
  role: AnchorAction['role'],
  { journalId, head: { sequence, hash }, givenUp, epoch }: JournalAnchor,
): readonly string[] {
  const last = givenUp.at(-1);
  return [
    `the journal ${toHex(journalId)} of ${role} is anchored anew, and goes on from entry ${sequence}, hash ${toHex(hash)}`,
    last === undefined
      ? 'no entry after it is known anywhere'
      : `GIVEN UP: ${last.sequence - sequence} ${last.sequence - sequence === 1 ? 'entry' : 'entries'} after it, up to entry ${last.sequence}, hash ${toHex(last.hash)}, which its anchor or its witnesses know of`,
    ...(epoch === null ? [] : [`its control bits are of epoch ${epoch} from now on`]),
  ];
}

function describeLimit({ name, counts, window, maximum }: Limit, currency: Currency): string {
  const most = counts === 'amount' ? formatAmount(maximum, currency) : `${maximum} orders`;
  const over = window.kind === 'day' ? `a day in ${window.timeZone}` : `${window.seconds} seconds`;
  return `${name}: ${most} in ${over}`;
}
