/**
 * Kinds of values in a frame: what is accepted, in words and as a check, and how it is written. Whatever is read, the answer is a
 * value or `argument_invalid` with the field at fault.
 */
import { utf8 } from '../src/kit/bytes.ts';
import type { CborValue } from '../src/kit/encoding.ts';
import { quote, type Result, refuse, succeed } from '../src/kit/result.ts';

export type Read<T> = Result<T, 'argument_invalid'>;

export interface Kind<T> {
  /** Such as `32 bytes`. */
  readonly accepts: string;
  /** `field` is the path to the value, such as `to.hash`. */
  readonly read: (value: CborValue | undefined, field: string) => Read<T>;
  readonly write: (value: T) => CborValue;
}

/** A map's fields by name; a value that lacks one, or has another, is refused. */
export type Fields<T> = { readonly [K in keyof T]-?: Kind<T[K]> };

export interface Limits {
  readonly least: number;
  readonly most: number;
}

function invalid(value: CborValue | undefined, field: string, accepts: string): Read<never> {
  return refuse('argument_invalid', `\`${field}\` is ${describe(value)}: accepted is ${accepts}`, field);
}

/** What a value is, shortly, with the value itself where it may be shown: bytes may be secret, and are only counted. */
function describe(value: CborValue | undefined): string {
  if (value === undefined) return 'missing';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Map) return `a map of ${value.size}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'string' ? `the text ${quote(value)}` : quote(value);
}

export function bytes({ least, most }: Limits, said?: string): Kind<Uint8Array> {
  const accepts = said ?? (least === most ? `${least} bytes` : `${least} to ${most} bytes`);
  return {
    accepts,
    read: (value, field) =>
      value instanceof Uint8Array && value.length >= least && value.length <= most
        ? succeed(value)
        : invalid(value, field, accepts),
    write: (value) => value,
  };
}

export function exactly(length: number): Kind<Uint8Array> {
  return bytes({ least: length, most: length });
}

/** ASCII that can be printed: what is a name in one program is the same in every other. */
export function text({ least, most }: Limits): Kind<string> {
  const accepts = `text of ${least} to ${most} characters of ASCII`;
  return {
    accepts,
    read: (value, field) =>
      typeof value === 'string' &&
      value.length >= least &&
      value.length <= most &&
      /^[\x20-\x7e]*$/.test(value)
        ? succeed(value)
        : invalid(value, field, accepts),
    write: (value) => value,
  };
}

/** For people: any text of at most so many bytes in UTF-8. */
export function prose(most: number): Kind<string> {
  const accepts = `text of at most ${most} bytes`;
  return {
    accepts,
    read: (value, field) =>
      typeof value === 'string' && utf8(value).length <= most
        ? succeed(value)
        : invalid(value, field, accepts),
    write: (value) => value,
  };
}

export function integer({ least, most }: Limits): Kind<number> {
  const accepts = `an integer from ${least} to ${most === Number.MAX_SAFE_INTEGER ? '2^53 - 1' : most}`;
  return {
    accepts,
    read: (value, field) =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
        ? succeed(value)
        : invalid(value, field, accepts),
    write: (value) => value,
  };
}

function wide(least: bigint, most: bigint, accepts: string): Kind<bigint> {
  return {
    accepts,
    read: (value, field) => {
      if (typeof value !== 'number' && typeof value !== 'bigint') return invalid(value, field, accepts);
      const wanted = BigInt(value);
      return wanted >= least && wanted <= most ? succeed(wanted) : invalid(value, field, accepts);
    },
    write: (value) => value,
  };
}

export const unsigned64 = wide(0n, 2n ** 64n - 1n, 'an integer from 0 to 2^64 - 1');
export const signed64 = wide(-(2n ** 63n), 2n ** 63n - 1n, 'an integer from -2^63 to 2^63 - 1');

export const flag: Kind<boolean> = {
  accepts: 'true or false',
  read: (value, field) =>
    typeof value === 'boolean' ? succeed(value) : invalid(value, field, 'true or false'),
  write: (value) => value,
};

export const alwaysTrue: Kind<true> = {
  accepts: 'true',
  read: (value, field) => (value === true ? succeed(value) : invalid(value, field, 'true')),
  write: (value) => value,
};

export function oneOf<const T extends string>(names: readonly T[]): Kind<T> {
  const accepts = `one of ${names.map((name) => `\`${name}\``).join(', ')}`;
  return {
    accepts,
    read: (value, field) => {
      const name = names.find((known) => known === value);
      return name === undefined ? invalid(value, field, accepts) : succeed(name);
    },
    write: (value) => value,
  };
}

export function nullable<T>(kind: Kind<T>): Kind<T | null> {
  const accepts = `${kind.accepts} or null`;
  return {
    accepts,
    read: (value, field) => (value === null ? succeed(value) : kind.read(value, field)),
    write: (value) => (value === null ? null : kind.write(value)),
  };
}

export function list<T>(kind: Kind<T>, { least, most }: Limits): Kind<readonly T[]> {
  const accepts = `an array of ${least} to ${most}: ${kind.accepts}`;
  return {
    accepts,
    read: (value, field) => {
      if (!Array.isArray(value) || value.length < least || value.length > most)
        return invalid(value, field, accepts);
      const items: T[] = [];
      for (const [index, item] of (value as readonly CborValue[]).entries()) {
        const read = kind.read(item, `${field}[${index}]`);
        if (!read.ok) return read;
        items.push(read.value);
      }
      return succeed(items);
    },
    write: (value) => value.map(kind.write),
  };
}

export function pair<A, B>(first: Kind<A>, second: Kind<B>): Kind<readonly [A, B]> {
  const accepts = `an array of ${first.accepts} and ${second.accepts}`;
  return {
    accepts,
    read: (value, field) => {
      if (!Array.isArray(value) || value.length !== 2) return invalid(value, field, accepts);
      const [a, b] = value as readonly CborValue[];
      const one = first.read(a, `${field}[0]`);
      if (!one.ok) return one;
      const other = second.read(b, `${field}[1]`);
      return other.ok ? succeed([one.value, other.value]) : other;
    },
    write: ([a, b]) => [first.write(a), second.write(b)],
  };
}

/** A map with these fields and no others. */
export function record<T extends object>(fields: Fields<T>): Kind<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  const accepts = `{ ${names.map((name) => `${name}: ${fields[name].accepts}`).join(', ')} }`;
  return {
    accepts,
    read: (value, field) => {
      if (!(value instanceof Map) || value.size !== names.length) return invalid(value, field, accepts);
      const read: Partial<T> = {};
      for (const name of names) {
        const one = fields[name].read(
          (value as ReadonlyMap<string, CborValue>).get(name),
          `${field}.${name}`,
        );
        if (!one.ok) return one;
        read[name] = one.value;
      }
      return succeed(read as T);
    },
    write: (value) => writeFields(fields, value),
  };
}

/** The map of a value with these fields. */
export function writeFields<T extends object>(fields: Fields<T>, value: T): ReadonlyMap<string, CborValue> {
  const map = new Map<string, CborValue>();
  for (const name in fields) map.set(name, fields[name].write(value[name]));
  return map;
}
