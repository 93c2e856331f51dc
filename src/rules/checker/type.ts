/** Types of the language: how they are written and which are numbers. */
import { currencyExponent } from '../../records/iso4217.ts';
import type { Type } from './checked.ts';

export const bool: Type = { kind: 'bool' };
export const int: Type = { kind: 'int' };
export const symbol: Type = { kind: 'symbol' };
export const key: Type = { kind: 'key' };
export const ratio: Type = { kind: 'ratio' };
export const timestamp: Type = { kind: 'timestamp' };
export const duration: Type = { kind: 'duration' };
export const moneyOfTransaction: Type = { kind: 'money', currency: 'tx' };

const plain = new Map<string, Type>(
  [bool, int, symbol, key, ratio, timestamp, duration].map((type) => [type.kind, type]),
);

/** The types that a declaration may have, for a message. */
export const declarableTypes = `${[...plain.keys()].map((name) => `\`${name}\``).join(', ')} or \`money<USD>\``;

/** As a module writes it: `money<USD>`. */
export function showType(type: Type): string {
  return type.kind === 'money' ? `money<${type.currency}>` : type.kind;
}

/** The type that is written so, and `undefined` where there is none: not `money<tx>`, which nothing is declared with. */
export function readType(text: string): Type | undefined {
  const currency = /^money\s*<\s*(\w+)\s*>$/.exec(text)?.[1];
  if (currency === undefined) return plain.get(text);
  return currencyExponent(currency) === undefined ? undefined : { kind: 'money', currency };
}

export function isSameType(a: Type, b: Type): boolean {
  return a.kind === 'money' && b.kind === 'money' ? a.currency === b.currency : a.kind === b.kind;
}

/** What has an order, a least and a most. */
export function isNumber(type: Type): boolean {
  return !['bool', 'symbol', 'key'].includes(type.kind);
}
