/** An audit's report for people and for spreadsheets; both say what the JSON report says, in the currency's decimals. */
import { formatAmount } from '../records/amount.ts';
import { currencyShown } from '../records/iso4217.ts';
import type { AuditReport } from './report.ts';

/** What of the findings is shown to a person; the JSON report has more. */
const shownFindings = 50;

export function describeReport(report: AuditReport): string[] {
  // What a ledger says may be forged, and a terminal obeys control characters.
  return linesOf(report).map((line) => line.replaceAll(/\p{Cc}/gu, '?'));
}

function linesOf(report: AuditReport): string[] {
  const { findings, figures, ledgers, unfinished, missingNumbers } = report;
  return [
    report.clean
      ? 'clean: nothing was found that ought not to be'
      : `${findings.count} ${findings.count === 1 ? 'finding' : 'findings'}`,
    '',
    ...figures.flatMap((figure) => {
      const money = (minor: string): string => moneyOf(minor, figure.currency);
      const { issuer, currency } = figure;
      return [
        `${currency} of ${issuer}`,
        `  ${money(figure.issued)} issued - ${money(figure.retired)} retired = ${money(figure.outstanding)} outstanding (${figure.units} units)`,
        ...(figure.allocated === null
          ? []
          : [
              `  ${money(figure.taken)} taken of ${money(figure.allocated)} allocated (${money(figure.allocatedAtFirst ?? '0')} at first)`,
            ]),
        ...(figure.inAccounts === '0'
          ? []
          : [`  ${money(figure.inAccounts)} of it in accounts, the rest in units that are not spent`]),
        ...(figure.returned === '0'
          ? []
          : [`  ${money(figure.returned)} of what is retired came back to the quota`]),
        ...(figure.withheld === '0'
          ? []
          : [`  ${money(figure.withheld)} signed by quota control, of which issuance shows no currency`]),
        ...(figure.outside === '0' ? [] : [`  ${money(figure.outside)} BEYOND EVERY QUOTA`]),
      ];
    }),
    '',
    ...ledgers.flatMap(({ system, madeAt, journals }) =>
      journals.map(({ series, entries, knownTo }) => {
        const known =
          knownTo.length === 0
            ? 'nobody else knows any of them'
            : knownTo.map(({ from, entry }) => `${from} knows entry ${entry}`).join(', ');
        return `${system}${series === 'main' ? '' : ` (${series})`}: ${entries} entries at ${madeAt}; ${known}`;
      }),
    ),
    ...Object.entries(unfinished.counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${kind}: ${count}`),
    ...(missingNumbers.count === 0
      ? []
      : [`${missingNumbers.count} numbers of control bits were not used, or are hidden`]),
    ...(report.credentialsNotKept === 0
      ? []
      : [`${report.credentialsNotKept} control bits were made before credentials were kept with them`]),
    ...(findings.count === 0 ? [] : ['']),
    ...findings.list
      .slice(0, shownFindings)
      .map(
        ({ code, system, entry, found, expected }) =>
          `${code}: ${system}${entry === null ? '' : `, entry ${entry}`}: ${found}; expected: ${expected}`,
      ),
    ...(findings.count > shownFindings
      ? [`… and ${findings.count - shownFindings} more; the JSON report has the first thousand`]
      : []),
  ];
}

/** By issuer, currency and day: one row each, RFC 4180. */
export function csvOfReport({ days }: AuditReport): string {
  const rows = days.map((day) =>
    [
      day.issuer,
      day.currency,
      day.day,
      ...[day.issued, day.retired, day.outstanding, day.withheld, day.outside].map((minor) =>
        moneyOf(minor, day.currency),
      ),
      String(day.units),
    ].join(','),
  );
  const head = 'issuer,currency,day,issued,retired,outstanding,withheld,outside,units';
  return `${[head, ...rows].join('\r\n')}\r\n`;
}

function moneyOf(minor: string, code: string): string {
  return formatAmount(BigInt(minor), currencyShown(code));
}
