/** Constants that are written as a function of a text: `usd("10.00")`, `ratio("0.25")`, `sha256("somebody")`. */
import { fromHex, sha256, utf8 } from '../../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { currencyExponent } from '../../records/iso4217.ts';
import { secondsOfUnit } from '../language/words.ts';
import { numberLimit, type Type, type Value } from './checked.ts';
import * as types from './type.ts';

export interface Constant {
  readonly type: Type;
  readonly value: Value;
}

export type ConstantCode = 'bad_constant' | 'number_size';

const byName: Readonly<Record<string, (text: string) => Result<Constant, ConstantCode>>> = {
  ratio: readRatio,
  duration: readDuration,
  timestamp: readTimestamp,
  key: readKey,
  sha256: (text) => succeed({ type: types.key, value: sha256(utf8(text)) }),
};

/** The currency whose constants a function makes: `usd` makes those of USD. */
function currencyOfFunction(name: string): string | undefined {
  const code = name.toUpperCase();
  return name === name.toLowerCase() && currencyExponent(code) !== undefined ? code : undefined;
}

export function isConstantFunction(name: string): boolean {
  return Object.hasOwn(byName, name) || currencyOfFunction(name) !== undefined;
}

/** The constant that `name("text")` is, where `isConstantFunction(name)`. */
export function readConstant(name: string, text: string): Result<Constant, ConstantCode> {
  const currency = currencyOfFunction(name);
  if (currency !== undefined) return readMoney(name, currency, text);
  return byName[name]?.(text) ?? refuse('bad_constant', `${quote(name)} makes no constants`);
}

/** A number of so many decimals, as a whole number of the last of them; without decimals is accepted too. */
function readDecimal(text: string, decimals: number, atMost: boolean): bigint | undefined {
  const match = /^(-?)(0|[1-9]\d{0,30})(?:\.(\d{1,30}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  if (fraction.length > decimals || (!atMost && fraction !== '' && fraction.length !== decimals))
    return undefined;
  const value = BigInt(whole + fraction.padEnd(decimals, '0'));
  return sign === '' ? value : -value;
}

function withinLimit(type: Type, value: bigint, text: string): Result<Constant, ConstantCode> {
  return isWithinLimit(value)
    ? succeed({ type, value })
    : refuse('number_size', `${quote(text)} is too large: less than 10^18 of the smallest unit is accepted`);
}

export function isWithinLimit(value: bigint): boolean {
  return value > -numberLimit && value < numberLimit;
}

function readMoney(name: string, currency: string, text: string): Result<Constant, ConstantCode> {
  const exponent = currencyExponent(currency) ?? 0;
  const value = readDecimal(text, exponent, false);
  if (value === undefined) {
    const example = exponent === 0 ? '10' : `10.${'0'.repeat(exponent)}`;
    const decimals = exponent === 0 ? 'no decimals' : `${exponent} decimals, or none`;
    return refuse(
      'bad_constant',
      `${quote(text)} is no amount of ${currency}, which has ${decimals}: \`${name}("${example}")\``,
    );
  }
  return withinLimit({ kind: 'money', currency }, value, text);
}

function readRatio(text: string): Result<Constant, ConstantCode> {
  const value = readDecimal(text, 6, true);
  return value === undefined
    ? refuse('bad_constant', `${quote(text)} is no ratio, which has at most 6 decimals: \`ratio("0.25")\``)
    : withinLimit(types.ratio, value, text);
}

function readDuration(text: string): Result<Constant, ConstantCode> {
  const [, number, unit] = /^(-?\d{1,19})([smhd])$/.exec(text) ?? [];
  const seconds = secondsOfUnit.get(unit ?? '');
  return number === undefined || seconds === undefined
    ? refuse(
        'bad_constant',
        `${quote(text)} is no duration: a whole number and s, m, h or d: \`duration("24h")\``,
      )
    : withinLimit(types.duration, BigInt(number) * seconds, text);
}

function readTimestamp(text: string): Result<Constant, ConstantCode> {
  const seconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? secondsOfTime(text) : undefined;
  return seconds === undefined
    ? refuse(
        'bad_constant',
        `${quote(text)} is no time from 1970 to 9999 in UTC and whole seconds: \`timestamp("2026-01-01T00:00:00Z")\``,
      )
    : succeed({ type: types.timestamp, value: seconds });
}

/** Seconds since the epoch at 00:00 UTC of `YYYY-MM-DD`, and `undefined` where there is no such day from 1970 on. */
export function readDate(text: string): bigint | undefined {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? secondsOfTime(`${text}T00:00:00Z`) : undefined;
}

function secondsOfTime(text: string): bigint | undefined {
  const ms = Date.parse(text);
  // `Date.parse` takes 30 February for a day of March, and 24:00 for the next day.
  if (Number.isNaN(ms) || ms < 0 || new Date(ms).toISOString() !== text.replace('Z', '.000Z'))
    return undefined;
  return BigInt(ms / 1000);
}

function readKey(text: string): Result<Constant, ConstantCode> {
  const value = /^[0-9a-f]{64}$/.test(text) ? fromHex(text) : undefined;
  return value === undefined
    ? refuse('bad_constant', `${quote(text)} is no key: 64 hex digits in small letters are accepted`)
    : succeed({ type: types.key, value });
}

/**
 * `rate("1.0842")` in a test: major units of `to` for one of `from`, as the whole number that a feed gives: minor units of `to` for 10^9
 * minor units of `from`, rounded half even.
 */
export function readRate(text: string, from: string, to: string): Result<bigint, ConstantCode> {
  const decimals = 18;
  const value = readDecimal(text, decimals, true);
  if (value === undefined || value < 0n)
    return refuse(
      'bad_constant',
      `${quote(text)} is no rate, which has at most ${decimals} decimals: \`rate("1.0842")\``,
    );
  const numerator = value * 10n ** BigInt(9 + (currencyExponent(to) ?? 0));
  const denominator = 10n ** BigInt(decimals + (currencyExponent(from) ?? 0));
  const rate = divideHalfEven(numerator, denominator);
  return isWithinLimit(rate)
    ? succeed(rate)
    : refuse(
        'number_size',
        `${quote(text)} is too large: less than 10^18 minor units of ${to} for 10^9 of ${from}`,
      );
}

/** Of numbers that are not negative. */
function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const floor = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  const up = twice > denominator || (twice === denominator && floor % 2n === 1n);
  return up ? floor + 1n : floor;
}
