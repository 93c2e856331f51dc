/**
 * ISO 4217 currencies that units can be issued in, with their minor units.
 *
 * Vendored 2026-11-20, as facts, from the standard's List One in its state of 2026-01-01: XCG since
 * 2025-03-31 and no ANG, ZWG and no ZWL, SLE and no SLL, no HRK, no CUC, and no BGN since Bulgaria's
 * euro of 2026-01-01. Left out: funds codes, metals, testing and `no currency` codes (BOV, CHE, CHW,
 * CLF, COU, MXV, USN, UYI, UYW, XAG … XXX), because nothing is issued in them.
 */
import type { Currency } from './claims.ts';

const byExponent: Readonly<Record<string, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF',
  2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
      COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
      IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR
      MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG
      SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES
      WST XCD XCG YER ZAR ZMW ZWG`,
  3: 'BHD IQD JOD KWD LYD OMR TND',
};

const exponents = new Map<string, number>();
for (const [exponent, codes] of Object.entries(byExponent)) {
  for (const code of codes.split(/\s+/)) exponents.set(code, Number(exponent));
}

/** The decimals of a currency's minor unit; `undefined` for a code that nothing is issued in. */
export function currencyExponent(code: string): number | undefined {
  return exponents.get(code);
}

/** To show amounts by: a code that nothing is issued in has no decimals, so that its minor units are shown. */
export function currencyShown(code: string): Currency {
  return { code, exponent: currencyExponent(code) ?? 0 };
}
