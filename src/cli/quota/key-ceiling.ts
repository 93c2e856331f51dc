/**
 * What the keys of the three systems may sign for in a day, beside what a quota lets be issued: a ceiling that was not raised with the
 * quota stops issuing in the middle of a day (`limit_reached`), and not by any rule of the quota.
 */
import { formatAmount } from '../../records/amount.ts';
import type { Currency } from '../../records/claims.ts';
import { mostInAnyDay, type QuotaTerms } from '../../records/quota-terms.ts';
import { type Operator, type Role, roles } from '../appliance.ts';

export interface KeyCeiling {
  readonly role: Role;
  /** By currency, minor units; null where there is none. */
  readonly amountPerDay: Readonly<Record<string, string>> | null;
}

/** Of the systems that answer. */
export async function askCeilings(operator: Pick<Operator, 'status'>): Promise<readonly KeyCeiling[]> {
  const answers = await Promise.all(roles.map((role) => operator.status(role)));
  return answers.flatMap((status, place) => {
    const role = roles[place];
    return status.ok && role !== undefined ? [{ role, amountPerDay: status.value.amountPerDay }] : [];
  });
}

/** A line for each system whose keys would stop before the terms do. */
export function warnOfCeilings(
  ceilings: readonly KeyCeiling[],
  terms: Pick<QuotaTerms, 'allocated' | 'limits'>,
  currency: Currency,
): string[] {
  const most = mostInAnyDay(terms);
  return ceilings.flatMap(({ role, amountPerDay }) => {
    if (amountPerDay === null) return [];
    const ceiling = Object.hasOwn(amountPerDay, currency.code) ? amountPerDay[currency.code] : undefined;
    if (ceiling === undefined)
      return `the key of ${role} may not sign for ${currency.code}: \`signing.amountPerDay\` of its config.json does not name it`;
    if (BigInt(ceiling) >= most) return [];
    return `the key of ${role} signs for ${formatAmount(BigInt(ceiling), currency)} ${currency.code} in any 24 hours, and the terms let ${formatAmount(most, currency)} be issued: raise \`signing.amountPerDay\` of its config.json, and restart it`;
  });
}
