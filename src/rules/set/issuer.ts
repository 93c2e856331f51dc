/** Whose a currency is: whose rules apply wherever it is sent. */
import type { RuleSet } from './rule-set.ts';

/**
 * Currencies that belong to no one country, which ISO 4217 gives codes with an X: the union of their central bank (of the franc of the
 * Pacific, France). Written into every set that does not say otherwise, so that a set's hash has them.
 */
export const issuersOfNoCountry: ReadonlyMap<string, string> = new Map([
  ['XAF', 'CEMAC'],
  ['XCD', 'ECCU'],
  ['XCG', 'CBCS'],
  ['XOF', 'UEMOA'],
  ['XPF', 'FR'],
]);

/** The jurisdiction of a currency's issuer: as the set says, else the code's first two letters (`EU` of `EUR`). */
export function issuerOf(set: Pick<RuleSet, 'issuers'>, currency: string): string {
  return set.issuers.get(currency) ?? currency.slice(0, 2);
}
