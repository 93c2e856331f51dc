/** Whose a currency is: whose rules apply wherever it is sent. */
import type { RuleSet } from './rule-set.ts';

/**
 * Currencies that belong to no one country, which ISO 4217 gives codes with an X: the union of their central bank (of the franc of the
 * Pacific, France; of the Caribbean guilder, the two countries' union). A rule set may say otherwise.
 */
const issuersOfNoCountry: ReadonlyMap<string, string> = new Map([
  ['XAF', 'CEMAC'],
  ['XOF', 'UEMOA'],
  ['XCD', 'ECCU'],
  ['XCG', 'CBCS'],
  ['XPF', 'FR'],
]);

/** The jurisdiction of a currency's issuer: as the set says, else from the table, else the code's first two letters (`EU` of `EUR`). */
export function issuerOf(set: Pick<RuleSet, 'issuers'>, currency: string): string {
  return set.issuers.get(currency) ?? issuersOfNoCountry.get(currency) ?? currency.slice(0, 2);
}
