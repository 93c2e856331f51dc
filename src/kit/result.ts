/**
 * A refusal is a value; an exception is a bug or a broken device.
 *
 * `code` is stable and names the broken rule; `message` is for a person: lower case, no full stop,
 * the offending input in backticks, and what would be accepted.
 */
export interface Refusal<Code extends string = string> {
  readonly ok: false;
  readonly code: Code;
  readonly message: string;
  /** The path of the offending field, such as `units[3].count`, when one field is at fault. */
  readonly field?: string;
  /** After how long the same may be asked again, where that is known. */
  readonly retryAfterSeconds?: number;
}

export interface Success<T> {
  readonly ok: true;
  readonly value: T;
}

export type Result<T, Code extends string = string> = Success<T> | Refusal<Code>;

export function succeed<T>(value: T): Success<T> {
  return { ok: true, value };
}

export function refuse<Code extends string>(code: Code, message: string, field?: string): Refusal<Code> {
  return field === undefined ? { ok: false, code, message } : { ok: false, code, message, field };
}

/** Guarantees that `condition` holds from here on; a false one is a bug in this program, so it throws. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`);
}

/** Shows untrusted input in a message: in backticks, one line, at most 80 characters; of an object only that it is one. */
export function quote(input: unknown): string {
  const text = showable(input);
  const line = text.replaceAll(/[\p{Cc}`]/gu, '?');
  return line.length > 80 ? `\`${line.slice(0, 77)}...\`` : `\`${line}\``;
}

/** Never calls into the input: an object's own `toString` may be anything. */
function showable(input: unknown): string {
  switch (typeof input) {
    case 'string':
      return input;
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'undefined':
      return String(input);
    default:
      return input === null ? 'null' : Array.isArray(input) ? 'an array' : 'an object';
  }
}
