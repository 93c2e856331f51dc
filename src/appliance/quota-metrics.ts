/** Quotas and the stop for Prometheus: text exposition, version 0.0.4. */
import type { ResolutionStanding } from '../roles/resolution.ts';
import type { QuotaPosition, Stop } from '../store/store.ts';

export function showQuotas(positions: readonly QuotaPosition[], stop: Stop | undefined): string {
  const lines = [
    '# HELP ringmint_issuance_stopped Whether issuing is stopped.',
    '# TYPE ringmint_issuance_stopped gauge',
    `ringmint_issuance_stopped ${stop === undefined ? 0 : 1}`,
    '# HELP ringmint_quota_frozen Whether a quota is frozen.',
    '# TYPE ringmint_quota_frozen gauge',
    ...positions.map((position) => `ringmint_quota_frozen{${labels(position)}} ${position.frozen ? 1 : 0}`),
    '# HELP ringmint_quota_minor_units What is issued, reserved, held by reservations, available, retired, in accounts and outstanding of a quota.',
    '# TYPE ringmint_quota_minor_units gauge',
    ...positions.flatMap((position) =>
      (['issued', 'reserved', 'held', 'available', 'retired', 'credited', 'outstanding'] as const).map(
        (part) => `ringmint_quota_minor_units{${labels(position)},part="${part}"} ${position[part]}`,
      ),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** Central management's own account. */
export function showAccounts(
  positions: readonly QuotaPosition[],
  { open, resolved }: ResolutionStanding,
): string {
  const lines = [
    '# HELP ringmint_account_minor_units What central management has approved of a quota, what of it is void or came back, and what it may still approve.',
    '# TYPE ringmint_account_minor_units gauge',
    ...positions.flatMap((position) => [
      `ringmint_account_minor_units{${labels(position)},part="approved"} ${position.issued}`,
      `ringmint_account_minor_units{${labels(position)},part="void"} ${position.voided}`,
      `ringmint_account_minor_units{${labels(position)},part="returned"} ${position.returned}`,
      `ringmint_account_minor_units{${labels(position)},part="available"} ${position.available}`,
    ]),
    '# HELP ringmint_account_version The version of the quota that central management follows.',
    '# TYPE ringmint_account_version gauge',
    ...positions.map((position) => `ringmint_account_version{${labels(position)}} ${position.version}`),
    '# HELP ringmint_credentials_open Credentials that expired, and of which issuance has no last word yet.',
    '# TYPE ringmint_credentials_open gauge',
    `ringmint_credentials_open ${open}`,
    '# HELP ringmint_requests_resolved_total Requests of which central management has freed what was not issued.',
    '# TYPE ringmint_requests_resolved_total counter',
    `ringmint_requests_resolved_total ${resolved}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Names and codes have no character that would have to be escaped. */
function labels({ issuer, currency }: QuotaPosition): string {
  return `issuer="${issuer}",currency="${currency}"`;
}

/** At issuance: whether quota control was found to contradict itself. */
export function showContradiction(stop: Stop | undefined): string {
  const lines = [
    '# HELP ringmint_control_bits_contradicted Whether quota control has signed two control bits under one serial, so that nothing of it is taken.',
    '# TYPE ringmint_control_bits_contradicted gauge',
    `ringmint_control_bits_contradicted ${stop === undefined ? 0 : 1}`,
  ];
  return `${lines.join('\n')}\n`;
}
